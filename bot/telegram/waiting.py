"""Waiting for long work on a message, within its place in the chat: "typing" is shown, and "stop" ends the wait."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from telegram.error import TelegramError

from bot.telegram.desk import Interrupted, Visit
from bot.threads import in_thread, pause

T = TypeVar("T")
_TICK_SECONDS = 0.1
_TYPING_SECONDS = 4.5


async def unless_stopped(visit: Visit, work: Callable[[threading.Event], T]) -> T | None:
    """What the work gives, from a thread; None where the user said "stop" first.

    :param work: is given what is set when nobody waits for it any more
    :raises Interrupted: the bot ends; the message waits for the next start
    """
    with visit.desk.turn_in(visit.place.chat_id) as cancel:
        task = asyncio.ensure_future(in_thread(lambda: work(cancel)))
        async with _typing(visit):
            while not task.done() and not cancel.is_set():
                await asyncio.wait({task}, timeout=_TICK_SECONDS)
    if not cancel.is_set():
        return task.result()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)  # what it ends with is nobody's concern
    if visit.desk.cancel.is_set():
        raise Interrupted
    await visit.tell(visit.phrase("tg_stopped"))
    return None


@contextlib.asynccontextmanager
async def _typing(visit: Visit) -> AsyncIterator[None]:
    end = asyncio.Event()

    async def show() -> None:
        with contextlib.suppress(TelegramError):  # only a courtesy
            while not end.is_set():
                await visit.desk.sender.typing(visit.place)
                await pause(end, _TYPING_SECONDS)

    task = asyncio.create_task(show())
    try:
        yield
    except asyncio.CancelledError:
        task.cancel()  # a request without an answer would hold up the end of the bot
        raise
    finally:
        end.set()
        await asyncio.gather(task, return_exceptions=task.cancelling() > 0)
