"""What Telegram's numbers mean here: which turn a message of the bot shows, and which chat is which."""

from __future__ import annotations

from bot.telegram.access import group_name
from memory.store import Store


def turn_shown_in(store: Store, chat_id: int, message_id: int, *, user_id: int) -> int | None:
    """Id of the user's turn that a message shows."""
    rows = store.rows(
        "SELECT turn_id FROM telegram_messages WHERE chat_id = ? AND message_id = ? AND user_id = ?",
        (chat_id, message_id, user_id),
    )
    return int(rows[0]["turn_id"]) if rows else None


def moved(store: Store, old_chat: int, new_chat: int) -> None:
    """A group has become a supergroup: its memory, settings, conversation and open replies follow; twice does no harm.

    Messages keep the numbers that they had in the old chat, where nobody can press their buttons any more.
    """
    with store.transaction() as db:
        db.execute("UPDATE OR IGNORE users SET name = ? WHERE name = ?", (group_name(new_chat), group_name(old_chat)))
        for table in ("conversations", "telegram_replies", "telegram_inbox", "reminders"):
            db.execute(f"UPDATE {table} SET chat_id = ? WHERE chat_id = ?", (new_chat, old_chat))


def offers_second(store: Store, chat_id: int, message_id: int) -> bool:
    """Whether a message offers another answer to choose from."""
    rows = store.rows(
        "SELECT 1 FROM telegram_outbox AS o JOIN telegram_replies AS r ON r.id = o.reply_id"
        " WHERE o.message_id = ? AND r.chat_id = ? AND r.\"key\" LIKE 'second:%'",
        (message_id, chat_id),
    )
    return bool(rows)
