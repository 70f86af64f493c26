"""/search: hits with sources and dates, page by page, of one's own memory."""

from __future__ import annotations

from dataclasses import replace

from bot.locales import say
from tests.bot.telegram.bench import Bench
from tests.bot.telegram.test_commands import data


async def test_hits_have_sources_and_dates_and_pages(live: Bench) -> None:
    """The button changes the message; the words are read from the message that asked."""
    ada = await live.owner()
    for number in range(7):
        await live.reply_to(ada, f"/note kiln firing number {number} went well")
    shown = await live.reply_to(ada, "/search kiln firing")
    assert shown.text.startswith(say("en", "tg_search_found", words="kiln firing", first=1, last=5, all=7))
    year = str(live.store.documents(user_id=live.user().id)[0].at)[:4]
    assert shown.text.count(f", {year}-") == 5
    assert [button.text for button in shown.buttons] == ["2 ▶"]
    ada.press(shown, data(shown, "page"))
    await live.server.until(lambda: "6–7" in live.server.replies(ada.id)[-1].text)
    assert [button.text for button in live.server.replies(ada.id)[-1].buttons] == ["◀ 1"]


async def test_plain_words_search_in_both_languages(live: Bench) -> None:
    """And their pages are turned too."""
    ada = await live.owner()
    for number in range(6):
        await live.reply_to(ada, f"/note 青瓷 celadon {number}")
    for asked, words in (("search my notes for celadon", "celadon"), ("在我的笔记里找青瓷", "青瓷")):
        shown = await live.reply_to(ada, asked)
        assert f"“{words}”" in shown.text
        ada.press(shown, data(shown, "page"))
        await live.server.until(lambda: "6–6" in live.server.replies(ada.id)[-1].text)
    assert live.engine.requests == []


async def test_nothing_found_and_no_words(live: Bench) -> None:
    """Both are said."""
    ada = await live.owner("zh")
    assert (await live.reply_to(ada, "/search")).text == say("zh", "tg_search_how")
    assert (await live.reply_to(ada, "/search 青瓷")).text == say("zh", "tg_search_nothing", words="青瓷")


async def test_nobody_finds_what_is_anothers(live: Bench) -> None:
    """Neither by searching nor in a group."""
    ada = await live.owner()
    ben = await live.friend(ada)
    await live.reply_to(ada, "/note the vault code is 9090")
    assert (await live.reply_to(ben, "/search vault")).text == say("en", "tg_search_nothing", words="vault")
    group = live.server.group(-1001)
    ada.send("/search@familiar_test_bot vault", chat=group)
    (told,) = await live.server.until(lambda: live.server.replies(group.id))
    assert told.text.startswith(say("en", "tg_search_nothing", words="vault"))


async def test_a_search_whose_message_is_gone_says_so(live: Bench) -> None:
    """The words are kept nowhere else."""
    ada = await live.owner()
    for number in range(6):
        await live.reply_to(ada, f"/note kiln {number}")
    asked = ada.send("/search kiln")
    (shown,) = await live.server.until(lambda: live.server.replies(ada.id, after=asked))
    live.server.world.put_message(replace(shown, reply_to=None))
    ada.press(shown, data(shown, "page"))
    await live.server.until(lambda: live.server.replies(ada.id)[-1].text == say("en", "tg_search_expired"))
