"""When to look at a folder again: after some seconds, or as soon as the system tells of a change.

A system forgets to tell at times (network drives, folders that were replaced), so a look is never put off for long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from memory.ingest import GoOn

_SLICE_SECONDS = 0.2
"""How long it takes at most until a wish to stop is heard."""
_SELDOM_SECONDS = 60.0
"""Between looks where the system tells of changes."""


class Clock:
    """Looks every so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = max(seconds, _SLICE_SECONDS)

    def wait(self, at_most: float | None, go_on: GoOn) -> None:
        """Return after that time."""
        end = time.monotonic() + (self._seconds if at_most is None else at_most)
        while go_on() and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _SLICE_SECONDS))


class Notifier:
    """Looks when watchfiles tells of a change; a context manager that ends its thread.

    Where that fails (too many folders for the system, one is missing), it looks every ``seconds``.

    :raises ImportError: on entering, where watchfiles is not installed
    """

    def __init__(self, folders: Sequence[Path], *, seconds: float) -> None:
        self._folders = folders
        self._clock = Clock(seconds)
        self._changed = threading.Event()
        self._stop = threading.Event()
        self._failed = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="watch", daemon=True)

    def __enter__(self) -> Notifier:
        import watchfiles  # noqa: F401 - its absence is told here, not in the thread

        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def wait(self, at_most: float | None, go_on: GoOn) -> None:
        """Return when something has changed, or after that time."""
        if self._failed.is_set() or at_most is not None:
            self._clock.wait(at_most, go_on)
            self._changed.clear()
            return
        end = time.monotonic() + _SELDOM_SECONDS
        while go_on() and time.monotonic() < end and not self._failed.is_set():
            if self._changed.wait(_SLICE_SECONDS):
                break
        self._changed.clear()

    def _listen(self) -> None:
        from watchfiles import watch

        try:
            changes = watch(*self._folders, watch_filter=None, stop_event=self._stop, raise_interrupt=False)
            for _ in changes:
                self._changed.set()
        except (OSError, RuntimeError):  # RuntimeError: watchfiles' own, of the system's limits
            self._failed.set()
