"""Chats that take no message: their user blocked the bot, or it was removed from the group.

What a job would send there waits until the chat is open again, so that nobody's reminder is spent on a closed door.
"""

from __future__ import annotations

from memory.store import Store, utc_now


def note_blocked(store: Store, chat_id: int) -> None:
    """Nothing can be sent to this chat from now on."""
    with store.transaction() as db:
        db.execute(
            "INSERT INTO telegram_blocked (chat_id, at) VALUES (?, ?) ON CONFLICT DO NOTHING", (chat_id, utc_now())
        )


def note_open(store: Store, chat_id: int) -> bool:
    """The chat takes messages: its user or group has the bot back; False where nothing else was known."""
    if not is_blocked(store, chat_id):
        return False
    with store.transaction() as db:
        db.execute("DELETE FROM telegram_blocked WHERE chat_id = ?", (chat_id,))
    return True


def is_blocked(store: Store, chat_id: int) -> bool:
    """Whether nothing can be sent to this chat."""
    return bool(store.rows("SELECT 1 FROM telegram_blocked WHERE chat_id = ?", (chat_id,)))
