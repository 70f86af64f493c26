"""/forget over Telegram: nothing goes before the second button, and then it is gone."""

from __future__ import annotations

import pytest

from bot.locales import say
from memory.erasure import forget_everything, forget_text
from memory.turns import turns_of
from tests.bot.telegram.bench import STORY, Bench
from tests.telegram_api import Message, UserDriver
from tests.telegram_api.records import JSON

LOCKER = "My locker at the pool has the number 4711."


async def import_note(bench: Bench, person: UserDriver, name: str, text: str) -> None:
    """Send a note and wait for its receipt."""
    person.send_document(name, text.encode())
    await bench.server.until(
        lambda: any(f"{name}: indexed" in message.text for message in bench.server.replies(person.id))
    )


async def pressed(bench: Bench, person: UserDriver, message: Message, data: str) -> Message:
    """Press a button and wait until its message has changed."""
    person.press(message, data)

    def now() -> Message:
        return next(item for item in bench.server.replies(person.id) if item.id == message.id)

    await bench.server.until(lambda: now().edits)
    return now()


async def test_a_document_is_chosen_confirmed_and_gone(live: Bench) -> None:
    """The question names it; afterwards it is neither stored nor offered."""
    ada = await live.owner()
    assert (await live.reply_to(ada, "/forget")).text == say("en", "tg_forget_none")
    await import_note(live, ada, "cabin.md", "# Cabin\n\nThe wifi password is blueberry42.\n")
    offered = await live.reply_to(ada, "/forget")
    (document,) = live.store.documents(user_id=live.user().id)
    ada.press(offered, f"choose:{document.id}")
    (question,) = await live.server.until(lambda: live.server.replies(ada.id, after=offered))
    assert say("en", "tg_forget_document", title=document.title, chunks=document.chunks) in question.text
    assert live.store.documents(user_id=live.user().id)
    done = await pressed(live, ada, question, f"forget:document:{document.id}")
    assert (done.text, done.buttons) == (say("en", "tg_forgotten"), ())
    assert live.store.documents(user_id=live.user().id) == []


async def test_a_message_is_forgotten_by_replying_to_its_answer(live: Bench) -> None:
    """The other turns stay."""
    ada = await live.owner()
    reply = await live.reply_to(ada, LOCKER)
    await live.reply_to(ada, STORY)
    question = await live.reply_to(ada, "/forget", reply_to=reply)
    assert say("en", "tg_forget_turn", text=LOCKER) in question.text
    await pressed(live, ada, question, "forget:turn:1")
    assert [turn.user_text for turn in turns_of(live.store, user_id=live.user().id)] == [STORY]


async def test_words_are_forgotten_wherever_they_stand(live: Bench) -> None:
    """The question counts what holds them; the words themselves are kept nowhere for the button."""
    ada = await live.owner()
    await live.reply_to(ada, LOCKER)
    await import_note(live, ada, "pool.txt", "The locker of Ada at the pool:  number\n4711.\n")
    assert (await live.reply_to(ada, "/forget number 4712")).text == say("en", "tg_forget_nothing")
    question = await live.reply_to(ada, "/forget NUMBER 4711")
    assert say("en", "tg_forget_text", documents=1, turns=1) in question.text
    assert [button.callback_data for button in question.buttons] == ["forget:text", "keep"]
    await pressed(live, ada, question, "forget:text")
    assert live.store.rows("SELECT * FROM chunks") == []
    assert live.store.rows("SELECT * FROM turns") == []


async def test_who_thinks_better_of_it_keeps_everything(live: Bench) -> None:
    """The other button."""
    ada = await live.owner()
    await live.reply_to(ada, LOCKER)
    question = await live.reply_to(ada, "/forget locker")
    assert (await pressed(live, ada, question, "keep")).text == say("en", "tg_kept")
    assert len(turns_of(live.store, user_id=live.user().id)) == 1


async def test_where_the_words_are_no_longer_there_nothing_is_forgotten(live: Bench) -> None:
    """The command was deleted in the chat: the button asks to write it again."""
    ada = await live.owner()
    await live.reply_to(ada, LOCKER)
    question = await live.reply_to(ada, "/forget locker")
    body = {**question.as_json()}
    del body["reply_to_message"]
    query: JSON = {"id": "1", "from": ada.user.as_json(), "message": body, "chat_instance": "7", "data": "forget:text"}
    live.server.world.add_update("callback_query", query)
    await live.server.until(lambda: live.server.replies(ada.id)[-1].text == say("en", "tg_forget_expired"))
    assert len(turns_of(live.store, user_id=live.user().id)) == 1


@pytest.mark.parametrize("everything", [False, True])
async def test_a_reply_that_is_being_written_forgets_too(live: Bench, everything: bool) -> None:
    """What is forgotten elsewhere meanwhile stands in no message that stays; where nothing is left that is said."""
    ada = await live.owner()
    await live.reply_to(ada, "My locker at the pool has the number quex-4711.")
    user, words = live.user().id, list[str]()

    def forget(word: str) -> None:
        words.append(word)
        if len(words) == 1 and everything:
            forget_everything(live.store, None, user_id=user)
        elif len(words) == 1:
            forget_text(live.store, None, user_id=user, text="QUEX-4711")

    live.on_word, live.reply = forget, lambda _: "Here you go my friend, take quex-4711 along. It rains."
    reply = await live.reply_to(ada, "Write me a poem about my locker at the pool.")
    assert "quex" not in reply.text
    assert ("nothing was kept" if everything else "It rains.") in reply.text
    assert (await live.reply_to(ada, "Good morning!")).text
