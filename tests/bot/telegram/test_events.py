"""What is no message of a person to the bot: quiet, where nobody waits for an answer."""

from __future__ import annotations

import logging

import pytest

from bot.locales import say
from tests.bot.telegram.bench import OWNER, Bench
from tests.bot.telegram.messages import CHANNEL, PERSON, SERVICE, Fields
from tests.telegram_api import GroupDriver, Message, UserDriver
from tests.telegram_api.raw import change_membership, message_json, push_update, send_raw
from tests.telegram_api.records import JSON, Chat

pytestmark = pytest.mark.asyncio(loop_scope="module")
HELP = say("en", "tg_help")
GREETING = say("en", "tg_group_greeting", bot="familiar_test_bot")
ANONYMOUS = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
TELEGRAM = {"id": 777000, "is_bot": False, "first_name": "Telegram"}
OTHER_BOT = {"id": 55, "is_bot": True, "first_name": "Helper"}
CHAT: JSON = {"id": OWNER, "type": "private", "first_name": "Ada"}
ADDRESS = {"country_code": "DE", "state": "", "city": "B", "street_line1": "", "street_line2": "", "post_code": "1"}


def ada_of(bench: Bench) -> UserDriver:
    """The owner."""
    return bench.server.user(OWNER, "Ada")


async def only_help(bench: Bench, group: GroupDriver, *, since: Message | None = None) -> None:
    """Ask for help, after which everything before has been handled, and find nothing said but that."""
    ada_of(bench).send("/help@familiar_test_bot", chat=group)
    await bench.server.until(lambda: bench.server.replies(group.id, after=since))
    (reply,) = bench.server.replies(group.id, after=since)
    assert reply.text.startswith(HELP)


async def test_service_messages_are_quiet(shared: Bench) -> None:
    """Of all kinds, in a group and in private, also of people who may not talk to the bot."""
    group, eve = shared.server.group(-1001), shared.server.user(13, "Eve")
    help_before = await shared.reply_to(ada_of(shared), "/help")
    for fields in SERVICE.values():
        send_raw(shared.server, eve, fields, chat=group)
        send_raw(shared.server, ada_of(shared), fields)
    await only_help(shared, group)
    last = await shared.reply_to(ada_of(shared), "/help")
    assert shared.server.replies(OWNER, after=help_before) == [last]
    assert eve.id not in [user.telegram_id for user in shared.store.users()]


async def test_a_group_is_greeted_once(shared: Bench) -> None:
    """With how to address the bot and what is stored; Telegram tells of it in two ways."""
    group = shared.server.group(-1002)
    change_membership(shared.server, group, ada_of(shared), before="left", now="member")
    send_raw(shared.server, ada_of(shared), {"new_chat_members": [shared.server.world.bot.as_json()]}, chat=group)
    (greeting,) = await shared.server.until(lambda: shared.server.replies(group.id))
    assert greeting.text == GREETING
    assert "@familiar_test_bot" in GREETING
    assert "/storing off" in GREETING
    await only_help(shared, group, since=greeting)


async def test_a_new_group_is_greeted(shared: Bench) -> None:
    """Where the bot was there from its beginning."""
    group = shared.server.group(-1003)
    send_raw(shared.server, ada_of(shared), {"group_chat_created": True}, chat=group)
    (greeting,) = await shared.server.until(lambda: shared.server.replies(group.id))
    assert greeting.text == GREETING


async def test_who_is_not_allowed_brings_no_greeting(shared: Bench) -> None:
    """The group of somebody else hears nothing until an allowed person speaks to the bot there."""
    group = shared.server.group(-1004)
    change_membership(shared.server, group, shared.server.user(13, "Eve"), before="left", now="member")
    await only_help(shared, group)


async def test_other_rights_are_quiet(shared: Bench) -> None:
    """An administrator is greeted no second time, nor is a channel ever."""
    group, eve = shared.server.group(-1005), ada_of(shared)
    change_membership(shared.server, group, eve, before="member", now="administrator")
    change_membership(shared.server, Chat(-1009, "supergroup"), eve, before="administrator", now="member")
    await only_help(shared, group)
    assert shared.server.replies(-1009) == []


@pytest.mark.parametrize("kind", ["channel_post", "edited_channel_post"])
async def test_channels_are_ignored(shared: Bench, kind: str) -> None:
    """What they post is neither answered nor kept, though it calls the bot."""
    before = shared.store.rows("SELECT count(*) FROM turns")[0][0]
    body = {"message_id": 5, "date": 1, "chat": CHANNEL, "text": "@familiar_test_bot My locker is 4711."}
    number = push_update(shared.server, kind, body)
    await until_done(shared, number)
    assert shared.store.rows("SELECT count(*) FROM turns")[0][0] == before
    assert shared.server.replies(CHANNEL_ID) == []
    kept = "SELECT 1 FROM telegram_inbox WHERE update_id = ? AND payload IS NOT NULL"
    assert shared.store.rows(kept, (number,)) == []


CHANNEL_ID = -1009


async def until_done(bench: Bench, update_id: int) -> None:
    """Wait until an update was handled without an error; one that is of no use is not even kept."""
    kept = "SELECT state FROM telegram_inbox WHERE update_id = ?"

    def is_over() -> bool:
        if any(update.id == update_id for update in bench.server.world.updates):
            return False
        return all(row["state"] == "done" for row in bench.store.rows(kept, (update_id,)))

    await bench.server.until(is_over)


@pytest.mark.parametrize(("number", "sender"), [(-1010, CHANNEL), (-1011, {"id": -1011, "type": "supergroup"})])
async def test_who_writes_as_a_chat_is_told_once(shared: Bench, number: int, sender: Fields) -> None:
    """A channel or an anonymous administrator: nobody knows whether they may talk to the bot."""
    group = shared.server.group(number)
    for text in ("@familiar_test_bot a story!", "/help@familiar_test_bot", "to somebody else"):
        written = {"from": ANONYMOUS, "sender_chat": sender, "text": text}
        push_update(shared.server, "message", message_json(shared.server, group, written))
    (told,) = await shared.server.until(lambda: shared.server.replies(group.id))
    assert told.text == say("en", "tg_anonymous")
    await only_help(shared, group, since=told)


async def test_posts_of_a_linked_channel_are_quiet(shared: Bench) -> None:
    """Telegram forwards them into the group by itself."""
    group = shared.server.group(-1012)
    post = {"from": TELEGRAM, "sender_chat": CHANNEL, "is_automatic_forward": True, "text": "@familiar_test_bot news"}
    push_update(shared.server, "message", message_json(shared.server, group, post))
    await only_help(shared, group)


async def test_other_bots_are_not_heard(shared: Bench) -> None:
    """Two bots could go on for ever."""
    group = shared.server.group(-1013)
    for text in ("@familiar_test_bot tell me a story", "/help@familiar_test_bot"):
        push_update(shared.server, "message", message_json(shared.server, group, {"from": OTHER_BOT, "text": text}))
    await only_help(shared, group)


ELSEWHERE: dict[str, JSON] = {
    "chat_boost": {
        "chat": CHANNEL,
        "boost": {
            "boost_id": "1",
            "add_date": 1,
            "expiration_date": 2,
            "source": {"source": "premium", "user": PERSON},
        },
    },
    "chat_join_request": {"chat": CHANNEL, "from": PERSON, "user_chat_id": 91, "date": 1},
    "chat_member": {
        "chat": CHANNEL,
        "from": PERSON,
        "date": 1,
        "old_chat_member": {"user": PERSON, "status": "left"},
        "new_chat_member": {"user": PERSON, "status": "member"},
    },
    "chosen_inline_result": {"result_id": "1", "from": PERSON, "query": "x"},
    "message_reaction_count": {"chat": CHANNEL, "message_id": 1, "date": 1, "reactions": []},
    "poll": {
        **{"id": "1", "question": "?", "options": [], "total_voter_count": 0, "is_closed": True, "is_anonymous": True},
        **{"type": "regular", "allows_multiple_answers": False, "allows_revoting": False, "members_only": False},
    },
    "poll_answer": {"poll_id": "1", "option_ids": [0], "user": PERSON, "option_persistent_ids": []},
    "pre_checkout_query": {"id": "1", "from": PERSON, "currency": "EUR", "total_amount": 1, "invoice_payload": "x"},
    "purchased_paid_media": {"from": PERSON, "paid_media_payload": "x"},
    "removed_chat_boost": {
        **{"chat": CHANNEL, "boost_id": "1", "remove_date": 1},
        "source": {"source": "premium", "user": PERSON},
    },
    "shipping_query": {"id": "1", "from": PERSON, "invoice_payload": "x", "shipping_address": ADDRESS},
}
"""Updates of people whom the bot does not know, and of chats that it is not in."""


@pytest.mark.parametrize("kind", list(ELSEWHERE))
async def test_updates_for_nobody_are_ignored(shared: Bench, kind: str) -> None:
    """Without a call to Telegram, and without a new user; most are not even asked for."""
    calls, users = len(sent_by(shared)), shared.store.users()
    await until_done(shared, push_update(shared.server, kind, ELSEWHERE[kind]))
    assert len(sent_by(shared)) == calls
    assert shared.store.users() == users


def sent_by(bench: Bench) -> list[str]:
    """The calls of the bot that do something."""
    return [call.method for call in bench.server.calls() if call.method != "getUpdates"]


async def test_a_kind_that_nobody_knows_is_logged_by_its_number(
    shared: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """And what it holds is not; the bot goes on."""
    with caplog.at_level(logging.INFO):
        number = push_update(shared.server, "brain_wave", {"thought": "blueberry"}, known=False)
        await until_done(shared, number)
    assert f"update {number} is of a kind that is not handled" in caplog.text
    assert "blueberry" not in caplog.text
    assert (await shared.reply_to(ada_of(shared), "/help")).text.startswith(HELP)


async def test_only_what_is_handled_is_asked_for(shared: Bench) -> None:
    """What a channel posts or a poll counts need not travel."""
    asked = shared.server.world.allowed_updates
    assert asked is not None
    assert asked >= {"message", "edited_message", "callback_query", "my_chat_member", "message_reaction"}
    assert not asked & {"channel_post", "edited_channel_post", "poll", "chat_member", "shipping_query"}
    assert not asked & {"business_connection", "business_message", "guest_message", "managed_bot"}


async def test_a_group_that_moves_takes_its_memory_along(shared: Bench) -> None:
    """Under the number of the supergroup, without a word."""
    old, new = shared.server.group(-1020), shared.server.group(-1021)
    ada_of(shared).send("@familiar_test_bot tell me a story", chat=old)
    await shared.server.until(lambda: shared.store.user("group:-1020"))
    send_raw(shared.server, ada_of(shared), {"migrate_to_chat_id": new.id}, chat=old)
    await shared.server.until(lambda: shared.store.user("group:-1021"))
    await only_help(shared, new)
    assert shared.store.user("group:-1020") is None
