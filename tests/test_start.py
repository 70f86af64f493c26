"""scripts/start.py: every choice of the set-up, and that it neither works twice nor trusts a half-made environment."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import start

ROOT = Path(__file__).resolve().parent.parent
PIN = "torch==2.13.0"
NO_GPU = start.Machine(has_driver=False, index_reachable=False)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the files that set-up reads, and an environment that only has a Python."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "start.py", tmp_path / "scripts")
    (tmp_path / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    (tmp_path / "constraints.txt").write_text(f"numpy==2\n{PIN}\n", encoding="utf-8")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    return tmp_path


def installer(calls: list[list[str]], status: int = 0) -> Callable[[Path], start.Installer]:
    """An Installer that notes what it is asked for and ends with the given status."""

    def make(_environment: Path) -> start.Installer:
        def install(arguments: list[str], /) -> int:
            calls.append(arguments)
            return status

        return install

    return make


def set_up(clone: Path, extra: str, make: Callable[[Path], start.Installer]) -> Path:
    """start.set_up on a machine without a driver that can't reach the other index."""
    return start.set_up(clone, extra, make, lambda: NO_GPU)


def stamp(clone: Path) -> dict[str, object]:
    """The stamp as written."""
    found: dict[str, object] = json.loads((clone / ".venv" / start.STAMP).read_text(encoding="utf-8"))
    return found


def test_torch_comes_from_the_cpu_index_without_a_driver() -> None:
    """Without an NVIDIA driver the CPU build is taken, and nothing else from that index."""
    wanted = ["--no-deps", "--index-url", start.CPU_INDEX, PIN]
    assert start.torch_arguments(False, True, pin=PIN) == wanted
    assert start.torch_arguments(False, True, system="win32", pin=PIN) == wanted


def test_torch_comes_from_pypi_with_a_driver_or_without_the_index() -> None:
    """A driver means the CUDA build that PyPI has; an index out of reach, or macOS, means plain pip."""
    assert start.torch_arguments(True, True, pin=PIN) == [PIN]
    assert start.torch_arguments(True, False, pin=PIN) == [PIN]
    assert start.torch_arguments(False, False, pin=PIN) == [PIN]
    assert start.torch_arguments(False, True, system="darwin", pin=PIN) == [PIN]


def test_torch_falls_back_to_pypi_when_the_index_fails() -> None:
    """An index that answers the probe but not pip costs one try, not the set-up."""
    calls: list[list[str]] = []

    def install(arguments: list[str], /) -> int:
        calls.append(arguments)
        return 1 if start.CPU_INDEX in arguments else 0

    start.install_torch(install, PIN, start.Machine(has_driver=False, index_reachable=True))
    assert calls == [["--no-deps", "--index-url", start.CPU_INDEX, PIN], [PIN]]


def test_a_probe_that_gets_no_answer_ends_in_time() -> None:
    """A port that takes connections and says nothing is given up after the time-out."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        assert not start.answers(f"http://127.0.0.1:{silent.getsockname()[1]}/", seconds=0.3)
        assert time.monotonic() - began < 2


def test_pins_are_read_from_the_constraints() -> None:
    """The pin is the line of that very package; a file without it is an error that says so."""
    assert start.pinned("torchvision==1\ntorch==2.13.0 ; python_version > '3'\n", "torch") == PIN
    with pytest.raises(start.StartError, match=r"no line torch==VERSION"):
        start.pinned("numpy==2\n", "torch")


def test_the_project_pins_each_of_its_dependencies() -> None:
    """Every dependency of pyproject.toml, tests included, has an exact version, torch without a local tag."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    for requirement in [*project["dependencies"], *project["optional-dependencies"]["test"]]:
        name = requirement.split(">")[0].split("[")[0]
        assert "+" not in start.pinned(constraints, name)


@pytest.mark.parametrize(
    ("text", "has_python", "extra", "action"),
    [
        (None, False, "", "create"),
        (None, True, "", "install"),
        ('{"done": "h", "extras": [""]}', True, "", "none"),
        ('{"done": "h", "extras": ["", "test"]}', True, "", "none"),
        ('{"done": "h", "extras": [""]}', True, "test", "install"),
        ('{"done": "old", "extras": ["", "test"]}', True, "test", "install"),
        ('{"done": "h", "extras": [""]}', False, "", "rebuild"),
        ('{"done": "", "extras": []}', True, "", "rebuild"),
        ("{broken", True, "", "rebuild"),
        ("[]", True, "", "rebuild"),
    ],
)
def test_what_is_done_follows_from_the_stamp(text: str | None, has_python: bool, extra: str, action: str) -> None:
    """Complete means no work, other pins an update, half-made a rebuild, and an environment made by hand is kept."""
    assert start.setup_action(text, has_python, "h", extra) == action


def test_set_up_installs_once_and_stamps_last(clone: Path) -> None:
    """torch first, then the pinned rest; the second call installs nothing; the tests' tools come when asked for."""
    calls: list[list[str]] = []
    set_up(clone, "", installer(calls))
    assert calls[0][-1] == PIN
    assert calls[1] == ["-c", str(clone / "constraints.txt"), "-e", str(clone)]
    assert stamp(clone) == {"done": start.wanted_setup(clone), "extras": [""]}
    set_up(clone, "", installer(calls))
    assert len(calls) == 2
    set_up(clone, "test", installer(calls))
    assert calls[3][-1] == f"{clone}[test]"
    set_up(clone, start.READY, installer(calls))
    assert len(calls) == 4


def test_an_extra_that_counts_as_done_is_all_in_the_other() -> None:
    """Else `make run` after `make test` would lack packages."""
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for whole, parts in start.HOLDS.items():
        for part in parts:
            for name in part.split(","):
                assert set(extras[name]) <= set(extras[whole])


def test_llama_cpp_is_installed_where_it_is_of_use_and_can_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a wheel or not at all, and `make run` goes on without it."""
    calls: list[list[str]] = []
    install = installer(calls)(tmp_path)
    for machine, system in ((NO_GPU, "win32"), (NO_GPU._replace(has_driver=True), "linux")):
        start.install_faster(tmp_path, install, machine, system=system)
    assert calls == []
    start.install_faster(tmp_path, install, NO_GPU, system="linux")
    constraints = str(tmp_path / "constraints.txt")
    assert calls == [["-c", constraints, "--only-binary", ":all:", "gguf", "xllamacpp"]]
    start.install_faster(tmp_path, installer(calls, status=1)(tmp_path), NO_GPU, system="darwin")
    assert "replies are computed by PyTorch" in capsys.readouterr().err


def test_make_run_installs_llama_cpp(clone: Path) -> None:
    """After everything that is needed; of the packages that its extra names."""
    import tomllib

    calls: list[list[str]] = []
    set_up(clone, start.READY, installer(calls))
    assert [call[-1] for call in calls[1:]] == [f"{clone}[{start.READY}]", "xllamacpp"]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert [name.partition(">")[0] for name in extras["llama"]] == list(start.FASTER)


def test_changed_pins_are_installed(clone: Path) -> None:
    """An edit of constraints.txt makes the next call install again."""
    calls: list[list[str]] = []
    set_up(clone, "", installer(calls))
    (clone / "constraints.txt").write_text("torch==2.14.0\n", encoding="utf-8")
    set_up(clone, "", installer(calls))
    assert calls[2][-1] == "torch==2.14.0"


def test_a_failed_install_is_started_again_from_nothing(clone: Path) -> None:
    """After a failure nothing of the half-made environment is used, and the next call makes a whole one."""
    with pytest.raises(start.StartError, match="could not install"):
        set_up(clone, "", installer([], status=1))
    assert stamp(clone)["done"] == ""
    (clone / ".venv" / "half").mkdir()
    calls: list[list[str]] = []
    tools = set_up(clone, "", installer(calls))
    assert not (clone / ".venv" / "half").exists()
    assert (tools / "python").exists()
    assert (
        subprocess.run([tools / "python", "-m", "pip", "--version"], check=False, capture_output=True).returncode == 0
    )
    assert stamp(clone)["done"] == start.wanted_setup(clone)


def test_two_set_ups_at_once_do_not_mix(clone: Path) -> None:
    """While one set-up works, another stops with a message and touches nothing."""
    with open(clone / ".venv" / start.LOCK, "w", encoding="utf-8") as lock:
        start.hold_lock(lock)
        with pytest.raises(start.StartError, match="another set-up"):
            set_up(clone, "", installer([]))
    assert not (clone / ".venv" / start.STAMP).exists()


def run_script(clone: Path, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """The script as a person calls it."""
    command = [sys.executable, str(clone / "scripts" / "start.py"), *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)


def test_run_hands_over_arguments_and_standard_input(clone: Path) -> None:
    """Where all is set up, `run` is `familiar run` with the same arguments, input and status, within a second."""
    set_up(clone, start.READY, installer([]))
    familiar = clone / ".venv" / "bin" / "familiar"
    familiar.write_text('#!/bin/sh\necho "$@"\ncat\nexit 7\n', encoding="utf-8")
    familiar.chmod(0o755)
    began = time.monotonic()
    done = run_script(clone, "run", "--home", "my home", text="a question\n")
    assert time.monotonic() - began < 1
    assert (done.returncode, done.stdout, done.stderr) == (7, "run --home my home\na question\n", "")


def test_wrong_usage_is_said_with_status_2(clone: Path) -> None:
    """No command, or an unknown one, prints the usage and changes nothing."""
    for arguments in ((), ("walk",)):
        done = run_script(clone, *arguments)
        assert done.returncode == 2
        assert done.stderr.startswith("usage: python scripts/start.py run")
    assert not (clone / ".venv" / start.STAMP).exists()
    assert run_script(clone, "--help").returncode == 0


def test_errors_and_ctrl_c_show_no_traceback(clone: Path) -> None:
    """A clone without its pins is one line on standard error; Ctrl-C during a step is one line and status 130."""
    set_up(clone, "test", installer([]))
    python = clone / ".venv" / "bin" / "python"
    python.unlink()
    python.write_text("#!/bin/sh\nkill -INT $PPID\nsleep 1\n", encoding="utf-8")
    python.chmod(0o755)
    stopped = run_script(clone, "test")
    assert (stopped.returncode, "Traceback" in stopped.stderr) == (130, False)
    (clone / "constraints.txt").unlink()
    done = run_script(clone, "run")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "constraints.txt" in done.stderr
    assert "Traceback" not in done.stderr


def test_checks_stop_at_the_first_failure(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The first failing step ends `test` with its status; times are said before the last step's own closing line."""
    good, bad = [sys.executable, "-c", "print('closing line')"], [sys.executable, "-c", "import sys; sys.exit(5)"]
    assert start.run_checks([start.Check("one", good), start.Check("two", good)], tmp_path) == 0
    out = capfd.readouterr()
    assert out.err.startswith("Passed: one ")
    assert start.run_checks([start.Check("one", bad), start.Check("two", good)], tmp_path) == 5
    assert "Failed: one (exit status 5)" in capfd.readouterr().err


def test_test_runs_every_check_and_pytest_last() -> None:
    """Linters, format, types and layers come before pytest, which is given the arguments."""
    steps = start.checks(Path("bin"), ["-k", "search"])
    assert [step.name for step in steps] == ["ruff check", "ruff format", "mypy", "lint-imports", "pytest"]
    assert steps[-1].command[-2:] == ["-k", "search"]


def test_tests_share_processors_and_memory() -> None:
    """As many processes as there is room for, and no more threads in all than processors."""
    assert start.workers(2, 24.0)[:2] == ["-n", "2"]
    assert start.workers(64, 512.0)[:2] == ["-n", "4"]
    assert start.workers(8, 12.0)[:2] == ["-n", "2"]
    assert start.workers(1, 64.0) == start.workers(4, 8.0) == []
    assert [start.threads(count, start.workers(count, 64.0)) for count in (2, 3, 16)] == ["1", "1", "4"]


def test_a_containers_memory_counts(tmp_path: Path) -> None:
    """Its limit where it has one; the machine's where it says "max" or is none."""
    limit = tmp_path / "memory.max"
    limit.write_text("8000000\n", encoding="ascii")
    assert start.memory_gigabytes(limit) == 0.008
    limit.write_text("max\n", encoding="ascii")
    assert start.memory_gigabytes(limit) == start.memory_gigabytes(tmp_path / "none") > 0.1


def test_an_old_python_is_named_with_what_is_needed() -> None:
    """The message holds the version found, the one needed and how to name another."""
    message = start.python_error((3, 9), "/usr/bin/python3")
    assert "Python 3.11 or newer" in message
    assert "/usr/bin/python3 is Python 3.9" in message
    assert "make run PYTHON=" in message


def test_a_stand_in_for_a_python_is_not_taken_for_one(tmp_path: Path) -> None:
    """A version manager's command for a version that isn't there doesn't count, nor does a missing one."""
    stand_in = tmp_path / "python3.13"
    stand_in.write_text("#!/bin/sh\necho 'not found' >&2\nexit 127\n", encoding="utf-8")
    stand_in.chmod(0o755)
    assert not start.is_new_enough([str(stand_in)])
    assert not start.is_new_enough([str(tmp_path / "none")])
    assert start.is_new_enough([sys.executable])


def test_the_log_says_how_much_was_fetched() -> None:
    """Sizes of all units are added; what pip took from its cache or a local folder doesn't count."""
    log = (
        "2026-01-01T00:00:00,1   Downloading a-1.whl (1.5 MB)\n  Downloading b.whl.metadata (500 kB)\n"
        "  Using cached c-1.whl (9.0 MB)\nProcessing /wheels/d-1.whl\n  Downloading e-1.whl (2 GB)\n"
    )
    assert start.downloaded_megabytes(log) == pytest.approx(2002.0)


def test_the_tools_folder_follows_the_system() -> None:
    """Windows keeps commands in Scripts, others in bin."""
    assert start.tools_folder(Path(".venv"), windows=True) == Path(".venv") / "Scripts"
    assert start.tools_folder(Path(".venv"), windows=False) == Path(".venv") / "bin"
    assert "py" in start.python_candidates(windows=True)
    assert "py" not in start.python_candidates(windows=False)


def test_ci_calls_make_test() -> None:
    """.ci/run is executable and does what `make test` does."""
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text(encoding="utf-8")


def test_a_driver_is_one_that_lists_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No nvidia-smi, or one that finds no driver, means none; one that lists a GPU means there is one."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not start.has_nvidia_driver()
    command = tmp_path / "nvidia-smi"
    for answer, has_driver in (("echo 'GPU 0: some card'", True), ("echo 'failed to reach the driver'; exit 9", False)):
        command.write_text(f"#!/bin/sh\n{answer}\n", encoding="utf-8")
        command.chmod(0o755)
        assert start.has_nvidia_driver() is has_driver


def test_why_no_gpu_tests_run(tmp_path: Path) -> None:
    """No driver, a PyTorch that can't use it, or nothing that hinders."""
    python = tmp_path / "python"
    assert start.why_no_gpu(tmp_path, lambda: False) == "nvidia-smi lists no GPU"
    for status in (1, 0):
        python.write_text(f"#!/bin/sh\nexit {status}\n")
        python.chmod(0o755)
        assert ("build for CPUs" in start.why_no_gpu(tmp_path, lambda: True)) is bool(status)
