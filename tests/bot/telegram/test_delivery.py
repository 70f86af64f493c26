"""From a message to its answer across everything that ends the bot in between: once, whole, and to whom it belongs."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.locales import say
from bot.telegram import undelivered
from bot.telegram.inbox import MOST_TRIES
from bot.telegram.outbox import Outbox
from bot.telegram.talking import late_note
from memory.errors import FamiliarError
from memory.store import utc_now
from memory.turns import turns_of
from tests.bot.telegram.bench import OWNER, STORY, Bench, slowly
from tests.bot.telegram.test_chat import holding, is_finished
from tests.telegram_api import Message, NoAnswer, Refusal


def spoken(bench: Bench, chat: int = OWNER) -> list[str]:
    """First lines of what the bot said."""
    return [message.text.splitlines()[0] for message in bench.server.replies(chat)]


async def until_finished(bench: Bench, chat: int = OWNER, *, count: int = 1) -> list[Message]:
    """Wait for whole replies."""

    def found() -> list[Message]:
        return [message for message in bench.server.replies(chat) if is_finished(message)]

    await bench.server.until(lambda: len(found()) >= count)
    return found()


async def test_a_reply_that_the_end_cuts_off_is_given_after_the_next_start(live: Bench) -> None:
    """Nothing of the half one is stored or sent; the message is answered once."""
    ada = await live.owner()
    begun, go = threading.Event(), threading.Event()
    live.on_word = holding(begun, go)
    ada.send(STORY)
    await live.server.until(begun.is_set)
    stopping = asyncio.create_task(live.stop())
    await asyncio.sleep(0.1)
    live.store.rows("SELECT 1")
    threading.Timer(5.5, go.set).start()  # after the time that a reply is given to end
    await stopping
    assert turns_of(live.store, user_id=live.user().id) == []
    live.on_word = lambda _word: None
    await live.start()
    await until_finished(live)
    assert len(turns_of(live.store, user_id=live.user().id)) == 1


async def test_what_waited_while_the_bot_was_down_is_answered_once(live: Bench) -> None:
    """Several messages in a row are one turn."""
    ada = await live.owner()
    await live.stop()
    for text in ("I have a question.", STORY):
        ada.send(text)
    live.configure(join_seconds=0.3)
    await live.start()
    await until_finished(live)
    (turn,) = turns_of(live.store, user_id=live.user().id)
    assert turn.user_text == f"I have a question.\n{STORY}"


async def test_a_stored_reply_that_was_not_sent_is_sent_after_the_start(live: Bench) -> None:
    """The turn is not made again."""
    ada = await live.owner()
    live.server.fault("sendMessage", Refusal(502, "Bad Gateway"), times=2)
    ada.send(STORY)
    await live.server.until(lambda: turns_of(live.store, user_id=live.user().id))
    await live.stop()
    live.server.clear_faults()
    await live.start()
    await until_finished(live)
    assert len(turns_of(live.store, user_id=live.user().id)) == 1
    assert len(live.engine.requests) == 1


async def test_a_reply_that_may_not_have_arrived_is_offered(live: Bench) -> None:
    """It comes when the button is pressed."""
    live.configure(timeout_seconds=0.3)
    await live.stop()
    await live.start()
    ada = await live.owner()
    live.server.fault("sendMessage", NoAnswer(delivered=False, seconds=1.0))
    ada.send(STORY)
    await live.server.until(lambda: say("en", "tg_may_not_have_arrived") in spoken(live))
    offer = live.server.replies(OWNER)[-1]
    ada.press(offer, offer.buttons[0].callback_data or "")
    assert len(await until_finished(live)) == 1
    assert say("en", "tg_sent_again") in spoken(live)


@pytest.mark.parametrize("words", ["/stop", "stop", "停"])
async def test_stop_ends_the_writing_and_keeps_what_is_there(live: Bench, words: str) -> None:
    """Within a second, though the chat is busy with the reply itself."""
    ada = await live.owner()
    live.reply = lambda _: " ".join(str(number) for number in range(1000))
    live.on_word = slowly(0.05)
    ada.send(STORY)
    await live.server.until(lambda: any("0 1" in draft.text for draft in live.server.drafts(OWNER)))
    asked = time.monotonic()
    ada.send(words)
    (reply,) = await until_finished(live)
    assert time.monotonic() - asked < 1.0
    assert reply.text.startswith("0 1")
    assert "999" not in reply.text
    (turn,) = turns_of(live.store, user_id=live.user().id)
    assert turn.reply.startswith("0 1")


async def test_stop_where_nothing_is_written(live: Bench) -> None:
    """It is said, and no model is asked."""
    ada = await live.owner()
    assert (await live.reply_to(ada, "/stop")).text == say("en", "tg_nothing_to_stop")
    assert live.engine.requests == []


async def test_the_button_of_a_growing_reply_stops_it(live: Bench) -> None:
    """In a group it stands under the message while that grows, and is gone at the end."""
    ada = await live.owner()
    group = live.server.group(-1001)
    live.reply = lambda _: " ".join(str(number) for number in range(1000))
    live.on_word = slowly(0.05)
    ada.send(f"@familiar_test_bot {STORY}", chat=group)
    await live.server.until(lambda: any(message.buttons for message in live.server.replies(group.id)))
    growing = live.server.replies(group.id)[-1]
    ada.press(growing, "stop")
    (reply,) = await until_finished(live, group.id)
    assert reply.id == growing.id
    assert "stop" not in [button.callback_data for button in reply.buttons]


async def test_what_ends_the_bot_each_time_is_left_at_last(live: Bench) -> None:
    """Its writer is told; the next message is answered."""
    ada = await live.owner()
    await live.stop()
    ada.send(STORY)
    await live.start()
    await until_finished(live)
    await live.stop()
    payload = '{{"update_id": 1, "message": {{"message_id": 1, "date": 1, "text": "x", {chat}, {by}}}}}'.format(
        chat=f'"chat": {{"id": {OWNER}, "type": "private"}}',
        by=f'"from": {{"id": {OWNER}, "is_bot": false, "first_name": "Ada"}}',
    )
    with live.store.transaction() as db:
        db.execute(
            "INSERT INTO telegram_inbox (update_id, chat_id, payload, state, tries, received_at)"
            " VALUES (1, ?, ?, 'waiting', ?, ?)",
            (OWNER, payload, MOST_TRIES, utc_now()),
        )
    await live.start()
    await live.server.until(lambda: say("en", "tg_given_up") in spoken(live))
    assert live.store.rows("SELECT state FROM telegram_inbox WHERE update_id = 1")[0][0] == "failed"


async def test_an_update_that_comes_again_is_not_answered_again(live: Bench) -> None:
    """Also after a restart in between."""
    ada = await live.owner()
    live.server.deliver_twice()
    ada.send(STORY)
    await until_finished(live)
    await live.stop()
    await live.start()
    await live.reply_to(ada, "/help")
    assert len(live.engine.requests) == 1


async def test_a_file_that_was_being_read_is_read_after_the_next_start(
    live: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is handled only when its receipt is there."""
    del tmp_path
    ada = await live.owner()
    held, go = threading.Event(), threading.Event()
    real = live._import

    def slow(*args: object, **options: object) -> object:
        held.set()
        go.wait(10)
        return real(*args, **options)  # type: ignore[arg-type]

    await live.stop()
    monkeypatch.setattr(live, "_import", slow)
    await live.start()
    ada.send_document("note.txt", b"The cabin has a blue door.")
    await live.server.until(held.is_set)
    stopping = asyncio.create_task(live.stop())
    await asyncio.sleep(0.1)
    await stopping
    go.set()
    assert live.store.rows("SELECT count(*) FROM telegram_inbox WHERE state = 'waiting'")[0][0] == 1
    monkeypatch.setattr(live, "_import", real)
    await live.start()
    await live.server.until(lambda: any("note.txt" in text for text in spoken(live)))
    await live.server.until(
        lambda: live.store.rows("SELECT count(*) FROM telegram_inbox WHERE state = 'waiting'")[0][0] == 0
    )
    assert len(live.store.documents(user_id=live.user().id)) == 1


def test_a_late_answer_says_so() -> None:
    """With the time of the question, in the reader's language."""
    now = datetime.now(UTC)
    assert late_note(now - timedelta(minutes=5), now, zone=ZoneInfo("UTC"), language="en") == ""
    assert "Late" in late_note(now - timedelta(hours=5), now, zone=ZoneInfo("UTC"), language="en")
    assert "迟到" in late_note(now - timedelta(hours=5), now, zone=ZoneInfo("UTC"), language="zh")


async def test_files_of_a_reply_come_after_its_words(live: Bench) -> None:
    """A table that is too wide to be read goes along as a file, once, also where its first sending fails."""
    ada = await live.owner()
    header = "| " + " | ".join(f"a rather wide column {number}" for number in range(5)) + " |"
    rows = "\n".join("| " + " | ".join(f"cell {row}.{number}" for number in range(5)) + " |" for row in range(12))
    live.reply = lambda _: f"Here it is:\n\n{header}\n{'|---' * 5}|\n{rows}\n"
    live.server.fault("sendDocument", Refusal(502, "Bad Gateway"))
    ada.send(STORY)
    await live.server.until(lambda: any(message.attachment for message in live.server.replies(OWNER)))
    *_, text, sent = live.server.replies(OWNER)
    assert sent.attachment is not None
    assert sent.attachment.file.name == "table-1.csv"
    assert b"cell 11.4" in sent.attachment.file.content
    assert "table-1.csv" in text.text
    assert is_finished(text)


async def test_what_is_left_is_delivered_while_the_bot_runs(live: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply that could not be noted as begun, as on a full disk, waits for no restart."""
    ada = await live.owner()
    await live.stop()
    monkeypatch.setattr(undelivered, "LEFT_SECONDS", 0.2)
    await live.start()
    real = Outbox._mark
    refused: list[int] = []

    def full_once(self: Outbox, row_id: int, state: str) -> None:
        if len(refused) < 2:  # the reply, and the words that say that something went wrong
            refused.append(row_id)
            raise FamiliarError("disk full")
        real(self, row_id, state)

    monkeypatch.setattr(Outbox, "_mark", full_once)
    ada.send(STORY)
    (reply,) = await until_finished(live)
    assert reply.text.startswith("Once upon a time.")


async def test_what_was_delivered_long_ago_is_dropped_without_a_restart(
    live: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a day."""
    monkeypatch.setattr(undelivered, "_DAY_SECONDS", 0.05)
    monkeypatch.setattr(undelivered, "KEPT", timedelta(0))
    await live.stop()
    await live.start()
    ada = await live.owner()
    await live.reply_to(ada, "/help")
    rows = "SELECT count(*) FROM telegram_inbox"
    await live.server.until(lambda: live.store.rows(rows)[0][0] == 0)
    await live.reply_to(ada, "/help")


async def test_one_persons_chats_are_answered_one_after_the_other(live: Bench) -> None:
    """So that who writes in many groups at once holds up others by one turn, as everybody does."""
    ada = await live.owner()
    groups = [live.server.group(-1001 - number) for number in range(4)]
    under_way: list[int] = []
    live.on_word = slowly(0.02)
    live.reply = lambda _: under_way.append(len(live.engine.requests)) or "One two three four."  # type: ignore[func-returns-value]
    most = 0
    for group in groups:
        ada.send(f"@familiar_test_bot {STORY}", chat=group)
    while len(under_way) < 4:
        most = max(most, len(live.engine.queue))  # type: ignore[union-attr]
        await asyncio.sleep(0.005)
    assert most == 1
    for group in groups:
        await until_finished(live, group.id)
