"""A reply that is still being written, shown as it grows: drafts in private chats, spaced edits elsewhere.

Previews are a courtesy and may fail in any way; the reply itself is sent by `finish`, which never relies on them. A
preview under way is waited for before the reply is sent, so that an old text can't come after the final one.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from telegram.error import Forbidden, RetryAfter, TelegramError

from bot.telegram.outbox import Buttons, Outbox, Place, kind
from bot.telegram.render import Part, reply_parts
from bot.telegram.threads import pause

GROUP_SPACING = 3.0
"""Edits in a group are this many times further apart: Telegram allows a bot twenty messages a minute there."""
_TYPING_SECONDS = 4.5
_DRAFT_SECONDS = 20.0
"""A draft vanishes after thirty seconds unless it is sent again."""
_MOST_FAILURES = 3
_log = logging.getLogger(__name__)


class Preview(Protocol):
    """A way to show a text that is not finished, and at last the finished one."""

    refresh: float | None
    """Seconds after which the same text has to be shown again."""

    async def show(self, text: str) -> None:
        """Show what is there so far.

        :raises TelegramError: it can't be shown now
        """
        ...

    async def finish(self, parts: Sequence[Part], *, buttons: Buttons | None = None) -> list[int]:
        """Send the whole; gives the ids of its messages."""
        ...


class DraftPreview:
    """Drafts, which become no message; the end of a long text is shown."""

    refresh: float | None = _DRAFT_SECONDS

    def __init__(self, outbox: Outbox, place: Place, *, draft_id: int) -> None:
        self._outbox = outbox
        self._place = place
        self._draft_id = draft_id

    async def show(self, text: str) -> None:
        """Show the text as a draft."""
        await self._outbox.preview_draft(self._place, self._draft_id, reply_parts(text)[-1])

    async def finish(self, parts: Sequence[Part], *, buttons: Buttons | None = None) -> list[int]:
        """Send the whole as messages."""
        return await self._outbox.send_all(self._place, parts, buttons=buttons)


class EditPreview:
    """A message that is edited while its text grows, up to the length of one message."""

    refresh: float | None = None

    def __init__(self, outbox: Outbox, place: Place, *, reply_to: int | None = None) -> None:
        self._outbox = outbox
        self._place = place
        self._reply_to = reply_to
        self._message_id: int | None = None
        self._shown = Part("")

    async def show(self, text: str) -> None:
        """Send the text, from the second time on as an edit; one that changes nothing is left out."""
        part = reply_parts(text)[0]
        if self._message_id is None:
            self._message_id = await self._outbox.send(self._place, part, reply_to=self._reply_to)
        elif part != self._shown:
            await self._outbox.preview_edit(self._place, self._message_id, part)
        self._shown = part

    async def finish(self, parts: Sequence[Part], *, buttons: Buttons | None = None) -> list[int]:
        """Put the first part in the message's place and send the others after it."""
        if self._message_id is None or not parts:
            return await self._outbox.send_all(self._place, parts, reply_to=self._reply_to, buttons=buttons)
        first, rest = parts[0], parts[1:]
        try:
            await self._outbox.edit(self._place, self._message_id, first, buttons=None if rest else buttons)
        except Forbidden:
            raise
        except TelegramError as exc:  # somebody deleted it
            _log.info("the reply in chat %d can't be edited (%s) and is sent anew", self._place.chat_id, kind(exc))
            return await self._outbox.send_all(self._place, parts, buttons=buttons)
        return [self._message_id, *(await self._outbox.send_all(self._place, rest, buttons=buttons))]


class Stream:
    """Takes text from a worker thread and shows it at most every ``seconds``; a context manager."""

    def __init__(self, preview: Preview, outbox: Outbox, place: Place, *, seconds: float) -> None:
        self._preview = preview
        self._outbox = outbox
        self._place = place
        self._seconds = seconds
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
        await asyncio.gather(*self._tasks)

    async def _type(self) -> None:
        while not self._text and not self._end.is_set():
            try:
                await self._outbox.typing(self._place)
            except TelegramError:  # only a courtesy
                return
            await pause(self._end, _TYPING_SECONDS)

    async def _pump(self) -> None:
        shown = ""
        while not self._end.is_set() and self._failures < _MOST_FAILURES:
            fresh = await pause(self._news, self._preview.refresh)
            self._news.clear()
            if await pause(self._end, self._outbox.quiet_for(self._place)):
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
            self._outbox.keep_quiet(self._place, exc)
        except TelegramError as exc:
            self._failures += 1
            _log.info("a preview in chat %d failed: %s", self._place.chat_id, kind(exc))
