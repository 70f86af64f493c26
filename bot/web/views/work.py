"""What is under way or waiting: tunes, reminders, the queues of Telegram. Counts are of all, contents of one user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memory.store import Store


@dataclass(frozen=True)
class Count:
    """Rows of a queue in one state."""

    state: str
    count: int


@dataclass(frozen=True)
class Undelivered:
    """A message of the bot of which nobody knows whether it arrived."""

    text: str
    at: str
    chat_id: int


@dataclass(frozen=True)
class Queues:
    """What Telegram's side has to do."""

    inbox: tuple[Count, ...]
    outbox: tuple[Count, ...]
    unknown: tuple[Undelivered, ...]
    """The user's own."""

    @property
    def waiting(self) -> int:
        """Messages that are not handled and replies that are not sent."""
        return sum(item.count for item in (*self.inbox, *self.outbox) if item.state in ("waiting", "sending"))


@dataclass(frozen=True)
class Imported:
    """Files of imports in one state."""

    status: str
    count: int
    last_seen: float


_UNKNOWN = 20


def queues_of(store: Store, *, user_id: int) -> Queues:
    """Counts of all users' messages, and this user's that may not have arrived, newest first."""
    rows = store.rows(
        "SELECT o.text, o.file_name, o.at, r.chat_id FROM telegram_outbox o"
        " JOIN telegram_replies r ON r.id = o.reply_id WHERE o.user_id = ? AND o.state = 'unknown'"
        " ORDER BY o.id DESC LIMIT ?",
        (user_id, _UNKNOWN),
    )
    unknown = [Undelivered(row["text"] or row["file_name"] or "", row["at"], row["chat_id"]) for row in rows]
    return Queues(_counts(store, "telegram_inbox"), _counts(store, "telegram_outbox"), tuple(unknown))


def _counts(store: Store, table: str) -> tuple[Count, ...]:
    rows: Sequence[tuple[str, int]] = [
        (row["state"], row["count"])
        for row in store.rows(f"SELECT state, count(*) AS count FROM {table} GROUP BY state ORDER BY state")
    ]
    return tuple(Count(*row) for row in rows)


def imports_of(store: Store, *, user_id: int) -> tuple[Imported, ...]:
    """A user's imported files by what became of them."""
    rows = store.rows(
        "SELECT status, count(*) AS count, max(seen_ns) / 1e9 AS last_seen FROM files WHERE user_id = ?"
        " GROUP BY status ORDER BY count DESC",
        (user_id,),
    )
    return tuple(Imported(**dict(row)) for row in rows)
