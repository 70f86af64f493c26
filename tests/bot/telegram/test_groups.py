"""Groups: what is stored there, who decides it, and what never gets there."""

from __future__ import annotations

from functools import partial

import pytest

from bot.locales import say
from bot.telegram.access import group_user
from bot.telegram.group_rules import mark_told, rules_of, set_storing
from bot.telegram.ledger import moved
from memory.places import TABLES
from memory.turns import turns_of
from tests.bot.telegram.bench import OWNER, STORY, Bench
from tests.bot.telegram.test_chat import is_finished
from tests.bot.telegram.test_people import forged
from tests.memory.facts.home import Home
from tests.telegram_api import GroupDriver, Message, Refusal, UserDriver

GROUP, BEN, EVE = -1001, 8, 13
LOCKER = "My locker at the pool has the number 4711."
ASKED = "@familiar_test_bot which number has my locker at the pool?"


async def spoken_in(bench: Bench, group: GroupDriver, person: UserDriver, text: str, **options: object) -> Message:
    """Say something in a group and wait for the bot's whole answer."""
    said = person.send(text, chat=group, **options)  # type: ignore[arg-type]
    await bench.server.until(lambda: bench.server.replies(group.id, after=said))
    if text.startswith("@"):
        await bench.server.until(lambda: bench.server.replies(group.id, after=said)[-1].text != "…")
    return bench.server.replies(group.id, after=said)[-1]


async def anonymously(bench: Bench, group: GroupDriver, text: str) -> Message:
    """The same by an admin who is anonymous."""
    said = group.send_anonymously(text)
    return (await bench.server.until(lambda: bench.server.replies(group.id, after=said)))[-1]


def memory_of(bench: Bench) -> int:
    """The user whose memory the group's is."""
    user = bench.store.user(f"group:{GROUP}")
    assert user is not None
    return user.id


def stored(bench: Bench) -> dict[str, int]:
    """How much of the group is stored."""
    tables = ("turns", "chunks", "facts", "standing_rules", "telegram_messages")
    count, owner = "SELECT count(*) FROM {} WHERE user_id = ?", (memory_of(bench),)
    return {table: bench.store.rows(count.format(table), owner)[0][0] for table in tables}


def everything(bench: Bench) -> str:
    """All that the home's database holds."""
    return "\n".join(str(tuple(row)) for table in TABLES for row in bench.store.rows(f"SELECT * FROM {table.name}"))


def has_turns(bench: Bench, count: int) -> bool:
    """Whether so many turns of the group are stored."""
    return stored(bench)["turns"] == count


def begins(message: Message, key: str) -> bool:
    """Whether a message begins with a phrase."""
    return message.text.startswith(say("en", key))


async def test_a_group_is_told_once_what_is_stored(live: Bench) -> None:
    """Under the first message there, whatever it is, and not again after a restart."""
    ada = await live.owner()
    group = live.server.group(GROUP)
    first = await spoken_in(live, group, ada, f"@familiar_test_bot {STORY}")
    await live.server.until(lambda: is_finished(live.server.replies(group.id)[-1]))
    first = live.server.replies(group.id)[-1]
    assert say("en", "tg_group_notice") in first.text
    await live.stop()
    await live.start()
    for text in ("/help", f"@familiar_test_bot {STORY}"):
        assert say("en", "tg_group_notice") not in (await spoken_in(live, group, ada, text)).text


async def test_an_admin_ends_storing_and_what_was_there_stays(live: Bench) -> None:
    """The bot goes on answering from what it has; neither turns nor facts are added, nor corrections."""
    ada = await live.owner()
    ben = await live.friend(ada)
    group = live.server.group(GROUP)
    group.set_admins(ben)
    await spoken_in(live, group, ada, f"@familiar_test_bot {LOCKER}")
    await live.server.until(lambda: is_finished(live.server.replies(group.id)[-1]))
    told = live.server.replies(group.id)[-1]
    decided = await spoken_in(live, group, ben, "/storing off")
    assert begins(decided, "tg_storing_off")
    assert "Decided by “Ben” on 20" in decided.text
    before = stored(live)
    live.reply = lambda _: "It has the number 4711 [1]."
    answer = await spoken_in(live, group, ada, ASKED)
    await live.server.until(lambda: "4711" in live.server.replies(group.id)[-1].text)
    answer = live.server.replies(group.id)[-1]
    assert (answer.buttons, "turn " in answer.text) == ((), False)
    await spoken_in(live, group, ada, "@familiar_test_bot My sister Zoe lives in Oslo. Always answer in Chinese.")
    assert begins(await spoken_in(live, group, ada, "/correct Yes.", reply_to=told), "tg_storing_off")
    assert begins(await spoken_in(live, group, ada, "/remind call Mum tomorrow at 9"), "tg_storing_off")
    assert stored(live) == before
    assert live.store.rows("SELECT * FROM feedback") == []
    await live.server.until(lambda: "Oslo" not in everything(live))
    assert "4711" in everything(live)
    assert begins(await spoken_in(live, group, ben, "/storing on"), "tg_storing_on")
    await spoken_in(live, group, ada, f"@familiar_test_bot {STORY}")
    await live.server.until(lambda: stored(live)["turns"] == before["turns"] + 1)


async def test_only_admins_decide_and_everybody_may_ask(live: Bench) -> None:
    """The owner of the bot is no admin of the group by that."""
    ada = await live.owner()
    ben = await live.friend(ada)
    group = live.server.group(GROUP)
    group.set_admins(ben)
    for text in ("/storing off", "/settings", "/timezone Asia/Shanghai"):
        assert begins(await spoken_in(live, group, ada, text), "tg_admins_only")
    assert begins(await spoken_in(live, group, ada, "/storing"), "tg_storing_on")
    assert rules_of(live.store, memory_of(live)).storing
    assert say("en", "tg_storing_how") in (await spoken_in(live, group, ben, "/storing maybe")).text
    assert len(live.server.calls("getChatAdministrators")) == 1


async def test_an_admin_whom_the_bot_does_not_know_decides(live: Bench) -> None:
    """And may do nothing else; a stranger who is no admin is not heard."""
    ada = await live.owner()
    eve, mallory = live.server.user(EVE, "Eve"), live.server.user(14, "Mallory")
    group = live.server.group(GROUP)
    group.set_admins(eve)
    mallory.send("/storing off", chat=group)
    assert begins(await spoken_in(live, group, eve, "/storing off"), "tg_storing_off")
    eve.send(f"@familiar_test_bot {STORY}", chat=group)
    eve.send("/summary", chat=group)
    await spoken_in(live, group, ada, "/help")
    assert len(live.server.replies(group.id)) == 2
    assert live.engine.requests == []
    rules = rules_of(live.store, memory_of(live))
    assert (rules.storing, rules.decided_by) == (False, EVE)
    assert [user.name for user in live.store.users()] == ["Ada", f"group:{GROUP}"]


async def test_an_anonymous_admin_decides_without_a_name(live: Bench) -> None:
    """The group itself is named as the sender; somebody who writes as another channel is no admin."""
    ada = await live.owner()
    group = live.server.group(GROUP)
    decided = await anonymously(live, group, "/storing off")
    assert say("en", "tg_anonymous_admin") in decided.text
    rules = rules_of(live.store, memory_of(live))
    assert (rules.storing, rules.decided_by, rules.decided_at is None) == (False, None, False)
    group.send_anonymously(f"@familiar_test_bot {STORY}")
    other = group.send_anonymously("/help")
    body = {**other.as_json(), "text": "/storing on", "sender_chat": {"id": -1007, "type": "channel", "title": "C"}}
    live.server.world.add_update("message", body)
    await spoken_in(live, group, ada, "/help")
    assert not rules_of(live.store, memory_of(live)).storing
    assert live.engine.requests == []


async def test_where_admins_can_not_be_asked_for_nobody_is_one(live: Bench) -> None:
    """A failure opens nothing, and is not kept."""
    ada = await live.owner()
    group = live.server.group(GROUP)
    group.set_admins(ada)
    live.server.fault("getChatAdministrators", Refusal(400, "Bad Request: member list is inaccessible"))
    assert begins(await spoken_in(live, group, ada, "/storing off"), "tg_admins_only")
    assert begins(await spoken_in(live, group, ada, "/storing off"), "tg_storing_off")


async def test_a_turn_is_forgotten_by_its_author_or_an_admin(live: Bench) -> None:
    """Nobody else, not even by a button that they were not shown."""
    ada = await live.owner()
    ben, kim = await live.friend(ada), await live.friend(ada, 15, "Kim")
    group = live.server.group(GROUP)
    group.set_admins(kim)
    for _ in range(2):
        await spoken_in(live, group, ben, f"@familiar_test_bot {LOCKER}")
        await live.server.until(lambda: is_finished(live.server.replies(group.id)[-1]))
    first, second = [m for m in live.server.replies(group.id) if is_finished(m)]
    assert begins(await spoken_in(live, group, ada, "/forget", reply_to=first), "tg_admins_only")
    assert begins(await spoken_in(live, group, ben, "/forget locker"), "tg_admins_only")
    for press in ("forget:turn:1", "forget:text", "choose:1", "forget:turn:1:2"):
        forged(live, ada, first, press)
    refused = say("en", "tg_admins_only")
    await live.server.until(lambda: [answer.text for answer in live.server.answers()].count(refused) == 4)
    assert stored(live)["turns"] == 2
    for person, reply, number in ((ben, first, 1), (kim, second, 2)):
        question = await spoken_in(live, group, person, "/forget", reply_to=reply)
        person.press(question, f"forget:turn:{number}")
        await live.server.until(partial(has_turns, live, 2 - number))


async def test_an_admin_sets_the_groups_language(live: Bench) -> None:
    """The buttons are not for the others, and the admin's own language stays."""
    ada = await live.owner()
    ben = await live.friend(ada)
    group = live.server.group(GROUP)
    group.set_admins(ben)
    shown = await spoken_in(live, group, ben, "/settings")
    ada.press(shown, "set:language:zh")
    await live.server.until(lambda: live.server.answers()[-1].text == say("en", "tg_admins_only"))
    ben.press(shown, "set:language:zh")
    await live.server.until(lambda: live.store.user_by_id(memory_of(live)).profile.language == "zh")
    assert (await spoken_in(live, group, ada, "/help")).text.startswith(say("zh", "tg_help"))
    assert (await live.reply_to(ada, "/help")).text.startswith(say("en", "tg_help"))


ATTEMPTS = (ASKED, "/why 1", "/summary", "/summary about locker", "/reminders", "/forget locker", "/facts", "/examples")


@pytest.mark.parametrize("admin", [True, False])
async def test_nothing_private_gets_into_a_group(live: Bench, admin: bool) -> None:
    """Whatever the same person asks for there, and whoever administers it."""
    ada = await live.owner()
    group = live.server.group(GROUP)
    if admin:
        group.set_admins(ada)
    await live.reply_to(ada, LOCKER)
    await live.reply_to(ada, "/remind call the locker 4711 tomorrow at 9")
    for text in ATTEMPTS:
        await spoken_in(live, group, ada, text)
    for press in ("why:1", "up:1", "forget:turn:1", "unremind:1", "fact:1"):
        forged(live, ada, live.server.replies(group.id)[-1], press)
    await spoken_in(live, group, ada, "/help")
    assert "4711" not in "\n".join(message.text for message in live.server.replies(group.id))
    assert len(turns_of(live.store, user_id=live.user(OWNER).id)) == 1
    assert live.store.rows("SELECT * FROM feedback") == []
    assert len(live.store.rows("SELECT * FROM reminders WHERE ended_at IS NULL")) == 1


@pytest.mark.parametrize("spoken", [True, False])
def test_what_was_decided_moves_with_the_group(bench: Bench, spoken: bool) -> None:
    """Also where the supergroup was spoken in before its move was heard of; what is empty gives way."""
    old, new = (group_user(bench.store, chat, language="en") for chat in (-5, -1005))
    Home(bench.store, old.id).told(("2026-01-01", STORY))
    if spoken:
        Home(bench.store, new.id).told(("2026-01-02", STORY))
    set_storing(bench.store, old.id, False, by=OWNER)
    mark_told(bench.store, new.id)
    for _ in range(2):
        moved(bench.store, -5, -1005)
    there = group_user(bench.store, -1005, language="en")
    assert there.id == (new.id if spoken else old.id)
    rules = rules_of(bench.store, there.id)
    assert (rules.storing, rules.decided_by, rules.told) == (False, OWNER, True)
    set_storing(bench.store, there.id, True, by=OWNER)
    moved(bench.store, -5, -1005)
    assert rules_of(bench.store, there.id).storing
