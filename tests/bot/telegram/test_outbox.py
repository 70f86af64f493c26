"""Replies on their way: written down first, sent once, and known as unknown where nobody can say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from telegram import Bot
from telegram.error import Forbidden
from telegram.request import HTTPXRequest

from bot.telegram.outbox import Outbox
from bot.telegram.render import Part, Span
from bot.telegram.sending import Place, Sender
from memory.errors import FamiliarError
from memory.store import Store
from tests.telegram_api import TOKEN, Drop, NoAnswer, Refusal, Slow, TelegramServer

ADA = Place(7, private=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A real database."""
    opened = Store(tmp_path / "familiar.db")
    yield opened
    opened.close()


@pytest.fixture
async def outbox(store: Store, server: TelegramServer) -> AsyncIterator[Outbox]:
    """An outbox over the real client; Ada has written to the bot."""
    server.user(7, "Ada").send("hello")
    async with Bot(TOKEN, base_url=server.base_url, request=HTTPXRequest(read_timeout=0.2)) as bot:
        yield Outbox(store, Sender(bot, chat_seconds=0.0))


def states(store: Store) -> list[tuple[str, str | None]]:
    """Of all messages, with the text that is still kept."""
    rows = store.rows("SELECT state, text FROM telegram_outbox ORDER BY id")
    return [(row["state"], row["text"]) for row in rows]


def texts(server: TelegramServer) -> list[str]:
    """What Ada sees."""
    return [message.text for message in server.replies(7)]


@pytest.mark.parametrize("fault", [NoAnswer(delivered=True), Drop(delivered=True), NoAnswer(delivered=False)])
async def test_what_may_have_arrived_is_not_sent_again(
    server: TelegramServer, outbox: Outbox, store: Store, fault: NoAnswer | Drop
) -> None:
    """After a time-out nobody knows; a second copy would be worse than a gap, and the parts after it go on."""
    server.fault("sendMessage", fault)
    ids = await outbox.send_all(ADA, [Part("one"), Part("two"), Part("three")])
    assert len(ids) == 2
    assert texts(server) == ["one"] * fault.delivered + ["two", "three"]
    assert states(store) == [("unknown", "one"), ("sent", None), ("sent", None)]


async def test_the_reader_is_told_and_can_have_it_again(server: TelegramServer, outbox: Outbox) -> None:
    """One message with a button, once; the button brings what is missing, once, and nothing to another chat."""
    server.fault("sendMessage", NoAnswer(delivered=False))
    await outbox.send_all(ADA, [Part("one"), Part("two")])
    (reply,) = outbox.unannounced()
    await outbox.deliver(outbox.announcement(reply, language="en"))
    assert outbox.unannounced() == []
    assert [button.callback_data for button in server.replies(7)[-1].buttons] == [f"again:{reply.id}"]
    assert outbox.again(reply.id, chat_id=8) is None
    again = outbox.again(reply.id, chat_id=7)
    assert again is not None
    await outbox.deliver(again)
    assert texts(server)[-1] == "one"
    assert outbox.again(reply.id, chat_id=7) is None


async def test_what_may_not_have_arrived_the_second_time_is_announced_again(
    server: TelegramServer, outbox: Outbox
) -> None:
    """Else there would be no way to it any more."""
    server.fault("sendMessage", NoAnswer(delivered=False))
    await outbox.send_all(ADA, [Part("one")])
    (reply,) = outbox.unannounced()
    await outbox.deliver(outbox.announcement(reply, language="en"))
    server.fault("sendMessage", NoAnswer(delivered=False))
    again = outbox.again(reply.id, chat_id=7)
    assert again is not None
    await outbox.deliver(again)
    assert [item.id for item in outbox.unannounced()] == [reply.id]


async def test_an_announcement_that_may_not_have_arrived_is_not_announced(
    server: TelegramServer, outbox: Outbox
) -> None:
    """That would go on for ever on a bad line."""
    server.fault("sendMessage", NoAnswer(delivered=False), times=2)
    await outbox.send_all(ADA, [Part("one")])
    (reply,) = outbox.unannounced()
    await outbox.deliver(outbox.announcement(reply, language="en"))
    assert outbox.unannounced() == []


async def test_what_was_under_way_when_the_process_ended_is_unknown(
    server: TelegramServer, outbox: Outbox, store: Store
) -> None:
    """What had not been begun is sent after the start; what had may have arrived."""
    reply = outbox.open(ADA, key="1:0")
    outbox.put(reply, [Part("one"), Part("two", (Span("bold", 0, 3),))], buttons=[[("Why?", "why:1")]])
    with store.transaction() as db:
        db.execute("UPDATE telegram_outbox SET state = 'sending' WHERE position = 0")
    (left,) = outbox.recover()
    await outbox.deliver(left)
    (message,) = server.replies(7)
    assert (message.text, [entity.type for entity in message.entities]) == ("two", ["bold"])
    assert [button.text for button in message.buttons] == ["Why?"]
    assert [state for state, _ in states(store)] == ["unknown", "sent"]


async def test_the_same_answer_is_sent_once(server: TelegramServer, outbox: Outbox) -> None:
    """A message that is handled again after a crash finds its answer there; its id is the same."""
    first = await outbox.send_all(ADA, [Part("one")], key="5:0")
    assert await outbox.send_all(ADA, [Part("one, worded otherwise")], key="5:0") == first
    assert texts(server) == ["one"]


async def test_a_reply_takes_the_place_of_its_preview(server: TelegramServer, outbox: Outbox) -> None:
    """Also when the process that showed it is gone; where somebody deleted it, it is sent anew."""
    for deleted in (False, True):
        reply = outbox.open(ADA, key=f"{deleted}:0")
        shown = await outbox.sender.send(ADA, Part("…"))
        assert shown is not None
        outbox.shown_in(reply, shown)
        outbox.put(reply, [Part(f"done {deleted}")])
        if deleted:
            server.delete_message(server.replies(7)[-1])
        await outbox.deliver(reply)
    assert texts(server) == ["done False", "done True"]


async def test_who_blocked_the_bot_is_left_in_peace(server: TelegramServer, outbox: Outbox, store: Store) -> None:
    """One call, the caller hears of it, and nothing is tried again after a start."""
    server.user(7).block()
    with pytest.raises(Forbidden):
        await outbox.send_all(ADA, [Part("one"), Part("two")])
    assert len(server.calls("sendMessage")) == 1
    assert states(store) == [("refused", None), ("refused", None)]
    assert outbox.recover() == []


async def test_one_refused_message_does_not_stop_the_others(
    server: TelegramServer, outbox: Outbox, store: Store
) -> None:
    """It is known as refused."""
    server.fault("sendMessage", Refusal(400, "Bad Request: message is not found"))
    assert len(await outbox.send_all(ADA, [Part("one"), Part("two")])) == 1
    assert [state for state, _ in states(store)] == ["refused", "sent"]


async def test_a_reply_is_delivered_by_one_at_a_time(server: TelegramServer, outbox: Outbox) -> None:
    """Whoever asks for it twice at once gets the same messages."""
    reply = outbox.open(ADA)
    outbox.put(reply, [Part("one"), Part("two")])
    first, second = await asyncio.gather(outbox.deliver(reply), outbox.deliver(reply))
    assert first == second
    assert texts(server) == ["one", "two"]


async def test_what_could_not_be_noted_is_taken_up_again(
    server: TelegramServer, outbox: Outbox, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a full disk: what was not begun is sent, what was begun may have arrived; neither waits for a start."""
    real = Outbox._mark

    def full(*_: object) -> None:
        raise FamiliarError("disk full")

    monkeypatch.setattr(Outbox, "_mark", full)
    with pytest.raises(FamiliarError):
        await outbox.send_all(ADA, [Part("one")])
    monkeypatch.setattr(Outbox, "_mark", real)
    monkeypatch.setattr(Outbox, "_sent", full)
    with pytest.raises(FamiliarError):
        await outbox.send_all(ADA, [Part("two")])
    monkeypatch.undo()
    assert outbox.left(before=datetime.now(UTC) - timedelta(seconds=30)) == []
    (reply,) = outbox.left(before=datetime.now(UTC))
    await outbox.deliver(reply)
    assert states(store) == [("sent", None), ("unknown", "two")]
    assert texts(server) == ["two", "one"]


async def test_what_is_being_delivered_is_not_taken_up(server: TelegramServer, outbox: Outbox) -> None:
    """Though it takes long."""
    server.fault("sendMessage", Slow(0.15))
    sending = asyncio.create_task(outbox.send_all(ADA, [Part("one")]))
    await server.until(lambda: server.calls("sendMessage"))
    assert outbox.left(before=datetime.now(UTC)) == []
    await sending
    assert texts(server) == ["one"]
