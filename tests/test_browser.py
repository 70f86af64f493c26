"""Which browser the tests of the page drive, and how one is got where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import browser, start


def test_a_named_browser_comes_first_then_the_systems(tmp_path: Path) -> None:
    """FAMILIAR_BROWSER, then chromium, chromium-browser, google-chrome, microsoft-edge."""
    here = {name: f"/bin/{name}" for name in ("microsoft-edge", "chromium-browser", "mine")}
    assert browser.find_browser({"FAMILIAR_BROWSER": "mine"}, here.get) == "/bin/mine"
    assert browser.find_browser({}, here.get) == "/bin/chromium-browser"
    assert browser.find_browser({"FAMILIAR_BROWSER": str(tmp_path / "none")}, here.get) is None


def test_root_on_debian_may_install_one() -> None:
    """Playwright's own download first; apt-get only as root, and only where there is one."""
    commands = [command[0:3] for command in browser.ways("linux", root=True, has_apt=True)]
    assert [command[-1] for command in commands] == ["playwright", "-qq", "-y"]
    for system, root, apt in (("linux", False, True), ("linux", True, False), ("darwin", True, False)):
        assert len(browser.ways(system, root=root, has_apt=apt)) == 1


def test_without_a_browser_its_tests_are_left_out_and_counted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One line says how many did not run; with one, nothing is left out or said."""
    tools = tmp_path / "bin"
    tools.mkdir()
    python = tools / "python"
    python.write_text('#!/bin/sh\ncase "$*" in *scripts.browser*) exit 1;; *) echo "12/70 tests collected";; esac\n')
    python.chmod(0o755)
    assert start.without_browser(tools, tmp_path) == ["-m", "not chaos and not gpu and not browser"]
    assert capfd.readouterr().err == "no Chromium here: the 12 browser tests did not run\n"
    python.write_text("#!/bin/sh\nexit 0\n")
    assert start.without_browser(tools, tmp_path) == []
    assert capfd.readouterr().err == ""
