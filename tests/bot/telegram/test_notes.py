"""/note and its plain words: kept once, found at once, forgotten by a button; whose words they are stays known."""

from __future__ import annotations

from bot.locales import say
from memory.facts.store import facts_of
from memory.notes import KEPT_MESSAGE, NOTE
from memory.records import Document
from memory.turns import turns_of
from tests.bot.telegram.bench import Bench
from tests.bot.telegram.test_commands import data
from tests.telegram_api import Message


def documents(bench: Bench) -> list[Document]:
    """The owner's documents."""
    return bench.store.documents(user_id=bench.user().id)


async def forgotten(bench: Bench, kept: Message) -> None:
    """Press the note's button, and say yes."""
    ada = bench.server.user(kept.chat.id)
    before = bench.server.replies(kept.chat.id)[-1]
    ada.press(kept, data(kept, "choose"))
    (asked,) = await bench.server.until(lambda: bench.server.replies(kept.chat.id, after=before))
    ada.press(asked, data(asked, "forget"))
    await bench.server.until(lambda: bench.server.replies(kept.chat.id)[-1].text == say("en", "tg_forgotten"))


async def test_a_note_is_found_at_once_and_forgotten_by_its_button(live: Bench) -> None:
    """It is a document of the user's own, no turn, and no model is asked."""
    ada = await live.owner()
    kept = await live.reply_to(ada, "/note my locker at the pool is 4711")
    assert kept.text == say("en", "tg_noted", text="my locker at the pool is 4711")
    (note,) = documents(live)
    assert (note.format, note.me, note.title) == (NOTE, "Ada", "my locker at the pool is 4711")
    assert turns_of(live.store, user_id=live.user().id) == []
    found = await live.reply_to(ada, "/search locker")
    assert "note “my locker at the pool is 4711”" in found.text
    assert live.engine.requests == []
    await forgotten(live, kept)
    assert documents(live) == []
    assert (await live.reply_to(ada, "/search locker")).text == say("en", "tg_search_nothing", words="locker")


async def test_plain_words_keep_a_note_once(live: Bench) -> None:
    """In both languages; the sentence is not remembered a second time as a turn."""
    ada = await live.owner()
    for said, told in (
        ("Please remember that Ann moved to Bern.", "Ann moved to Bern."),
        ("记住我的车位是B12", "我的车位是B12"),
        ("note: blue paint", "blue paint"),
    ):
        assert (await live.reply_to(ada, said)).text == say("en", "tg_noted", text=told)
    assert len(documents(live)) == 3
    assert turns_of(live.store, user_id=live.user().id) == []
    (count,) = live.store.rows("SELECT count(*) FROM chunks WHERE text LIKE '%Bern%'")[0]
    assert count == 1
    answer = await live.reply_to(ada, "do you remember that Ann moved?")
    assert "Once upon a time." in answer.text


async def test_the_same_words_are_kept_once_and_a_forgotten_note_again(live: Bench) -> None:
    """A message that comes twice is one note too."""
    ada = await live.owner()
    live.server.deliver_twice()
    kept = await live.reply_to(ada, "/note buy milk")
    again = await live.reply_to(ada, "/remember buy milk")
    assert again.text == say("en", "tg_noted_before", text="buy milk")
    assert len(documents(live)) == 1
    await forgotten(live, kept)
    assert (await live.reply_to(ada, "/note buy milk")).text == say("en", "tg_noted", text="buy milk")


async def test_a_note_states_facts_as_what_is_told_does(live: Bench) -> None:
    """Of the user, since they wrote it."""
    ada = await live.owner()
    await live.reply_to(ada, "/note I live in Bern.")
    assert [(fact.subject, fact.value) for fact in facts_of(live.store, owners=[live.user().id])] == [("user", "Bern")]


async def test_a_message_of_the_bot_is_kept_as_its_own_words(live: Bench) -> None:
    """It is found, says who said it, and states no fact of the user."""
    ada = await live.owner()
    live.reply = lambda _: "I live in Paris. The kiln is hot."
    reply = await live.reply_to(ada, "Tell me a story.")
    kept = await live.reply_to(ada, "/note", reply_to=reply)
    assert kept.text.startswith(say("en", "tg_noted", text="Familiar: I live in Paris."))
    assert "Familiar: I live in Paris." in (await live.reply_to(ada, "/search kiln")).text
    assert facts_of(live.store, owners=[live.user().id]) == []


async def test_somebody_elses_message_is_kept_with_its_origin(live: Bench) -> None:
    """In a group, whose memory it is; with a remark of the one who keeps it."""
    ada = await live.owner()
    group = live.server.group(-1001)
    eve = live.server.user(13, "Eve")
    said = eve.send("The choir meets on Tuesday.", chat=group)
    ada.send("/note@familiar_test_bot bring the scores", chat=group, reply_to=said)
    (kept,) = await live.server.until(lambda: live.server.replies(group.id))
    assert kept.text == say("en", "tg_noted", text="Eve: The choir meets on Tuesday.")
    user = live.store.user("group:-1001")
    assert user is not None
    (note,) = live.store.documents(user_id=user.id)
    assert note.format == KEPT_MESSAGE
    text = live.store.document_text(note.id, user_id=user.id)
    assert text == "Eve: The choir meets on Tuesday.\nAda: bring the scores"
    assert documents(live) == []


async def test_without_text_the_notes_are_shown(live: Bench) -> None:
    """Newest first, by command and by plain words in both languages; each can be forgotten."""
    ada = await live.owner()
    assert (await live.reply_to(ada, "/note")).text == say("en", "tg_note_how")
    await live.reply_to(ada, "/note buy milk")
    await live.reply_to(ada, "/note 护照在抽屉里")
    for asked in ("/note", "what did I tell you to remember?", "我让你记住了什么？"):
        shown = await live.reply_to(ada, asked)
        assert [button.text for button in shown.buttons] == ["✕ 护照在抽屉里", "✕ buy milk"]


async def test_a_picture_without_words_can_not_be_kept(live: Bench) -> None:
    """Which is said."""
    ada = await live.owner()
    photo = ada.send_photo(b"\x89PNG\r\n\x1a\n")
    await live.server.until(lambda: live.server.replies(ada.id, after=photo))
    assert (await live.reply_to(ada, "/note", reply_to=photo)).text == say("en", "tg_note_no_text")


async def test_a_note_that_was_kept_when_the_bot_ended_is_not_kept_again(live: Bench) -> None:
    """What is kept and that it is answered are one transaction."""
    ada = await live.owner()
    await live.reply_to(ada, "/note buy milk")
    await live.handled(2)
    (row,) = live.store.rows("SELECT reply_id, payload FROM telegram_inbox ORDER BY update_id DESC LIMIT 1")
    assert row["reply_id"] is not None
    assert row["payload"] is None
