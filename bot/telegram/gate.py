"""What every update passes before a handler sees it: is it new, who wrote it, may they, and is it meant for the bot.

An update is kept before Telegram is told that it arrived, and is done when its answer is written down.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sqlite3
from collections.abc import Sequence

import telegram
from telegram import Bot, Chat, Message, Update

from bot.locales import language_of, say
from bot.telegram import inbox
from bot.telegram.access import Admission, Person, by_telegram_id, group_name, group_user
from bot.telegram.desk import Desk, Interrupted, Visit, guarded, where
from bot.telegram.handlers import handle
from bot.telegram.lanes import Lanes
from bot.telegram.ledger import moved
from bot.telegram.render import plain_parts
from bot.telegram.sending import Place
from bot.telegram.threads import in_thread, pause
from bot.telegram.wording import command_of, mentions
from memory.errors import FamiliarError
from memory.records import User
from memory.store import Store

_ANSWERS = {"unpaired": "tg_not_paired", "wrong code": "tg_wrong_code", "waiting": "tg_asked_owner"}
_AGAIN_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Door:
    """Where updates come in: the queue that python-telegram-bot's updater puts them into.

    The updater confirms an update to Telegram after `put` has returned, so that what is kept by then is never lost.
    What a poll brings is kept together before that (`keep`).
    """

    def __init__(self, store: Store, lanes: Lanes, stop: asyncio.Event) -> None:
        self._store = store
        self._lanes = lanes
        self._stop = stop
        self._kept: dict[int, bool] = {}
        """Updates that were kept together and are still to be put, and whether they are new."""

    async def keep(self, updates: Sequence[Update]) -> None:
        """Keep updates in one transaction; waits while they can't be kept, as on a full disk."""
        while True:
            try:
                self._kept |= await in_thread(lambda: _keep_all(self._store, updates))
                return
            except (FamiliarError, sqlite3.IntegrityError) as exc:
                _log.error("update %d can't be kept: %s", updates[0].update_id, where(exc))
                if await pause(self._stop, _AGAIN_SECONDS):
                    raise  # the updater ends without confirming them

    async def put(self, update: object) -> None:
        """Keep an update, and have it handled where it is new."""
        if not isinstance(update, Update):
            return
        if update.update_id not in self._kept:
            await self.keep([update])
        if self._kept.pop(update.update_id):
            self._lanes.add(update)


def _keep_all(store: Store, updates: Sequence[Update]) -> dict[int, bool]:
    new: dict[int, bool] = {}
    with store.transaction():
        for update in updates:
            kept = _keep(store, update)
            new.setdefault(update.update_id, kept)  # of one that came twice the first counts
    return new


def _keep(store: Store, update: Update) -> bool:
    chat, author = update.effective_chat, update.effective_user
    group = chat is not None and chat.type != Chat.PRIVATE
    # As it was written, so that a forgotten word is found in it; only half a character can't be stored.
    payload = json.dumps(update.to_dict(), ensure_ascii=False).encode(errors="replace").decode()
    with store.transaction():  # so that the user is still there when it is written
        user = (
            store.user(group_name(chat.id)) if chat and group else by_telegram_id(store, author.id) if author else None
        )
        return inbox.keep(
            store,
            update.update_id,
            payload,
            chat_id=chat.id if chat else None,
            user_id=user.id if user else None,
        )


def unfinished(store: Store, bot: Bot) -> tuple[list[tuple[Update, bool]], list[Update]]:
    """Updates that a start finds not handled: those to handle now, and those that ended the process too often.

    With the former goes whether their handling was begun, so that part of their answer may be there.
    """
    again: list[tuple[Update, bool]] = []
    given_up: list[Update] = []
    for received in inbox.waiting(store):
        update = Update.de_json(json.loads(received.payload), bot)
        if received.tries >= inbox.MOST_TRIES:
            given_up.append(update)
        else:
            again.append((update, received.tries > 0))
    return again, given_up


async def receive(desk: Desk, updates: Sequence[Update]) -> None:
    """Handle updates that belong together, if they are allowed and meant for the bot."""
    store, ids = desk.services.store, [update.update_id for update in updates]

    async def finished() -> None:
        await in_thread(lambda: inbox.done(store, ids))

    try:
        await in_thread(lambda: inbox.begin(store, ids))
        await _follow(store, updates[0])
        visit = await _visit(desk, updates)
        if visit is None:
            await finished()
            return
        with contextlib.suppress(Interrupted):  # they wait for the next start
            await guarded(visit, handle(visit))
            await visit.handling.finish(finished)
    except Exception as exc:  # noqa: BLE001 - the edge of a turn: one update must not stop its chat
        _log.error("update %d could not be handled: %s", ids[0], where(exc))


def give_up(desk: Desk, update: Update) -> None:
    """Write down that a message can't be handled, since handling it ended the bot several times."""
    message = _message(update)
    _log.error("update %d ended the bot %d times and is left", update.update_id, inbox.MOST_TRIES)
    with desk.services.store.transaction():
        if message is not None:
            language = language_of(update.effective_user.language_code if update.effective_user else None)
            reply = desk.outbox.open(_place(message.chat, message), key=f"{update.update_id}:given-up")
            desk.outbox.put(reply, plain_parts(say(language, "tg_given_up")))
        inbox.done(desk.services.store, [update.update_id], failed=True)


async def _follow(store: Store, update: Update) -> None:
    """Note that a group has become a supergroup."""
    message = update.message
    if message is not None and message.migrate_to_chat_id is not None:
        old, new = message.chat.id, message.migrate_to_chat_id
        await in_thread(lambda: moved(store, old, new))


async def _visit(desk: Desk, updates: Sequence[Update]) -> Visit | None:
    update = updates[0]
    query, message, author = update.callback_query, _message(update), update.effective_user
    if message is None or author is None or author.is_bot:
        return None
    place = _place(message.chat, message)
    bot = desk.bot.username
    asked = command_of(message.text or "", bot=bot) if query is None else None
    if not (place.private or query or asked or _calls(message, desk)):
        return None
    code = asked.argument if asked and asked.name == "start" else None
    private = place.private and query is None
    admission = await in_thread(lambda: desk.access.admit(_person(author), code=code, private=private))
    await _tell_outsider(desk, place, update, admission)
    if admission.user is None or admission.answer not in ("allowed", "paired"):
        return None
    person = admission.user
    return Visit(
        desk,
        person=person,
        user=person if place.private else await in_thread(lambda: _group(desk, place, person)),
        place=place,
        message=message,
        command=asked,
        query=query,
        edited=update.edited_message is not None,
        update_ids=tuple(each.update_id for each in updates),
        texts=tuple(found.text or "" for each in updates if (found := _message(each)) is not None),
    )


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


async def _tell_outsider(desk: Desk, place: Place, update: Update, admission: Admission) -> None:
    key = _ANSWERS.get(admission.answer)
    if key is None or update.effective_user is None:
        return
    text = say(language_of(update.effective_user.language_code), key)
    await desk.outbox.send_all(place, plain_parts(text), key=f"{update.update_id}:outsider")
    if admission.answer == "waiting" and admission.user is not None:
        await _ask_owner(desk, admission.user)


async def _ask_owner(desk: Desk, stranger: User) -> None:
    owner = desk.services.store.owner()
    if owner is None or owner.telegram_id is None:
        return
    language = owner.profile.language
    choice = [(say(language, f"tg_{word}"), f"{word}:{stranger.id}") for word in ("allow", "refuse")]
    question = say(language, "tg_may_talk", name=stranger.name)
    place = Place(owner.telegram_id, private=True)
    await desk.outbox.send_all(
        place, plain_parts(question), key=f"may-talk:{stranger.id}", user=owner, buttons=[choice]
    )
