"""Transcription on this machine: faster-whisper in a child process of low priority, which is ended when it is idle.

What people send is parsed by FFmpeg in there, so that a recording made to do harm meets a process without the token,
that may write no file. CTranslate2's threads also meet no other library's, and all its memory comes back.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bot.config import SpeechConfig
from bot.hearing import MISSING, HearingMissing, Recording, TooLong
from memory.errors import FamiliarError
from memory.importers.child import read_frame, write_frame
from memory.importers.converter import KEPT_ENVIRONMENT

_ROOT = Path(__file__).resolve().parents[1]
_TICK_SECONDS = 0.1


class LocalTranscriber:
    """Transcribes in a child process that starts with the first recording; one at a time, others wait.

    :param model: gives the folder of the model, which may take as long as a download
    """

    def __init__(self, config: SpeechConfig, *, model: Callable[[], Path]) -> None:
        self._config = config
        self._model = model
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._idle: threading.Timer | None = None

    def transcribe(self, recording: Recording, *, cancel: threading.Event) -> str:
        """What the model hears."""
        if not installed():
            raise HearingMissing(f"{MISSING}, or name a server in [speech] url")
        with self._lock:
            if cancel.is_set():  # while it waited; the child is not ended for that
                raise FamiliarError("the transcription was stopped")
            self._stay()
            try:
                child = self._running()
                with _Watch(child, seconds=self._config.timeout_seconds, cancel=cancel) as watch:
                    reply = _ask(child, recording, self._config)
                return self._text(reply, watch)
            finally:
                self._leave_later()

    def close(self) -> None:
        """End the child, whatever it is doing."""
        self._stay()
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    @property
    def loaded(self) -> bool:
        """Whether a child is there, with the model in its memory."""
        return self._child is not None and self._child.poll() is None

    def _running(self) -> subprocess.Popen[bytes]:
        if not self.loaded:
            self.close()
            self._child = _start(self._config, self._model())
        assert self._child is not None
        return self._child

    def _text(self, reply: tuple[dict[str, Any], bytes] | None, watch: _Watch) -> str:
        if reply is None:
            self.close()
            raise FamiliarError(
                watch.reason or "the recording crashed the transcriber: it is damaged or made to do harm"
            )
        header, payload = reply
        if header["status"] == "too long":
            raise TooLong(f"it is longer than {self._config.most_minutes:g} minutes ([speech] most_minutes)")
        if header["status"] == "failed":
            raise FamiliarError(str(header["reason"]))
        return payload.decode()

    def _stay(self) -> None:
        timer, self._idle = self._idle, None
        if timer is not None:
            timer.cancel()

    def _leave_later(self) -> None:
        self._idle = threading.Timer(60 * self._config.idle_minutes, self._leave)
        self._idle.daemon = True
        self._idle.start()

    def _leave(self) -> None:
        if self._lock.acquire(blocking=False):  # else a recording came meanwhile
            try:
                self.close()
            finally:
                self._lock.release()


def installed() -> bool:
    """Whether the packages of the extra `speech` are there."""
    return find_spec("faster_whisper") is not None and find_spec("av") is not None


class _Watch:
    """Ends a child that takes too long, or whose work nobody wants any more; a context manager."""

    def __init__(self, child: subprocess.Popen[bytes], *, seconds: float, cancel: threading.Event) -> None:
        self._child = child
        self._seconds = seconds
        self._cancel = cancel
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.reason = ""
        """Why the child was ended, if it was."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        deadline = time.monotonic() + self._seconds
        while not self._done.wait(_TICK_SECONDS):
            late = time.monotonic() > deadline
            if late or self._cancel.is_set():
                taken = f"it took longer than {self._seconds:g} s ([speech] timeout_seconds)"
                self.reason = taken if late else "the transcription was stopped"
                self._child.kill()
                return


def _start(config: SpeechConfig, model: Path) -> subprocess.Popen[bytes]:
    environment = {key: os.environ[key] for key in (*KEPT_ENVIRONMENT, "OMP_NUM_THREADS") if key in os.environ}
    paths = (str(_ROOT), os.environ.get("PYTHONPATH", ""))
    environment |= {"PYTHONPATH": os.pathsep.join(path for path in paths if path), "PYTHONUTF8": "1"}
    environment |= {"HF_HUB_OFFLINE": "1"}  # the model is there; nothing else may be asked for
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "bot.hearing_child", str(model), config.device, config.compute_type],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # Ctrl-C is for the parent, which ends the child in order
        creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
    )


def _ask(
    child: subprocess.Popen[bytes], recording: Recording, config: SpeechConfig
) -> tuple[dict[str, Any], bytes] | None:
    """The child's reply; None where it died over the recording."""
    assert child.stdin is not None
    assert child.stdout is not None
    request = {"language": config.language, "most_seconds": 60 * config.most_minutes}
    try:
        write_frame(child.stdin, request, recording.data)
        return read_frame(child.stdout)
    except (OSError, ValueError):  # a broken pipe, or half a header
        return None
