"""Documents sent to the bot: taken in beside the chat, which goes on meanwhile, with one receipt message.

What was sent together is one import: the caption is for all of it, and one message shows how far it has come and then
what became of each file. One that can't be fetched costs the others nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import urlsplit

from telegram import Document
from telegram.error import BadRequest, NetworkError, RetryAfter, TelegramError

from bot.config import Settings
from bot.telegram.desk import Visit, is_sent_away
from bot.telegram.inbox import tries_of
from bot.telegram.limiting import note_work
from bot.telegram.render import Part, plain_parts
from bot.telegram.sending import seconds_of
from bot.telegram.wording import ImportWish, import_wish
from bot.threads import in_thread
from memory.records import Receipt

DOWNLOAD_LIMIT = 20 * 1024 * 1024
"""Larger files Telegram's own Bot API server does not hand out."""
LOCAL_LIMIT = 2000 * 1024 * 1024
"""What a server of one's own hands out (https://core.telegram.org/bots/api#using-a-local-bot-api-server)."""
_OFFICIAL = "api.telegram.org"
_SPACING = 3.0
"""How far edits of the progress are apart, as a multiple of those of a reply: it is worth less."""
_FETCHES = 3
_PAUSE = 0.5
T = TypeVar("T")


@dataclass(frozen=True)
class Sent:
    """A file as it was sent."""

    name: str
    size: int
    document: Document


@dataclass(frozen=True)
class Limit:
    """The largest file that is fetched, in bytes, and the phrase that says why no larger one is."""

    size: int
    phrase: str


def limit_of(settings: Settings) -> Limit:
    """What the server hands out, or what the importer takes where that is less."""
    official = urlsplit(settings.telegram.api_url).hostname == _OFFICIAL
    handed = Limit(DOWNLOAD_LIMIT, "tg_too_big") if official else Limit(LOCAL_LIMIT, "tg_too_big_local")
    taken = Limit(settings.import_.max_file_mb * 1024 * 1024, "tg_too_big_import")
    return min(handed, taken, key=lambda limit: limit.size)


async def document(visit: Visit) -> None:
    """Take in what was sent together, or say at once that nothing of it can be fetched."""
    sent = [
        Sent(found.file_name or "document", found.file_size or 0, found)
        for message in visit.messages
        if (found := message.document) is not None
    ]
    limit = limit_of(visit.services.settings)
    if all(file.size > limit.size for file in sent):
        await visit.tell("\n".join(_too_big(visit, file, limit) for file in sent))
        return
    visit.beside(_import_all(visit, sent))


async def _import_all(visit: Visit, sent: list[Sent]) -> None:
    # What stands under a forwarded file somebody else wrote.
    own = [message.caption for message in visit.messages if message.forward_origin is None]
    caption = next((text for text in own if text), "")
    wish, again = import_wish(caption), tries_of(visit.services.store, visit.update_ids[0]) > 1
    await in_thread(lambda: note_work(visit.services.store, visit.update_ids, "import", person=visit.person))
    async with visit.desk.importing(visit.user):
        if is_sent_away(visit):  # while it waited for its turn
            return
        words = [_reading(visit, file, number, len(sent)) for number, file in enumerate(sent, 1)]
        shown = await visit.tell(words[0])
        progress = Progress(visit, shown[0] if shown else None)
        lines = []
        for file, reading in zip(sent, words, strict=True):
            if is_sent_away(visit):
                return
            await progress.show(reading)
            lines.append(await _import(visit, file, wish, progress, again=again))
    await progress.end("\n".join(lines))


def _reading(visit: Visit, file: Sent, number: int, count: int) -> str:
    if count == 1:
        return visit.phrase("tg_reading", name=file.name)
    return visit.phrase("tg_reading_of", n=number, count=count, name=file.name)


async def _import(visit: Visit, file: Sent, wish: ImportWish, progress: Progress, *, again: bool) -> str:
    """Fetch one file and take it in; what became of it as a line or more."""
    limit = limit_of(visit.services.settings)
    if file.size > limit.size:
        return _too_big(visit, file, limit)
    try:
        data = await _fetched(visit, file)
    except TelegramError as exc:
        if isinstance(exc, BadRequest) and "too big" in str(exc).lower():  # the server's own limit
            return _too_big(visit, file, Limit(DOWNLOAD_LIMIT, "tg_too_big"))
        return visit.phrase("tg_not_fetched", name=file.name)
    share = [0.0]

    def on_share(value: float) -> None:
        share[0] = value

    def work() -> Receipt:
        return visit.services.import_bytes(
            file.name, data, user=visit.user, me=wish.me, learn_from=wish.learn_from, on_share=on_share
        )

    receipt = await progress.follow(in_thread(work), file.name, lambda: share[0])
    return receipt_text(visit, _first_time(receipt, again=again), wish, name=file.name)


async def _fetched(visit: Visit, file: Sent) -> bytes:
    """The file's bytes; a local server in --local mode names a file of this machine, which is read where it lies.

    :raises TelegramError: it can't be had
    """
    tries = 0
    while True:
        try:
            found = await visit.desk.bot.get_file(file.document.file_id)
            return bytes(await found.download_as_bytearray())
        except RetryAfter as exc:
            await asyncio.sleep(seconds_of(exc))
        except NetworkError as exc:
            tries += 1
            if isinstance(exc, BadRequest) or tries == _FETCHES:
                raise
            await asyncio.sleep(_PAUSE * tries)
        except OSError as exc:
            raise TelegramError("the local file can't be read") from exc


def _first_time(receipt: Receipt, *, again: bool) -> Receipt:
    """A file that was taken in before the end of the bot cut its album off is no duplicate when it goes on."""
    if again and receipt.status == "duplicate":
        return replace(receipt, status="indexed", reason=None)
    return receipt


def _too_big(visit: Visit, file: Sent, limit: Limit) -> str:
    megabytes, most = f"{file.size / 2**20:.0f}", f"{limit.size / 2**20:.0f}"
    return visit.phrase(limit.phrase, name=file.name, megabytes=megabytes, most=most)


def receipt_text(visit: Visit, receipt: Receipt, wish: ImportWish, *, name: str) -> str:
    """What became of a file, why, and what can be done about it."""
    lines = [visit.phrase(f"tg_{receipt.status}", name=name, chunks=receipt.chunks)]
    if receipt.reason:
        lines.append(receipt.reason)
    if receipt.status in ("failed", "skipped") and has_no_text(receipt.reason or ""):
        lines.append(visit.phrase("tg_no_text"))
    if receipt.status == "indexed" and wish.learn_from:
        lines.append(visit.phrase("tg_learning_from", name=wish.learn_from))
    return "\n".join(lines)


def has_no_text(reason: str) -> bool:
    """Whether an importer says that there is nothing to read in a file."""
    return any(words in reason for words in ("holds no text", "is empty", "no text"))


class Progress:
    """One message that is edited while files are read, now and then, and becomes their receipt.

    :param message_id: None where nobody knows whether it arrived: then only the receipt is sent
    """

    def __init__(self, visit: Visit, message_id: int | None) -> None:
        self._visit = visit
        self._message_id = message_id
        self._seconds = visit.services.settings.telegram.edit_seconds * _SPACING
        self._shown = ""
        self._next = time.monotonic() + self._seconds

    async def show(self, text: str) -> None:
        """Show how far it is, unless the last time was a moment ago."""
        sender, place = self._visit.desk.sender, self._visit.place
        if self._message_id is None or time.monotonic() < self._next or sender.quiet_for(place) or text == self._shown:
            return
        self._shown, self._next = text, time.monotonic() + self._seconds
        try:
            await sender.preview_edit(place, self._message_id, Part(text))
        except RetryAfter as exc:
            sender.keep_quiet(place, exc)
        except TelegramError:  # a courtesy
            return

    async def follow(self, work: Awaitable[T], name: str, share: Callable[[], float]) -> T:
        """Show the share of a file that is read until the work is done."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                await asyncio.wait([task], timeout=self._seconds)
                if not task.done() and 0 < share() < 1:
                    percent = f"{share() * 100:.0f}"
                    await self.show(self._visit.phrase("tg_reading_share", name=name, percent=percent))
            return task.result()
        finally:
            task.cancel()

    async def end(self, text: str) -> None:
        """The receipt takes the place of the progress."""
        parts = plain_parts(text)
        if self._message_id is not None:
            with contextlib.suppress(BadRequest):  # somebody deleted it
                await self._visit.desk.sender.edit(self._visit.place, self._message_id, parts[0])
                parts = parts[1:]
        if parts:
            await self._visit.show(parts, reply_to=self._visit.cited)
