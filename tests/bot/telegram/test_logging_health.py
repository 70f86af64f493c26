"""The log in a chat: entries in plain words, buttons, trends; where it is off, or in a group, it is not there."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image

from bot.config import LogbookConfig
from bot.locales import say
from bot.telegram.command_list import offered, options_of
from memory.logs import LogEntry, NewLogEntry, add_entries, entries_of
from memory.records import Profile
from tests.bot.telegram.bench import OWNER, Bench
from tests.bot.telegram.test_forwarding import BEN
from tests.telegram_api import Message, UserDriver


@pytest.fixture
async def on(bench: Bench) -> Bench:
    """A running bot whose log is switched on."""
    bench.settings = replace(bench.settings, logs=LogbookConfig(enabled=True))
    await bench.start()
    return bench


def kept(bench: Bench) -> list[LogEntry]:
    """The owner's entries."""
    return entries_of(bench.store, user_id=bench.user().id)


def told(bench: Bench) -> str:
    """All that memory, prompts and turns hold."""
    rows = bench.store.rows("SELECT user_text || prompt AS said FROM turns UNION ALL SELECT text FROM chunks")
    return " ".join(row["said"] for row in rows)


def picture() -> bytes:
    """A blank photo."""
    data = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(data, "JPEG")
    return data.getvalue()


async def press(bench: Bench, person: UserDriver, message: Message, label: str) -> Message:
    """Press a button and wait for the message's new text."""
    (button,) = [item for item in message.buttons if item.text == label]
    before = message.text
    person.press(message, button.callback_data or "")
    return (
        await bench.server.until(
            lambda: [item for item in bench.server.replies(person.id) if item.id == message.id and item.text != before]
        )
    )[0]


async def test_an_entry_in_plain_words(on: Bench) -> None:
    """Kept and told in the writer's language, by no model and in no turn; a button takes it back."""
    ada = await on.owner()
    shown = await on.reply_to(ada, "weight 71.2, slept 6h")
    assert shown.text.startswith("Logged: weight 71.2 kg, today at")
    assert {item.kind for item in kept(on)} == {"weight", "sleep"}
    gone = await press(on, ada, shown, say("en", "log_undo"))
    assert gone.text.startswith("Deleted: weight 71.2 kg")
    assert kept(on) == []
    assert on.engine.requests == []
    assert told(on) == ""


async def test_chinese_is_answered_in_chinese(on: Bench) -> None:
    """As the profile says."""
    ada = await on.owner("zh-hans")
    assert (await on.reply_to(ada, "血压 128/82")).text.startswith("已记录：血压 128/82 mmHg")


async def test_talk_beside_an_entry_is_answered(on: Bench) -> None:
    """Without the entry, which stands in no prompt and no memory."""
    ada = await on.owner()
    written = ada.send("Slept 6.5 h. Tell me a story.")
    replies = await on.server.until(lambda: found if len(found := on.server.replies(OWNER, after=written)) == 2 else [])
    assert replies[0].text.startswith("Logged: sleep 6 h 30 min")
    assert replies[1].text.startswith("Once upon a time.")
    assert "Tell me a story." in told(on)
    assert "6.5" not in told(on)


async def test_with_learn_the_whole_message_goes_on(bench: Bench) -> None:
    """As the owner has switched on."""
    bench.settings = replace(bench.settings, logs=LogbookConfig(enabled=True, learn=True))
    await bench.start()
    ada = await bench.owner()
    written = ada.send("weight 71.2")
    await bench.server.until(lambda: len(bench.server.replies(OWNER, after=written)) == 2)
    assert "weight 71.2" in told(bench)


async def test_danger_is_told_at_once(on: Bench) -> None:
    """By rule, with its source; also of a value that is asked back first, which a button keeps."""
    ada = await on.owner()
    shown = await on.reply_to(ada, "BP 190/125")
    assert "see a doctor now" in shown.text
    assert "heart.org" in shown.text
    asked = await on.reply_to(ada, "BP 240/130")
    assert "Did you mean" in asked.text
    assert "see a doctor now" in asked.text
    assert len(kept(on)) == 1
    done = await press(on, ada, asked, say("en", "log_keep_anyway"))
    assert "Logged: blood pressure 240/130" in done.text
    assert [(item.value, item.second) for item in kept(on)][-1] == (240, 130)
    assert on.engine.requests == []


async def test_danger_in_a_question_is_told_before_it_is_answered(on: Bench) -> None:
    """By rule; the question then goes to the chat. A pressure the wrong way round is told of too."""
    ada = await on.owner()
    written = ada.send("My BP is 190/125, what should I do?")
    replies = await on.server.until(lambda: found if len(found := on.server.replies(OWNER, after=written)) == 2 else [])
    assert "see a doctor now" in replies[0].text
    assert "heart.org" in replies[0].text
    assert "what should I do?" in told(on)
    assert kept(on) == []
    swapped = await on.reply_to(ada, "BP 125/190")
    assert "can't be right" in swapped.text
    assert "see a doctor now" in swapped.text


async def test_an_entry_beside_a_reminder_is_kept_too(on: Bench) -> None:
    """And a danger in it is told."""
    ada = await on.owner()
    written = ada.send("BP 190/125. Remind me tomorrow at 8 to measure again")
    replies = await on.server.until(lambda: found if len(found := on.server.replies(OWNER, after=written)) == 2 else [])
    assert "see a doctor now" in replies[0].text
    assert "measure again" in replies[1].text
    assert [item.value for item in kept(on)] == [190]


async def test_a_value_that_is_asked_back_keeps_its_note(on: Bench) -> None:
    """After exercise a fast heart is no alarm."""
    ada = await on.owner()
    asked = await on.reply_to(ada, "HR 204 after the run")
    done = await press(on, ada, asked, say("en", "log_keep_anyway"))
    assert done.text.startswith("Logged: heart rate 204 bpm (after exercise)")
    assert "doctor" not in done.text


async def test_corrections_in_plain_words(on: Bench) -> None:
    """And by the command, which lists and deletes too."""
    ada = await on.owner()
    await on.reply_to(ada, "weight 71.2")
    assert "Corrected: weight 70.9 kg" in (await on.reply_to(ada, "change my last weight to 70.9")).text
    assert "Corrected: weight 70.8 kg" in (await on.reply_to(ada, "/log correct weight 70.8")).text
    listed = await on.reply_to(ada, "/log")
    assert "weight 70.8 kg" in listed.text
    assert [button.text for button in listed.buttons] == [f"✕ {kept(on)[0].id}"]
    assert "Deleted" in (await on.reply_to(ada, "delete my last weight")).text
    assert kept(on) == []
    assert say("en", "log_how") in (await on.reply_to(ada, "/log nonsense")).text


async def test_the_same_message_twice_is_one_entry(on: Bench) -> None:
    """Telegram may deliver it again."""
    ada = await on.owner()
    on.server.deliver_twice()
    await on.reply_to(ada, "weight 71.2")
    await on.reply_to(ada, "/help")
    assert len(kept(on)) == 1


async def test_a_trend_is_a_picture_with_a_sentence(on: Bench) -> None:
    """By command and in plain words; without entries it is said."""
    ada = await on.owner()
    user, now = on.user(), datetime.now(UTC)
    new = [NewLogEntry(f"{n}", "weight", 75 - 0.1 * n, now - timedelta(days=20 - n), "test") for n in range(20)]
    add_entries(on.store, new, user_id=user.id)
    for words in ("/trend weight 3 months", "how has my weight been?", "Is my weight ok?"):
        shown = await on.reply_to(ada, words)
        assert shown.attachment is not None
        assert "It falls: -0.70 kg a week" in shown.text
    assert "/trend weight 3 months" in (await on.reply_to(ada, "/trend")).text
    assert "no entries" in (await on.reply_to(ada, "/trend sleep")).text
    assert on.engine.requests == []


async def test_questions_and_talk_go_to_the_chat(on: Bench) -> None:
    """Also of what is logged, and of what never was."""
    ada = await on.owner()
    for text in ("My sister's weight is 60 kg.", "How has my sleep been?", "Delete the last paragraph."):
        assert "Logged" not in (await on.reply_to(ada, text)).text
    assert kept(on) == []


async def test_nobody_sees_anothers_entries(on: Bench) -> None:
    """A button with another's number has expired; lists and trends are one's own."""
    ada = await on.owner()
    ben = await on.friend(ada)
    await on.reply_to(ada, "weight 71.2")
    listed = await on.reply_to(ben, "/log")
    assert say("en", "log_none") in listed.text
    ben.press(listed, f"unlog:{kept(on)[0].id}", forged=True)
    ben.press(listed, "keeplog:weight:9e9:::1:", forged=True)
    ben.press(listed, "keeplog:weight:1.2.3:::1:", forged=True)
    ben.press(listed, "keeplog:luck:7:::1772795000:", forged=True)
    await on.reply_to(ben, "/help")
    assert len(kept(on)) == 1
    assert entries_of(on.store, user_id=on.user(8).id) == []


async def test_in_a_group_nothing_is_logged(on: Bench) -> None:
    """An entry is a message as any, and the commands are for private chats."""
    ada = await on.owner()
    group = on.server.group(-1001)
    written = ada.send("@familiar_test_bot weight 71.2", chat=group)
    (answer,) = await on.server.until(lambda: on.server.replies(group.id, after=written))
    assert "Logged" not in answer.text
    written = ada.send("/log@familiar_test_bot", chat=group)
    (refused,) = await on.server.until(lambda: on.server.replies(group.id, after=written))
    assert refused.text.startswith(say("en", "tg_private_only"))
    assert on.store.rows("SELECT 1 FROM log_entries") == []


async def test_what_is_forwarded_or_stands_under_a_photo_is_no_entry(on: Bench) -> None:
    """It may be anybody's."""
    ada = await on.owner()
    written = ada.forward("weight 71.2", BEN)
    await on.server.until(lambda: on.server.replies(OWNER, after=written))
    written = ada.send_photo(picture(), caption="weight 71.2")
    await on.server.until(lambda: on.server.replies(OWNER, after=written))
    assert kept(on) == []


async def test_off_it_is_not_there(live: Bench) -> None:
    """No menu and no help names it, its commands are unknown, and what could be an entry is a message."""
    ada = await live.owner()
    menu = [item.name for item in live.server.commands("all_private_chats", "en")]
    assert not {"log", "trend"} & set(menu)
    assert "/log" not in (await live.reply_to(ada, "/help")).text
    for command in ("/log weight 71", "/trend weight"):
        assert (await live.reply_to(ada, command)).text == say("en", "tg_unknown_command")
    assert "Logged" not in (await live.reply_to(ada, "weight 71.2")).text
    assert live.store.rows("SELECT 1 FROM log_entries") == []


async def test_on_it_is_in_the_menus(on: Bench) -> None:
    """Of private chats only."""
    assert {"log", "trend"} <= {item.name for item in on.server.commands("all_private_chats", "en")}
    assert not {"log", "trend"} & {item.name for item in on.server.commands("all_group_chats", "en")}
    assert {"log", "trend"} <= set(offered("owner", options=options_of(on.settings)))
    assert not {"log", "trend"} & set(offered("owner"))


async def test_times_are_those_of_the_message(on: Bench) -> None:
    """By the clock of the writer's zone, also where the bot reads it later."""
    ada = await on.owner()
    with on.store.transaction():
        on.store.update_profile(on.user().id, Profile(zone="Asia/Shanghai"))
    await on.reply_to(ada, "yesterday at 7:30 BP 128/82")
    (entry,) = kept(on)
    assert (entry.at.hour, entry.at.minute) == (23, 30)
