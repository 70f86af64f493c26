"""The parent's side of the converting process: whatever a file does to the child, the caller gets a reason.

A child that crashes, runs out of memory or overstays its time is replaced for the next file. It gets no environment
but what Python needs to start, so that a parser taken over by a file sees no token.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from memory.config import ImportConfig
from memory.errors import FamiliarError
from memory.importers.child import read_frame, write_frame
from memory.importers.records import Conversion, ConversionError, Hints, NoText, UnsupportedFormat
from memory.importers.wire import unpack

_ROOT = Path(__file__).resolve().parents[2]
_MOST_DEATHS = 3
"""Times that a file is tried again without the file within it over which a child died."""
_TICK_SECONDS = 0.25
KEPT_ENVIRONMENT = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
"""What Python needs to start in a child process that parses what strangers made."""
_ERRORS: Mapping[str, type[FamiliarError]] = {"unsupported": UnsupportedFormat, "no text": NoText}


class Converter:
    """Converts files in a child process that starts with the first; a context manager that ends it.

    One thread at a time may use it.
    """

    def __init__(self, config: ImportConfig) -> None:
        self._config = config
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Converter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def convert(self, data: bytes, name: str, hints: Hints | None = None) -> Conversion:
        """What the bytes hold; ``name`` gives a title and decides between kinds of text.

        :raises UnsupportedFormat: it is of a kind that is not imported
        :raises NoText: it is a picture in which nothing is written
        :raises ConversionError: it is damaged, locked, without text, or took too much time or memory
        """
        refused: list[str] = []
        while True:
            exchange = _Exchange(self._running(), self._config)
            request = asdict(hints or Hints()) | {"name": name, "refused": refused}
            header, payload = exchange.reply(data, request) or ({"status": "died"}, b"")
            if header["status"] not in ("died", "memory"):
                break
            reason = self._reason_of_death(name, exchange.expired) if header["status"] == "died" else header["reason"]
            self.close()
            if exchange.expired or exchange.member is None or len(refused) == _MOST_DEATHS:
                raise ConversionError(str(reason))
            refused.append(exchange.member)  # read the rest of an archive without what the process died over
        if header["status"] == "converted":
            return unpack(payload)
        raise _ERRORS.get(header["status"], ConversionError)(header["reason"])

    def close(self) -> None:
        """End the child, whatever it is doing."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            self._child = _start(self._config)
        return self._child

    def _reason_of_death(self, name: str, expired: bool) -> str:
        seconds = self._config.convert_seconds
        child = self._child
        self.close()
        code = child.returncode if child else None
        if expired or (sys.platform != "win32" and code == -_signal("SIGXCPU")):
            return f"{name} took longer than {seconds} s to convert; [import] convert_seconds allows more"
        return f"{name} crashed the converter (exit status {code}): it is damaged or made to do harm"


class _Exchange:
    """One file given to a child, and how far it came."""

    def __init__(self, child: subprocess.Popen[bytes], config: ImportConfig) -> None:
        self._child = child
        self._config = config
        self._expired = threading.Event()
        self.member: str | None = None
        """SHA-256 of the last file within the file that was begun."""

    @property
    def expired(self) -> bool:
        """Whether the child was ended because it took too long."""
        return self._expired.is_set()

    def reply(self, data: bytes, request: dict[str, object]) -> tuple[dict[str, Any], bytes] | None:
        """The last frame of the child; None where it died. Each page that is recognised gets its own time."""
        timer = _Timer(self._config.convert_seconds, self._expire)
        pages = 0
        try:
            reply = _ask(self._child, data, request)
            while reply is not None and reply[0]["status"] in ("recognising", "member"):
                if reply[0]["status"] == "member":
                    self.member = reply[0]["sha256"]
                else:
                    pages += 1
                    timer.cancel()
                    if pages > self._config.ocr_pages:
                        return None
                    timer = _Timer(self._config.convert_seconds, self._expire)
                reply = _receive(self._child)
            return reply
        finally:
            timer.cancel()

    def _expire(self) -> None:
        self._expired.set()
        self._child.kill()


class _Timer:
    """Calls a function after so many seconds of this process running: while it is paused, no time passes.

    A clock goes on meanwhile, and a file whose conversion is long done would count as too slow.
    """

    def __init__(self, seconds: float, expire: Callable[[], None]) -> None:
        self._ticks = max(1, round(seconds / _TICK_SECONDS))
        self._expire = expire
        self._cancelled = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def cancel(self) -> None:
        """No longer call it."""
        self._cancelled.set()

    def _run(self) -> None:
        for _ in range(self._ticks):
            if self._cancelled.wait(_TICK_SECONDS):
                return
        self._expire()


def _signal(name: str) -> int:
    import signal

    return int(getattr(signal, name))


def _start(config: ImportConfig) -> subprocess.Popen[bytes]:
    environment = {key: os.environ[key] for key in KEPT_ENVIRONMENT if key in os.environ}
    paths = (str(_ROOT), os.environ.get("PYTHONPATH", ""))
    environment |= {"PYTHONPATH": os.pathsep.join(path for path in paths if path), "PYTHONUTF8": "1"}
    limits = (config.convert_memory_mb, config.convert_seconds, config.ocr_pages, config.ocr_seconds)
    # -P: without it a folder called memory where the user happens to stand would be run instead of this package
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "memory.importers.child", *map(str, limits)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # Ctrl-C is for the parent, which ends the child in order
        creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
    )


def _ask(
    child: subprocess.Popen[bytes], data: bytes, request: dict[str, object]
) -> tuple[dict[str, Any], bytes] | None:
    """The first reply to a request; None where the child died over it."""
    assert child.stdin is not None
    try:
        write_frame(child.stdin, request, data)
    except OSError:  # a broken pipe
        return None
    return _receive(child)


def _receive(child: subprocess.Popen[bytes]) -> tuple[dict[str, Any], bytes] | None:
    assert child.stdout is not None
    try:
        return read_frame(child.stdout)
    except (OSError, ValueError):  # half a header
        return None
