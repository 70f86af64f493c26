"""A time limit around one step within a process, so that what was done before it is kept."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from memory.importers.records import ConversionError

_AGAIN = 2.0
"""Seconds after which the interruption is repeated: a library may take it for a flaw of the file and go on."""


@contextmanager
def limited(time_left: Callable[[], float]) -> Iterator[None]:
    """Interrupt what runs inside when ``time_left`` (seconds, asked again when it should be over) has come to zero.

    Works where the system has timers and in the main thread, which is where a child converts; elsewhere, and in a
    library's own loops, the limit of the whole process holds alone.

    :raises ConversionError: it took too long
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        if (left := time_left()) > 0:
            signal.setitimer(signal.ITIMER_REAL, left)
        else:
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)
            raise ConversionError("it took too long; [import] convert_seconds allows more")

    handler = signal.signal(signal.SIGALRM, ring)
    started = time.monotonic()
    before, interval = signal.setitimer(signal.ITIMER_REAL, max(0.01, time_left()))
    try:
        yield
    finally:
        left = max(0.01, before - (time.monotonic() - started)) if before else 0.0  # 0: no limit was around this one
        signal.setitimer(signal.ITIMER_REAL, left, interval)
        signal.signal(signal.SIGALRM, handler)
