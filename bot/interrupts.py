"""Ctrl-C and Ctrl-Z while something long is under way: both wait for a moment at which nothing is half done.

Ctrl-C cancels; a second one ends at once. Ctrl-Z pauses, not within a transaction, for which a bot on the same home
would wait; `fg` goes on. Outside the main thread signals can't be caught, and the platform's own handling stays.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType, TracebackType
from typing import Any


class Interrupts:
    """Catches signals while it is entered.

    :param quiet: held during a pause; within it no transaction is open, in any thread
    :param on_pause: called before a pause
    :param on_cancel: what is written to standard error at the first Ctrl-C
    """

    def __init__(
        self, *, quiet: Callable[[], AbstractContextManager[None]], on_pause: Callable[[], None], on_cancel: str
    ) -> None:
        self._quiet = quiet
        self._on_pause = on_pause
        self._on_cancel = on_cancel
        self._pause = False
        self._before: dict[int, Any] = {}
        self.cancelled = False

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for name, handler in (("SIGINT", self._cancel), ("SIGTERM", self._cancel), ("SIGTSTP", self._hold)):
                if hasattr(signal, name):
                    number = getattr(signal, name)
                    self._before[number] = signal.signal(number, handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def go_on(self) -> bool:
        """Whether to go on; where a pause was asked for, it is made here."""
        if self._pause and not self.cancelled:
            self._pause = False
            self._on_pause()
            with self._quiet():
                os.kill(os.getpid(), signal.SIGSTOP)
        return not self.cancelled

    def _cancel(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.cancelled:
            raise KeyboardInterrupt
        self.cancelled = True
        with contextlib.suppress(OSError):  # past print, which a signal may have interrupted
            os.write(2, f"{self._on_cancel}\n".encode())

    def _hold(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._pause = True
