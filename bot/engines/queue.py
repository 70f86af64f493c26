"""A lock whose waiters are let in by turns: one request of each user, a user's own in the order in which they came.

threading.Lock promises no order, so a thread that asks again at once can starve one that has waited for minutes; and
in order of arrival a user who asks for much at once would hold up everybody else.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from bot.round_robin import RoundRobin

_CANCEL_CHECK_S = 0.05
_CHECKS_S = 200
"""Looks of all waiters together in a second, so that hundreds that wait take no time from the one that works."""


class FairQueue:
    """So many holders at a time as there are places; not re-entrant."""

    def __init__(self, places: int = 1) -> None:
        self._places = places
        self._lock = threading.Lock()
        self._waiting: RoundRobin[threading.Event] = RoundRobin()
        self._holders: set[threading.Event] = set()

    @contextmanager
    def turn(self, cancel: threading.Event | None = None, *, asked_by: Hashable = None) -> Iterator[bool]:
        """Wait for one's turn and hold it; gives False, holding nothing, when ``cancel`` was set while waiting.

        :param asked_by: the user for whom it is; users are served in turn, None is one of them
        """
        ticket = threading.Event()  # set when it is its turn
        with self._lock:
            self._waiting.add(asked_by, ticket)
            self._let_in()
        try:
            yield self._wait(ticket, cancel)
        finally:
            with self._lock:
                self._waiting.discard(asked_by, ticket)
                self._holders.discard(ticket)
                self._let_in()

    def _let_in(self) -> None:
        """Let the next in, where a place is free; the lock is held."""
        while len(self._holders) < self._places and self._waiting:
            ticket = self._waiting.take()
            self._holders.add(ticket)
            ticket.set()

    def _wait(self, ticket: threading.Event, cancel: threading.Event | None) -> bool:
        while not ticket.wait(None if cancel is None else max(_CANCEL_CHECK_S, len(self) / _CHECKS_S)):
            # One Event can't wake another's waiter, so whoever can be cancelled looks again from time to time.
            if cancel is not None and cancel.is_set():
                return False
        return True

    def __len__(self) -> int:
        """Holders and waiters."""
        with self._lock:
            return len(self._waiting) + len(self._holders)
