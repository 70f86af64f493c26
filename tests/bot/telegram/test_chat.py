"""Turns over Telegram: streamed, whole, in order, answered once, and never in the wrong place."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

import pytest

from bot.locales import say
from bot.telegram.render import LIMIT, utf16
from memory.errors import FamiliarError
from memory.records import Turn
from memory.turns import turns_of
from tests.bot.telegram.bench import STORY, Bench, slowly
from tests.telegram_api import Drop, Message, Refusal, TooManyRequests


def holding(begun: threading.Event, go: threading.Event) -> Callable[[str], None]:
    """Before each word: say that it has begun, and wait until it may go on."""

    def hold(_word: str) -> None:
        begun.set()
        go.wait(10)

    return hold


def turns(bench: Bench) -> list[Turn]:
    """The owner's turns."""
    return turns_of(bench.store, user_id=bench.user().id)


async def test_a_reply_streams_as_drafts_and_then_arrives(live: Bench) -> None:
    """Each draft goes on where the last ended; the message comes once, with formatting, number and buttons."""
    ada = await live.owner()
    live.reply = lambda _: "Once **upon** a time there was a fox."
    live.on_word = slowly()
    reply = await live.reply_to(ada, STORY)
    drafts = [draft.text for draft in live.server.drafts(ada.id)]
    assert len(drafts) >= 2
    assert len(set(drafts)) == len(drafts)
    assert drafts[-1].startswith(drafts[0])
    (turn,) = turns(live)
    assert reply.text == f"Once upon a time there was a fox.\n\n(turn {turn.id})"
    assert [(entity.type, entity.offset) for entity in reply.entities] == [("bold", 5)]
    assert [button.callback_data for button in reply.buttons] == [f"up:{turn.id}", f"down:{turn.id}", f"why:{turn.id}"]
    assert live.server.actions(ada.id)


async def test_the_answer_cites_what_was_told(live: Bench) -> None:
    """What the user said is found in a later turn, and its source named under the reply."""
    ada = await live.owner()
    await live.reply_to(ada, "My locker at the pool has the number 4711.")
    live.reply = lambda _: "Your locker has the number 4711 [1]."
    reply = await live.reply_to(ada, "Which number has my locker at the pool?")
    assert f"{say('en', 'sources')}\n[1] " in reply.text


async def test_what_the_sources_don_t_support_is_marked(live: Bench) -> None:
    """While it streams nothing is; the message that stays has the mark, and says what it means."""
    ada = await live.owner()
    await live.reply_to(ada, "My locker at the pool has the number 4711.")
    live.reply = lambda _: "Your locker has the number 4711 [1]. It is beside Marek."
    reply = await live.reply_to(ada, "Which number has my locker at the pool?")
    assert "number 4711 [1]. It is beside Marek. (?)\n" in reply.text
    assert say("en", "unsupported_legend") in reply.text
    assert "(?)" not in turns(live)[-1].reply


async def test_failing_drafts_never_lose_the_reply(live: Bench) -> None:
    """They are a courtesy: after a few failures there are none, and the message comes."""
    ada = await live.owner()
    live.on_word = slowly()
    live.server.fault("sendMessageDraft", Refusal(400, "Bad Request: nothing works"), times=3)
    live.reply = lambda _: "one two three four five six seven"
    assert (await live.reply_to(ada, STORY)).text.startswith("one two three four five six seven")


async def test_a_wait_ordered_for_a_draft_holds_for_the_reply(live: Bench) -> None:
    """Nothing is sent to the chat until Telegram's time is over, and then the whole reply."""
    ada = await live.owner()
    live.on_word = slowly()
    live.server.fault("sendMessageDraft", TooManyRequests(retry_after=1))
    live.reply = lambda _: "one two three four five"
    reply = await live.reply_to(ada, STORY)
    (refused,) = [call for call in live.server.calls("sendMessageDraft") if call.status == 429]
    later = [call for call in live.server.calls() if call.method.startswith("sendMessage") and call.at > refused.at]
    assert reply.text.startswith("one two three four five")
    assert all(call.at - refused.at >= 1.0 for call in later)


async def test_a_long_reply_comes_in_parts_with_the_buttons_under_the_last(live: Bench) -> None:
    """10,000 UTF-16 units are three messages, all of which belong to the turn."""
    ada = await live.owner()
    live.reply = lambda _: "😀" * 5000
    written = ada.send(STORY)
    await live.server.until(lambda: len(live.server.replies(ada.id, after=written)) == 3)
    parts = live.server.replies(ada.id, after=written)
    assert [utf16(part.text) <= LIMIT for part in parts] == [True] * 3
    assert "".join(part.text for part in parts).count("😀") == 5000
    assert [bool(part.buttons) for part in parts] == [False, False, True]
    await live.server.until(lambda: len(live.store.rows("SELECT * FROM telegram_messages")) == 3)


async def test_a_part_that_may_have_arrived_does_not_stop_the_next(live: Bench) -> None:
    """Nor is it sent twice."""
    ada = await live.owner()
    live.reply = lambda _: "x" * 5000
    live.server.fault("sendMessage", Drop(delivered=True))
    written = ada.send(STORY)
    await live.server.until(lambda: len(live.server.replies(ada.id, after=written)) == 2)
    await live.reply_to(ada, "/help")
    parts = [message.text for message in live.server.replies(ada.id) if "xxx" in message.text]
    assert "".join(parts).count("x") == 5000


async def test_an_update_delivered_twice_is_answered_once(live: Bench) -> None:
    """Its number is known."""
    ada = await live.owner()
    live.server.deliver_twice()
    await live.reply_to(ada, STORY)
    await live.reply_to(ada, "/help")
    assert len(live.engine.requests) == 1


async def test_nothing_is_answered_again_after_a_restart(bench: Bench) -> None:
    """Even where Telegram delivers old updates once more; what came meanwhile is answered."""
    await bench.start()
    ada = await bench.owner()
    bench.server.deliver_twice()
    await bench.reply_to(ada, STORY)
    await bench.stop()
    ada.send("Write another story.")
    await bench.start()
    await bench.server.until(lambda: len(bench.engine.requests) == 2)
    await bench.reply_to(ada, "/help")
    assert [turn.user_text for turn in turns(bench)] == [STORY, "Write another story."]


async def test_messages_of_a_chat_stay_in_order_and_chats_do_not_wait(live: Bench) -> None:
    """While Ada's first question is being answered her second waits, and Ben gets his help at once."""
    ada = await live.owner()
    ben = await live.friend(ada)
    go, begun = threading.Event(), threading.Event()
    live.on_word = holding(begun, go)
    ada.send("Tell me a first story.")
    await live.server.until(begun.is_set)
    ada.send("/help")
    assert (await live.reply_to(ben, "/help")).text.startswith(say("en", "tg_help"))
    before = live.server.replies(ada.id)
    go.set()
    await live.server.until(lambda: len(live.server.replies(ada.id)) == len(before) + 2)
    first, second = live.server.replies(ada.id)[-2:]
    assert first.text.startswith("Once upon a time.")
    assert second.text.startswith(say("en", "tg_help"))


async def test_an_error_is_told_with_a_number_and_logged_without_words(
    live: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has ids, type and place; what the person wrote and what the error says stay out of it."""
    ada = await live.owner()

    def fail(_: object) -> str:
        raise RuntimeError("the secret is blueberry")

    live.reply = fail
    with caplog.at_level(logging.DEBUG):
        reply = await live.reply_to(ada, "Write about my blueberry.")
    logged = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    (line,) = logged
    number = line.split()[1].rstrip(":")
    assert reply.text == say("en", "tg_sorry", number=number)
    assert "RuntimeError at test_chat.py" in line
    assert "blueberry" not in caplog.text
    live.reply = lambda _: "Fine again."
    assert "Fine again." in (await live.reply_to(ada, STORY)).text


async def test_an_error_that_the_user_can_mend_says_how(live: Bench) -> None:
    """A FamiliarError's text is made for people."""
    ada = await live.owner()

    def fail(_: object) -> str:
        raise FamiliarError("the message is too long for the model")

    live.reply = fail
    assert (await live.reply_to(ada, STORY)).text.endswith("the message is too long for the model")


async def test_a_stop_ends_the_reply_under_way(bench: Bench) -> None:
    """The turn that is being written is finished and sent before the bot is gone."""
    await bench.start()
    ada = await bench.owner()
    bench.on_word = slowly(0.05)
    bench.reply = lambda _: "one two three four five six"
    written = ada.send(STORY)
    await bench.server.until(lambda: bench.engine.requests)
    await bench.stop()
    (reply,) = bench.server.replies(ada.id, after=written)
    assert reply.text.startswith("one two three four five six")


async def test_chinese_users_get_chinese(live: Bench) -> None:
    """Welcome, help, footer and unknown kinds."""
    ada = await live.owner("zh-hans")
    assert (await live.reply_to(ada, "/help")).text.startswith(say("zh", "tg_help"))
    reply = await live.reply_to(ada, STORY)
    assert say("zh", "turn_number", n=1) in reply.text
    assert reply.buttons[-1].text == say("zh", "tg_why_button")


async def test_an_unknown_command_is_no_question(live: Bench) -> None:
    """It is said to be unknown, and the model is not asked."""
    ada = await live.owner()
    assert (await live.reply_to(ada, "/dance")).text == say("en", "tg_unknown_command")
    assert live.engine.requests == []


def has_replies(bench: Bench, chat_id: int, number: int) -> bool:
    """Whether the bot has sent so many messages to a chat."""
    return len(bench.server.replies(chat_id)) == number


def spoken(messages: list[Message]) -> list[str]:
    """The first lines of these messages."""
    return [message.text.splitlines()[0] for message in messages]


def is_finished(message: Message) -> bool:
    """Whether it has the buttons of a whole reply."""
    return any(button.text == "👍" for button in message.buttons)


async def test_in_a_group_a_reply_grows_by_edits(live: Bench) -> None:
    """It answers the message that called the bot; its last state has number and buttons."""
    ada = await live.owner()
    group = live.server.group(-1001)
    live.on_word = slowly(0.1)
    live.reply = lambda _: "one two three four five"
    asked = ada.send("@familiar_test_bot tell me a story please", chat=group)
    await live.server.until(lambda: any(is_finished(message) for message in live.server.replies(group.id)))
    (reply,) = live.server.replies(group.id)
    assert reply.reply_to is not None
    assert reply.reply_to.id == asked.id
    assert spoken([reply]) == ["one two three four five"]
    first, *shown = [version.content.text for version in reply.edits]
    assert first == "…"
    assert shown
    assert all(reply.text.startswith(text) for text in shown)
    assert len(set(shown)) == len(shown)
    assert live.server.drafts(group.id) == []
    assert live.engine.requests[0].messages[-1].content.startswith("tell me a story please")


async def test_what_was_said_in_private_never_surfaces_in_a_group(live: Bench) -> None:
    """The group has a memory of its own, which nothing private is in, though the same person asks."""
    ada = await live.owner()
    await live.reply_to(ada, "My locker at the pool has the number 4711.")
    group = live.server.group(-1001)
    ada.send("@familiar_test_bot which number has my locker at the pool?", chat=group)
    await live.server.until(lambda: any(is_finished(message) for message in live.server.replies(group.id)))
    assert spoken(live.server.replies(group.id)) == [say("en", "nothing_found")]
    assert not any("4711" in message.content for message in live.engine.requests[-1].messages[1:-1])


async def test_in_a_group_strangers_are_not_heard(live: Bench) -> None:
    """Nor answered, nor stored."""
    ada = await live.owner()
    eve = live.server.user(13, "Eve")
    group = live.server.group(-1001)
    eve.send("@familiar_test_bot tell me a story", chat=group)
    ada.send("/help@familiar_test_bot", chat=group)
    await live.server.until(lambda: live.server.replies(group.id))
    (reply,) = live.server.replies(group.id)
    assert reply.text.startswith(say("en", "tg_help"))
    assert [user.name for user in live.store.users()] == ["Ada", "group:-1001"]


async def test_private_matters_are_refused_in_a_group(live: Bench) -> None:
    """Facts, tunes and imports belong to one person."""
    ada = await live.owner()
    group = live.server.group(-1001)
    for number, command in enumerate(("/facts", "/tune", "/import"), 1):
        ada.send(command, chat=group)
        await live.server.until(partial(has_replies, live, group.id, number))
    assert set(spoken(live.server.replies(group.id))) == {say("en", "tg_private_only")}


async def test_a_deleted_topic_does_not_lose_the_reply(live: Bench) -> None:
    """It comes in the group's main thread."""
    ada = await live.owner()
    group = live.server.group(-1001)
    group.open_topic(3)
    begun = threading.Event()
    go = threading.Event()
    live.on_word = holding(begun, go)
    ada.send("@familiar_test_bot tell me a story", chat=group, thread_id=3)
    await live.server.until(begun.is_set)
    group.delete_topic(3)
    go.set()
    await live.server.until(lambda: any(is_finished(message) for message in live.server.replies(group.id)))
    assert spoken(live.server.replies(group.id)) == ["Once upon a time."]
