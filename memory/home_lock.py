"""Who has a home open: many processes may share it, but what replaces it must be alone with it, and one is its bot.

SQLite's own lock on an empty file serves, since it is the one lock with a shared and an exclusive side on every system;
the system drops it with the process that held it, however that ends.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from memory.errors import FamiliarError

NAME, BOT = "home.lock", "bot.lock"


class HomeLock:
    """Held from being made until `release`.

    :param alone: nobody else may have the home open
    :raises FamiliarError: it is open elsewhere (``alone``), or is being replaced
    """

    def __init__(self, home: Path, *, alone: bool = False) -> None:
        what = (
            "is open in another Familiar; end it (the bot, chats, imports, tunes) and try again"
            if alone
            else "is being restored, or a user moves; wait until that has ended"
        )
        self._connection = _held(home / NAME, alone=alone, refusal=f"{home} {what}")

    def release(self) -> None:
        """Let others have it."""
        with contextlib.suppress(sqlite3.Error):  # the process gives it back in any case
            self._connection.close()


class BotLock:
    """Held by the process that answers messengers for a home, reminds and tunes: two would do all of that twice.

    :raises FamiliarError: another process is the home's bot
    """

    def __init__(self, home: Path) -> None:
        refusal = (
            f"another `familiar run` is the bot of {home}; end it, or give this one a home of its own. More processes"
            " over one home are `familiar serve` (docs/scaling.md)"
        )
        self._connection = _held(home / BOT, alone=True, refusal=refusal)

    def release(self) -> None:
        """Let another process be the bot."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()


def _held(file: Path, *, alone: bool, refusal: str) -> sqlite3.Connection:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    connection = sqlite3.connect(file, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("BEGIN EXCLUSIVE" if alone else "BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except sqlite3.Error as exc:
        connection.close()
        raise FamiliarError(refusal) from exc
    return connection
