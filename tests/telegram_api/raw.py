"""Messages and updates of any kind, given as Telegram's JSON and checked against python-telegram-bot's classes.

A field that the library does not know, or one that a class needs and lacks, is a mistake in the test and raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import telegram
from telegram import TelegramObject

from tests.telegram_api.people import GroupDriver, UserDriver
from tests.telegram_api.records import JSON, Chat, FormattedText, Message, Update
from tests.telegram_api.server import TelegramServer


def send_raw(
    server: TelegramServer,
    person: UserDriver,
    fields: Mapping[str, object],
    *,
    chat: GroupDriver | None = None,
    reply_to: Message | None = None,
) -> Message:
    """A person sends a message whose content is these fields; in a group the bot sees it whatever it is.

    :raises ValueError: the fields are not Telegram's
    """
    world, user = server.world, person.user
    with world.lock:
        private = world.chats.setdefault(user.id, Chat(user.id, "private", first_name=user.first_name))
        message = Message(
            id=0,
            chat=chat.chat if chat else private,
            sender=user,
            date=int(world.clock()),
            content=FormattedText(),
            reply_to=world.message(reply_to.chat.id, reply_to.id, missing="the message is gone") if reply_to else None,
            fields=dict(fields),
        )
        check(telegram.Message.de_json(message.as_json(), None))
        stored = world.add_message(message)
        world.add_update("message", stored.as_json())
        return stored


def push_update(server: TelegramServer, kind: str, body: JSON, *, known: bool = True) -> int:
    """Deliver an update though the bot may not have asked for its kind; gives its number.

    :param known: False for a kind that the library does not know either
    :raises ValueError: the body is not Telegram's
    """
    world = server.world
    with world.lock:
        asked, world.allowed_updates = world.allowed_updates, frozenset({kind})
        try:
            update = world.add_update(kind, body)
        finally:
            world.allowed_updates = asked
    assert isinstance(update, Update)
    if known:
        check(telegram.Update.de_json(update.as_json(), None))
    return update.id


def message_json(server: TelegramServer, chat: Chat | GroupDriver, fields: Mapping[str, object]) -> JSON:
    """A message in a chat as JSON, of nobody where the fields name no sender; it is not kept by the server."""
    shown = chat.chat if isinstance(chat, GroupDriver) else chat
    return {"message_id": 9_000_001, "date": int(server.world.clock()), "chat": shown.as_json(), **fields}


def check(found: TelegramObject) -> None:
    """Look through an object and all that it holds.

    :raises ValueError: a field is unknown to python-telegram-bot
    """
    if found.api_kwargs:
        raise ValueError(f"{type(found).__name__} has no {sorted(found.api_kwargs)}")
    for name in _fields(type(found)):
        value = getattr(found, name, None)
        for part in value if isinstance(value, tuple | list) else [value]:
            if isinstance(part, TelegramObject):
                check(part)


def _fields(kind: type) -> Iterable[str]:
    for parent in kind.__mro__:
        slots = parent.__dict__.get("__slots__", ())
        yield from (name for name in ([slots] if isinstance(slots, str) else slots) if not name.startswith("_"))
