"""The message that a message replies to: its words, or those that were picked out of it, as data for the turn.

Whoever wrote them, they are not what the user says now: they are given to the model beside the question, and stored
nowhere but in the prompt.
"""

from __future__ import annotations

from telegram import Message, MessageOrigin
from telegram import MessageOriginChannel as Channel
from telegram import MessageOriginChat as OfChat
from telegram import MessageOriginHiddenUser as Hidden
from telegram import MessageOriginUser as OfUser

from bot.context import Given, in_passages

_ASSISTANT = "You (the assistant)"
NOBODY = "?"


def quoted(message: Message, *, title: str, bot_id: int, reply: str | None = None) -> Given | None:
    """What a message refers to; None where it refers to nothing that has words.

    :param title: what it is called in prompt and sources
    :param reply: what the bot had said, where the message replied to is the bot's: its own carries sources and numbers
    """
    picked = message.quote.text.strip() if message.quote is not None else ""
    texts = in_passages(picked or reply or _words(message))
    if not texts:
        return None
    original = message.reply_to_message
    at = original.date.isoformat() if original is not None else None
    return Given(title, texts, speaker=_speaker(message, bot_id), at=at)


def _words(message: Message) -> str:
    original = message.reply_to_message
    if original is not None:
        text = original.text or original.caption or ""
        file = original.document.file_name if original.document is not None else None
        return f"{text}\n[{file}]".strip() if file else text
    external = message.external_reply
    file = external.document.file_name if external is not None and external.document is not None else None
    return f"[{file}]" if file else ""


def _speaker(message: Message, bot_id: int) -> str:
    original = message.reply_to_message
    if original is None:
        return origin_name(message.external_reply.origin) if message.external_reply is not None else NOBODY
    if original.forward_origin is not None:
        return origin_name(original.forward_origin)
    if original.sender_chat is not None:
        return original.sender_chat.effective_name or NOBODY
    if original.from_user is None:
        return NOBODY
    return _ASSISTANT if original.from_user.id == bot_id else original.from_user.full_name


def origin_name(origin: MessageOrigin) -> str:
    """Who wrote what was forwarded: a person, one whose account is hidden, a group or a channel."""
    match origin:
        case OfUser():
            return origin.sender_user.full_name or NOBODY
        case Hidden():
            return origin.sender_user_name or NOBODY
        case OfChat():
            return _signed(origin.sender_chat.effective_name, origin.author_signature)
        case Channel():
            return _signed(origin.chat.effective_name, origin.author_signature)
        case _:
            return NOBODY


def _signed(name: str | None, signature: str | None) -> str:
    return f"{name or NOBODY} ({signature})" if signature else name or NOBODY
