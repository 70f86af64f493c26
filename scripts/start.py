"""Sets up the project's own environment in .venv, then runs the assistant or its tests.

Guarantees: the versions installed are those of constraints.txt; a second call does no work; a set-up that did not
finish is started again from nothing, since an installer killed half way leaves packages that only look whole. Needs
nothing but Python's standard library, and parses on older Pythons so that it can say which one is needed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
import venv
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple, Protocol

OLDEST_PYTHON = (3, 11)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PROBE_SECONDS = 5.0
READY = "fast,filters"
"""Extras of an installation that is to be used: tunes don't start without the filters."""
FASTER = ("gguf", "xllamacpp")
"""The extra `llama`: faster replies without a GPU, where its makers have a wheel; everything runs without it."""
HOLDS = {"test": (READY,)}
"""Extras whose packages another extra has too: what is set up for the tests is ready to run."""
STAMP = "familiar-setup.json"
LOCK = "familiar-setup.lock"
LOG = "familiar-setup.log"
USAGE = """usage: python scripts/start.py run [ARGUMENT...]     set up, then `familiar run`: Telegram bot or a chat here
       python scripts/start.py test [ARGUMENT...]    set up, then linters, types, layers and pytest [ARGUMENT...]
       python scripts/start.py test-gpu [ARGUMENT...]    set up, then what only an NVIDIA GPU can show, where one is
       python scripts/start.py chaos [ARGUMENT...]   set up, then the long kill -9, load, flood and leak tests"""


class StartError(Exception):
    """Set-up can't go on; the message is all that the user needs."""


class Installer(Protocol):
    """`pip install` with the given arguments; returns its exit status."""

    def __call__(self, arguments: list[str], /) -> int: ...


class Machine(NamedTuple):
    """What decides which PyTorch build is right here."""

    has_driver: bool
    index_reachable: bool


class Check(NamedTuple):
    """One step of `test`: its name and the command that runs it."""

    name: str
    command: list[str]


def say(text: str) -> None:
    """Standard error, so that what the assistant answers is alone on standard output."""
    print(text, file=sys.stderr, flush=True)


# ---- decisions -------------------------------------------------------------------------------------------------------


def python_candidates(windows: bool) -> list[str]:
    """Commands under which a new enough Python is usually found, in the order they are tried."""
    names = [f"python3.{minor}" for minor in (13, 12, 11, 14)]
    return [*names, "py"] if windows else names


def python_error(found: tuple[int, int], executable: str) -> str:
    """What to say where only an older Python was found."""
    need, have = (".".join(map(str, version)) for version in (OLDEST_PYTHON, found))
    return (
        f"Python {need} or newer is needed; {executable} is Python {have}. Get it from https://python.org/downloads "
        f"or name the one you have: make run PYTHON=/path/to/python{need}"
    )


def pinned(constraints: str, package: str) -> str:
    """The `package==version` line of a constraints file; StartError where there is none."""
    match = re.search(rf"(?mi)^{re.escape(package)}==[^\s;#]+", constraints)
    if match is None:
        raise StartError(f"constraints.txt has no line {package}==VERSION")
    return match.group(0)


def torch_arguments(has_driver: bool, index_reachable: bool, *, system: str = "linux", pin: str = "torch") -> list[str]:
    """What pip is asked for to get the right PyTorch build.

    PyPI's Linux build carries CUDA (gigabytes), so without an NVIDIA driver the CPU index is asked, and PyPI only where
    that index can't be reached. macOS has one build, on PyPI. `--no-deps`: only torch comes from the other index.
    """
    if has_driver or not index_reachable or system == "darwin":
        return [pin]
    return ["--no-deps", "--index-url", CPU_INDEX, pin]


def setup_action(stamp: str | None, has_python: bool, wanted: str, extra: str) -> str:
    """What to do with an environment: "none", "create", "install" into it, or "rebuild" since it was left half-made.

    `stamp`: the stamp file's text, None where there is none; an environment without one was made by hand and is kept.
    """
    if stamp is None:
        return "install" if has_python else "create"
    try:
        state = json.loads(stamp)
        done, extras = state["done"], state["extras"]
    except (ValueError, KeyError, TypeError):
        return "rebuild"
    if not done or not has_python:
        return "rebuild"
    return "none" if done == wanted and extra in extras else "install"


def workers(processors: int, gigabytes: float) -> list[str]:
    """pytest's arguments for as many processes as there are processors and memory for; a file's tests stay together.

    A process holds 2.3 GB at most, its children 3; more than four find no long tests to share.
    """
    count = min(processors, int(gigabytes // 5), 4)
    return ["-n", str(count), "--dist", "loadfile", "--no-loadscope-reorder"] if count > 1 else []


def threads(processors: int, arguments: list[str]) -> str:
    """Threads of each process, so that all together are no more than the processors."""
    return str(max(1, processors // int(arguments[arguments.index("-n") + 1])))


def checks(tools: Path, pytest_arguments: list[str]) -> list[Check]:
    """The steps of `test` in order, quickest first; pytest last, so that its closing line ends the output."""
    python = str(tools / "python")
    return [
        Check("ruff check", [python, "-m", "ruff", "check", "."]),
        Check("ruff format", [python, "-m", "ruff", "format", "--check", "."]),
        Check("mypy", [python, "-m", "mypy", "bot", "memory", "tuning", "tests", "scripts"]),
        Check("lint-imports", [str(tools / "lint-imports")]),
        Check("pytest", [python, "-m", "pytest", *pytest_arguments]),
    ]


def downloaded_megabytes(log: str) -> float:
    """The sum of the sizes that pip's log gives for what it fetched; its own cache and local files don't count."""
    sizes = re.findall(r"Downloading \S+ \(([\d.]+) (kB|MB|GB)\)", log)
    return sum(float(size) * {"kB": 0.001, "MB": 1.0, "GB": 1000.0}[unit] for size, unit in sizes)


def tools_folder(environment: Path, windows: bool) -> Path:
    """Where a virtual environment keeps its commands."""
    return environment / ("Scripts" if windows else "bin")


# ---- looking at the machine ------------------------------------------------------------------------------------------


def has_nvidia_driver() -> bool:
    """True where nvidia-smi lists a GPU: a driver is installed and answers."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return False
    try:
        listed = subprocess.run([command, "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and listed.stdout.startswith("GPU")


def is_new_enough(command: list[str]) -> bool:
    """True where the command is a Python of at least the oldest version; a version manager's stand-in is not."""
    test = f"import sys; sys.exit(sys.version_info[:2] < {OLDEST_PYTHON})"
    try:
        return subprocess.run([*command, "-c", test], capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def answers(url: str, seconds: float = PROBE_SECONDS) -> bool:
    """True where the address answers in time. In a thread, since no time-out bounds a name look-up."""
    reached: list[bool] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds) as response:
                reached.append(response.status < 400)
        except (OSError, ValueError):
            reached.append(False)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return reached == [True]


def look_at_machine() -> Machine:
    """Asks for the driver first: with one, or on macOS, the index isn't needed and isn't asked."""
    has_driver = has_nvidia_driver()
    return Machine(has_driver, sys.platform != "darwin" and not has_driver and answers(f"{CPU_INDEX}/torch/"))


def wanted_setup(root: Path) -> str:
    """A hash of all that decides what gets installed; the path counts, since commands in .venv hold it."""
    digest = hashlib.sha256(f"{root}\n{sys.version_info[:2]}\n".encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def read_stamp(environment: Path) -> str | None:
    """The stamp file's text, None where there is none."""
    try:
        return (environment / STAMP).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def write_stamp(environment: Path, done: str, extras: list[str]) -> None:
    """Replaces the stamp in one step: it is the old one or the new one, never a part."""
    draft = environment / f"{STAMP}.new"
    draft.write_text(json.dumps({"done": done, "extras": extras}), encoding="utf-8")
    draft.replace(environment / STAMP)


# ---- set-up ----------------------------------------------------------------------------------------------------------


def use_new_enough_python() -> None:
    """Runs this script again under a newer Python where this one is too old; StartError where none is found."""
    if sys.version_info[:2] >= OLDEST_PYTHON:
        return
    for name in python_candidates(os.name == "nt"):
        start = [shutil.which(name) or name, *(["-3"] if name == "py" else [])]
        if is_new_enough(start):
            hand_over([*start, *sys.argv])
    raise StartError(python_error(sys.version_info[:2], sys.executable))


def hold_lock(file: IO[str]) -> None:
    """Takes the set-up lock, which the system lets go when the process ends; StartError where another has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        raise StartError("another set-up is at work in .venv; wait until it is done and run this again") from exc


def empty_environment(environment: Path) -> None:
    """Deletes a half-made environment but not the stamp that says so, nor the lock that is held."""
    for entry in environment.iterdir():
        if entry.name in (STAMP, LOCK):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def pip_runner(environment: Path) -> Installer:
    """The environment's own pip: progress bars on a terminal, else only what goes wrong."""
    python = str(tools_folder(environment, os.name == "nt") / "python")
    shown = [] if sys.stderr.isatty() else ["-qq", "--progress-bar", "off"]
    # A user-wide pip setting of `user = true` would make every install into an environment fail.
    settings = {**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    def install(arguments: list[str]) -> int:
        command = [python, "-m", "pip", "install", "--log", str(environment / LOG), *shown, *arguments]
        # Standard input stays untouched: what is piped in is meant for the assistant.
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=sys.stderr, env=settings, check=False
        ).returncode

    return install


def install_torch(install: Installer, pin: str, machine: Machine) -> None:
    """PyTorch first and alone: later steps find it there and leave it, whichever index it came from."""
    arguments = torch_arguments(machine.has_driver, machine.index_reachable, system=sys.platform, pin=pin)
    build = (
        "for CPUs, about 190 MB"
        if CPU_INDEX in arguments
        else "with CUDA, some GB"
        if machine.has_driver
        else "PyPI has"
    )
    say(f"Installing {pin.replace('==', ' ')}, the build {build}")
    if sys.platform == "win32" and machine.has_driver:
        say("PyPI has no CUDA build for Windows; see https://pytorch.org/get-started/locally/ to put one into .venv")
    if install(arguments) == 0:
        return
    if CPU_INDEX not in arguments or install([pin]) != 0:
        raise StartError(f"pip could not install {pin}; its messages above say why. Run this again to start over.")


def install_packages(root: Path, install: Installer, machine: Machine, extra: str) -> None:
    """All packages at the pinned versions, then the project itself, editable, so that its examples stay found."""
    constraints = root / "constraints.txt"
    install_torch(install, pinned(constraints.read_text(encoding="utf-8"), "torch"), machine)
    target = f"{root}[{extra}]" if extra else str(root)
    say("Installing the other packages (about 220 MB the first time)")
    if install(["-c", str(constraints), "-e", target]) != 0:
        raise StartError(
            "pip could not install the packages; its messages above say why. Run this again to start over."
        )


def install_faster(root: Path, install: Installer, machine: Machine, *, system: str = sys.platform) -> None:
    """llama.cpp where it is of use; never compiled, and where there is no wheel PyTorch answers.

    A GPU is faster, and on Windows the library does not offer what is called.
    """
    if machine.has_driver or system == "win32":
        return
    say("Installing llama.cpp (about 35 MB), which replies faster than PyTorch on most machines without a GPU")
    if install(["-c", str(root / "constraints.txt"), "--only-binary", ":all:", *FASTER]) != 0:
        say("pip could not install it; replies are computed by PyTorch")


def set_up(
    root: Path,
    extra: str,
    make_installer: Callable[[Path], Installer] = pip_runner,
    look: Callable[[], Machine] = look_at_machine,
) -> Path:
    """Makes or completes root/.venv and returns the folder of its commands. Does nothing where it is complete."""
    environment, wanted = root / ".venv", wanted_setup(root)
    if plan(environment, wanted, extra) != "none":
        environment.mkdir(exist_ok=True)
        with open(environment / LOCK, "w", encoding="utf-8") as lock:
            hold_lock(lock)
            _complete(root, wanted, extra, make_installer, look)
    return tools_folder(environment, os.name == "nt")


def plan(environment: Path, wanted: str, extra: str) -> str:
    """setup_action for what is on the disk now."""
    python = tools_folder(environment, os.name == "nt") / ("python.exe" if os.name == "nt" else "python")
    return setup_action(read_stamp(environment), python.exists(), wanted, extra)


def _complete(
    root: Path, wanted: str, extra: str, make_installer: Callable[[Path], Installer], look: Callable[[], Machine]
) -> None:
    """The work of set_up, under its lock. The stamp says "not done" from the start until the last write."""
    environment, started = root / ".venv", time.monotonic()
    action = plan(environment, wanted, extra)
    write_stamp(environment, "", [])
    if action == "rebuild":
        say("The last set-up did not finish: starting again")
        empty_environment(environment)
    if action in ("create", "rebuild"):
        say(f"Making an environment in {environment}")
        venv.create(environment, with_pip=True, symlinks=os.name != "nt")
    log = environment / LOG
    log.unlink(missing_ok=True)
    install, machine = make_installer(environment), look()
    install_packages(root, install, machine, extra)
    if extra == READY:
        install_faster(root, install, machine)
    write_stamp(environment, wanted, sorted({"", extra, *HOLDS.get(extra, ())}))
    fetched = downloaded_megabytes(log.read_text(encoding="utf-8", errors="replace")) if log.exists() else 0.0
    say(f"Set up in {time.monotonic() - started:.0f} s, {fetched:.0f} MB downloaded")


# ---- commands --------------------------------------------------------------------------------------------------------


def hand_over(command: list[str]) -> None:
    """Becomes the command, so that signals and standard input reach it directly; on Windows waits for it instead."""
    if os.name == "nt":
        sys.exit(subprocess.run(command, check=False).returncode)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(command[0], command)


def usable_processors() -> int:
    """Those that this process may use, which are fewer than the machine's in some containers."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_gigabytes(limit: Path = Path("/sys/fs/cgroup/memory.max")) -> float:
    """The machine's memory, or what its container is limited to; 0 where the system does not say."""
    if not hasattr(os, "sysconf"):
        return 0.0
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # no container, or one without a limit ("max")
        whole = min(whole, int(limit.read_text(encoding="ascii")))
    return whole / 1e9


def without_browser(tools: Path, root: Path) -> list[str]:
    """pytest's arguments that leave out the tests of the web page in a browser, where there is none and none comes."""
    python = str(tools / "python")
    if (
        subprocess.run([python, "-m", "scripts.browser"], cwd=root, stdin=subprocess.DEVNULL, check=False).returncode
        == 0
    ):
        return []
    collect = [python, "-m", "pytest", "--collect-only", "-q", "-m", "browser", "tests/bot/web"]
    listed = subprocess.run(collect, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    found = re.search(r"^(\d+)(?:/\d+)? tests? collected", listed.stdout, re.MULTILINE)
    say(f"no Chromium here: the {found[1] if found else 'unknown number of'} browser tests did not run")
    return ["-m", "not chaos and not gpu and not browser"]


def why_no_gpu(tools: Path, machine_has_driver: Callable[[], bool] = has_nvidia_driver) -> str:
    """Why the tests that need a GPU can't run here; empty where they can."""
    if not machine_has_driver():
        return "nvidia-smi lists no GPU"
    ask = [str(tools / "python"), "-c", "import sys, torch; sys.exit(not torch.cuda.is_available())"]
    if subprocess.run(ask, stdin=subprocess.DEVNULL, check=False).returncode == 0:
        return ""
    return "PyTorch in .venv can't use the GPU: it is a build for CPUs, or the driver is too old for it"


def run_checks(steps: list[Check], root: Path) -> int:
    """Runs the steps until one fails and returns its exit status. Their times are said before pytest's own output."""
    times: list[str] = []
    for step in steps:
        if step is steps[-1] and times:
            say("Passed: " + ", ".join(times))
        started = time.monotonic()
        status = subprocess.run(step.command, cwd=root, stdin=subprocess.DEVNULL, check=False).returncode
        times.append(f"{step.name} {time.monotonic() - started:.1f} s")
        if status != 0:
            if step is not steps[-1]:
                say(f"Failed: {step.name} (exit status {status}); done so far: {', '.join(times)}")
            return status
    return 0


def main(arguments: list[str], root: Path) -> int:
    """Exit status as the command's own; 1 where set-up failed, 2 for wrong usage, 130 after Ctrl-C."""
    if not arguments or arguments[0] not in ("run", "test", "test-gpu", "chaos"):
        say(USAGE)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    command, rest = arguments[0], arguments[1:]
    try:
        use_new_enough_python()
        tools = set_up(root, READY if command == "run" else "test")
        if command == "run":
            hand_over([str(tools / "familiar"), "run", *rest])
        without = why_no_gpu(tools) if command == "test-gpu" else ""
        if without:
            say(f"no GPU tests here: {without}")
            return 0
        shared = workers(usable_processors(), memory_gigabytes()) if command == "test" else []
        if shared:
            os.environ.setdefault("OMP_NUM_THREADS", threads(usable_processors(), shared))
        left_out = without_browser(tools, root) if command == "test" else []
        marked = ["-m", {"test-gpu": "gpu"}.get(command, command), *rest]
        steps = checks(tools, [*shared, *left_out, *rest] if command == "test" else marked)
        return run_checks(steps if command == "test" else steps[-1:], root)
    except KeyboardInterrupt:
        say("Stopped.")
        return 130
    except (StartError, subprocess.CalledProcessError, OSError) as exc:
        say(f"error: {exc}")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).resolve().parent.parent))
