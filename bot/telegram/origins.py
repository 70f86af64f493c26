"""Who said what stands in a message: its writer, whom it was forwarded from, or the bot. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from telegram import (
    Message,
    MessageOriginChannel,
    MessageOriginChat,
    MessageOriginHiddenUser,
    MessageOriginUser,
)


@dataclass(frozen=True)
class Origin:
    """Where the words of a message come from."""

    name: str
    """As Telegram shows it."""
    at: datetime
    account: int | None = None
    """The Telegram id of the person or bot, where it is known."""


def origin_of(message: Message) -> Origin:
    """Who said it first, and when."""
    origin = message.forward_origin
    match origin:
        case MessageOriginUser():
            return Origin(origin.sender_user.full_name, origin.date, origin.sender_user.id)
        case MessageOriginHiddenUser():
            return Origin(origin.sender_user_name, origin.date)
        case MessageOriginChat():
            return Origin(origin.sender_chat.effective_name or "?", origin.date)
        case MessageOriginChannel():
            return Origin(origin.chat.effective_name or "?", origin.date)
    sender = message.from_user
    if message.sender_chat is not None and message.sender_chat.id != message.chat.id:
        return Origin(message.sender_chat.effective_name or "?", message.date)
    return Origin(sender.full_name if sender else "?", message.date, sender.id if sender else None)
