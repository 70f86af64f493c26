"""Finds a Chromium, or tries to get one: the tests of the web page drive it, and so does scripts/screenshots.py.

Needs nothing but Python's standard library to look. `python -m scripts.browser` is what scripts/start.py calls before
the tests: status 0 where there is one, 1 where there is none and none could be had.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
VARIABLE = "FAMILIAR_BROWSER"
_INSTALL_SECONDS = 300


def find_browser(
    environment: Mapping[str, str] = os.environ, which: Callable[[str], str | None] = shutil.which
) -> str | None:
    """The path of a browser of Chromium's kind: the one that is named, one of the system's, or playwright's own."""
    named = environment.get(VARIABLE)
    if named:
        return which(named)
    return next((found for name in NAMES if (found := which(name))), None) or _own()


def _own() -> str | None:
    """What `playwright install` has fetched."""
    if importlib.util.find_spec("playwright") is None:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        whole = Path(playwright.chromium.executable_path)
    folders = sorted(whole.parents[1].parent.glob("chromium_headless_shell-*")) if len(whole.parents) > 1 else []
    shells = [file for folder in folders for file in folder.glob("*/*headless*shell*") if os.access(file, os.X_OK)]
    return next((str(file) for file in [whole, *shells] if file.is_file()), None)


def ways(system: str, *, root: bool, has_apt: bool) -> Sequence[Sequence[str]]:
    """Commands that may bring a browser here, in the order in which they are tried."""
    own = [sys.executable, "-m", "playwright", "install", "chromium-headless-shell"]
    if system == "linux" and root and has_apt:
        return (own, ["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"])
    return (own,)


def get_browser() -> str | None:
    """A browser, looked for and, where there is none, fetched."""
    found = find_browser()
    if not found and os.environ.get(VARIABLE):
        print(f"{VARIABLE} is {os.environ[VARIABLE]!r}, which is no program here", file=sys.stderr)
        return None
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    for command in () if found else ways(sys.platform, root=root, has_apt=shutil.which("apt-get") is not None):
        print(f"No Chromium here; trying: {' '.join(command)}", file=sys.stderr, flush=True)
        try:
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, timeout=_INSTALL_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as exc:
            print(f"  {exc}", file=sys.stderr)
        if found := find_browser():
            break
    return found


def arguments() -> list[str]:
    """What a browser is started with: without its sandbox for root, who may not use one."""
    return ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


if __name__ == "__main__":
    sys.exit(0 if get_browser() else 1)
