"""Inline mode: "@bot words" in any chat finds the writer's own notes, and nobody else's.

A query is answered at once or not at all: it is not kept, since an answer that comes later shows nowhere. Strangers get
the same empty answer as somebody whose notes hold nothing. Shared knowledge bases stay out, because what is chosen is
read by whoever is in that chat.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from telegram import InlineQuery, InlineQueryResultArticle, InputTextMessageContent
from telegram.error import TelegramError

from bot.search_pages import shortened, source_of
from bot.telegram.access import by_telegram_id
from bot.telegram.desk import Desk, where
from bot.telegram.render import LIMIT, Part, split
from bot.telegram.sending import kind
from bot.threads import in_thread
from memory.errors import FamiliarError
from memory.records import Chunk, User

_PAGE, _MOST = 10, 50
_CACHE_SECONDS = 5
"""So long Telegram may answer the same words of the same person itself."""
_DESCRIPTION_CHARACTERS = 150
_log = logging.getLogger(__name__)


class Inline:
    """Answers inline queries: of one person only the newest, as each letter that they type makes another."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._newest: dict[int, str] = {}

    def take(self, query: InlineQuery) -> None:
        """Answer it beside everything else."""
        self._newest[query.from_user.id] = query.id
        self._desk.start(self._answer(query))

    async def _answer(self, query: InlineQuery) -> None:
        author = query.from_user.id
        try:
            user = by_telegram_id(self._desk.services.store, author)
            found = await in_thread(lambda: self._found(query, user)) if user is not None else ()
        except FamiliarError as exc:
            _log.error("an inline query of %d failed: %s", author, where(exc))
            found = ()
        if self._newest.get(author) != query.id:
            return
        del self._newest[author]
        language = user.profile.language if user is not None else "en"
        await self._send(query, found, language=language)

    def _found(self, query: InlineQuery, user: User) -> Sequence[Chunk]:
        overtaken = self._newest.get(query.from_user.id) != query.id
        if overtaken or user.role not in ("owner", "member") or not query.query.strip():
            return ()
        hits = self._desk.services.search(query.query, user=user, k=_MOST, own=True).hits
        return [hit.chunk for hit in hits if hit.chunk.user_id == user.id]

    async def _send(self, query: InlineQuery, found: Sequence[Chunk], *, language: str) -> None:
        first = int(query.offset) if query.offset.isdecimal() else 0
        page, following = found[first : first + _PAGE], first + _PAGE
        try:
            await query.answer(
                [article(chunk, language=language) for chunk in page],
                cache_time=_CACHE_SECONDS,
                is_personal=True,
                next_offset=str(following) if following < len(found) else "",
            )
        except TelegramError as exc:  # too old, as after a restart: who asked has gone on
            _log.info("an inline query of %d was not answered: %s", query.from_user.id, kind(exc))


def article(chunk: Chunk, *, language: str) -> InlineQueryResultArticle:
    """A passage as a result: what is sent when it is chosen is its text and its source."""
    source = shortened(source_of(chunk, language=language), most=_DESCRIPTION_CHARACTERS)
    footer = f"\n\n— {source}"
    text = split(Part(chunk.text), limit=LIMIT - 2 * len(footer))[0].text
    return InlineQueryResultArticle(
        id=str(chunk.id),
        title=source,
        description=shortened(chunk.text, most=_DESCRIPTION_CHARACTERS),
        input_message_content=InputTextMessageContent(text + footer),
    )
