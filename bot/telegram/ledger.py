"""What Telegram's numbers mean here: updates that were seen, and which turn a message of the bot shows.

An update is noted before it is handled, so that one which is delivered again, be it after a restart, is not answered
again.
"""

from __future__ import annotations

from collections.abc import Sequence

from memory.records import Turn
from memory.store import Store, utc_now


def first_time(store: Store, update_id: int) -> bool:
    """Note an update; False where it was noted before."""
    with store.transaction() as db:
        cursor = db.execute(
            "INSERT INTO telegram_updates (update_id, received_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (update_id, utc_now()),
        )
    return cursor.rowcount > 0


def note_messages(store: Store, chat_id: int, message_ids: Sequence[int], turn: Turn) -> None:
    """Remember which turn these messages show."""
    with store.transaction() as db:
        db.executemany(
            "INSERT OR REPLACE INTO telegram_messages (chat_id, message_id, user_id, turn_id) VALUES (?, ?, ?, ?)",
            [(chat_id, message_id, turn.user_id, turn.id) for message_id in message_ids],
        )


def turn_shown_in(store: Store, chat_id: int, message_id: int, *, user_id: int) -> int | None:
    """Id of the user's turn that a message shows."""
    rows = store.rows(
        "SELECT turn_id FROM telegram_messages WHERE chat_id = ? AND message_id = ? AND user_id = ?",
        (chat_id, message_id, user_id),
    )
    return int(rows[0]["turn_id"]) if rows else None
