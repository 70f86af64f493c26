"""Who said what stands in a message, under a name that is not taken for the user's where it is not theirs. Pure."""

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

from memory.facts.store import MYSELF
from memory.facts.vocabulary import key_of
from memory.normal import searchable
from memory.records import User


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


def is_of(origin: Origin, person: User) -> bool:
    """Whether it is said from the person's own account."""
    return origin.account is not None and origin.account == person.telegram_id


def speaker_of(origin: Origin, person: User) -> str:
    """The name under which words are kept.

    Somebody may call themselves as the user, or "me", in whatever spelling that facts take for the same; their words
    would be taken for the user's, so that such a name says where it is from.
    """
    if is_of(origin, person):
        return person.name
    key = key_of(searchable(origin.name))
    confusable = key in MYSELF or key == key_of(searchable(person.name)) or key.startswith("user's ")
    return f"{origin.name} (Telegram)" if confusable else origin.name
