"""The order of handling: a chat's messages one after the other, chats beside each other, what must not wait at once.

Messages that come while a chat is busy, or within a moment of each other, are handled together where they belong
together, since people write one thought in several messages and Telegram cuts long ones. In a group people are
answered in turn, each one's messages in their order, so that nobody waits behind another's flood.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

from telegram import Message, Update

from bot.telegram.desk import log_failure
from bot.telegram.wording import is_stop

Handle = Callable[[Sequence[Update]], Awaitable[Sequence[Update] | None]]
"""Handles updates; gives those that are to be handled once more, together with what has come meanwhile."""
Work = Callable[[], Awaitable[None]]
MOST_JOINED = 3 * 4096
"""Characters of messages that are handled together: three of Telegram's longest, about 4,000 tokens of English. What
waits beyond them is handled next, so that a flood makes no prompt that the model can't hold or reads for minutes."""
_LONGEST_SETTLE = 10.0
"""Times ``join_seconds`` after which an answer is begun although more keeps coming."""
_AT_ONCE = 4
"""Buttons of one person that are acted on at the same time."""


@dataclass(frozen=True)
class Arrived:
    """An update that waits in a lane."""

    update: Update
    at: float
    """The event loop's time."""
    alone: bool = False


class Lanes:
    """Takes updates and has them handled in their order.

    :param handle: handles updates that belong together; must not raise
    :param join_seconds: after a text, wait so long for another
    :param edited: told of each changed message as it comes, since its old text may just be answered
    """

    def __init__(
        self, handle: Handle, *, join_seconds: float, edited: Callable[[Message], None] = lambda _: None
    ) -> None:
        self._handle = handle
        self._edited = edited
        self._join_seconds = join_seconds
        self._lanes: dict[int, list[Arrived]] = {}
        self._first: dict[int, list[Work]] = {}
        self._pressing: WeakValueDictionary[int, asyncio.Semaphore] = WeakValueDictionary()
        self._tasks: set[asyncio.Future[object]] = set()
        self._closed = False

    def add(self, update: Update, *, alone: bool = False) -> None:
        """Have an update handled: at once, or after what its chat has to wait for.

        :param alone: not together with others, as part of its answer may have been sent
        """
        if stops(update):
            self._start(self._until_handled(update))
            return
        if update.callback_query is not None:
            self._start(self._press(update))
            return
        if update.edited_message is not None:
            self._edited(update.edited_message)
        lane = self._lane(lane_of(update))
        lane.append(Arrived(update, _now(), alone))
        lane.sort(key=_number)

    def before_all(self, chat_id: int, work: Work) -> None:
        """Do this before any update of a chat is handled; to be said before the first is added."""
        self._first.setdefault(chat_id, []).append(work)
        self._lane(chat_id)

    async def close(self, *, seconds: float) -> None:
        """Wait so long for what is being handled, then give it up; what waits is left."""
        self._closed = True
        for lane in self._lanes.values():
            lane.clear()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _lane(self, chat: int) -> list[Arrived]:
        """What waits in a chat, which is being worked off from now on."""
        if chat not in self._lanes:
            self._lanes[chat] = []
            self._start(self._work_off(chat, self._lanes[chat]))
        return self._lanes[chat]

    def _start(self, work: Awaitable[object]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(log_failure)

    async def _press(self, update: Update) -> None:
        """Beside the chat, but not hundreds at a time: each takes a thread and the database."""
        async with self._pressing.setdefault(author_of(update), asyncio.Semaphore(_AT_ONCE)):
            await self._until_handled(update)

    async def _until_handled(self, update: Update) -> None:
        again: Sequence[Update] | None = [update]
        while again and not self._closed:
            again = await self._handle(again)

    async def _work_off(self, chat: int, lane: list[Arrived]) -> None:
        served: dict[int, int] = {}
        try:
            while self._first.get(chat):
                await self._first[chat].pop(0)()
            for number in itertools.count():
                await self._settle(lane)
                if not lane:  # worked off, or emptied by the end
                    break
                together = next_of(lane, served)
                taken = {update.update_id for update in together}
                lane[:] = [arrived for arrived in lane if arrived.update.update_id not in taken]
                served[author_of(together[0])] = number
                again = await self._handle(together)
                if not self._closed:
                    lane += [Arrived(update, _now()) for update in again or ()]
                    lane.sort(key=_number)
        finally:
            del self._lanes[chat]
            self._first.pop(chat, None)

    async def _settle(self, lane: Sequence[Arrived]) -> None:
        """Wait until nothing has come for a moment, where the first may have more to follow."""
        while lane and may_have_more(lane[0].update) and sum(length(arrived.update) for arrived in lane) < MOST_JOINED:
            begun = min(arrived.at for arrived in lane) + _LONGEST_SETTLE * self._join_seconds
            wait = min(lane[-1].at + self._join_seconds, begun) - _now()
            if wait <= 0:
                return
            await asyncio.sleep(wait)


def _number(arrived: Arrived) -> int:
    return arrived.update.update_id


def _message_id(update: Update) -> int | None:
    message = update.effective_message
    return message.message_id if message is not None else None


def _now() -> float:
    return asyncio.get_running_loop().time()


def lane_of(update: Update) -> int:
    """The chat that an update belongs to; 0 where it belongs to none."""
    chat = update.effective_chat
    return chat.id if chat is not None else 0


def author_of(update: Update) -> int:
    """Who wrote or pressed; 0 where nobody did."""
    author = update.effective_user
    return author.id if author is not None else 0


def length(update: Update) -> int:
    """Characters of a text."""
    message = update.message
    return len(message.text or "") if message is not None else 0


def stops(update: Update) -> bool:
    """Whether it says or presses no more than that the bot should stop writing."""
    query, message = update.callback_query, update.message
    if query is not None:
        return query.data == "stop"
    return message is not None and message.forward_origin is None and is_stop(message.text or "")


def next_of(lane: Sequence[Arrived], served: Mapping[int, int]) -> list[Update]:
    """What is handled next of a lane that is not empty: of the person who has waited longest for a turn.

    With all changes of it that wait, so that it is answered once.

    :param served: when each person had the last turn, any growing number
    """
    author = min((author_of(arrived.update) for arrived in lane), key=lambda person: served.get(person, -1))
    own = [arrived for arrived in lane if author_of(arrived.update) == author]
    joinable = list(itertools.takewhile(lambda arrived: not arrived.alone, own)) or own[:1]
    if album := album_of(joinable[0].update):  # one receipt for all of it, also after a restart
        joinable = list(itertools.takewhile(lambda arrived: album_of(arrived.update) == album, own))
    together = batch([arrived.update for arrived in joinable])
    messages = {_message_id(update) for update in together} - {None}
    rest = [arrived.update for arrived in own if arrived.update not in together]
    return [*together, *(update for update in rest if update.edited_message and _message_id(update) in messages)]


def batch(updates: Sequence[Update]) -> list[Update]:
    """The first updates that are to be handled together: at least one, if there is any."""
    together = list(updates[:1])
    characters = sum(map(length, together))
    for update in updates[1:]:
        characters += length(update)
        if not _belong(together, update):
            break
        if characters > MOST_JOINED:
            break
        together.append(update)
    return together


def may_have_more(update: Update) -> bool:
    """Whether others that belong to it may follow within a moment."""
    return may_be_joined(update) or is_forwarded(update) or album_of(update) is not None


def _belong(together: Sequence[Update], update: Update) -> bool:
    first, last = together[0], together[-1]
    if album_of(first) is not None:
        return album_of(update) == album_of(first)
    if not (may_be_joined(first) or is_forwarded(first)) or update.message is None:
        return False
    if not _same_hand(first, update):
        return False
    if is_forwarded(last):
        return is_forwarded(update)
    return may_be_joined(update) or (is_forwarded(update) and _at_once(last, update))


def _at_once(text: Update, forwarded: Update) -> bool:
    """Whether a text is what Telegram lets people write while they forward something: both are sent together."""
    assert text.message is not None
    assert forwarded.message is not None
    return abs((forwarded.message.date - text.message.date).total_seconds()) <= 1


def is_forwarded(update: Update) -> bool:
    """Whether it is a text of a private chat that was written elsewhere."""
    message = update.message
    private = message is not None and message.chat.type == "private"
    return message is not None and private and bool(message.text) and message.forward_origin is not None


def album_of(update: Update) -> str | None:
    """The album that a document or a photo was sent in."""
    message = update.message
    sent = message is not None and (message.document is not None or message.photo)
    return message.media_group_id if message is not None and sent else None


def may_be_joined(update: Update) -> bool:
    """Whether it is a plain text of a private chat, which may be part of a longer thought."""
    message = update.message
    if message is None or not message.text or message.chat.type != "private":
        return False
    refers = message.reply_to_message or message.external_reply or message.forward_origin
    return not message.text.startswith("/") and refers is None


def _same_hand(first: Update, other: Update) -> bool:
    assert first.message is not None
    assert other.message is not None
    return (first.message.from_user, first.message.message_thread_id) == (
        other.message.from_user,
        other.message.message_thread_id,
    )
