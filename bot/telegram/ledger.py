"""What Telegram's numbers mean here: which turn a message of the bot shows, and which chat is which."""

from __future__ import annotations

from dataclasses import replace

from bot.telegram.access import group_name
from bot.telegram.group_rules import move_rules
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

    Messages keep the numbers that they had in the old chat, where nobody can press their buttons any more. Where the
    new chat has a memory already, as its first message may come before this one, that stays, with the rules of both;
    an empty one gives its place to the old.
    """
    with store.transaction() as db:
        _move_memory(store, group_name(old_chat), group_name(new_chat))
        for table in ("conversations", "telegram_replies", "telegram_inbox", "reminders"):
            db.execute(f"UPDATE {table} SET chat_id = ? WHERE chat_id = ?", (new_chat, old_chat))


def _move_memory(store: Store, old_name: str, new_name: str) -> None:
    old, new = store.user(old_name), store.user(new_name)
    if old is None:
        return
    if new is None:
        store.update_user(replace(old, name=new_name))
    elif _is_empty(store, new.id):
        move_rules(store, new.id, to=old.id)
        # Not deleted: what is being answered for it may still be stored.
        for user, name in ((new, f"{new_name}:"), (old, new_name), (new, old_name)):
            store.update_user(replace(user, name=name))
    else:
        move_rules(store, old.id, to=new.id)


def _is_empty(store: Store, user_id: int) -> bool:
    return not any(
        store.rows(f"SELECT 1 FROM {table} WHERE user_id = ? LIMIT 1", (user_id,))
        for table in ("turns", "documents", "facts")
    )


def offers_second(store: Store, chat_id: int, message_id: int) -> bool:
    """Whether a message offers another answer to choose from."""
    rows = store.rows(
        "SELECT 1 FROM telegram_outbox AS o JOIN telegram_replies AS r ON r.id = o.reply_id"
        " WHERE o.message_id = ? AND r.chat_id = ? AND r.\"key\" LIKE 'second:%'",
        (message_id, chat_id),
    )
    return bool(rows)
