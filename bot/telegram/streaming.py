"""A reply that is still being written, shown as it grows: drafts in private chats, spaced edits elsewhere.

Previews are a courtesy and may fail in any way; the reply itself is delivered by the outbox, which never relies on
them. A preview under way is waited for before that, so that an old text can't come after the final one.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from types import TracebackType
from typing import Protocol, Self

from telegram.error import RetryAfter, TelegramError

from bot.telegram.outbox import Outbox, Reply
from bot.telegram.render import Part, reply_parts
from bot.telegram.sending import Buttons, Place, Sender, kind
from bot.threads import in_thread, pause

GROUP_SPACING = 5.0
"""Edits in a group are this many times further apart: of the twenty messages a minute that Telegram allows there, some
must be left for replies."""
_TYPING_SECONDS = 4.5
_DRAFT_SECONDS = 20.0
"""A draft vanishes after thirty seconds unless it is sent again."""
_MOST_FAILURES = 3
_BEGINNING = "…"
_log = logging.getLogger(__name__)


class Preview(Protocol):
    """A way to show a text that is not finished."""

    refresh: float | None
    """Seconds after which the same text has to be shown again."""

    async def show(self, text: str) -> None:
        """Show what is there so far.

        :raises TelegramError: it can't be shown now
        """
        ...


class DraftPreview:
    """Drafts, which become no message; the end of a long text is shown."""

    refresh: float | None = _DRAFT_SECONDS

    def __init__(self, sender: Sender, place: Place, *, draft_id: int) -> None:
        self._sender = sender
        self._place = place
        self._draft_id = draft_id

    async def show(self, text: str) -> None:
        """Show the text as a draft."""
        part = (await in_thread(lambda: reply_parts(text)))[-1]
        await self._sender.preview_draft(self._place, self._draft_id, part)


class EditPreview:
    """A message that is edited while its text grows, up to the length of one message, and into the reply at last.

    It begins without a word of the reply: when nobody knows whether it arrived, the reply is sent as a message of its
    own, and what may be left over says nothing twice.
    """

    refresh: float | None = None

    def __init__(self, outbox: Outbox, reply: Reply, *, buttons: Buttons | None = None) -> None:
        self._outbox = outbox
        self._reply = reply
        self._buttons = buttons
        self._message_id = reply.preview_id
        self._lost = False
        self._shown = Part("")

    async def show(self, text: str) -> None:
        """Show the text; one that changes nothing is left out."""
        part = (await in_thread(lambda: reply_parts(text)))[0]
        if self._message_id is None and not self._lost:
            await self._begin()
        if self._message_id is not None and part != self._shown:
            await self._outbox.sender.preview_edit(self._reply.place, self._message_id, part, buttons=self._buttons)
            self._shown = part

    async def _begin(self) -> None:
        reply, sender = self._reply, self._outbox.sender
        sent = await sender.send(reply.place, Part(_BEGINNING), reply_to=reply.reply_to, buttons=self._buttons)
        self._lost, self._message_id = sent is None, sent
        if sent is not None:
            await in_thread(lambda: self._outbox.shown_in(reply, sent))


class Stream:
    """Takes text from a worker thread and shows it at most every ``seconds``; a context manager.

    :param after: seconds before anything is shown: a text that is finished by then needs no preview
    """

    def __init__(self, preview: Preview, sender: Sender, place: Place, *, seconds: float, after: float = 0.0) -> None:
        self._preview = preview
        self._sender = sender
        self._place = place
        self._seconds = seconds
        self._after = after
        self._lock = threading.Lock()
        self._text = ""
        self._news = asyncio.Event()
        self._end = asyncio.Event()
        self._failures = 0

    def feed(self, piece: str) -> None:
        """Add to the text; may be called from any thread."""
        with self._lock:
            self._text += piece
        self._wake()

    def put(self, text: str) -> None:
        """Replace the text; may be called from any thread."""
        with self._lock:
            self._text = text
        self._wake()

    def _wake(self) -> None:
        self._loop.call_soon_threadsafe(self._news.set)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._tasks = [asyncio.create_task(self._type()), asyncio.create_task(self._pump())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._news.set()
        cancelled = kind is not None and issubclass(kind, asyncio.CancelledError)
        for task in self._tasks if cancelled else ():
            task.cancel()  # a request without an answer would hold up the end of the bot
        await asyncio.gather(*self._tasks, return_exceptions=cancelled)

    async def _type(self) -> None:
        while not self._text and not self._end.is_set():
            try:
                await self._sender.typing(self._place)
            except TelegramError:  # only a courtesy
                return
            await pause(self._end, _TYPING_SECONDS)

    async def _pump(self) -> None:
        shown = ""
        await pause(self._end, self._after)
        while not self._end.is_set() and self._failures < _MOST_FAILURES:
            fresh = await pause(self._news, self._preview.refresh)
            self._news.clear()
            if await pause(self._end, self._sender.quiet_for(self._place)):
                return
            text = self._text
            if text.strip() and (text != shown or not fresh):
                await self._show(text)
                shown = text
            await pause(self._end, self._seconds)

    async def _show(self, text: str) -> None:
        try:
            await self._preview.show(text)
        except RetryAfter as exc:
            self._sender.keep_quiet(self._place, exc)
        except Exception as exc:  # noqa: BLE001 - a courtesy: what goes wrong with it must not cost the reply
            self._failures += 1
            _log.info("a preview in chat %d failed: %s", self._place.chat_id, kind(exc))
