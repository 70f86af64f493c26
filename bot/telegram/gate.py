"""What every update passes before a handler sees it: is it new, who wrote it, may they, and is it meant for the bot.

Messages of one chat are handled in order, chats beside each other; pressed buttons wait for nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any
from weakref import WeakValueDictionary

import telegram
from telegram import Chat, Message, Update
from telegram.error import TelegramError
from telegram.ext import BaseUpdateProcessor

from bot.locales import language_of, say
from bot.telegram.access import Admission, Person, group_user
from bot.telegram.desk import Desk, Visit, guarded, where
from bot.telegram.handlers import handle
from bot.telegram.ledger import first_time
from bot.telegram.outbox import Place
from bot.telegram.render import plain_parts
from bot.telegram.wording import command_of, mentions
from memory.errors import FamiliarError
from memory.records import User

_AT_ONCE = 4096
"""Updates under way; so many that one chat's flood does not keep another's message waiting."""
_ANSWERS = {"unpaired": "tg_not_paired", "wrong code": "tg_wrong_code", "waiting": "tg_asked_owner"}
_log = logging.getLogger(__name__)


class ChatOrder(BaseUpdateProcessor):
    """Handles each chat's messages one after the other, and everything else at once."""

    def __init__(self) -> None:
        super().__init__(_AT_ONCE)
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def do_process_update(self, update: object, coroutine: Awaitable[Any]) -> None:
        """Wait for the chat's earlier messages, then handle this one."""
        chat = update.effective_chat if isinstance(update, Update) and update.callback_query is None else None
        if chat is None:
            await coroutine
            return
        lock = self._locks.setdefault(chat.id, asyncio.Lock())
        async with lock:
            await coroutine

    async def initialize(self) -> None:
        """Nothing to prepare."""

    async def shutdown(self) -> None:
        """Nothing to give back."""


async def receive(desk: Desk, update: Update) -> None:
    """Handle an update if it is new, allowed and meant for the bot."""
    try:
        if not first_time(desk.services.store, update.update_id):
            return
        visit = await _visit(desk, update)
    except (TelegramError, FamiliarError) as exc:
        _log.error("update %d could not be handled: %s", update.update_id, where(exc))
        return
    if visit is not None:
        await guarded(visit, handle(visit))


async def _visit(desk: Desk, update: Update) -> Visit | None:
    query, message, author = update.callback_query, _message(update), update.effective_user
    if message is None or author is None or author.is_bot:
        return None
    place = _place(message.chat, message)
    bot = desk.bot.username
    asked = command_of(message.text or "", bot=bot) if query is None else None
    if not (place.private or query or asked or _calls(message, desk)):
        return None
    code = asked.argument if asked and asked.name == "start" else None
    admission = desk.access.admit(_person(author), code=code, private=place.private and query is None)
    await _tell_outsider(desk, place, author, admission)
    if admission.user is None or admission.answer not in ("allowed", "paired"):
        return None
    user = admission.user if place.private else _group(desk, place, admission.user)
    edited = update.edited_message is not None
    return Visit(desk, admission.user, user, place, message, asked, query, edited, update.update_id)


def _message(update: Update) -> Message | None:
    message = update.callback_query.message if update.callback_query else update.effective_message
    return message if isinstance(message, Message) else None  # of very old ones a button has only the number


def _place(chat: Chat, message: Message) -> Place:
    thread = message.message_thread_id if message.is_topic_message else None
    return Place(chat.id, private=chat.type == Chat.PRIVATE, thread_id=thread)


def _calls(message: Message, desk: Desk) -> bool:
    original = message.reply_to_message
    to_bot = original is not None and original.from_user is not None and original.from_user.id == desk.bot.id
    return to_bot or mentions(message.text or message.caption or "", bot=desk.bot.username)


def _person(author: telegram.User) -> Person:
    return Person(author.id, author.first_name or str(author.id), author.language_code)


def _group(desk: Desk, place: Place, person: User) -> User:
    return group_user(desk.services.store, place.chat_id, language=person.profile.language)


async def _tell_outsider(desk: Desk, place: Place, author: telegram.User, admission: Admission) -> None:
    key = _ANSWERS.get(admission.answer)
    if key is None:
        return
    text = say(language_of(author.language_code), key)
    await desk.outbox.send_all(place, plain_parts(text))
    if admission.answer == "waiting" and admission.user is not None:
        await _ask_owner(desk, admission.user)


async def _ask_owner(desk: Desk, stranger: User) -> None:
    owner = desk.services.store.owner()
    if owner is None or owner.telegram_id is None:
        return
    language = owner.profile.language
    choice = [(say(language, f"tg_{word}"), f"{word}:{stranger.id}") for word in ("allow", "refuse")]
    question = say(language, "tg_may_talk", name=stranger.name)
    await desk.outbox.send_all(Place(owner.telegram_id, private=True), plain_parts(question), buttons=[choice])
