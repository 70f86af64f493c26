"""What handlers work with: the services, the outbox, and the one message that is being handled."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any
from weakref import WeakValueDictionary

from telegram import Bot, CallbackQuery, Message
from telegram.error import Forbidden, TelegramError

from bot.locales import say
from bot.logbook.wishes import LogMessage
from bot.reminders.answering import GivenUp
from bot.reminders.parsing import Missing, Wish
from bot.telegram.access import Access
from bot.telegram.group_admins import GroupAdmins
from bot.telegram.group_rules import mark_told, notice_of
from bot.telegram.ledger import moved
from bot.telegram.outbox import Outbox
from bot.telegram.ports import Services
from bot.telegram.render import Part, plain_parts, split, with_footer
from bot.telegram.sending import Buttons, Place, Sender, kind
from bot.telegram.wording import Command
from bot.threads import in_thread
from memory.counters import count
from memory.errors import FamiliarError
from memory.records import User

_log = logging.getLogger(__name__)


class Interrupted(Exception):
    """The bot ends while a message is being answered; it is answered after the next start."""


class Overtaken(Interrupted):
    """A message was changed while it was being answered; nothing of that is stored, and its new text is answered."""


@dataclass(frozen=True)
class _Writing:
    """A reply that is being written, and the messages that it answers."""

    messages: Sequence[Message] = ()
    cancel: threading.Event = field(default_factory=threading.Event)


def _is_newer(message: Message, *, than: Message) -> bool:
    """Whether it is another version of a message, and no earlier one that comes late."""
    if message.message_id != than.message_id or (message.text, message.caption) == (than.text, than.caption):
        return False
    return (message.edit_date or message.date) >= (than.edit_date or than.date)


class Desk:
    """What all handlers of one running bot share."""

    def __init__(self, services: Services, bot: Bot) -> None:
        self.services = services
        self.bot = bot
        seconds = services.settings.telegram.chat_seconds
        self.sender = Sender(bot, chat_seconds=seconds, migrated=self._moved, delayed=self._delayed)
        self.outbox = Outbox(services.store, self.sender)
        self.access = Access(services.store, services.clock, customers=services.customers is not None)
        self.admins = GroupAdmins(bot)
        self.cancel = threading.Event()
        """Set when the bot stops: turns end at their next word, tunes at once."""
        self.stopping = asyncio.Event()
        """The same for what waits in the event loop."""
        self.tuning = asyncio.Lock()
        """One tune at a time: two would take the machine from the chat."""
        self._said: set[tuple[int, str]] = set()
        self._turns: dict[int, _Writing] = {}
        self._alone: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the chat; the work tells the user itself what came of it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(log_failure)

    def first_time(self, chat_id: int, what: str) -> bool:
        """Whether something that need not be repeated was not said in a chat yet, since the start."""
        new = (chat_id, what) not in self._said
        self._said.add((chat_id, what))
        return new

    def importing(self, user: User) -> asyncio.Lock:
        """Files of one user are taken in one after the other, in the order in which they came."""
        return self._one_at_a_time("import", user)

    def answering(self, person: User) -> asyncio.Lock:
        """One person's turns come one after the other, in however many chats: the model serves people in turn."""
        return self._one_at_a_time("turn", person)

    def explaining(self, person: User) -> asyncio.Lock:
        """What carried replies is computed for one person one after the other."""
        return self._one_at_a_time("explanation", person)

    def _one_at_a_time(self, work: str, user: User) -> asyncio.Lock:
        return self._alone.setdefault((work, user.id), asyncio.Lock())

    @contextlib.contextmanager
    def turn_in(self, chat_id: int, messages: Sequence[Message] = ()) -> Iterator[threading.Event]:
        """While a chat is answered: what ends the writing at the next word.

        :param messages: those that are answered
        """
        writing = self._turns[chat_id] = _Writing(messages)
        if self.cancel.is_set():
            writing.cancel.set()
        try:
            yield writing.cancel
        finally:
            del self._turns[chat_id]

    def stop_writing(self, chat_id: int) -> bool:
        """End the reply that is being written in a chat; False where none is."""
        writing = self._turns.get(chat_id)
        if writing is not None:
            writing.cancel.set()
        return writing is not None

    def changed(self, message: Message) -> None:
        """A message was edited: what is being written to its old text ends, and the new one is answered after it."""
        writing = self._turns.get(message.chat.id)
        if writing is not None and any(_is_newer(message, than=each) for each in writing.messages):
            writing.cancel.set()

    def end(self) -> None:
        """Let replies and tunes under way come to their end."""
        self.cancel.set()
        self.stopping.set()
        for writing in self._turns.values():
            writing.cancel.set()

    async def _moved(self, old_chat: int, new_chat: int) -> None:
        await in_thread(lambda: moved(self.services.store, old_chat, new_chat))

    async def _delayed(self) -> None:
        await in_thread(lambda: count(self.services.store, "sends", "retry_after"))

    async def close(self, *, seconds: float) -> None:
        """Wait so long for what still runs beside the chat, then give it up."""
        self.end()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Handling:
    """How far updates are handled: how many messages were sent for it, and what still runs beside the chat."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._held = 1
        self._when_done: Callable[[], Awaitable[object]] = nothing

    def number(self) -> int:
        """0, 1, 2 and so on."""
        return next(self._numbers)

    def hold(self) -> None:
        """One thing more must end."""
        self._held += 1

    async def release(self) -> None:
        """One of them has."""
        self._held -= 1
        if self._held == 0:
            await self._when_done()

    async def finish(self, when_done: Callable[[], Awaitable[object]]) -> None:
        """The handler has returned; do this once nothing runs any more."""
        self._when_done = when_done
        await self.release()


async def nothing() -> None:
    """Done at once."""


@dataclass(frozen=True)
class Visit:
    """One message or pressed button of an allowed person."""

    desk: Desk
    person: User
    """Who wrote."""
    user: User
    """Whose memory it is about: the person's, in a group the group's."""
    place: Place
    message: Message
    """What was written; for a button, the message under which it is."""
    command: Command | None = None
    query: CallbackQuery | None = None
    edited: bool = False
    update_ids: tuple[int, ...] = ()
    """The updates that are handled together."""
    texts: tuple[str, ...] = ()
    """What was written, of several messages in a row each."""
    messages: tuple[Message, ...] = ()
    """The messages that are handled together, each as it stands now; for a button none."""
    wish: Wish | Missing | GivenUp | None = None
    """The reminder that it asks for, read once."""
    logged: LogMessage | None = None
    """The entries that it logs, or what it asks of the log, read once."""
    handling: Handling = field(default_factory=Handling)

    @property
    def services(self) -> Services:
        """What the bot talks to."""
        return self.desk.services

    @property
    def language(self) -> str:
        """The language of the answer."""
        return self.user.profile.language

    def phrase(self, key: str, /, **values: object) -> str:
        """A phrase in the user's language."""
        return say(self.language, key, **values)

    @property
    def telegram_id(self) -> int:
        """The account that wrote or pressed; 0 where there is none."""
        author = self.query.from_user if self.query is not None else self.message.from_user
        return author.id if author is not None else 0

    @property
    def cited(self) -> int | None:
        """The message that an answer in a group refers to."""
        return None if self.place.private else self.message.message_id

    def key(self) -> str:
        """Names the next message that the handler sends, the same again when the updates are handled again."""
        return f"{self.update_ids[0]}:{self.handling.number()}"

    async def tell(self, text: str, *, buttons: Buttons | None = None, reply: bool = False) -> list[int]:
        """Send a text as it stands."""
        return await self.show(
            plain_parts(text), buttons=buttons, reply_to=self.message.message_id if reply else self.cited
        )

    async def show(
        self, parts: Sequence[Part], *, buttons: Buttons | None = None, reply_to: int | None = None
    ) -> list[int]:
        """Send the messages of one answer; a group's first says what is stored of it."""
        notice = "" if self.place.private else notice_of(self.services.store, self.user)
        sent = await self.desk.outbox.send_all(
            self.place, noticed(parts, notice), key=self.key(), user=self.user, reply_to=reply_to, buttons=buttons
        )
        if notice:
            await in_thread(lambda: mark_told(self.services.store, self.user.id))
        return sent

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Go on beside the chat; the message counts as handled when that is done too."""
        self.handling.hold()

        async def held() -> None:
            await guarded(self, work)
            # Not after a cancellation: what the end of the bot cut off is done again after the next start.
            await self.handling.release()

        self.desk.start(held())


def noticed(parts: Sequence[Part], notice: str) -> Sequence[Part]:
    """The messages with a notice under the last."""
    return [*parts[:-1], *split(with_footer(parts[-1], notice))] if notice else parts


async def guarded(visit: Visit, work: Coroutine[Any, Any, None]) -> None:
    """Do the work; what goes wrong is told to the user with a number that the log has too, and ends there.

    The log holds ids, types and places in the code, never what was written.
    """
    try:
        await work
    except Interrupted:
        raise
    except Forbidden:
        _log.info("user %d has blocked the bot", visit.person.id)
    except Exception as exc:  # noqa: BLE001 - the edge of a turn: one failed message must not stop the bot
        if is_sent_away(visit):  # what they wrote to is erased under them, which is not theirs to hear of
            return
        number = secrets.token_hex(3)
        _log.error("error %s: update %d, user %d: %s", number, visit.update_ids[0], visit.user.id, where(exc))
        reason = f" {exc}" if isinstance(exc, FamiliarError) else ""
        try:
            await visit.tell(visit.phrase("tg_sorry", number=number) + reason)
        except (TelegramError, FamiliarError) as failed:
            _log.warning("error %s could not be told: %s", number, where(failed))


def is_sent_away(visit: Visit) -> bool:
    """Whether the owner has sent away, since they wrote, who is being answered."""
    return visit.services.store.user_by_id(visit.person.id).role == "refused"


def log_failure(task: asyncio.Future[Any]) -> None:
    """Say that a task ended with an error; left alone, asyncio would log its text, which may be what a person wrote."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.error("a task ended: %s", where(error))


def where(error: BaseException) -> str:
    """Type and place of an error, without its text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
    return f"{kind(error)} at {place}"
