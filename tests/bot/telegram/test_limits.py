"""Limits over Telegram: told once, durable, and for everybody but the owner."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

from bot.locales import say
from tests.bot.telegram.bench import OWNER, STORY, Bench
from tests.bot.telegram.test_chat import holding, is_finished
from tests.telegram_api import UserDriver

BEN = 8


def said(bench: Bench, key: str, chat: int = BEN) -> list[str]:
    """What the bot said in a chat that begins as a phrase does."""
    start = say("en", key, limit=0, when="").split("0")[0]
    return [message.text for message in bench.server.replies(chat) if message.text.startswith(start)]


async def limited(bench: Bench, **changes: int) -> tuple[UserDriver, UserDriver]:
    """The owner, and Ben, to whom these limits apply from now on."""
    await bench.start()
    ada = await bench.owner()
    ben = await bench.friend(ada)
    await bench.stop()
    bench.limit(**changes)
    await bench.start()
    return ada, ben


def age(bench: Bench, **ago: float) -> None:
    """Let all that was used so far be older."""
    moment = (datetime.now(UTC) - timedelta(**ago)).isoformat()
    with bench.store.transaction() as db:
        db.execute("UPDATE telegram_inbox SET received_at = ?", (moment,))


async def test_a_flood_is_told_once_and_the_surplus_is_left(bench: Bench) -> None:
    """With when it opens; nothing of the surplus waits, and after that moment messages are read again."""
    ada, ben = await limited(bench, messages_per_minute=3)
    for _ in range(9):
        ben.send("/help")
    await bench.handled(12)
    assert len([m for m in bench.server.replies(BEN) if m.text.startswith(say("en", "tg_help"))]) == 3
    (told,) = said(bench, "tg_over_messages")
    assert f"{datetime.now(UTC):%Y-%m-%d}" in told
    assert bench.store.rows("SELECT count(*) FROM telegram_inbox WHERE state = 'waiting'")[0][0] == 0
    for _ in range(5):
        assert (await bench.reply_to(ada, "/help")).text.startswith(say("en", "tg_help"))
    age(bench, seconds=61)
    assert (await bench.reply_to(ben, "/help")).text.startswith(say("en", "tg_help"))


async def test_of_messages_that_are_read_together_those_within_the_limit_are_answered(bench: Bench) -> None:
    """The first ones, as one turn."""
    _, ben = await limited(bench, messages_per_minute=2)
    await bench.stop()
    for word in ("one", "two", "three", "four"):
        ben.send(f"Tell me about {word}.")
    bench.configure(join_seconds=0.3)
    await bench.start()
    await bench.handled(7)
    turns = bench.store.rows("SELECT user_text FROM turns")
    assert [row[0] for row in turns] == ["Tell me about one.\nTell me about two."]
    assert len(said(bench, "tg_over_messages")) == 1


async def test_replies_of_a_day_are_counted_across_restarts_and_forgetting(bench: Bench) -> None:
    """Commands stay possible; a day later there is room."""
    _, ben = await limited(bench, member_replies_per_day=2)
    for _ in range(2):
        assert "Once upon a time." in (await bench.reply_to(ben, STORY)).text
    with bench.store.transaction() as db:
        db.execute("DELETE FROM turns")
    await bench.stop()
    await bench.start()
    ben.send(STORY)
    ben.send(STORY)
    assert (await bench.reply_to(ben, "/help")).text.startswith("That was your 2 replies")
    await bench.server.until(lambda: bench.server.replies(BEN)[-1].text.startswith(say("en", "tg_help")))
    assert len(said(bench, "tg_over_replies")) == 1
    assert len(bench.engine.requests) == 2
    age(bench, days=1)
    assert "Once upon a time." in (await bench.reply_to(ben, STORY)).text


async def test_tokens_of_a_day_are_what_the_model_read_and_wrote(bench: Bench) -> None:
    """The reply that reaches the limit is whole; the next is not begun."""
    _, ben = await limited(bench, member_tokens_per_day=1)
    await bench.reply_to(ben, STORY)
    (row,) = bench.store.rows("SELECT tokens FROM telegram_inbox WHERE work = 'reply'")
    assert row["tokens"] >= 1
    assert (await bench.reply_to(ben, STORY)).text.startswith("You have used your 1 tokens")


async def test_files_of_a_day(bench: Bench) -> None:
    """The second of a limit of one is not fetched."""
    _, ben = await limited(bench, imports_per_day=1)
    for number in (1, 2):
        ben.send_document(f"note{number}.txt", f"The cabin has door {number}.".encode())
        await bench.handled(3 + number)
    assert len(said(bench, "tg_over_imports")) == 1
    assert len(bench.server.calls("getFile")) == 1
    assert len(bench.store.documents(user_id=bench.user(BEN).id)) == 1


async def test_one_person_has_one_reply_at_a_time(bench: Bench) -> None:
    """In whatever chats they write; another person does not wait for them."""
    ada, ben = await limited(bench)
    group = bench.server.group(-1001)
    begun, go = threading.Event(), threading.Event()
    bench.on_word = holding(begun, go)
    ben.send(STORY)
    await bench.server.until(begun.is_set)
    ben.send("@familiar_test_bot tell me another story", chat=group)
    assert (await bench.reply_to(ada, "/help")).text.startswith(say("en", "tg_help"))
    await asyncio.sleep(0.2)
    assert len(bench.engine.requests) == 1
    go.set()
    await bench.server.until(lambda: bench.server.replies(group.id))
    await bench.server.until(lambda: is_finished(bench.server.replies(group.id)[-1]))


async def test_the_owner_is_not_limited(bench: Bench) -> None:
    """By any of them."""
    await limited(bench, messages_per_minute=1, member_replies_per_day=1, guest_replies_per_day=1)
    ada = bench.server.user(OWNER, "Ada")
    for _ in range(3):
        assert "Once upon a time." in (await bench.reply_to(ada, STORY)).text


async def test_all_versions_of_a_message_are_one(bench: Bench) -> None:
    """It is answered as it was changed last, and its writer is over no limit."""
    _, ben = await limited(bench, messages_per_minute=1)
    await bench.stop()
    ben.edit(ben.send(STORY), "Tell me a longer story.")
    await bench.start()
    await bench.handled(5)
    assert [row[0] for row in bench.store.rows("SELECT user_text FROM turns")] == ["Tell me a longer story."]
    assert said(bench, "tg_over_messages") == []


async def test_the_stop_button_works_over_the_limit(bench: Bench) -> None:
    """As the word does."""
    _, ben = await limited(bench, messages_per_minute=1)
    begun, go = threading.Event(), threading.Event()
    bench.on_word = holding(begun, go)
    ben.send(STORY)
    await bench.server.until(begun.is_set)
    query = ben.press(bench.server.replies(BEN)[-1], "stop", forged=True)
    await bench.server.until(lambda: query in [answer.query_id for answer in bench.server.answers()])
    await asyncio.sleep(0.1)
    go.set()
    await bench.server.until(lambda: is_finished(bench.server.replies(BEN)[-1]))
    assert "upon" not in bench.server.replies(BEN)[-1].text
    assert said(bench, "tg_over_messages") == []
