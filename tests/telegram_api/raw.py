"""Messages and updates of any kind, given as Telegram's JSON and checked against python-telegram-bot's classes.

A field that the library does not know, or one that a class needs and lacks, is a mistake in the test and raises.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

import telegram
from telegram import TelegramObject

from tests.telegram_api.people import GroupDriver, UserDriver, member_json
from tests.telegram_api.records import JSON, CallbackAnswer, Chat, FormattedText, Message, Update
from tests.telegram_api.server import TelegramServer

_QUERY_NUMBERS = itertools.count(1)


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
            extra=dict(fields),
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
    unknown = set(found.api_kwargs) - ({"date"} if isinstance(found, telegram.InaccessibleMessage) else set())
    if unknown:
        raise ValueError(f"{type(found).__name__} has no {sorted(unknown)}")
    for name in _fields(type(found)):
        value = getattr(found, name, None)
        for part in value if isinstance(value, tuple | list) else [value]:
            if isinstance(part, TelegramObject):
                check(part)


def _fields(kind: type) -> Iterable[str]:
    for parent in kind.__mro__:
        slots = parent.__dict__.get("__slots__", ())
        yield from (name for name in ([slots] if isinstance(slots, str) else slots) if not name.startswith("_"))


def press_raw(server: TelegramServer, person: UserDriver, data: str | None, *, message: JSON | None) -> str:
    """Press any button, also one that was never offered; gives the query's id, by which its answer is found.

    :param message: the message under which it is; of an inaccessible one date is 0, None: it has none
    """
    with server.world.lock:
        query_id = f"raw-{next(_QUERY_NUMBERS)}"
        server.world.open_queries.add(query_id)
        body = {"id": query_id, "from": person.user.as_json(), "chat_instance": "1", "data": data, "message": message}
        push_update(server, "callback_query", {name: value for name, value in body.items() if value is not None})
    return query_id


async def pressed_raw(
    server: TelegramServer, person: UserDriver, data: str | None, *, message: JSON | None
) -> CallbackAnswer:
    """Press, and wait for the answer."""
    query_id = press_raw(server, person, data, message=message)

    def found() -> CallbackAnswer | None:
        return next((answer for answer in server.answers() if answer.query_id == query_id), None)

    answer = await server.until(found)
    assert answer is not None
    return answer


def change_membership(
    server: TelegramServer, chat: Chat | GroupDriver, by: UserDriver, *, now: str, before: str
) -> None:
    """The bot's standing in a chat changes; it hears of it only where it asked to."""
    shown = chat.chat if isinstance(chat, GroupDriver) else chat
    body: JSON = {
        "chat": shown.as_json(),
        "from": by.user.as_json(),
        "date": int(server.world.clock()),
        "old_chat_member": member_json_of(server, before),
        "new_chat_member": member_json_of(server, now),
    }
    check(telegram.ChatMemberUpdated.de_json(body, None))
    server.world.add_update("my_chat_member", body)


def member_json_of(server: TelegramServer, status: str) -> JSON:
    """The bot as a `ChatMember` of that status."""
    base: JSON = {**member_json(server.world.bot, status)}
    if status == "administrator":
        rights = [name for name in _fields(telegram.ChatMemberAdministrator) if name.startswith(("can_", "is_"))]
        base |= dict.fromkeys(rights, False)
    return base
