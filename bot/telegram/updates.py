"""The kinds of updates that the bot asks Telegram for; any other is not kept, whatever Telegram sends."""

from __future__ import annotations

from telegram import Update

from bot.config import TelegramConfig

_ALWAYS = ("message", "edited_message", "callback_query", "inline_query", "my_chat_member", "message_reaction")


def taken_updates(config: TelegramConfig) -> list[str]:
    """What is asked for: chats of other people only where that is set."""
    business = ("business_connection", "business_message") if config.business else ()
    return [*_ALWAYS, *business, *(("guest_message",) if config.guest_queries else ())]


def is_taken(update: Update, config: TelegramConfig) -> bool:
    """Whether an update is of a kind that was asked for: Telegram sends others too for a while after a change."""
    return any(getattr(update, kind) is not None for kind in taken_updates(config))
