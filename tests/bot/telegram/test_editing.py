"""Changed messages: the reply changes with the question, once, and the conversation holds the new one only."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest
from telegram import Chat
from telegram import Message as Written

from bot.locales import say
from bot.telegram import service
from bot.telegram.desk import Desk
from bot.telegram.editing import Change, action_for, is_fresh
from bot.telegram.render import utf16
from bot.telegram.wording import joined
from memory.erasure import forget_everything
from memory.errors import FamiliarError
from memory.records import Message as Prompt
from memory.records import Turn
from memory.reminders import reminders_of
from memory.turns import feedback_of, turns_of
from tests.bot.telegram.bench import STORY, Bench
from tests.bot.telegram.test_chat import holding, is_finished
from tests.bot.telegram.test_delivery import spoken, until_finished
from tests.telegram_api import Message, Refusal, UserDriver
from tests.telegram_api.raw import push_update

LONGER = "Tell me a longer story."


def turns(bench: Bench) -> list[Turn]:
    """The owner's turns."""
    return turns_of(bench.store, user_id=bench.user().id)


def echo(messages: tuple[Prompt, ...]) -> str:
    """Says what it was asked."""
    return f"You asked: {messages[-1].content}"


async def settled(bench: Bench) -> None:
    """Wait until nothing waits to be handled or delivered."""
    waiting = (
        "SELECT (SELECT count(*) FROM telegram_inbox WHERE state = 'waiting')"
        " + (SELECT count(*) FROM telegram_outbox WHERE state IN ('waiting', 'sending'))"
    )
    await bench.server.until(lambda: bench.server.pending_updates() == 0 and not bench.store.rows(waiting)[0][0])


async def asked(bench: Bench, person: UserDriver, text: str = STORY) -> tuple[Message, Message]:
    """A question and its reply."""
    written = person.send(text)
    await bench.server.until(lambda: any(map(is_finished, bench.server.replies(person.id, after=written))))
    await settled(bench)
    return written, bench.server.replies(person.id, after=written)[0]


async def test_a_changed_question_is_answered_in_the_place_of_its_reply(live: Bench) -> None:
    """The same message of the bot shows the new reply; turn, vote and memory of the old one are gone."""
    ada = await live.owner()
    live.reply = echo
    written, reply = await asked(live, ada, "My locker at the pool has the number 4711.")
    (old,) = turns(live)
    ada.press(reply, f"up:{old.id}")
    await live.server.until(lambda: feedback_of(live.store, user_id=live.user().id))
    ada.edit(written, "My locker at the pool has the number 4712.")
    await settled(live)
    (new,) = turns(live)
    (shown,) = live.server.replies(ada.id, after=written)
    assert new.user_text.endswith("4712.")
    assert (shown.id, shown.text) == (reply.id, f"{new.reply}\n\n(turn {new.id})")
    assert f"up:{new.id}" in [button.callback_data for button in shown.buttons]
    assert feedback_of(live.store, user_id=live.user().id) == []
    assert "4711" not in str([tuple(row) for row in live.store.rows("SELECT text FROM chunks")])
    assert not any("4711" in message.content for message in new.prompt)


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1), (2, 2)])
async def test_a_reply_of_several_parts_is_edited_filled_up_or_cut(live: Bench, before: int, after: int) -> None:
    """Those that exist are edited, the rest is sent, surplus ones are deleted."""
    ada = await live.owner()
    live.reply = lambda _: "x" * (before * 4000 - 300)
    written = ada.send(STORY)
    await live.server.until(lambda: len(live.server.replies(ada.id, after=written)) == before)
    await settled(live)
    first = [message.id for message in live.server.replies(ada.id, after=written)]
    live.reply = lambda _: "y" * (after * 4000 - 300)
    ada.edit(written, LONGER)
    await settled(live)
    shown = live.server.replies(ada.id, after=written)
    assert len(shown) == after
    assert [message.id for message in shown][: min(before, after)] == first[: min(before, after)]
    assert all("x" not in message.text and utf16(message.text) <= 4096 for message in shown)
    assert "".join(message.text for message in shown).count("y") == after * 4000 - 300
    assert [bool(message.buttons) for message in shown] == [False] * (after - 1) + [True]


async def test_a_change_while_the_reply_is_written_is_answered_once(live: Bench) -> None:
    """The writing ends, and the one reply is to the new text."""
    ada = await live.owner()
    begun, go = threading.Event(), threading.Event()
    live.on_word, live.reply = holding(begun, go), echo
    written = ada.send(STORY)
    await live.server.until(begun.is_set)
    ada.edit(written, LONGER)
    await live.server.until(lambda: live.server.pending_updates() == 0)
    go.set()
    await settled(live)
    (turn,) = turns(live)
    (reply,) = live.server.replies(ada.id, after=written)
    assert turn.user_text == LONGER
    assert LONGER in reply.text
    rows = live.store.rows("SELECT DISTINCT reply_id FROM telegram_inbox WHERE message_id = ?", (written.id,))
    assert len(rows) == 1


async def test_a_change_before_the_answer_is_begun_is_answered_once(live: Bench) -> None:
    """As when both came while the bot was down; also of one of several messages that are one turn."""
    ada = await live.owner()
    await live.stop()
    first = ada.send("I have a question.")
    ada.send(STORY)
    ada.edit(first, "I have two questions.")
    live.configure(join_seconds=0.3)
    await live.start()
    await settled(live)
    (turn,) = turns(live)
    assert turn.user_text == f"I have two questions.\n{STORY}"
    assert len(live.engine.requests) == 1
    ada.edit(first, "I have three questions.")
    await settled(live)
    (turn,) = turns(live)
    assert turn.user_text == f"I have three questions.\n{STORY}"


async def test_changes_again_and_again(live: Bench) -> None:
    """Each replaces the one before."""
    ada = await live.owner()
    live.reply = echo
    written, reply = await asked(live, ada)
    for number in range(3):
        ada.edit(written, f"Tell me story {number}.")
        await settled(live)
    (turn,) = turns(live)
    assert turn.user_text == "Tell me story 2."
    assert [message.id for message in live.server.replies(ada.id, after=written)] == [reply.id]


async def test_a_change_that_nobody_sees_is_passed_over(live: Bench) -> None:
    """The preview of a link that appears later asks nothing."""
    ada = await live.owner()
    written, _ = await asked(live, ada)
    ada.show_preview(written)
    await settled(live)
    assert len(live.engine.requests) == 1


async def test_a_change_of_something_older_is_passed_over(live: Bench) -> None:
    """With four turns after it nobody would see the new reply."""
    ada = await live.owner()
    written, _ = await asked(live, ada)
    for number in range(4):
        await asked(live, ada, f"Tell me story {number}.")
    ada.edit(written, LONGER)
    await settled(live)
    assert turns(live)[0].user_text == STORY
    assert len(turns(live)) == 5


async def test_a_change_of_a_forgotten_message_brings_nothing_back(live: Bench) -> None:
    """It is not answered; its writer is told that it was acted on."""
    ada = await live.owner()
    written, reply = await asked(live, ada)
    question = await live.reply_to(ada, "/forget", reply_to=reply)
    ada.press(question, question.buttons[0].callback_data or "")
    await live.server.until(lambda: turns(live) == [])
    ada.edit(written, LONGER)
    await settled(live)
    assert turns(live) == []
    assert len(live.engine.requests) == 1


async def test_a_changed_command_is_not_done_again(live: Bench) -> None:
    """It is said once, however often it is changed."""
    ada = await live.owner()
    written = ada.send("/remind call Mum tomorrow at 9")
    await live.server.until(lambda: live.server.replies(ada.id, after=written))
    for hour in (10, 11):
        ada.edit(written, f"/remind call Mum tomorrow at {hour}")
        await settled(live)
    assert len(reminders_of(live.store, user_id=live.user().id)) == 1
    assert spoken(live).count(say("en", "tg_edited")) == 1


async def test_an_edit_that_comes_before_its_message_is_answered_once(live: Bench) -> None:
    """Updates may come in disorder; the message belongs to the reply to its last version."""
    ada = await live.owner()
    await live.stop()
    written = ada.send(STORY)
    ada.edit(written, LONGER)
    held = live.server.world.updates.pop(-2)
    await live.start()
    await settled(live)
    await live.stop()
    live.server.world.updates.append(held)
    await live.start()
    await settled(live)
    (turn,) = turns(live)
    assert turn.user_text == LONGER
    rows = live.store.rows("SELECT DISTINCT reply_id FROM telegram_inbox WHERE message_id = ?", (written.id,))
    assert len(rows) == 1
    assert rows[0]["reply_id"] is not None


async def test_a_new_answer_that_the_end_cuts_off_is_given_after_the_next_start(
    live: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then the old turn stands."""
    monkeypatch.setattr(service, "_GRACE_SECONDS", 0.1)
    ada = await live.owner()
    written, reply = await asked(live, ada)
    live.reply = echo
    begun, go = threading.Event(), threading.Event()
    live.on_word = holding(begun, go)
    ada.edit(written, LONGER)
    await live.server.until(begun.is_set)
    stopping = asyncio.create_task(live.stop())
    await asyncio.sleep(0.1)
    threading.Timer(0.3, go.set).start()  # after the time that a reply is given to end
    await stopping
    assert [turn.user_text for turn in turns(live)] == [STORY]
    live.on_word = lambda _word: None
    await live.start()
    await settled(live)
    assert [turn.user_text for turn in turns(live)] == [LONGER]
    (shown,) = live.server.replies(ada.id, after=written)
    assert shown.id == reply.id
    assert LONGER in shown.text


async def test_a_new_answer_that_fails_leaves_the_old_reply(live: Bench) -> None:
    """Turn and message are what they were, and the failure is told."""
    ada = await live.owner()
    written, reply = await asked(live, ada)

    def fail(_word: str) -> None:
        raise FamiliarError("the model is gone")

    live.on_word = fail
    ada.edit(written, LONGER)
    await settled(live)
    assert [turn.user_text for turn in turns(live)] == [STORY]
    shown, told = live.server.replies(ada.id, after=written)
    assert (shown.id, shown.text, shown.buttons) == (reply.id, reply.text, reply.buttons)
    assert "the model is gone" in told.text


async def test_a_new_answer_that_fails_brings_back_nothing_forgotten(live: Bench) -> None:
    """The old reply was forgotten while the new one was written."""
    ada = await live.owner()
    live.reply = lambda _: "Take quex-4711 along."
    written, reply = await asked(live, ada)
    assert "quex-4711" in reply.text

    def forget(_word: str) -> None:
        forget_everything(live.store, None, user_id=live.user().id)

    live.on_word = forget
    ada.edit(written, LONGER)
    await live.server.until(lambda: len(live.server.replies(ada.id, after=written)) > 1)
    shown, told = live.server.replies(ada.id, after=written)
    assert (shown.id, shown.text, shown.buttons) == (reply.id, say("en", "tg_forgotten"), ())
    assert "nothing was kept" in told.text


async def test_files_of_the_old_reply_go_and_new_ones_come(live: Bench) -> None:
    """A wide table is a file, which can't be edited into a text."""
    ada = await live.owner()
    header = "| " + " | ".join(f"a rather wide column {number}" for number in range(5)) + " |"
    rows = "\n".join("| " + " | ".join(f"cell {row}.{number}" for number in range(5)) + " |" for row in range(12))
    live.reply = lambda _: f"Here it is:\n\n{header}\n{'|---' * 5}|\n{rows}\n"
    written = ada.send(STORY)
    await live.server.until(lambda: any(message.attachment for message in live.server.replies(ada.id)))
    await settled(live)
    first = live.server.replies(ada.id, after=written)
    live.reply = lambda _: "No table."
    ada.edit(written, LONGER)
    await settled(live)
    (shown,) = live.server.replies(ada.id, after=written)
    assert shown.id == first[0].id
    assert shown.text.startswith("No table.")


async def test_a_reply_that_was_deleted_is_sent_anew(live: Bench) -> None:
    """There is nothing to edit."""
    ada = await live.owner()
    written, reply = await asked(live, ada)
    live.server.delete_message(reply)
    ada.edit(written, LONGER)
    await settled(live)
    (shown,) = live.server.replies(ada.id, after=written)
    assert is_finished(shown)
    assert shown.id != reply.id


async def test_an_edit_that_telegram_can_not_take_is_made_later(live: Bench) -> None:
    """The new turn stands, and so does its place in the chat."""
    ada = await live.owner()
    written, reply = await asked(live, ada)
    live.reply = echo
    live.server.fault("editMessageText", Refusal(502, "Bad Gateway"), times=2)
    ada.edit(written, LONGER)
    await settled(live)
    (shown,) = live.server.replies(ada.id, after=written)
    assert (shown.id, LONGER in shown.text) == (reply.id, True)


async def test_in_a_group_a_mention_that_is_added_later_counts(live: Bench) -> None:
    """The bot never saw the message before; a change of it then is answered in place."""
    ada = await live.owner()
    group = live.server.group(-1001)
    live.reply = echo
    written = ada.send("Tell us a story.", chat=group)
    ada.edit(written, "@familiar_test_bot Tell us a story.")
    (reply,) = await until_finished(live, group.id)
    ada.edit(written, "@familiar_test_bot Tell us two stories.")
    await live.server.until(lambda: "two stories" in live.server.replies(group.id)[0].text)
    await settled(live)
    assert [message.id for message in live.server.replies(group.id)] == [reply.id]


def test_what_becomes_of_a_change() -> None:
    """A pure decision: new text, old text, age, and whether it acts."""
    assert action_for(Change("two", "one", fresh=True, acts=False)) == "answer"
    assert action_for(Change("one  two", "one two", fresh=True, acts=False)) == "nothing"
    assert action_for(Change("two", "one", fresh=False, acts=False)) == "nothing"
    assert action_for(Change("two", None, fresh=True, acts=False)) == "say"
    assert action_for(Change("/remind x", "one", fresh=True, acts=True)) == "say"
    assert action_for(Change("stop", None, fresh=True, acts=False)) == "nothing"
    assert action_for(Change("", "one", fresh=True, acts=False)) == "nothing"


def test_places_of_messages_in_one_text() -> None:
    """Empty ones take none."""
    text, places = joined(["one", "", "three"])
    assert text == "one\nthree"
    assert [text[start:end] for start, end in places] == ["one", "", "three"]
    assert joined([]) == ("", [])


def test_the_age_of_a_message_counts_from_its_writing() -> None:
    """Telegram lets people change what they wrote for 48 hours."""
    old = datetime.now(UTC) - timedelta(hours=49)
    assert not is_fresh(Written(1, old, Chat(7, "private")))
    assert is_fresh(Written(1, datetime.now(UTC), Chat(7, "private")))


async def test_a_change_leaves_an_open_question_open(live: Bench) -> None:
    """It is no answer to it."""
    ada = await live.owner()
    written, _ = await asked(live, ada)
    await live.reply_to(ada, "/remind call Mum")
    ada.edit(written, LONGER)
    await settled(live)
    await live.reply_to(ada, "tomorrow at 9")
    assert [item.text for item in reminders_of(live.store, user_id=live.user().id)] == ["call Mum"]


async def test_a_mention_added_to_what_the_bot_saw_counts(live: Bench) -> None:
    """As an admin it sees all that is said in a group, and had not acted on it."""
    ada = await live.owner()
    group = live.server.group(-1001)
    written = ada.send("Tell us a story.", chat=group)
    push_update(live.server, "message", written.as_json())
    await live.handled(2)
    ada.edit(written, "@familiar_test_bot Tell us a story.")
    (reply,) = await until_finished(live, group.id)
    assert "Once upon a time." in reply.text


def test_an_earlier_version_that_comes_late_ends_no_writing() -> None:
    """Updates may come in disorder; a later one ends it."""
    desk, written = Desk.__new__(Desk), datetime.now(UTC)
    desk._turns, desk.cancel = {}, threading.Event()

    def version(seconds: int) -> Written:
        moment = written + timedelta(seconds=seconds)
        return Written(3, written, Chat(7, "private"), text=f"text {seconds}", edit_date=moment)

    with desk.turn_in(7, [version(5)]) as cancel:
        desk.changed(version(1))
        assert not cancel.is_set()
        desk.changed(version(9))
        assert cancel.is_set()
