"""Reminders that lack their time while the user is asked for it: one for each person in a chat, gone after an hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from memory.store import Store

ASKED_FOR = timedelta(hours=1)
"""So long an answer is expected; later a time that somebody names is about something else."""


@dataclass(frozen=True)
class Asked:
    """Who is asked, and where."""

    user_id: int
    """Whose reminder it will be: in a group the group's."""
    chat_id: int
    author: int
    """The Telegram id of the person whose answer counts."""


def ask(store: Store, asked: Asked, text: str, *, at: datetime) -> None:
    """Expect an answer, instead of the one to an earlier question."""
    with store.transaction() as db:
        db.execute(
            "INSERT OR REPLACE INTO timeless_reminders (user_id, chat_id, author, text, asked_at)"
            " VALUES (?, ?, ?, ?, ?)",
            (asked.user_id, asked.chat_id, asked.author, text, _utc(at)),
        )


def asked_about(store: Store, asked: Asked, *, now: datetime) -> str | None:
    """The text of the reminder whose time is asked for; None where none is, or no longer."""
    rows = store.rows(
        "SELECT text FROM timeless_reminders WHERE user_id = ? AND chat_id = ? AND author = ? AND asked_at >= ?",
        (asked.user_id, asked.chat_id, asked.author, _utc(now - ASKED_FOR)),
    )
    return str(rows[0]["text"]) if rows else None


def ask_no_more(store: Store, asked: Asked) -> bool:
    """Expect no answer; False where none was expected."""
    with store.transaction() as db:
        return (
            db.execute(
                "DELETE FROM timeless_reminders WHERE user_id = ? AND chat_id = ? AND author = ?",
                (asked.user_id, asked.chat_id, asked.author),
            ).rowcount
            > 0
        )


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
