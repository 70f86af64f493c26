"""A reply on its way: written in a thread, sent as it comes, and ended when nobody waits for it any more.

Pieces wait in a queue without a bound, so that a client that reads slowly holds up its own connection and nothing
else; what waits there is one reply at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from bot.api.access import as_response
from bot.api.chatting import Answered, Waiting
from bot.api.errors import ApiError, failed
from bot.api.replies import Object, ReplyForm
from bot.threads import first_of, in_thread
from bot.turn_parts import OnText
from bot.web.routes import where
from memory.errors import FamiliarError

_log = logging.getLogger(__name__)
_BEGIN_SECONDS = 10.0
"""So long an error may still come as a status instead of an event; then the stream begins without a first piece."""
_SIGN_SECONDS = 15.0
"""After so long without a piece a comment is sent, so that no proxy takes the connection for dead."""
_SIGN = ": still at work\n\n"
Item = str | Answered | ApiError
T = TypeVar("T")


class WrittenReply:
    """A reply that is being written: its pieces, then what came of it.

    :param answer: writes it and hands on its pieces; called in a thread
    :param room: how many of one user's are written at a time
    """

    def __init__(self, answer: Callable[[OnText], Answered], waiting: Waiting, room: asyncio.Semaphore) -> None:
        self._answer = answer
        self._room = room
        self._items: asyncio.Queue[Item] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self.waiting = waiting

    def start(self) -> None:
        """Begin, once there is room."""
        self._task = asyncio.create_task(self._write())

    async def next(self, seconds: float | None) -> Item | None:
        """The next piece, or what came of the reply; None where nothing comes in so many seconds."""
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self._items.get(), seconds)
        return None

    async def outcome(self) -> Answered | ApiError:
        """What came of it, whatever pieces come before."""
        while True:
            item = await self._items.get()
            if not isinstance(item, str):
                return item

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()

        def put(item: Item) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._items.put_nowait, item)

        async with self._room:
            if not self.waiting.gone.is_set():
                await in_thread(lambda: put(outcome_of(lambda: self._answer(put))))


def outcome_of(work: Callable[[], T]) -> T | ApiError:
    """What came of the work, or what is to be said of its failure."""
    try:
        return work()
    except ApiError as exc:
        return exc
    except FamiliarError as exc:
        return failed(str(exc))
    except Exception as exc:  # noqa: BLE001 - the edge of a request: the others go on
        _log.error("a request over the API failed: %s", where(exc))
        return failed("something went wrong here; the log of `familiar serve` says where")


class ReplyResponse:
    """Sends a reply, whole or as events; the reply ends when this does, however that is."""

    def __init__(self, reply: WrittenReply, form: ReplyForm) -> None:
        self._reply = reply
        self._form = form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        self._reply.start()
        try:
            if self._form.asked.stream:
                await self._events(scope, receive, send)
            else:
                await self._whole(scope, receive, send)
        finally:
            self._reply.waiting.leave()

    async def _whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        outcome = await unless_gone(self._reply.outcome(), receive)
        if isinstance(outcome, ApiError):
            await as_response(outcome)(scope, receive, send)
        elif outcome is not None:
            await JSONResponse(self._form.whole(outcome))(scope, receive, send)

    async def _events(self, scope: Scope, receive: Receive, send: Send) -> None:
        first = await unless_gone(self._reply.next(_BEGIN_SECONDS), receive)
        if isinstance(first, ApiError):
            await as_response(first)(scope, receive, send)
            return
        stream = events(self._reply, self._form, first)
        headers = {"X-Accel-Buffering": "no"}
        await StreamingResponse(stream, headers=headers, media_type="text/event-stream")(scope, receive, send)


async def unless_gone(work: Coroutine[Any, Any, T], receive: Receive) -> T | None:
    """What came of the work; None where the client left first."""
    doing, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_left(receive))
    try:
        await first_of(doing, leaving)
        return doing.result() if doing.done() else None
    finally:
        doing.cancel()
        leaving.cancel()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def events(reply: WrittenReply, form: ReplyForm, first: Item | None) -> AsyncIterator[str]:
    """A reply as server-sent events."""
    yield event(form.first())
    shown, item = "", first
    while not isinstance(item, Answered | ApiError):
        if item:
            shown += item
            yield event(form.piece(item))
        item = await reply.next(_SIGN_SECONDS)
        if item is None:
            yield _SIGN
    if isinstance(item, ApiError):
        yield event(item.body())
        return
    if item.text.startswith(shown) and item.text != shown:  # a number that names the source of all of it
        yield event(form.piece(item.text[len(shown) :]))
    yield event(form.last(item))
    if form.asked.with_usage:
        yield event(form.usage(item))
    yield "data: [DONE]\n\n"


def event(data: Object) -> str:
    """One event."""
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
