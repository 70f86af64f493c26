"""The order of handling: a chat's messages one after the other, chats beside each other, what must not wait at once.

Messages that come while a chat is busy, or within a moment of each other, are handled together where they belong
together, since people write one thought in several messages and Telegram cuts long ones.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from telegram import Message, Update

from bot.telegram.desk import log_failure
from bot.telegram.wording import is_stop

Handle = Callable[[Sequence[Update]], Awaitable[Sequence[Update] | None]]
"""Handles updates; gives those that are to be handled once more, together with what has come meanwhile."""
Work = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class _Arrived:
    update: Update
    at: float
    alone: bool


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
        self._lanes: dict[int, list[_Arrived]] = {}
        self._first: dict[int, list[Work]] = {}
        self._tasks: set[asyncio.Future[object]] = set()
        self._closed = False

    def add(self, update: Update, *, alone: bool = False) -> None:
        """Have an update handled: at once, or after what its chat has to wait for.

        :param alone: not together with others, as part of its answer may have been sent
        """
        if goes_at_once(update):
            self._start(self._handle([update]))
            return
        if update.edited_message is not None:
            self._edited(update.edited_message)
        lane = self._lane(lane_of(update))
        lane.append(_Arrived(update, _now(), alone))
        lane.sort(key=lambda arrived: arrived.update.update_id)

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

    def _lane(self, chat: int) -> list[_Arrived]:
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

    async def _work_off(self, chat: int, lane: list[_Arrived]) -> None:
        try:
            while self._first.get(chat):
                await self._first[chat].pop(0)()
            while lane:
                await self._settle(lane)
                together = _taken(lane)
                if together:  # not where the end emptied the lane meanwhile
                    again = await self._handle(together)
                    if not self._closed:
                        lane[:0] = [_Arrived(update, _now(), alone=False) for update in again or ()]
        finally:
            del self._lanes[chat]
            self._first.pop(chat, None)

    async def _settle(self, lane: Sequence[_Arrived]) -> None:
        """Wait until nothing has come for a moment, where the first may have more to follow."""
        while lane and may_have_more(lane[0].update):
            wait = lane[-1].at + self._join_seconds - _now()
            if wait <= 0:
                return
            await asyncio.sleep(wait)


def _taken(lane: list[_Arrived]) -> list[Update]:
    """Take out of a lane what is handled next, with all changes of it that wait, so that it is answered once."""
    joinable = list(itertools.takewhile(lambda arrived: not arrived.alone, lane)) or lane[:1]
    if joinable and (album := album_of(joinable[0].update)):  # one receipt for all of it, also after a restart
        joinable = list(itertools.takewhile(lambda arrived: album_of(arrived.update) == album, lane))
    together = batch([arrived.update for arrived in joinable])
    del lane[: len(together)]
    messages = {_message_id(update) for update in together} - {None}
    edits = [arrived for arrived in lane if arrived.update.edited_message and _message_id(arrived.update) in messages]
    lane[:] = [arrived for arrived in lane if arrived not in edits]
    return [*together, *(arrived.update for arrived in edits)]


def _message_id(update: Update) -> int | None:
    message = update.effective_message
    return message.message_id if message is not None else None


def _now() -> float:
    return asyncio.get_running_loop().time()


def lane_of(update: Update) -> int:
    """The chat that an update belongs to; 0 where it belongs to none."""
    chat = update.effective_chat
    return chat.id if chat is not None else 0


def goes_at_once(update: Update) -> bool:
    """Pressed buttons wait for nothing, nor does the wish that the bot stop writing."""
    message = update.message
    stops = message is not None and message.forward_origin is None and is_stop(message.text or "")
    return update.callback_query is not None or stops


def batch(updates: Sequence[Update]) -> list[Update]:
    """The first updates that are to be handled together: at least one, if there is any."""
    together = list(updates[:1])
    for update in updates[1:]:
        if not _belong(together, update):
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
