"""What handlers work with: the services, the outbox, and the one message that is being handled."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any
from weakref import WeakValueDictionary

from telegram import Bot, CallbackQuery, Message
from telegram.error import Forbidden, TelegramError

from bot.locales import say
from bot.telegram.access import Access
from bot.telegram.outbox import Buttons, Outbox, Place, kind
from bot.telegram.ports import Services
from bot.telegram.render import plain_parts
from bot.telegram.wording import Command
from memory.errors import FamiliarError
from memory.records import User

_log = logging.getLogger(__name__)


class Desk:
    """What all handlers of one running bot share."""

    def __init__(self, services: Services, bot: Bot) -> None:
        self.services = services
        self.bot = bot
        self.outbox = Outbox(bot)
        self.access = Access(services.store, services.clock)
        self.cancel = threading.Event()
        """Set when the bot stops: turns end at their next word, tunes at once."""
        self.stopping = asyncio.Event()
        """The same for what waits in the event loop."""
        self.tuning = asyncio.Lock()
        """One tune at a time: two would take the machine from the chat."""
        self._imports: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the chat; the work tells the user itself what came of it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def importing(self, user: User) -> asyncio.Lock:
        """Files of one user are taken in one after the other, in the order in which they came."""
        return self._imports.setdefault(user.id, asyncio.Lock())

    def end(self) -> None:
        """Let replies and tunes under way come to their end."""
        self.cancel.set()
        self.stopping.set()

    async def close(self, *, seconds: float) -> None:
        """Wait so long for what still runs beside the chat, then give it up."""
        self.end()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


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
    update_id: int = 0

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

    async def tell(self, text: str, *, buttons: Buttons | None = None, reply: bool = False) -> list[int]:
        """Send a text as it stands."""
        reply_to = self.message.message_id if reply or not self.place.private else None
        return await self.desk.outbox.send_all(self.place, plain_parts(text), reply_to=reply_to, buttons=buttons)


async def guarded(visit: Visit, work: Coroutine[Any, Any, None]) -> None:
    """Do the work; what goes wrong is told to the user with a number that the log has too, and ends there.

    The log holds ids, types and places in the code, never what was written.
    """
    try:
        await work
    except Forbidden:
        _log.info("user %d has blocked the bot", visit.person.id)
    except Exception as exc:  # noqa: BLE001 - the edge of a turn: one failed message must not stop the bot
        number = secrets.token_hex(3)
        _log.error("error %s: update %d, user %d: %s", number, visit.update_id, visit.user.id, where(exc))
        reason = f" {exc}" if isinstance(exc, FamiliarError) else ""
        try:
            await visit.tell(visit.phrase("tg_sorry", number=number) + reason)
        except TelegramError as failed:
            _log.warning("error %s could not be told: %s", number, kind(failed))


def where(error: BaseException) -> str:
    """Type and place of an error, without its text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
    return f"{kind(error)} at {place}"
