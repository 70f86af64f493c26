"""/digest: asked for, planned, and delivered once, to its own user, on the clock of their zone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.digest import next_digest
from bot.locales import say
from bot.reminders.zones import named_zone
from bot.telegram import digests
from memory.digest_plans import DigestPlan, digest_of, move_on, set_digest
from memory.reminders import Destination, NewReminder, add_reminder
from tests.bot.telegram.bench import OWNER, STORY, Bench
from tests.bot.telegram.test_commands import data, feedback
from tests.bot.telegram.test_gate import locked

RULE = "DTSTART:20260101T080000\nRRULE:FREQ=DAILY;INTERVAL=1"


def plan(bench: Bench, telegram_id: int = OWNER) -> DigestPlan | None:
    """What a user wishes."""
    return digest_of(bench.store, user_id=bench.user(telegram_id).id)


def due_since(bench: Bench, *, seconds: float, telegram_id: int = OWNER, rule: str = RULE) -> None:
    """Let a user's digest be due, for the time of an hour before that."""
    user, due = bench.user(telegram_id), datetime.now(UTC) - timedelta(seconds=seconds)
    set_digest(bench.store, DigestPlan(user.id, rule, user.profile.zone, due, due - timedelta(hours=1)))


def told(bench: Bench, chat: int = OWNER, *, language: str = "en") -> list[str]:
    """The digests in a chat."""
    begins = say(language, "digest_title", since="|").split("|", maxsplit=1)[0]
    return [message.text for message in bench.server.replies(chat) if message.text.startswith(begins)]


async def test_one_now_tells_what_is_new_and_due(live: Bench) -> None:
    """By command and by plain words; where nothing is new, that is said; it plans nothing."""
    ada = await live.owner()
    assert (await live.reply_to(ada, "/digest now")).text.startswith("Nothing is new since")
    await live.reply_to(ada, "/note I live in Bern.")
    ada.send_document("kiln.md", b"# Kiln\n\nFired at 900 degrees.\n")
    await live.server.until(lambda: "indexed" in live.server.replies(OWNER)[-1].text)
    due = datetime.now(UTC) + timedelta(hours=2)
    new = NewReminder("k", "call Mum", due, "UTC", Destination("telegram", OWNER))
    add_reminder(live.store, new, user_id=live.user().id)
    reply = await live.reply_to(ada, STORY)
    ada.press(reply, data(reply, "up"))
    await live.server.until(lambda: feedback(live) == [("up", None)])
    for asked in ("/digest now", "give me a digest", "给我一份摘要"):
        shown = (await live.reply_to(ada, asked)).text
        for part in ("call Mum", "Documents: Kiln.", "Notes: I live in Bern.", "Learned: home: Bern.", "1 good"):
            assert part in shown
    assert plan(live) is None


async def test_it_is_planned_shown_and_ended(live: Bench) -> None:
    """By command and by plain words in both languages; what can't be read changes nothing."""
    ada = await live.owner()
    await live.reply_to(ada, "/timezone Asia/Shanghai")
    zone = named_zone("Asia/Shanghai")
    assert (await live.reply_to(ada, "/digest")).text.startswith(say("en", "tg_digest_off"))
    for asked, days, hour in (
        ("/digest daily 08:00", 1, 8),
        ("/digest weekly Monday 09:30", 7, 9),
        ("send me a digest every morning at 7", 1, 7),
        ("每天早上八点给我摘要", 1, 8),
        ("/digest 每周一早上九点", 7, 9),
    ):
        assert "Your digest comes every" in (await live.reply_to(ada, asked)).text
        found = plan(live)
        assert found is not None
        assert found.due.astimezone(zone).hour == hour
        assert timedelta() < found.due - datetime.now(UTC) <= timedelta(days=days)
    assert (await live.reply_to(ada, "/digest sometimes")).text.startswith(say("en", "tg_digest_unread"))
    assert (await live.reply_to(ada, "/digest every 5 minutes")).text.startswith(say("en", "tg_digest_unread"))
    assert plan(live) == found
    assert "digest: every Monday at 09:00" in (await live.reply_to(ada, "/settings")).text
    for ending in ("stop the digest", "/digest off"):
        assert (await live.reply_to(ada, ending)).text == say("en", "tg_digest_off")
    assert plan(live) is None
    assert say("en", "tg_digest_setting_off") in (await live.reply_to(ada, "/settings")).text


async def test_a_due_one_comes_once_and_says_that_it_is_late(live: Bench) -> None:
    """What was due while the bot was down comes at the next start, and not again at the one after."""
    ada = await live.owner("zh")
    await live.reply_to(ada, "/note 护照在抽屉里")
    await live.stop()
    due_since(live, seconds=1800)
    for _ in range(2):
        await live.start()
        await live.server.until(lambda: told(live, language="zh"))
        await live.stop()
    (text,) = told(live, language="zh")
    assert "护照在抽屉里" in text
    assert "迟到" in text
    found = plan(live)
    assert found is not None
    assert found.due > datetime.now(UTC)
    assert datetime.now(UTC) - found.since < timedelta(minutes=1)


async def test_nothing_new_sends_nothing_and_goes_on(live: Bench) -> None:
    """The next one is planned."""
    await live.owner()
    due_since(live, seconds=0)
    await live.server.until(lambda: (found := plan(live)) is not None and found.due > datetime.now(UTC))
    assert told(live) == []


async def test_one_users_trouble_holds_up_no_other(live: Bench) -> None:
    """Neither who has blocked the bot, nor whose rule can't be read."""
    ada = await live.owner()
    ben = await live.friend(ada)
    eve = await live.friend(ada, 9, "Eve")
    for person in (ada, ben, eve):
        await live.reply_to(person, "/note the kiln is hot")
    ben.block()
    due_since(live, seconds=3, telegram_id=8)
    due_since(live, seconds=2, telegram_id=9, rule="nonsense")
    due_since(live, seconds=1)
    await live.server.until(lambda: told(live))
    assert (told(live, 8), told(live, 9), plan(live, 9)) == ([], [], None)
    assert plan(live, 8) is not None


async def test_who_moves_has_it_on_the_new_clock(live: Bench) -> None:
    """Eight in the morning there, from the moment that the zone is set."""
    ada = await live.owner()
    await live.reply_to(ada, "/timezone Europe/Berlin")
    await live.reply_to(ada, "/digest daily 08:00")
    await live.reply_to(ada, "/timezone America/New_York")
    zone = named_zone("America/New_York")
    expected = next_digest(RULE, datetime.now(UTC), zone=zone)

    def moved() -> bool:
        found = plan(live)
        return found is not None and found.due == expected

    await live.server.until(moved)
    assert told(live) == []


async def test_a_digest_goes_to_nobody_who_may_not_write(live: Bench) -> None:
    """Somebody whom the owner has sent away since."""
    ada = await live.owner()
    ben = await live.friend(ada)
    await live.reply_to(ben, "/note the kiln is hot")
    live.store.update_user(replace(live.user(8), role="refused"))
    due_since(live, seconds=0, telegram_id=8)
    await live.server.until(lambda: (found := plan(live, 8)) is not None and found.due > datetime.now(UTC))
    assert told(live, 8) == []


async def test_a_busy_database_ends_no_plan(live: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest is still due at the next look, and comes once."""
    ada = await live.owner()
    await live.reply_to(ada, "/note the kiln is hot")
    real, tries = move_on, list[int]()

    def busy_once(*args: Any, **named: Any) -> bool:
        tries.append(1)
        if len(tries) == 1:
            raise locked()
        return real(*args, **named)

    monkeypatch.setattr(digests, "move_on", busy_once)
    due_since(live, seconds=0)
    await live.server.until(lambda: len(told(live)) == 1)
    assert plan(live) is not None
