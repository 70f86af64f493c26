"""Who has a home open: many processes may share it, but what replaces it must be alone with it.

SQLite's own lock on an empty file serves, since it is the one lock with a shared and an exclusive side on every system;
the system drops it with the process that held it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from memory.errors import FamiliarError

NAME = "home.lock"


class HomeLock:
    """Held from being made until `release`.

    :param alone: nobody else may have the home open
    :raises FamiliarError: it is open elsewhere (``alone``), or is being replaced
    """

    def __init__(self, home: Path, *, alone: bool = False) -> None:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._connection = sqlite3.connect(home / NAME, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._connection.execute("BEGIN EXCLUSIVE" if alone else "BEGIN")
            self._connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except sqlite3.Error as exc:
            self._connection.close()
            what = (
                "is open in another Familiar; end it (the bot, chats, imports, tunes) and try again"
                if alone
                else "is being restored, or a user moves; wait until that has ended"
            )
            raise FamiliarError(f"{home} {what}") from exc

    def release(self) -> None:
        """Let others have it."""
        with contextlib.suppress(sqlite3.Error):  # the process gives it back in any case
            self._connection.close()
