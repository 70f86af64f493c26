"""The limits of one person (`bot.limits`) for requests over the API, counted together with those of Telegram.

A reply is counted when it is asked for, so that many requests at once are no way past a limit, and becomes a mere
message where nothing came of it.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from bot.api.errors import too_many
from bot.config import PeopleConfig
from bot.limits import DAY, Limits, decide, limits_of
from bot.used import history_of
from memory.records import User
from memory.store import Store

_UNLIMITED = Limits()


def take(store: Store, user: User, config: PeopleConfig, *, reply: bool) -> int | None:
    """Note that somebody asks for something; the note's number, None for whom nothing is limited.

    :param reply: the model is asked, else only the messages of a minute count
    :raises ApiError: it is one too many
    """
    limits, now = limits_of(user.role, config), datetime.now(UTC)
    if limits == _UNLIMITED:
        return None
    with store.transaction() as db:
        history = history_of(store, user.id, since=now - DAY)
        over = decide(history, now, limits, wanted="message")
        if over is None and reply:
            over = decide(history, now, limits, wanted="reply")
        if over is not None:
            text = f"at most {over.limit} {over.what}; there is room again at {over.opens:%Y-%m-%dT%H:%M:%SZ}"
            raise too_many(text, wait=math.ceil((over.opens - now).total_seconds()))
        db.execute("DELETE FROM api_uses WHERE user_id = ? AND at < ?", (user.id, (now - DAY).isoformat()))
        cursor = db.execute(
            "INSERT INTO api_uses (user_id, work, at) VALUES (?, ?, ?)",
            (user.id, "reply" if reply else "message", now.isoformat()),
        )
    return cursor.lastrowid


def note_tokens(store: Store, use: int | None, tokens: int) -> None:
    """Note what a reply took."""
    if use is not None:
        with store.transaction() as db:
            db.execute("UPDATE api_uses SET tokens = ? WHERE id = ?", (tokens, use))


def came_to_nothing(store: Store, use: int | None) -> None:
    """Note that no reply came of it; it was a message all the same."""
    if use is not None:
        with store.transaction() as db:
            db.execute("UPDATE api_uses SET work = 'message' WHERE id = ?", (use,))
