"""Inline queries on the loopback server: asked only where the bot listens, answered once, refused as Telegram does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from telegram import Bot, InlineQueryResultArticle, InputTextMessageContent
from telegram.error import BadRequest

from tests.telegram_api import TOKEN, TelegramServer


@pytest.fixture
async def server() -> AsyncIterator[TelegramServer]:
    """A server of its own for each test."""
    with TelegramServer() as running:
        yield running


@pytest.fixture
async def bot(server: TelegramServer) -> AsyncIterator[Bot]:
    """The real client, unpatched."""
    async with Bot(TOKEN, base_url=server.base_url) as client:
        yield client


def articles(count: int, *, id_: str | None = None) -> Sequence[InlineQueryResultArticle]:
    """So many results."""
    content = InputTextMessageContent("the kiln is hot")
    return [InlineQueryResultArticle(id_ or str(n), f"note {n}", content) for n in range(count)]


async def test_a_query_is_asked_and_answered_once(server: TelegramServer, bot: Bot) -> None:
    """A bot that did not ask for such updates gets none."""
    ada = server.user(7, "Ada")
    ada.ask_inline("unheard")
    assert [update.inline_query for update in await bot.get_updates(allowed_updates=["message"])] != []
    ada.ask_inline("unheard too")
    await bot.get_updates(offset=700_000_002, allowed_updates=["inline_query"])
    ada.ask_inline("kiln", offset="10")
    (update,) = await bot.get_updates(allowed_updates=["inline_query"])
    query = update.inline_query
    assert query is not None
    assert (query.query, query.offset, query.from_user.id) == ("kiln", "10", 7)
    await query.answer(articles(2), cache_time=3, is_personal=True, next_offset="20")
    (answer,) = server.inline_answers()
    assert [item.text for item in answer.results] == ["the kiln is hot"] * 2
    assert (answer.cache_time, answer.is_personal, answer.next_offset) == (3, True, "20")
    with pytest.raises(BadRequest, match="too old"):
        await query.answer(articles(1))


async def test_what_telegram_refuses_is_refused(server: TelegramServer, bot: Bot) -> None:
    """A query too old, the same result twice, and too many."""
    ada = server.user(7, "Ada")
    with pytest.raises(BadRequest, match="too old"):
        await bot.answer_inline_query(ada.ask_inline("kiln", expired=True), articles(1))
    with pytest.raises(BadRequest, match=r"(?i)result_id_duplicate"):
        await bot.answer_inline_query(ada.ask_inline("kiln"), articles(2, id_="1"))
    with pytest.raises(BadRequest, match=r"(?i)result_id_invalid"):
        await bot.answer_inline_query(ada.ask_inline("kiln"), articles(1, id_="x" * 65))
    with pytest.raises(BadRequest, match=r"(?i)results_too_much"):
        await bot.answer_inline_query(ada.ask_inline("kiln"), articles(51))


async def test_inline_mode_is_off_until_it_is_switched_on(server: TelegramServer, bot: Bot) -> None:
    """As by /setinline."""
    assert not (await bot.get_me()).supports_inline_queries
    server.world.inline = True
    assert (await bot.get_me()).supports_inline_queries
