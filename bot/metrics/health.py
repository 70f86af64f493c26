"""Whether the bot hears and can remember: what a supervisor asks before it starts the program anew."""

from __future__ import annotations

from collections.abc import Callable

from memory.errors import FamiliarError
from memory.store import Store, utc_now

SILENT_SECONDS = 90.0
"""A poll is answered within half a minute, also where nothing is new; after three times that something hangs."""
_STATE = "health_checked_at"


class Connection:
    """What came of the last call that fetches updates; told by the event loop, asked by other threads.

    :param clock: seconds, only ever growing
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._answered_at: float | None = None
        self._error: str | None = None
        self._by_webhook = False

    def answered(self) -> None:
        """Telegram has answered a poll."""
        self._answered_at, self._error = self._clock(), None

    def failed(self, error: str) -> None:
        """A poll failed; ``error`` is its type."""
        self._error = error

    def called_by_webhook(self) -> None:
        """Telegram calls the bot, which hears of no silence."""
        self._by_webhook = True

    def problem(self) -> str | None:
        """What is wrong, in words; None: nothing."""
        if self._by_webhook:
            return None
        silent = None if self._answered_at is None else self._clock() - self._answered_at
        return polling_problem(silent, self._error)


def polling_problem(silent_s: float | None, error: str | None) -> str | None:
    """What is wrong with polling.

    :param silent_s: since the last answer; None: there was none yet
    :param error: the type of the error since then
    """
    if error is not None:
        return f"Telegram can't be reached ({error})"
    if silent_s is None:
        return "Telegram has not answered a poll yet"
    if silent_s > SILENT_SECONDS:
        return f"Telegram has answered no poll for {silent_s:.0f} s"
    return None


def store_problem(store: Store) -> str | None:
    """What keeps the database from being written, found by writing to it."""
    try:
        store.set_state(_STATE, utc_now())
    except FamiliarError as exc:
        return str(exc)
    return None
