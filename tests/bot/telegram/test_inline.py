"""Inline mode: a person's own notes and nobody else's, at once or not at all."""

from __future__ import annotations

from bot.locales import say
from memory.config import ImportConfig
from memory.notes import NewNote, Words, keep_note
from tests.bot.telegram.bench import OWNER, Bench
from tests.embedder import WordEmbedder
from tests.telegram_api import UserDriver
from tests.telegram_api.records import InlineAnswer


async def asked(bench: Bench, person: UserDriver, words: str, *, offset: str = "") -> InlineAnswer:
    """The answer to an inline query."""
    query = person.ask_inline(words, offset=offset)

    def answers() -> list[InlineAnswer]:
        return [item for item in bench.server.inline_answers() if item.query_id == query]

    return (await bench.server.until(answers))[0]


async def test_own_notes_are_found_with_their_source(live: Bench) -> None:
    """What is sent when one is chosen is the passage and where it is from."""
    ada = await live.owner()
    await live.reply_to(ada, "/note the kiln is fired at 900 degrees")
    answer = await asked(live, ada, "kiln")
    (article,) = answer.results
    assert article.text.startswith("the kiln is fired at 900 degrees\n\n— note “the kiln is fired at 900 degrees”")
    assert article.title.startswith("note “the kiln")
    assert answer.is_personal
    assert answer.cache_time <= 10
    assert answer.next_offset == ""


async def test_nobody_finds_anothers_notes_or_a_shared_knowledge_base(live: Bench) -> None:
    """What is chosen is read by others, so that only one's own is offered."""
    ada = await live.owner()
    ben = await live.friend(ada)
    await live.reply_to(ada, "/note Ada keeps the vault code")
    shared = live.store.add_user("handbook", role="shared")
    new = NewNote("x", "vault", "vault", (Words("handbook", "the vault is in the cellar"),), None)
    keep_note(live.store, WordEmbedder(), new, user=shared, config=ImportConfig())
    assert [item.text.split("\n")[0] for item in (await asked(live, ada, "vault")).results] == [
        "Ada keeps the vault code"
    ]
    assert (await asked(live, ben, "vault")).results == ()
    assert "cellar" in (await live.reply_to(ben, "/search vault")).text


async def test_a_stranger_gets_an_empty_answer_and_is_not_announced(live: Bench) -> None:
    """The same as for somebody who has no such note; the owner is not asked."""
    ada = await live.owner()
    await live.reply_to(ada, "/note the vault code is 9090")
    eve = live.server.user(13, "Eve")
    stranger, nothing = await asked(live, eve, "vault"), await asked(live, ada, "")
    assert (stranger.results, stranger.cache_time, stranger.is_personal) == ((), nothing.cache_time, True)
    assert [user.name for user in live.store.users()] == ["Ada"]
    assert live.store.rows("SELECT 1 FROM telegram_inbox WHERE payload LIKE '%vault%'") == []
    assert len(live.server.replies(OWNER)) == 2


async def test_results_come_in_pages(live: Bench) -> None:
    """By the offset that the client sends back; the last page says that it is."""
    ada = await live.owner()
    for number in range(12):
        await live.reply_to(ada, f"/note kiln {number}")
    first = await asked(live, ada, "kiln")
    second = await asked(live, ada, "kiln", offset=first.next_offset)
    assert (len(first.results), len(second.results), second.next_offset) == (10, 2, "")
    assert len({item.id for item in (*first.results, *second.results)}) == 12


async def test_a_query_is_not_kept_and_not_answered_after_a_restart(live: Bench) -> None:
    """One that waited while the bot was down is left, and the next is answered."""
    ada = await live.owner()
    await live.reply_to(ada, "/note the kiln is hot")
    await asked(live, ada, "kiln")
    await live.stop()
    waited = ada.ask_inline("kiln")
    ada.send("/help")
    await live.start()
    await live.handled(3)
    assert live.store.rows("SELECT 1 FROM telegram_inbox WHERE payload LIKE '%inline_query%'") == []
    assert (await asked(live, ada, "kiln")).results
    assert waited not in [item.query_id for item in live.server.inline_answers()]
    assert len(live.server.calls("answerInlineQuery")) == 2


async def test_one_that_is_too_old_harms_nothing(live: Bench) -> None:
    """Telegram refuses the answer."""
    ada = await live.owner()
    ada.ask_inline("kiln", expired=True)
    await live.server.until(lambda: live.server.calls("answerInlineQuery"))
    assert (await live.reply_to(ada, "/note")).text == say("en", "tg_note_how")


async def test_a_long_passage_fits_a_message(live: Bench) -> None:
    """It is cut, and its source stays."""
    ada = await live.owner()
    await live.reply_to(ada, "/note kiln " + "😀" * 1500)
    (article, *_) = (await asked(live, ada, "kiln")).results
    assert "— note" in article.text
