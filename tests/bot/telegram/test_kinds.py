"""Messages without words: each is told back in words, and kept only on request."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
import telegram

from bot.locales import LANGUAGES, say
from bot.telegram.kinds import contact_lines, coordinates, shown
from memory.facts.store import facts_of
from memory.notes import KEPT_MESSAGE
from memory.records import Document
from memory.turns import turns_of
from tests.bot.telegram.bench import OWNER, Bench
from tests.bot.telegram.messages import CHANNEL, HERE, KINDS, WHERE, Fields, Kind
from tests.bot.telegram.test_people import guest
from tests.telegram_api import Message, UserDriver
from tests.telegram_api.raw import message_json, push_update, send_raw
from tests.telegram_api.records import Chat

pytestmark = pytest.mark.asyncio(loop_scope="module")
UTC = ZoneInfo("UTC")
STATEMENTS = ("I live in Lisbon.", "I am allergic to peanuts.")


def ada_of(bench: Bench) -> UserDriver:
    """The owner."""
    return bench.server.user(OWNER, "Ada")


async def answered(bench: Bench, fields: Fields) -> Message:
    """Send a message of these fields, and wait for the bot's."""
    sent = send_raw(bench.server, ada_of(bench), fields)
    return (await bench.server.until(lambda: bench.server.replies(OWNER, after=sent)))[0]


def documents(bench: Bench) -> list[Document]:
    """What is kept of the owner's."""
    return list(bench.store.documents(user_id=bench.user().id))


@pytest.mark.parametrize("name", list(KINDS))
async def test_it_is_told_back(shared: Bench, name: str) -> None:
    """In one message, with a button where it can be kept; nothing is kept yet, and no model is asked."""
    kind, before = KINDS[name], (len(documents(shared)), len(shared.engine.requests))
    reply = await answered(shared, kind.fields)
    assert reply.text == kind.said("en")
    assert [button.text for button in reply.buttons] == [say("en", "tg_note_button")] * kind.keepable
    last = await shared.reply_to(ada_of(shared), "/help")
    assert shared.server.replies(OWNER, after=reply) == [last]
    assert (len(documents(shared)), len(shared.engine.requests)) == before


@pytest.mark.parametrize("name", ["venue", "contact", "checklist"])
async def test_it_is_kept_as_a_note(shared: Bench, name: str) -> None:
    """By the button, once however often it is pressed; the message says so and has no button left."""
    reply = await answered(shared, KINDS[name].fields)
    for _ in range(2):
        ada_of(shared).press(reply, "note")
    (kept,) = await shared.server.until(
        lambda: [item for item in shared.server.replies(OWNER) if item.id == reply.id and item.edits]
    )
    assert kept.text == f"{reply.text}\n\n{say('en', 'tg_note_kept')}"
    assert kept.buttons == ()
    texts = [shared.store.document_text(item.id, user_id=shared.user().id) for item in documents(shared)]
    told = [line.removeprefix("• ") for line in reply.text.split("\n")[1:] if line != say("en", "tg_poll_no_vote")]
    assert [text for text in texts if all(line in text for line in [*told, *named(KINDS[name])])]


def named(kind: Kind) -> list[str]:
    """What the first line of the answer tells."""
    return [str(value) for value in kind.values.values()]


@pytest.mark.asyncio(loop_scope="function")
async def test_a_kept_poll_states_nothing_of_the_user(live: Bench) -> None:
    """Its options are nobody's words."""
    ada = await live.owner()
    body = KINDS["poll"].fields["poll"]
    assert isinstance(body, dict)
    options = [{**option, "text": text} for option, text in zip(body["options"], STATEMENTS, strict=True)]
    reply = await answered(live, {"poll": {**body, "options": options}})
    ada.press(reply, "note")
    (document,) = await live.server.until(lambda: documents(live))
    assert (document.format, document.me) == (KEPT_MESSAGE, None)
    assert facts_of(live.store, owners=[live.user().id]) == []


@pytest.mark.asyncio(loop_scope="function")
async def test_a_guest_gets_no_button_that_refuses_them(live: Bench) -> None:
    """It is told back to them all the same."""
    gil = await guest(live, await live.owner())
    sent = send_raw(live.server, gil, KINDS["contact"].fields)
    (reply,) = await live.server.until(lambda: live.server.replies(gil.id, after=sent))
    assert reply.text == KINDS["contact"].said("en")
    assert not reply.buttons


@pytest.mark.asyncio(loop_scope="function")
async def test_what_was_kept_answers_questions_until_it_is_forgotten(live: Bench) -> None:
    """A note is a document like any other: recalled, cited, listed by /forget and gone."""
    ada = await live.owner()
    reply = await answered(live, KINDS["contact"].fields)
    ada.press(reply, "note")
    (document,) = await live.server.until(lambda: documents(live))
    live.reply = lambda _: "It is +49 170 1234567 [1]."
    answer = await live.reply_to(ada, "What is the phone number of Ben Miller?")
    assert "+49 170 1234567" in answer.text
    assert say("en", "tg_note_contact", name="Ben Miller") in answer.text
    offered = await live.reply_to(ada, "/forget")
    ada.press(offered, f"choose:{document.id}")
    (question,) = await live.server.until(lambda: live.server.replies(ada.id, after=offered))
    ada.press(question, f"forget:document:{document.id}")
    await live.server.until(lambda: documents(live) == [])
    assert "+49 170" not in "\n".join(str(tuple(row)) for row in live.store.rows("SELECT * FROM chunks"))


async def test_a_live_location_that_moves_is_left_alone(shared: Bench) -> None:
    """Its first position was answered; a message a second would be a flood."""
    reply = await answered(shared, KINDS["live location"].fields)
    moved = {"location": {**HERE, "latitude": 52.6, "live_period": 900}, "edit_date": 1}
    chat = Chat(OWNER, "private", first_name="Ada")
    body = message_json(shared.server, chat, {"from": ada_of(shared).user.as_json(), **moved})
    push_update(shared.server, "edited_message", body)
    last = await shared.reply_to(ada_of(shared), "/help")
    assert shared.server.replies(OWNER, after=reply) == [last]


async def test_what_is_written_with_a_gif_is_answered(shared: Bench) -> None:
    """After a word that the picture itself can't be seen."""
    sent = send_raw(shared.server, ada_of(shared), {**KINDS["animation"].fields, "caption": "Tell me a story."})
    await shared.server.until(lambda: len(shared.server.replies(OWNER, after=sent)) == 2)
    first, second = shared.server.replies(OWNER, after=sent)
    assert first.text == say("en", "tg_animation")
    assert "Once upon a time." in second.text


async def test_a_message_of_a_kind_that_nobody_knows_yet(shared: Bench) -> None:
    """It is said that it can't be read, and nothing breaks."""
    chat = Chat(OWNER, "private", first_name="Ada")
    sender = ada_of(shared).user.as_json()
    before = shared.server.messages(OWNER)[-1]
    push_update(
        shared.server, "message", message_json(shared.server, chat, {"from": sender, "hologram": {}}), known=False
    )
    (reply,) = await shared.server.until(lambda: shared.server.replies(OWNER, after=before))
    assert reply.text == say("en", "tg_unknown_kind")


async def test_only_emoji_are_chat_and_no_question(shared: Bench) -> None:
    """The model answers them; memory is not searched for them, and keeps none."""
    reply = await shared.reply_to(ada_of(shared), "😂 👨‍👩‍👧")
    assert "Once upon a time." in reply.text
    turn = turns_of(shared.store, user_id=shared.user().id)[-1]
    assert (turn.user_text, turn.memories) == ("😂 👨‍👩‍👧", ())
    assert shared.store.rows("SELECT 1 FROM chunks WHERE turn_id = ?", (turn.id,)) == []


async def test_a_mention_without_words_gets_help(shared: Bench) -> None:
    """As in a private chat the command does."""
    group = shared.server.group(-1001)
    ada_of(shared).send("@familiar_test_bot", chat=group)
    (reply,) = await shared.server.until(lambda: shared.server.replies(group.id))
    assert reply.text.startswith(say("en", "tg_help"))


async def test_in_a_group_it_is_answered_only_where_it_answers_the_bot(shared: Bench) -> None:
    """A sticker among people is theirs."""
    group = shared.server.group(-1002)
    send_raw(shared.server, ada_of(shared), KINDS["sticker"].fields, chat=group)
    ada_of(shared).send("/help@familiar_test_bot", chat=group)
    (told,) = await shared.server.until(lambda: shared.server.replies(group.id))
    assert told.text.startswith(say("en", "tg_help"))
    send_raw(shared.server, ada_of(shared), KINDS["sticker"].fields, chat=group, reply_to=told)
    (reply,) = await shared.server.until(lambda: shared.server.replies(group.id, after=told))
    assert reply.text == KINDS["sticker"].said("en")


async def test_via_another_bot_is_still_the_writers_text(shared: Bench) -> None:
    """Who sends what an inline bot wrote says it."""
    other = {"id": 55, "is_bot": True, "first_name": "Gif", "username": "gif_bot"}
    reply = await answered(shared, {"text": "Tell me a story.", "via_bot": other})
    assert "Once upon a time." in reply.text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_kind_has_its_words(language: str) -> None:
    """In each language, with all values filled in."""
    for name, kind in KINDS.items():
        body = {"message_id": 1, "date": 0, "chat": CHANNEL, **kind.fields}
        found = shown(telegram.Message.de_json(body, None), language=language, zone=UTC)
        assert found is not None, name
        assert found.text.startswith(say(language, kind.key, **kind.values).split(WHERE)[0])
        assert (found.note is not None) == kind.keepable, name
        told = " ".join(found.text.split())
        assert all(" ".join(line.split()) in told for line in (found.note.lines if found.note else ())), name


async def test_a_card_that_can_not_be_read_leaves_the_number() -> None:
    """A number that the card has already is not told twice, in whatever form."""
    damaged = telegram.Contact("5550101", "Ben", vcard="BEGIN:VCARD\nnonsense")
    assert contact_lines(damaged, language="en") == ("Phone: 5550101",)
    spaced = telegram.Contact("5550101", "Ben", vcard="BEGIN:VCARD\nFN:Ben\nTEL:555-01 01\nNOTE:tall\nEND:VCARD")
    assert contact_lines(spaced, language="en") == ("Phone: 555-01 01", "Note: tall")


async def test_coordinates_name_their_hemispheres() -> None:
    """Signs are easily misread."""
    assert coordinates(-33.8688, 151.2093) == "33.86880° S, 151.20930° E"
    assert coordinates(0.0, -0.00001) == "0.00000° N, 0.00001° W"
