"""Who blocked the bot: left out of what it sends by itself until they are back, while everybody else goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, tzinfo

import pytest

from bot.locales import say
from bot.telegram import reminding
from bot.telegram.access import group_user
from memory.reminders import Destination, NewReminder, add_reminder, reminders_of
from memory.store import Store
from tests.bot.telegram.bench import OWNER, STORY, Bench, Outcome
from tests.bot.telegram.test_digests import due_since, told
from tests.bot.telegram.test_reminding import due_in
from tests.telegram_api import UserDriver
from tests.telegram_api.raw import change_membership

REMINDED = "Reminder: call Mum"


def blocked_chats(store: Store) -> set[int]:
    """The chats that are noted as closed."""
    return {row["chat_id"] for row in store.rows("SELECT chat_id FROM telegram_blocked")}


async def blocked(bench: Bench, person: UserDriver) -> None:
    """Block the bot, and wait until it knows."""
    person.block()
    await bench.server.until(lambda: person.id in blocked_chats(bench.store))


def sent_to(bench: Bench, chat_id: int) -> int:
    """How often the bot tried to send to a chat."""
    return len([call for call in bench.server.calls("sendMessage") if call.parameters["chat_id"] == str(chat_id)])


@pytest.mark.parametrize("by", ["unblocking", "writing"])
async def test_a_reminder_waits_for_who_comes_back(live: Bench, by: str) -> None:
    """Nothing is tried meanwhile, another's comes on time, and one that waited is still given."""
    ada = await live.owner()
    ben = await live.friend(ada)
    await blocked(live, ada)
    tried = sent_to(live, OWNER)
    due_in(live, seconds=0)
    due_in(live, seconds=0, key="b", chat=ben.id, user=live.user(ben.id))
    await live.server.until(lambda: REMINDED in texts(live, ben.id))
    assert len(reminders_of(live.store, user_id=live.user().id)) == 1
    assert sent_to(live, OWNER) == tried
    if by == "unblocking":
        ada.unblock()
    else:
        live.server.world.blocked.clear()
        ada.send("/help")
    await live.server.until(lambda: REMINDED in texts(live, OWNER))
    assert blocked_chats(live.store) == set()


def texts(bench: Bench, chat_id: int) -> list[str]:
    """What the bot said in a chat."""
    return [message.text for message in bench.server.replies(chat_id)]


async def test_a_refusal_says_it_too_and_costs_no_reminder(live: Bench) -> None:
    """Where Telegram did not tell of it before; the reminder is due again and waits."""
    ada = await live.owner()
    live.server.world.blocked.add(OWNER)
    due_in(live, seconds=0)
    await live.server.until(lambda: OWNER in blocked_chats(live.store))
    await live.server.until(lambda: reminders_of(live.store, user_id=live.user().id))
    ada.unblock()
    await live.server.until(lambda: REMINDED in texts(live, OWNER))


async def test_a_group_without_the_bot_gets_nothing(live: Bench) -> None:
    """It was removed; back in the group it gives what was due."""
    ada = await live.owner()
    group = live.server.group(-1001)
    change_membership(live.server, group, ada, before="member", now="kicked")
    await live.server.until(lambda: group.id in blocked_chats(live.store))
    user = group_user(live.store, group.id, language="en")
    due_in(live, seconds=0, chat=group.id, user=user)
    await live.reply_to(ada, "/help")
    assert sent_to(live, group.id) == 0
    change_membership(live.server, group, ada, before="kicked", now="member")
    await live.server.until(lambda: REMINDED in texts(live, group.id))


async def test_notices_of_tunes_leave_them_out(live: Bench) -> None:
    """Their tune may run, but they are neither asked nor told; another is told."""
    ada = await live.owner()
    ben = await live.friend(ada)
    await blocked(live, ada)
    tried = sent_to(live, OWNER)
    live.tunes.outcome = Outcome()
    live.tunes.due |= {"Ada", "Ben"}
    await live.server.until(lambda: say("en", "tg_tuned", adapter="ada-1") in texts(live, ben.id))
    await live.server.until(lambda: len(live.tunes.run) == 2)
    assert sent_to(live, OWNER) == tried


async def test_whether_to_tune_is_asked_when_they_are_back(bench: Bench) -> None:
    """The question is not used up meanwhile."""
    bench.settings = replace(bench.settings, tuning=replace(bench.settings.tuning, ask_before=True))
    await bench.start()
    ada = await bench.owner()
    ben = await bench.friend(ada)
    await blocked(bench, ada)
    bench.tunes.due |= {"Ada", "Ben"}
    await bench.server.until(lambda: say("en", "tg_tune_ask") in texts(bench, ben.id)[-1])
    assert bench.store.state(f"tune_asked:{bench.user().id}") is None
    ada.unblock()
    await bench.server.until(lambda: say("en", "tg_tune_ask") in texts(bench, OWNER)[-1])


async def test_what_may_not_have_arrived_is_not_announced_to_them(live: Bench) -> None:
    """It is once they are back."""
    ada = await live.owner()
    reply = await live.reply_to(ada, STORY)
    await blocked(live, ada)
    tried = sent_to(live, OWNER)
    with live.store.transaction() as db:
        db.execute("UPDATE telegram_outbox SET state = 'unknown' WHERE message_id = ?", (reply.id,))
    ben = live.server.user(8, "Ben")
    due_in(live, seconds=0, key="c")  # looked at by the same clock as announcements
    await live.reply_to(ben, "hello")
    assert sent_to(live, OWNER) == tried
    ada.unblock()
    await live.server.until(lambda: say("en", "tg_may_not_have_arrived") in texts(live, OWNER))


async def test_a_stranger_is_refused_though_the_owner_can_not_be_asked(live: Bench) -> None:
    """The question waits until the owner is back."""
    ada = await live.owner()
    await blocked(live, ada)
    ben = live.server.user(8, "Ben")
    assert (await live.reply_to(ben, "hello")).text == say("en", "tg_asked_owner")
    ada.unblock()
    await live.server.until(lambda: say("en", "tg_may_talk", name="Ben", id=8) in texts(live, OWNER))


async def test_delivery_notes_a_closed_chat(live: Bench) -> None:
    """Whatever was being sent, by whichever part of the program."""
    ada = await live.owner()
    live.server.world.blocked.add(ada.id)
    written = ada.send(STORY)
    await live.server.until(lambda: ada.id in blocked_chats(live.store))
    assert live.server.replies(ada.id, after=written) == []


async def test_one_refused_in_its_own_second_is_not_lost(live: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Due again, it has another moment than the message that was refused."""
    ada = await live.owner()
    live.server.world.blocked.add(OWNER)

    class Standing(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Standing:
            return cls(2026, 5, 1, 10, 0, 0, 300_000, tzinfo=tz)

    monkeypatch.setattr(reminding, "datetime", Standing)
    new = NewReminder("k", "call Mum", Standing.now(UTC), "UTC", Destination("telegram", OWNER))
    made = add_reminder(live.store, new, user_id=live.user().id)
    owner = live.user().id
    await live.server.until(lambda: any(each.due > made.due for each in reminders_of(live.store, user_id=owner)))
    monkeypatch.undo()
    ada.unblock()
    await live.server.until(lambda: any(text.startswith(REMINDED) for text in texts(live, OWNER)))


async def test_the_first_question_that_meets_the_block_waits_too(live: Bench) -> None:
    """It is the one by which the block is found."""
    ada = await live.owner()
    live.server.world.blocked.add(OWNER)
    await live.reply_to(live.server.user(8, "Ben"), "hello")
    await live.server.until(lambda: OWNER in blocked_chats(live.store))
    ada.unblock()
    await live.server.until(lambda: texts(live, OWNER).count(say("en", "tg_may_talk", name="Ben", id=8)) == 1)


async def test_the_first_digest_that_meets_the_block_waits_too(live: Bench) -> None:
    """What it tells is in no later one."""
    ada = await live.owner()
    await live.reply_to(ada, "/note the kiln is hot")
    live.server.world.blocked.add(OWNER)
    due_since(live, seconds=0)
    await live.server.until(lambda: OWNER in blocked_chats(live.store))
    ada.unblock()
    await live.server.until(lambda: len(told(live)) == 1)
