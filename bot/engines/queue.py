"""First come, first served: a lock whose waiters are let in strictly in the order in which they asked.

threading.Lock promises no order, so a thread that asks again at once can starve one that has waited for minutes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

_CANCEL_CHECK_S = 0.05


class FairQueue:
    """One holder at a time, in order of arrival; not re-entrant."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tickets: deque[object] = deque()

    @contextmanager
    def turn(self, cancel: threading.Event | None = None) -> Iterator[bool]:
        """Wait for one's turn and hold it; gives False, holding nothing, when ``cancel`` was set while waiting."""
        ticket = object()
        with self._changed:
            self._tickets.append(ticket)
        try:
            yield self._wait(ticket, cancel)
        finally:
            with self._changed:
                self._tickets.remove(ticket)
                self._changed.notify_all()

    def _wait(self, ticket: object, cancel: threading.Event | None) -> bool:
        with self._changed:
            while self._tickets[0] is not ticket:
                if cancel is not None and cancel.is_set():
                    return False
                # An Event can't wake a Condition, so whoever can be cancelled looks again from time to time.
                self._changed.wait(None if cancel is None else _CANCEL_CHECK_S)
        return True

    def __len__(self) -> int:
        """Holder and waiters."""
        with self._changed:
            return len(self._tickets)
