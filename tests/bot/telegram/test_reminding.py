"""Reminders in a chat: kept from a sentence, shown, changed by buttons, and delivered once, to nobody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.locales import say
from bot.telegram import reminding
from bot.telegram.access import group_name
from bot.telegram.reminding import place_of
from bot.telegram.sending import Place
from memory.records import Profile, User
from memory.reminders import Destination, NewReminder, Reminder, add_reminder, mark_delivered, reminders_of
from tests.bot.telegram.bench import OWNER, Bench
from tests.bot.telegram.test_gate import locked
from tests.telegram_api import Refusal


def kept(bench: Bench) -> list[Reminder]:
    """What the owner is to be reminded of."""
    return reminders_of(bench.store, user_id=bench.user().id)


def due_in(bench: Bench, *, seconds: float, key: str = "k", chat: int = OWNER, user: User | None = None) -> Reminder:
    """A reminder of the owner's, or of another user's."""
    due = datetime.now(UTC) + timedelta(seconds=seconds)
    new = NewReminder(key, "call Mum", due, "Europe/Berlin", Destination("telegram", chat))
    return add_reminder(bench.store, new, user_id=(user or bench.user()).id)


async def test_a_sentence_makes_a_reminder(live: Bench) -> None:
    """By command and by plain words, in both languages; no model is asked."""
    ada = await live.owner()
    for text in ("/remind call Mum on Friday at 9", "remind me tomorrow at 18:00 to feed the cat"):
        assert "I'll remind you" in (await live.reply_to(ada, text)).text
    assert "15:00: 开会" in (await live.reply_to(ada, "明天下午三点提醒我开会")).text
    assert sorted(item.text for item in kept(live)) == ["call Mum", "feed the cat", "开会"]
    assert live.engine.requests == []


async def test_without_a_time_it_is_asked_for(live: Bench) -> None:
    """Nothing is kept, and an example says how."""
    ada = await live.owner()
    answer = (await live.reply_to(ada, "/remind call Mum")).text
    assert answer.startswith(say("en", "reminder_when"))
    assert "/remind" in answer
    assert kept(live) == []


async def test_a_reminder_comes_on_time_and_once(live: Bench) -> None:
    """Also where its first sending fails, and across a restart."""
    await live.owner()
    live.server.fault("sendMessage", Refusal(502, "Bad Gateway"))
    due_in(live, seconds=0.5)
    await live.server.until(lambda: live.server.replies(OWNER)[-1].text == "Reminder: call Mum")
    await live.stop()
    await live.start()
    assert [message.text for message in live.server.replies(OWNER)].count("Reminder: call Mum") == 1
    assert kept(live) == []


async def test_what_was_due_while_the_bot_was_down_is_marked_as_late(live: Bench) -> None:
    """With the time that it was meant for."""
    await live.owner()
    await live.stop()
    due_in(live, seconds=-3600)
    await live.start()
    await live.server.until(lambda: "late: was due" in live.server.replies(OWNER)[-1].text)
    assert live.server.replies(OWNER)[-1].text.startswith("Reminder: call Mum")


async def test_snoozed_it_comes_again(live: Bench) -> None:
    """By the button under it."""
    ada = await live.owner()
    due_in(live, seconds=0.0)
    await live.server.until(lambda: live.server.replies(OWNER)[-1].text == "Reminder: call Mum")
    message = live.server.replies(OWNER)[-1]
    ada.press(message, message.buttons[0].callback_data or "")
    await live.server.until(lambda: "I'll remind you" in live.server.replies(OWNER)[-1].text)
    (item,) = kept(live)
    assert 9 <= (item.due - datetime.now(UTC)).total_seconds() / 60 <= 10


async def test_the_list_cancels_by_a_button(live: Bench) -> None:
    """And shows what is left; pressed twice is fine."""
    ada = await live.owner()
    due_in(live, seconds=3600, key="a")
    shown = await live.reply_to(ada, "/reminders")
    assert "call Mum" in shown.text
    for _ in range(2):
        ada.press(shown, shown.buttons[0].callback_data or "")
    await live.server.until(lambda: live.server.replies(OWNER)[-1].text == say("en", "tg_reminders_none"))
    assert kept(live) == []


async def test_the_zone_is_set_by_its_name(live: Bench) -> None:
    """A name that is none changes nothing."""
    ada = await live.owner()
    assert "Mars/Olympus" in (await live.reply_to(ada, "/timezone Mars/Olympus")).text
    assert live.user().profile.zone == ""
    await live.reply_to(ada, "/timezone Asia/Shanghai")
    assert live.user().profile.zone == "Asia/Shanghai"
    assert "Asia/Shanghai" in (await live.reply_to(ada, "/timezone")).text


async def test_the_same_message_twice_is_one_reminder(live: Bench) -> None:
    """Telegram may deliver it again."""
    ada = await live.owner()
    live.server.deliver_twice()
    await live.reply_to(ada, "/remind call Mum tomorrow at 9")
    await live.reply_to(ada, "/help")
    assert len(kept(live)) == 1


def test_a_reminder_goes_to_nobody_else() -> None:
    """Whatever chat its row names, as one from a tampered export may."""
    item = Reminder(
        1, 5, None, "k", "x", datetime.now(UTC), "UTC", None, Destination("telegram", 999, 3), "2026", None, None
    )
    ada = User(5, "Ada", "member", 7, Profile())
    assert place_of(item, ada) == Place(7, private=True)
    assert place_of(item, User(5, group_name(999), "member", None, Profile())) == Place(999, private=False, thread_id=3)
    assert place_of(item, User(5, "terminal only", "owner", None, Profile())) is None


async def test_one_that_can_not_be_read_holds_up_no_other(live: Bench) -> None:
    """As from a tampered export: it is ended, and the others come."""
    await live.owner()
    for number, (rule, zone) in enumerate((("nonsense", "UTC"), (None, "Mars/Olympus"))):
        due = datetime.now(UTC) - timedelta(hours=1)
        bad = NewReminder(f"bad{number}", "x", due, zone, Destination("telegram", OWNER), rule)
        add_reminder(live.store, bad, user_id=live.user().id)
    due_in(live, seconds=0.0)
    await live.server.until(lambda: live.server.replies(OWNER)[-1].text == "Reminder: call Mum")
    await live.server.until(lambda: kept(live) == [])
    assert [message.text for message in live.server.replies(OWNER)].count("Reminder: call Mum") == 1


async def test_in_ten_minutes_counts_from_when_it_was_written(live: Bench) -> None:
    """Not from when a bot that was down comes to read it."""
    ada = await live.owner()
    await live.stop()
    live.server.world.clock = lambda: datetime.now(UTC).timestamp() - 300
    ada.send("remind me in 10 minutes to stretch")
    await live.start()
    await live.server.until(lambda: kept(live))
    (item,) = kept(live)
    assert 4 <= (item.due - datetime.now(UTC)).total_seconds() / 60 <= 5


async def test_the_next_answer_is_the_time_that_was_asked_for(live: Bench) -> None:
    """In both languages, and across a restart."""
    ada = await live.owner()
    await live.reply_to(ada, "/remind call Mum")
    await live.stop()
    await live.start()
    assert "call Mum" in (await live.reply_to(ada, "ok, tomorrow at 9 please")).text
    await live.reply_to(ada, "提醒我交房租")
    assert "交房租" in (await live.reply_to(ada, "明天上午九点吧")).text
    assert [item.text for item in kept(live)] == ["call Mum", "交房租"]
    assert "(turn " in (await live.reply_to(ada, "tomorrow at 9")).text
    assert len(kept(live)) == 2


async def test_an_answer_to_a_question_may_be_no_time(live: Bench) -> None:
    """Then it is answered as ever, and a time that comes later is about something else."""
    ada = await live.owner()
    await live.reply_to(ada, "/remind call Mum")
    assert "(turn " in (await live.reply_to(ada, "The meeting with Bob is tomorrow at 9.")).text
    assert "(turn " in (await live.reply_to(ada, "tomorrow at 9")).text
    assert kept(live) == []


async def test_a_question_for_a_time_can_be_left(live: Bench) -> None:
    """By words in both languages and by a button; a time that is over is asked for again."""
    ada = await live.owner()
    for words in ("never mind", "算了"):
        await live.reply_to(ada, "/remind call Mum")
        assert (await live.reply_to(ada, words)).text == say("en", "tg_remind_given_up")
    await live.reply_to(ada, "/remind call Mum")
    asked = await live.reply_to(ada, "2 May 2020")
    assert asked.text.startswith(say("en", "reminder_over"))
    ada.press(asked, asked.buttons[0].callback_data or "")
    await live.server.until(lambda: live.server.replies(OWNER)[-1].text == say("en", "tg_remind_given_up"))
    assert "(turn " in (await live.reply_to(ada, "tomorrow at 9")).text
    assert kept(live) == []


async def test_after_an_hour_no_answer_is_expected(live: Bench) -> None:
    """Nor that of another person in a group."""
    ada = await live.owner()
    live.server.world.clock = lambda: datetime.now(UTC).timestamp() - 3700
    await live.reply_to(ada, "/remind call Mum")
    live.server.world.clock = lambda: datetime.now(UTC).timestamp()
    assert "(turn " in (await live.reply_to(ada, "tomorrow at 9")).text
    ben = await live.friend(ada)
    group = live.server.group(-1001)
    ada.send("/remind@familiar_test_bot call Mum", chat=group)
    (asked,) = await live.server.until(lambda: live.server.replies(group.id))
    ben.send("tomorrow at 9", chat=group, reply_to=asked)
    await live.server.until(lambda: "(turn " in live.server.replies(group.id)[-1].text)
    ada.send("tomorrow at 9", chat=group, reply_to=asked)
    await live.server.until(lambda: "call Mum" in live.server.replies(group.id)[-1].text)


async def test_a_busy_database_ends_no_reminder(live: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is still due at the next look, and comes once."""
    await live.owner()
    real, tries = mark_delivered, list[int]()

    def busy_once(*args: Any, **named: Any) -> bool:
        tries.append(1)
        if len(tries) == 1:
            raise locked()
        return real(*args, **named)

    monkeypatch.setattr(reminding, "mark_delivered", busy_once)
    due_in(live, seconds=0.0)
    await live.server.until(lambda: live.server.replies(OWNER)[-1].text == "Reminder: call Mum")
    assert len(tries) == 2
