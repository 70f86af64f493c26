"""Buttons that lead nowhere: each press is answered, none crashes, none reaches what is somebody else's."""

from __future__ import annotations

import pytest

from bot.locales import say
from bot.telegram.buttons import PRESSES
from bot.telegram.expiry import RULES
from memory.turns import turns_of
from tests.bot.telegram.bench import OWNER, STORY, Bench
from tests.bot.telegram.messages import KINDS
from tests.telegram_api import Message, UserDriver
from tests.telegram_api.raw import message_json, press_raw, pressed_raw, send_raw
from tests.telegram_api.records import JSON, Chat

pytestmark = pytest.mark.asyncio(loop_scope="module")
EXPIRED = say("en", "tg_button_expired")
PRIVATE = Chat(OWNER, "private", first_name="Ada")
GONE = 999
SEEN = ("up", "down", "why", "choose", "fact", "snooze", "again", "allow", "refuse", "unremind")
"""Buttons that name something by a number alone."""
FORMS = [
    *(f"{name}:{GONE}" for name in SEEN),
    *(f"forget:turn:{GONE}", f"forget:document:{GONE}", f"snooze:{GONE}:10", f"pick:{GONE}:first"),
    *(f"example:yes:turn:{GONE}", f"example:no:document:{GONE}:1", "rollback:no-such-adapter", "note"),
]
MALFORMED = [
    *("", "up", "up:", "up:x", "up:1:2", "down:-1", "why:1e3", f"up:{10**30}", "forget", "forget:user:1", "keep:1"),
    *("set:language", "set:name:x:y", "pick:1:third", "example:yes", "tune:never", "snooze:1", "stop:1", "fact:q"),
    *(
        "nonsense",
        "nonsense:1",
        ":::",
        "up:１",
        "allow:' OR 1=1",
        "note:1",
        "read",
        "forwarded:keep",
        "rollback:../x",
        "again:",
        "👍",
    ),
]


def ada_of(bench: Bench) -> UserDriver:
    """The owner."""
    return bench.server.user(OWNER, "Ada")


def under(bench: Bench, person: UserDriver) -> JSON:
    """A message of the bot in a person's private chat."""
    chat = Chat(person.id, "private", first_name="P")
    return message_json(bench.server, chat, {"from": bench.server.world.bot.as_json(), "text": "a"})


@pytest.mark.parametrize("data", [*FORMS, *MALFORMED])
async def test_what_is_gone_or_malformed_has_expired(shared: Bench, data: str) -> None:
    """The press is answered with an alert; nothing else is said, nothing is changed."""
    before = len(shared.server.replies(OWNER))
    answer = await pressed_raw(shared.server, ada_of(shared), data, message=under(shared, ada_of(shared)))
    assert (answer.text, answer.show_alert) == (EXPIRED, True)
    assert len(shared.server.replies(OWNER)) == before


async def test_every_button_has_its_rule() -> None:
    """A new one is not forgotten."""
    assert set(RULES) == set(PRESSES)


@pytest.mark.parametrize("message", ["inaccessible", "none"])
async def test_a_message_out_of_reach_has_expired(shared: Bench, message: str) -> None:
    """Of one too old Telegram tells the number only, of an inline one not even that."""
    old: JSON = {"message_id": 3, "date": 0, "chat": PRIVATE.as_json()}
    answer = await pressed_raw(
        shared.server, ada_of(shared), "up:1", message=old if message == "inaccessible" else None
    )
    assert (answer.text, answer.show_alert) == (EXPIRED, True)
    assert await shared.reply_to(ada_of(shared), "/help")


async def test_a_button_without_data_has_expired(shared: Bench) -> None:
    """As under a game."""
    answer = await pressed_raw(shared.server, ada_of(shared), None, message=under(shared, ada_of(shared)))
    assert answer.text == EXPIRED


async def test_what_is_forgotten_has_expired(shared: Bench) -> None:
    """The buttons under a reply whose turn is gone."""
    ada = ada_of(shared)
    reply = await shared.reply_to(ada, STORY)
    shared.store.delete_turn(turns_of(shared.store, user_id=shared.user().id)[-1].id, user_id=shared.user().id)
    for button in reply.buttons:
        answer = await pressed_raw(shared.server, ada, button.callback_data, message=reply.as_json())
        assert answer.text == EXPIRED


async def test_a_note_of_a_deleted_message_has_expired(shared: Bench) -> None:
    """Its content is nowhere but in the message itself."""
    sent = send_raw(shared.server, ada_of(shared), KINDS["contact"].fields)
    (reply,) = await shared.server.until(lambda: shared.server.replies(OWNER, after=sent))
    body = {name: value for name, value in reply.as_json().items() if name != "reply_to_message"}
    assert (await pressed_raw(shared.server, ada_of(shared), "note", message=body)).text == EXPIRED


@pytest.mark.asyncio(loop_scope="function")
async def test_nobody_reaches_what_is_anothers(live: Bench) -> None:
    """Ben presses whatever Ada's buttons say; each has expired for him, and all of hers is as it was."""
    ada = await live.owner()
    ben = await live.friend(ada)
    reply = await live.reply_to(ada, "My locker at the pool has the number 4711.")
    kept = await live.reply_to(ada, "/remind call Mum in two hours")
    assert "call Mum" in kept.text
    before = [tuple(row) for table in ("turns", "reminders", "facts", "feedback") for row in rows(live, table)]
    told = len(live.server.replies(ben.id))
    for data in ("up:1", "why:1", "forget:turn:1", "unremind:1", "snooze:1:10", "fact:1", "again:1"):
        answer = await pressed_raw(live.server, ben, data, message=under(live, ben))
        assert (data, answer.text) == (data, EXPIRED)
    answer = await pressed_raw(live.server, ben, "allow:1", message=under(live, ben))
    assert answer.text == say("en", "tg_owner_only")
    assert [tuple(row) for table in ("turns", "reminders", "facts", "feedback") for row in rows(live, table)] == before
    assert len(live.server.replies(ben.id)) == told
    assert reply.buttons


def rows(bench: Bench, table: str) -> list[tuple[object, ...]]:
    """All of a table."""
    return [tuple(row) for row in bench.store.rows(f"SELECT * FROM {table}")]


async def test_who_may_not_talk_to_the_bot_is_told(shared: Bench) -> None:
    """A press of a stranger is answered and does nothing: neither are they let in, nor is the owner asked."""
    eve = shared.server.user(13, "Eve")
    group = shared.server.group(-1001)
    body = message_json(shared.server, group, {"from": shared.server.world.bot.as_json(), "text": "a"})
    answer = await pressed_raw(shared.server, eve, "up:1", message=body)
    assert (answer.text, answer.show_alert) == (say("en", "tg_button_not_allowed"), True)
    assert eve.id not in [user.telegram_id for user in shared.store.users()]


@pytest.mark.asyncio(loop_scope="function")
async def test_in_a_group_only_the_asker_erases(live: Bench) -> None:
    """Another member may vote and keep, but what Ada asked to forget only Ada confirms, also by way of the list."""
    ada = await live.owner()
    ben = await live.friend(ada)
    group = live.server.group(-1001)
    group.set_admins(ada, ben)
    send_raw(live.server, ada, KINDS["contact"].fields, chat=group, reply_to=await greeted(live, ada, group.id))
    (contact,) = await live.server.until(lambda: [m for m in live.server.replies(group.id) if m.buttons])
    ben.press(contact, "note")
    await live.server.until(lambda: [m for m in live.server.replies(group.id) if m.id == contact.id and m.edits])
    ada.send("/forget@familiar_test_bot", chat=group)
    (listed,) = await live.server.until(lambda: live.server.replies(group.id, after=contact))
    (choice,) = [button.callback_data or "" for button in listed.buttons]
    refused = await pressed_raw(live.server, ben, choice, message=listed.as_json())
    assert (refused.text, refused.show_alert) == (say("en", "tg_button_not_yours"), True)
    ada.press(listed, choice)
    (question,) = await live.server.until(lambda: live.server.replies(group.id, after=listed))
    for button in question.buttons:
        refused = await pressed_raw(live.server, ben, button.callback_data, message=question.as_json())
        assert refused.text == say("en", "tg_button_not_yours")
    assert live.store.rows("SELECT count(*) FROM documents")[0][0] == 1
    ada.press(question, question.buttons[0].callback_data or "")
    await live.server.until(lambda: live.store.rows("SELECT count(*) FROM documents")[0][0] == 0)


async def greeted(bench: Bench, person: UserDriver, chat: int) -> Message:
    """A message of the bot in a group, to answer."""
    person.send("/help@familiar_test_bot", chat=bench.server.group(chat))
    return (await bench.server.until(lambda: bench.server.replies(chat)))[0]


async def test_a_press_is_answered_though_a_reply_is_being_written(shared: Bench) -> None:
    """It does not queue behind the chat's messages."""
    waiting: list[str] = []

    def press_meanwhile(word: str) -> None:
        if not waiting:
            waiting.append(word)
            query = press_raw(shared.server, ada_of(shared), "nonsense", message=under(shared, ada_of(shared)))
            shared.server.wait_for(lambda: query in [answer.query_id for answer in shared.server.answers()])

    shared.on_word = press_meanwhile
    try:
        await shared.reply_to(ada_of(shared), STORY)
    finally:
        shared.on_word = lambda _word: None
    assert waiting


@pytest.mark.asyncio(loop_scope="function")
async def test_a_guest_is_told_that_it_has_expired(live: Bench) -> None:
    """They are allowed, and of a very old message only its number is known."""
    ada = await live.owner()
    eve = live.server.user(13, "Eve")
    await live.reply_to(eve, "hello")
    (asked,) = await live.server.until(lambda: live.server.replies(OWNER)[1:])
    ada.press(asked, asked.buttons[1].callback_data or "")
    await live.server.until(lambda: live.user(13).role == "guest")
    old = {**under(live, eve), "date": 0}
    old = {name: old[name] for name in ("message_id", "date", "chat")}
    assert (await pressed_raw(live.server, eve, "why:1", message=old)).text == EXPIRED
