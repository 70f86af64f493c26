"""What every update passes before a handler sees it: is it new, who wrote it, may they, and is it meant for the bot.

An update is kept before Telegram is told that it arrived, and is done when its answer is written down.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from telegram import Bot, Chat, InlineQuery, Message, Update
from telegram.error import Forbidden

from bot.config import TelegramConfig
from bot.locales import language_of, say
from bot.telegram import editing, inbox
from bot.telegram.access import Admission, by_telegram_id, group_name, group_user, person_of
from bot.telegram.asking_owner import ask_owner, tell_owner
from bot.telegram.desk import Desk, Interrupted, Overtaken, Visit, guarded, where
from bot.telegram.events import calls_bot, take, unheard
from bot.telegram.group_admins import is_anonymous
from bot.telegram.handlers import handle
from bot.telegram.lanes import Lanes, stops
from bot.telegram.ledger import moved
from bot.telegram.limiting import within_minute
from bot.telegram.outside import answer_outside, is_outside, outside_name
from bot.telegram.permitting import decided_by_admins
from bot.telegram.render import plain_parts
from bot.telegram.sending import Place
from bot.telegram.updates import is_taken
from bot.telegram.wording import Command, command_of
from bot.threads import in_thread, pause
from memory.errors import FamiliarError, is_of_database
from memory.records import User
from memory.store import Store

_ANSWERS = {
    "unpaired": "tg_not_paired",
    "wrong code": "tg_wrong_code",
    "wrong invitation": "tg_wrong_invitation",
    "waiting": "tg_asked_owner",
}
_AGAIN_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Door:
    """Where updates come in: the queue that python-telegram-bot's updater puts them into.

    The updater confirms an update to Telegram after `put` has returned, so that what is kept by then is never lost.
    What a poll brings is kept together before that (`keep`).

    :param inline: takes inline queries, which are not kept
    :param backlog: so many updates came before the bot was there; inline queries among them are left
    """

    def __init__(
        self,
        store: Store,
        lanes: Lanes,
        stop: asyncio.Event,
        *,
        config: TelegramConfig,
        inline: Callable[[InlineQuery], None],
        backlog: int = 0,
    ) -> None:
        self._config = config
        self._store = store
        self._lanes = lanes
        self._stop = stop
        self._inline = inline
        self._backlog = backlog
        self._kept: dict[int, bool] = {}
        """Updates that were kept together and are still to be put, and whether they are new."""

    async def keep(self, updates: Sequence[Update]) -> None:
        """Keep updates in one transaction; waits while they can't be kept, as on a full disk."""
        updates = [update for update in updates if update.inline_query is None and is_taken(update, self._config)]
        while updates:
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
        old, self._backlog = self._backlog > 0, max(0, self._backlog - 1)
        if not is_taken(update, self._config):
            _log.info("update %d is of a kind that is not handled", update.update_id)
            return
        if update.inline_query is not None:
            if not old:
                self._inline(update.inline_query)
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
    chat, author, outside = update.effective_chat, update.effective_user, outside_name(update)
    written = update.message or update.edited_message
    person = by_telegram_id(store, author.id) if author else None
    group = chat is not None and chat.type != Chat.PRIVATE
    name = outside or (group_name(chat.id) if chat is not None and group else None)
    user = store.user(name) if name is not None else person
    writer = user if update.business_message is not None else person
    origin = inbox.Origin(
        chat_id=chat.id if chat else None,
        message_id=written.message_id if written else None,
        user_id=user.id if user else None,
        author_id=writer.id if writer else None,
    )
    return inbox.keep(store, update.update_id, payload_of(update), origin)


def payload_of(update: Update) -> str:
    """An update as Telegram's JSON, its words as they were written, so that a forgotten one is found in it."""

    def seconds(value: object) -> int:
        assert isinstance(value, datetime)  # the library leaves the date of an inaccessible message as it is
        return int(value.timestamp())

    payload = json.dumps(update.to_dict(), ensure_ascii=False, default=seconds)
    return payload.encode(errors="replace").decode()  # half a character can't be stored


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


async def receive(desk: Desk, updates: Sequence[Update]) -> Sequence[Update]:
    """Handle updates that belong together, if they are allowed and meant for the bot.

    Gives those that are to be handled again, because what they say was changed meanwhile, or the database could not be
    written.
    """
    store, ids = desk.services.store, [update.update_id for update in updates]
    try:
        gone = await in_thread(lambda: [*inbox.overtaken(store, ids), *inbox.settled(store, ids)])
        updates = [update for update in updates if update.update_id not in gone]
        if updates:
            await _handle(desk, updates)
    except Overtaken:
        await _put_back(store, ids)
        return updates
    except Exception as exc:  # noqa: BLE001 - the edge of a turn: one update must not stop its chat
        _log.error("update %d could not be handled: %s", ids[0], where(exc))
        if is_of_database(exc):  # such as a full disk, on which it may be handled in a moment
            await _put_back(store, ids)
            return () if await pause(desk.stopping, _AGAIN_SECONDS) else updates
    return ()


async def _put_back(store: Store, ids: Sequence[int]) -> None:
    try:
        await in_thread(lambda: inbox.put_back(store, ids))
    except FamiliarError as exc:  # one try too many is counted, which an orderly end sets right
        _log.error("update %d can't be put back: %s", ids[0], where(exc))


async def _handle(desk: Desk, updates: Sequence[Update]) -> None:
    store, ids = desk.services.store, [update.update_id for update in updates]

    async def finished() -> None:
        await in_thread(lambda: inbox.done(store, ids))

    await in_thread(lambda: inbox.begin(store, ids))
    await _follow(store, updates[0])
    if is_outside(updates[0]):
        await _answer_outside(desk, updates[0], finished)
        return
    try:
        visit = None if await take(desk, updates[0]) else await _visit(desk, updates)
    except Forbidden:  # nobody is there any more to be told something
        _log.info("the chat of update %d takes no messages", ids[0])
        visit = None
    if visit is None:
        await unheard(desk, updates[0])
        await finished()
        return
    try:
        await guarded(visit, handle(visit))
    except Overtaken:
        raise
    except Interrupted:  # they wait for the next start
        return
    await visit.handling.finish(finished)


async def _answer_outside(desk: Desk, update: Update, finished: Callable[[], Awaitable[None]]) -> None:
    try:
        await answer_outside(desk, update)
    except Interrupted:  # it waits for the next start
        return
    except Forbidden:
        _log.info("the chat of update %d takes no messages", update.update_id)
    except Exception as exc:  # noqa: BLE001 - the edge of a turn: a customer is told of no error, nor at each start
        _log.error("update %d could not be answered: %s", update.update_id, where(exc))
    await finished()


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
    query, author = update.callback_query, update.effective_user
    messages = _newest(updates)
    message = messages[0] if messages else None
    if message is None or author is None or message.business_connection_id is not None:
        return None
    place = _place(message.chat, message)
    bot = desk.bot.username
    own = query is None and message.forward_origin is None
    asked = command_of(message.text or "", bot=bot) if own else None
    if not (place.private or query or asked or any(calls_bot(each, desk.bot) for each in messages)):
        return None
    edited = await in_thread(lambda: _is_edited(desk.services.store, updates, message))
    person = await _admitted(desk, update, message, place, None if edited else asked)
    if person is None:
        return None
    fitting = updates if stops(update) else await _within_minute(desk, person, place, updates)
    messages = _newest(fitting)
    if not messages:
        return None
    return Visit(
        desk,
        person=person,
        user=person if place.private else await in_thread(lambda: _group(desk, place, person)),
        place=place,
        message=message,
        command=asked,
        query=query,
        edited=edited,
        update_ids=tuple(each.update_id for each in fitting),
        texts=tuple(each.text or "" for each in _own(messages)),
        messages=() if query else messages,
    )


async def _within_minute(desk: Desk, person: User, place: Place, updates: Sequence[Update]) -> Sequence[Update]:
    """Those of these updates whose messages a minute leaves room for; all versions of a message are one."""
    first: dict[int, Update] = {}
    for update in updates:
        if (message := _message(update)) is not None:
            first.setdefault(message.message_id, update)
    fitting = {update.update_id for update in await within_minute(desk, person, place, list(first.values()))}
    ids = {id_ for id_, update in first.items() if update.update_id in fitting}
    return [update for update in updates if (message := _message(update)) and message.message_id in ids]


def _newest(updates: Sequence[Update]) -> tuple[Message, ...]:
    """The messages of these updates in the order in which they were written, each as it was changed last."""
    found = [message for update in updates if (message := _message(update)) is not None]
    return tuple({message.message_id: message for message in found}.values())


def _own(messages: Sequence[Message]) -> Sequence[Message]:
    """What was written for the bot, where that came with something forwarded."""
    return [message for message in messages if message.forward_origin is None] or messages


def _is_edited(store: Store, updates: Sequence[Update], message: Message) -> bool:
    """Whether a message was handled before it was changed; one that never came, or not to the bot, is a new one."""
    if any(update.edited_message is None for update in updates):
        return False
    ids = [update.update_id for update in updates]
    known = inbox.is_known(store, message.chat.id, message.message_id, besides=ids)
    return known or not editing.is_fresh(message)


async def _admitted(desk: Desk, update: Update, message: Message, place: Place, asked: Command | None) -> User | None:
    """Who wrote, if they may; for an admin of a group whom the bot does not know, the group itself."""
    author, query = update.effective_user, update.callback_query
    assert author is not None
    if not author.is_bot:
        code = asked.argument if asked and asked.name == "start" else None
        person = person_of(author.id, author.first_name, author.language_code)
        admission = await in_thread(
            lambda: desk.access.admit(person, code=code, private=place.private, wrote=query is None)
        )
        await _tell_of(desk, place, update, admission)
        if admission.answer in ("allowed", "paired", "invited"):
            return admission.user
    if place.private or not decided_by_admins(asked, query.data or "" if query is not None else None):
        return None
    if author.is_bot and not is_anonymous(message, author.id):
        return None
    known = desk.services.store.user(group_name(place.chat_id)) is not None
    if not (known or (asked is not None and asked.name == "storing")):
        return None  # nobody whom the bot knows has used it there: it answers nothing that need not be decided
    if not (is_anonymous(message, author.id) or await desk.admins.wrote(message, author.id)):
        return None
    language = language_of(author.language_code)
    return await in_thread(lambda: group_user(desk.services.store, place.chat_id, language=language))


def _message(update: Update) -> Message | None:
    # Not effective_message: that may be one of a channel, or of a chat that belongs to somebody else.
    message = update.callback_query.message if update.callback_query else update.message or update.edited_message
    return message if isinstance(message, Message) else None  # of very old ones a button has only the number


def _place(chat: Chat, message: Message) -> Place:
    thread = message.message_thread_id if message.is_topic_message else None
    return Place(chat.id, private=chat.type == Chat.PRIVATE, thread_id=thread)


def _group(desk: Desk, place: Place, person: User) -> User:
    return group_user(desk.services.store, place.chat_id, language=person.profile.language)


async def _tell_of(desk: Desk, place: Place, update: Update, admission: Admission) -> None:
    """Tell somebody who is not let in so, and the owner of whoever has come in or asks to."""
    user, key = admission.user, _ANSWERS.get(admission.answer)
    if key is not None and update.effective_user is not None:
        text = say(language_of(update.effective_user.language_code), key)
        await desk.outbox.send_all(place, plain_parts(text), key=f"{update.update_id}:outsider")
    if admission.answer == "waiting" and user is not None:
        await ask_owner(desk, user)
    elif admission.answer == "invited" and user is not None and admission.invitation is not None:
        await tell_owner(desk, user, invitation=admission.invitation)
