"""The training process as its parent sees it: started, followed, ended in order, within its limit on memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from memory.errors import FamiliarError, UsageError
from tuning.job import Metrics, read_metrics
from tuning.resume import INTERRUPTED
from tuning.worker import free_bytes

OnProgress = Callable[[str], None]
_ROOT = Path(__file__).resolve().parents[1]
_PRIVATE = ("FAMILIAR_", "TELEGRAM_")
"""Beginnings of environment variables that may hold secrets, which training has no use for."""
_MEMORY_SHARE = 0.8


class Stopped(Exception):
    """The run was ended before it was done, because its caller wanted that."""


def train_in_child(
    folder: Path,
    *,
    on_progress: OnProgress = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    memory_mb: int = 0,
    accelerate: str = "",
) -> Metrics:
    """Run the job in a folder in a process of its own and wait for it.

    :param stop: asked each second; True ends it
    :param memory_mb: most memory of the process; 0: four fifths of what is free now
    :param accelerate: a file of `accelerate config`, by which several processes are launched; empty: one
    :raises FamiliarError: the process failed; the message says why
    :raises Stopped: ``stop`` said so
    """
    launcher = _launcher(Path(accelerate).expanduser()) if accelerate else ()
    command = [*launcher, "-m", "tuning.train", str(folder)]
    run_child(command, folder, on_progress=on_progress, stop=stop, memory_mb=memory_mb)
    metrics = read_metrics(folder)
    if metrics is None:
        raise FamiliarError("the training process ended without a result")
    return metrics


def run_child(
    command: Sequence[str],
    folder: Path,
    *,
    on_progress: OnProgress = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    memory_mb: int = 0,
) -> None:
    """Run a training module on a folder, as `train_in_child` does.

    :param command: Python's arguments
    :raises FamiliarError: the process failed; the message says why
    :raises Stopped: ``stop`` said so
    """
    reason: str | None = None
    log = folder / "log.txt"
    most = memory_mb << 20 or int(_MEMORY_SHARE * free_bytes())
    with (
        log.open("wb") as errors,
        _child(command, errors) as child,
    ):
        assert child.stdout is not None
        guard = _Guard(child, stop, most)
        with guard:
            for line in child.stdout:
                event = _event(line)
                reason = event.get("reason", reason)
                if event:
                    on_progress(sentence(event))
        code = child.wait()
    if stop():
        raise Stopped
    if guard.outgrown:
        raise FamiliarError(
            f"the training process needed more than {most >> 20} MB of memory ([tuning] memory_mb, or four fifths of"
            " what was free); a lower [tuning] max_tokens needs less"
        )
    if code < 0:
        raise FamiliarError(f"{INTERRUPTED}: the training process was killed (signal {-code}); the next tune goes on")
    if code != 0:
        raise FamiliarError(reason or f"the training process ended with exit status {code}: {_last_line(log)}")
    log.unlink()


@contextmanager
def _child(command: Sequence[str], errors: Any) -> Iterator[subprocess.Popen[bytes]]:
    """The training process; it is gone when this ends, however it ends."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(_PRIVATE)}
    paths = (str(_ROOT), os.environ.get("PYTHONPATH", ""))
    environment |= {"PYTHONPATH": os.pathsep.join(path for path in paths if path), "PYTHONUTF8": "1"}
    environment |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait would starve the chat
    # -P: without it a folder called tuning where the user happens to stand would be run instead of this package.
    child = subprocess.Popen(
        [sys.executable, "-P", *command],
        stdin=subprocess.PIPE,  # held open: the child ends when it closes, so also when this process dies
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment,
        start_new_session=True,  # Ctrl-C is for the parent, which ends the child in order
        creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
    )
    try:
        yield child
    finally:
        _kill(child)
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End the process and what it launched."""
    try:
        family = [*psutil.Process(child.pid).children(recursive=True)] if child.poll() is None else []
    except psutil.Error:
        family = []
    child.kill()
    for process in family:
        with suppress(psutil.Error):
            process.kill()


def _launcher(file: Path) -> Sequence[str]:
    """The arguments that have accelerate start the training module in several processes.

    :raises UsageError: there is no such file
    """
    if not file.is_file():
        raise UsageError(
            f"[tuning] accelerate is {file}: no such file; `accelerate config --config_file {file}` makes it"
        )
    return ("-m", "accelerate.commands.launch", "--config_file", str(file))


class _Guard:
    """Looks once a second whether the process is to end, and whether it has outgrown its memory."""

    def __init__(self, child: subprocess.Popen[bytes], stop: Callable[[], bool], most: int) -> None:
        self._child, self._stop, self._most = child, stop, most
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.outgrown = False

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(1.0):
            self.outgrown = _held(self._child.pid) > self._most
            if self.outgrown or self._stop():
                _kill(self._child)
                return


def _held(pid: int) -> int:
    """Bytes that a process and those that it started hold; 0 where it has ended."""
    try:
        first = psutil.Process(pid)
        return sum(int(process.memory_info().rss) for process in (first, *first.children(recursive=True)))
    except psutil.Error:
        return 0


def _event(line: bytes) -> dict[str, Any]:
    """A progress line; whatever else a library prints is none."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) and "phase" in event else {}


def sentence(event: dict[str, Any]) -> str:
    """A progress event in words."""
    phase = event["phase"]
    if phase == "planned":
        rest = f", {event['over_budget']} left out to end in time" if event["over_budget"] else ""
        epochs, wanted = event["epochs"], event["wanted"]
        passes = f" in up to {epochs} passes" if epochs > 1 else " in one pass"
        passes += f" instead of {wanted}, to end in time" if epochs < wanted else ""
        return f"{event['examples']} replies to learn{passes}, about {_minutes(event['minutes'])}{rest}"
    if phase == "preferring":
        method, step, steps = str(event["method"]).upper(), event["step"], event["steps"]
        return f"learning preferences by {method}: step {step} of {steps}, loss {event['loss']:.2f}"
    if phase in ("training", "resuming", "validating"):
        words = f"{phase}: step {event['step']} of {event['steps']}"
        words += f", loss {event['loss']:.2f}" if "loss" in event else ""
        return words + (f", {_minutes(event['minutes'])} left" if "minutes" in event else "")
    return str(phase)


def _minutes(minutes: float) -> str:
    return f"{minutes:.0f} min" if minutes >= 2 else f"{minutes * 60:.0f} s"


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "it said nothing"
