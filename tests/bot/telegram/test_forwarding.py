"""Forwarded messages: offered as notes of those who wrote them, never taken for what the user says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from telegram import Chat, MessageOriginChannel, MessageOriginChat, MessageOriginHiddenUser, MessageOriginUser, User

from bot.locales import say
from bot.telegram.forwarding import Said, note_name, origin_of
from bot.telegram.quoting import origin_name
from memory.erasure import forget_document
from tests.bot.telegram.bench import STORY, Bench
from tests.bot.telegram.test_editing import settled, turns
from tests.bot.telegram.test_people import guest
from tests.telegram_api import Message, UserDriver

AT = 1767348000  # 2026-01-02 10:00 UTC
BEN = {"type": "user", "date": AT, "sender_user": {"id": 99, "is_bot": False, "first_name": "Ben", "last_name": "Oak"}}
HIDDEN = {"type": "hidden_user", "date": AT + 60, "sender_user_name": "Somebody"}
SAID = "I live in Oslo and my sister is Ingrid."


async def offered(bench: Bench, person: UserDriver, *messages: tuple[str, dict[str, object]]) -> Message:
    """Forward messages in a row; the offer."""
    sent = [person.forward(text, origin) for text, origin in messages]
    await settled(bench)
    (offer,) = bench.server.replies(person.id, after=sent[-1])
    return offer


async def pressed(bench: Bench, person: UserDriver, message: Message, action: str) -> str:
    """Press a button of an offer; what it then says."""
    data = next(button.callback_data for button in message.buttons if f":{action}:" in (button.callback_data or ""))
    person.press(message, data or "")
    await settled(bench)
    return next(each.text for each in bench.server.replies(person.id) if each.id == message.id)


async def test_a_forwarded_message_is_kept_as_a_note_of_its_writer(live: Bench) -> None:
    """Origin and day are its title and source; nothing in it is a fact of the user's, and /forget finds it."""
    ada = await live.owner()
    offer = await offered(live, ada, (SAID, BEN))
    assert offer.text == say("en", "tg_forwarded", n=1, origin="Ben Oak, 2026-01-02")
    assert turns(live) == []
    text = await pressed(live, ada, offer, "keep")
    (document,) = live.store.documents(user_id=live.user().id)
    assert document.source.startswith("forwarded from Ben Oak, 2026-01-02 (")
    assert document.title in text
    assert live.store.rows("SELECT DISTINCT subject FROM facts WHERE subject LIKE 'user%'") == []
    assert live.store.rows("SELECT speaker FROM chunks")[0][0] == "Ben Oak"
    assert live.store.rows("SELECT said FROM telegram_forwards")[0][0] is None
    asked = await live.reply_to(ada, "/forget Oslo")
    assert "1 documents" in asked.text


@pytest.mark.parametrize("name", ["Me", "我", "I"])
async def test_whoever_is_called_me_is_not_the_user(live: Bench, name: str) -> None:
    """With an account that shows and one that is hidden."""
    ada = await live.owner()
    account = {"type": "user", "date": AT, "sender_user": {"id": 99, "is_bot": False, "first_name": name}}
    for origin in (account, {**HIDDEN, "sender_user_name": name}):
        await pressed(live, ada, await offered(live, ada, (SAID, origin)), "keep")
    assert len(live.store.documents(user_id=live.user().id)) == 2
    assert live.store.rows("SELECT DISTINCT subject FROM facts WHERE subject LIKE 'user%'") == []
    assert {row[0] for row in live.store.rows("SELECT speaker FROM chunks")} == {f"{name} (Telegram)"}


async def test_several_in_a_row_are_offered_together(live: Bench) -> None:
    """And kept as one note."""
    ada = await live.owner()
    live.configure(join_seconds=0.3)
    await live.stop()
    await live.start()
    offer = await offered(live, ada, (SAID, BEN), ("See you there.", HIDDEN), ("Bring a coat.", BEN))
    assert offer.text == say("en", "tg_forwarded", n=3, origin="Ben Oak, Somebody, 2026-01-02")
    await pressed(live, ada, offer, "keep")
    (document,) = live.store.documents(user_id=live.user().id)
    text = live.store.document_text(document.id, user_id=live.user().id)
    assert all(words in text for words in ("Oslo", "See you there.", "Bring a coat."))


async def test_the_buttons_work_after_a_restart_and_once(live: Bench) -> None:
    """What was forwarded waits in the home."""
    ada = await live.owner()
    offer = await offered(live, ada, (SAID, BEN))
    await live.stop()
    await live.start()
    ada.press(offer, keep := offer.buttons[0].callback_data or "")
    ada.press(offer, keep)
    await settled(live)
    assert len(live.store.documents(user_id=live.user().id)) == 1
    assert "Kept" in live.server.replies(ada.id)[-1].text


async def test_a_guest_is_told_how_to_ask_about_it(live: Bench) -> None:
    """Without buttons that would refuse them; nothing is kept for a decision, and the way that is told works."""
    gil = await guest(live, await live.owner())
    offer = await offered(live, gil, (SAID, BEN))
    assert offer.text == say("en", "tg_forward_guest", n=1, origin="Ben Oak, 2026-01-02")
    assert not offer.buttons
    assert live.store.rows("SELECT * FROM telegram_forwards") == []
    message = next(each for each in live.server.messages(gil.id) if each.text == SAID)
    await live.reply_to(gil, "Where does he live?", reply_to=message)
    assert SAID in live.engine.requests[-1].messages[-1].content


async def test_left_means_that_nothing_is_kept(live: Bench) -> None:
    """Not even in the table of offers."""
    ada = await live.owner()
    offer = await offered(live, ada, (SAID, BEN))
    assert await pressed(live, ada, offer, "leave") == say("en", "tg_forward_left")
    assert live.store.rows("SELECT count(*) FROM telegram_forwards WHERE said IS NOT NULL")[0][0] == 0
    assert live.store.documents(user_id=live.user().id) == []


async def test_a_question_about_it(live: Bench) -> None:
    """The next message is about it, as data of its writer; the one after that is not."""
    ada = await live.owner()
    offer = await offered(live, ada, (SAID, BEN))
    await pressed(live, ada, offer, "ask")
    await live.reply_to(ada, "Where does he live?")
    prompt = live.engine.requests[-1].messages[-1].content
    assert f"forwarded message (2026-01-02): Ben Oak: {SAID}" in prompt
    assert turns(live)[-1].user_text == "Where does he live?"
    await live.reply_to(ada, "Tell me a story.")
    assert "Oslo" not in live.engine.requests[-1].messages[-1].content
    await live.reply_to(ada, "And his sister?", reply_to=offer)
    assert "Ingrid" in live.engine.requests[-1].messages[-1].content


async def test_a_comment_that_is_sent_along_is_the_question(live: Bench) -> None:
    """Telegram sends both at once; nothing is offered then."""
    ada = await live.owner()
    live.configure(join_seconds=0.3)
    await live.stop()
    await live.start()
    ada.send("Where does he live?")
    ada.forward(SAID, BEN)
    await settled(live)
    (turn,) = turns(live)
    assert turn.user_text == "Where does he live?"
    assert f"Ben Oak: {SAID}" in turn.prompt[-1].content
    assert live.store.rows("SELECT count(*) FROM chunks WHERE text LIKE '%Oslo%'")[0][0] == 0


@pytest.mark.parametrize("text", ["/tune", "stop", "Remind me tomorrow at 9 to call Mum", "Always answer in Chinese."])
async def test_a_forwarded_command_is_none(live: Bench, text: str) -> None:
    """Whoever wrote it did not write it to the bot."""
    ada = await live.owner()
    offer = await offered(live, ada, (text, BEN))
    assert offer.text.startswith("Forwarded")
    assert live.store.rows("SELECT count(*) FROM reminders")[0][0] == 0
    assert live.store.rows("SELECT count(*) FROM standing_rules")[0][0] == 0


async def test_what_was_forgotten_meanwhile_can_not_be_kept(live: Bench) -> None:
    """/forget reaches what waits for a decision."""
    ada = await live.owner()
    offer = await offered(live, ada, (SAID, BEN))
    live._forget(user=live.user(), document=None, turn=None, text="Oslo")
    assert await pressed(live, ada, offer, "keep") == say("en", "tg_forward_gone")


def test_every_origin_has_a_name() -> None:
    """A person, a hidden one, a group, a channel with its author."""
    at = datetime.fromtimestamp(AT, UTC)
    ben = User(99, "Ben", is_bot=False, last_name="Oak")
    channel = Chat(-1007, "channel", title="News")
    assert origin_name(MessageOriginUser(at, ben)) == "Ben Oak"
    assert origin_name(MessageOriginHiddenUser(at, "Somebody")) == "Somebody"
    assert origin_name(MessageOriginChat(at, Chat(-5, "supergroup", title="Choir"))) == "Choir"
    assert origin_name(MessageOriginChannel(at, channel, 5, author_signature="Eva")) == "News (Eva)"


def test_names_of_notes_are_plain_and_differ() -> None:
    """No sign of a path, and two notes of one writer and day have two names."""
    one, two = (Said("A/B\\C: x" * 30, text, "2026-01-02T10:00:00") for text in ("one", "two"))
    assert note_name([one]) != note_name([two])
    assert not set("/\\:") & set(note_name([one]))
    assert note_name([one]).startswith("forwarded from A B C")
    assert "2026-01-02" in note_name([one])
    assert origin_of([one, Said("Eva", "x", "2026-01-05T10:00:00")]).endswith("Eva, 2026-01-02 – 2026-01-05")


async def test_a_forgotten_note_is_gone_from_the_question_about_it(live: Bench) -> None:
    """The turn was given its text without recalling it: prompt, sources and reply lose it."""
    ada = await live.owner()
    offer = await offered(live, ada, (SAID, BEN))
    await pressed(live, ada, offer, "ask")
    live.reply = lambda _: "I live in Oslo and my sister is Ingrid, he says [1]."
    await live.reply_to(ada, "Where does he live?")
    await live.reply_to(ada, STORY)
    await pressed(live, ada, offer, "keep")
    (document,) = live.store.documents(user_id=live.user().id)
    columns = "prompt, reply, generated, citations"
    assert "Oslo" in str([tuple(row) for row in live.store.rows(f"SELECT {columns} FROM turns")])
    forget_document(live.store, None, user_id=live.user().id, document_id=document.id)
    assert "Oslo" not in str([tuple(row) for row in live.store.rows(f"SELECT {columns} FROM turns")])
    assert len(turns(live)) == 2
