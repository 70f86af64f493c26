"""Photos, voice messages and other recordings over Telegram: read or heard, and answered."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.bench.made_files import drawn
from bot.config import SpeechConfig, VisionConfig
from bot.hearing import HearingMissing, Recording, TooLong
from bot.locales import say
from bot.seeing import Seen, ServerDescriber, Sight
from bot.telegram import inbox, talking
from memory.config import ImportConfig
from memory.records import Message as Prompt
from memory.turns import turns_of
from tests.bot.telegram.bench import OWNER, Bench
from tests.openai_server import OpenAiServer
from tests.recordings import DOOR, DOOR_WORDS, film
from tests.telegram_api import Message, UserDriver
from tests.telegram_api.raw import send_raw
from tests.telegram_api.records import Attachment


def png(*lines: str) -> bytes:
    """A picture in which these lines are written."""
    made = io.BytesIO()
    drawn(list(lines), size=(700, 120 + 60 * len(lines))).save(made, "PNG")
    return made.getvalue()


RECEIPT = png("Total 12.40")
PATIENCE = 60.0
"""Seconds: the processes that read and hear have a low priority, and all cores may be busy with other tests."""
OTHER, BLANK, LONG, DAMAGED, UNREAD, LETTER = b"other", b"blank", b"long", b"damaged", b"unread", b"letter"
LINES = "\n".join(f"line {n} of the long letter" for n in range(1, 200))
SEEN = {
    RECEIPT: Seen("Total 12.40"),
    OTHER: Seen("Gate 15"),
    BLANK: Seen(),
    LONG: Seen(LINES),
    LETTER: Seen("I am allergic to peanuts. I live in Lisbon."),
    DAMAGED: Seen(remarks=("the photo is a damaged picture",)),
    UNREAD: Seen(unread=True),
}


def scripted_look(pictures: Sequence[bytes], *, question: str) -> tuple[Seen, ...]:
    """What the test says of each picture."""
    del question
    return tuple(SEEN[picture] for picture in pictures)


class Ears:
    """A transcriber that hears what a test says, and keeps what it was given."""

    def __init__(self, text: str = "", error: Exception | None = None) -> None:
        self.text = text
        self.error = error
        self.given: list[Recording] = []
        self.wait = threading.Event()
        self.wait.set()

    def transcribe(self, recording: Recording, *, cancel: threading.Event) -> str:
        """What the test says."""
        self.given.append(recording)
        while not self.wait.wait(0.02) and not cancel.is_set():
            pass
        if self.error is not None:
            raise self.error
        return self.text

    def close(self) -> None:
        """Nothing is kept."""


class Eyes:
    """The bench with a bot whose model writes down what it was asked."""

    def __init__(self, bench: Bench, ada: UserDriver) -> None:
        self.bench = bench
        self.ada = ada
        self.prompts: list[str] = []
        bench.reply = self._reply

    def _reply(self, messages: tuple[Prompt, ...]) -> str:
        self.prompts.append(messages[-1].content)
        return "So it is."

    async def answers(self, sent: Message, count: int = 1) -> list[Message]:
        """The bot's messages after one, when there are so many, and no more come."""
        chat, server = sent.chat.id, self.bench.server
        await server.until(lambda: len(server.replies(chat, after=sent)) >= count, PATIENCE)
        done = "SELECT count(*) FROM telegram_inbox WHERE state = 'waiting'"
        await server.until(lambda: self.bench.store.rows(done)[0][0] == 0, PATIENCE)
        found = server.replies(chat, after=sent)
        assert len(found) == count
        return found

    def told(self) -> list[str]:
        """What the owner has said, as it is stored."""
        user = self.bench.user(OWNER).id
        conversations = self.bench.store.rows("SELECT id FROM conversations WHERE user_id = ?", (user,))
        found = [turns_of(self.bench.store, user_id=user, conversation_id=row["id"]) for row in conversations]
        return [turn.user_text for turns in found for turn in turns]

    def remembered(self) -> str:
        """All passages in the owner's memory."""
        rows = self.bench.store.rows("SELECT text FROM chunks WHERE user_id = ?", (self.bench.user(OWNER).id,))
        return "\n".join(row["text"] for row in rows)


async def started(bench: Bench, **sections: Any) -> Eyes:
    """A running bot with these settings, whose owner has paired."""
    bench.settings = replace(bench.settings, **sections)
    await bench.start()
    return Eyes(bench, await bench.owner())


@pytest.fixture
async def eyes(bench: Bench) -> Eyes:
    """A running bot that reads and hears what the test says."""
    bench.transcriber = Ears("Tell me a story about the garden door.")
    bench.look = scripted_look
    return await started(bench)


def ears(eyes: Eyes) -> Ears:
    """What hears for it."""
    assert isinstance(eyes.bench.transcriber, Ears)
    return eyes.bench.transcriber


# ---- photos


async def test_a_photo_with_a_question_is_answered_from_its_text(bench: Bench) -> None:
    """Read by the real code, it is material of the turn, fenced and named; the caption alone is what was said."""
    eyes = await started(bench)
    sent = eyes.ada.send_photo(RECEIPT, caption="What does this receipt say?")
    (reply,) = await eyes.answers(sent)
    assert "So it is." in reply.text
    assert "text in the photo" in eyes.prompts[-1]
    assert "Total 12.40" in eyes.prompts[-1]
    assert eyes.told() == ["What does this receipt say?"]
    assert "12.40" not in eyes.remembered()


async def test_a_photo_alone_is_shown_and_kept_only_by_the_button(eyes: Eyes) -> None:
    """The button works after a restart, and makes a document of it."""
    sent = eyes.ada.send_photo(RECEIPT)
    (shown,) = await eyes.answers(sent)
    assert shown.text == f"{say('en', 'tg_photo_text')}\n\nTotal 12.40"
    assert [entity.type for entity in shown.entities] == ["blockquote"]
    assert (eyes.told(), eyes.remembered(), eyes.prompts) == ([], "", [])
    await eyes.bench.stop()
    await eyes.bench.start()
    eyes.ada.press(shown, shown.buttons[0].callback_data or "")
    (kept,) = await eyes.answers(shown)
    assert "indexed, 1 passages" in kept.text
    assert eyes.remembered() == "Total 12.40"
    assert eyes.told() == []


async def test_a_long_text_is_shown_in_part_and_kept_whole(eyes: Eyes) -> None:
    """The button reads the photo once more; where that is gone, it says so."""
    sent = eyes.ada.send_photo(LONG)
    (shown,) = await eyes.answers(sent)
    assert say("en", "tg_photo_rest") in shown.text
    assert "line 199" not in shown.text
    eyes.ada.press(shown, shown.buttons[0].callback_data or "")
    await eyes.answers(shown)
    assert "line 199 of the long letter" in eyes.remembered()
    eyes.bench.server.world.put_message(replace(shown, reply_to=None))
    eyes.ada.press(shown, shown.buttons[0].callback_data or "")
    await eyes.bench.server.until(lambda: eyes.bench.server.replies(OWNER)[-1].text == say("en", "tg_note_gone"))


async def test_an_album_gets_one_reply(bench: Bench) -> None:
    """Each photo is read, in order; the caption of the album asks about all of them."""
    bench.look = scripted_look
    eyes = await started(bench, telegram=replace(bench.settings.telegram, join_seconds=0.3))
    eyes.ada.send_photo(RECEIPT, album="a", caption="What are these?")
    sent = eyes.ada.send_photo(OTHER, album="a")
    await eyes.answers(sent)
    prompt = eyes.prompts[-1]
    assert prompt.index("Total 12.40") < prompt.index("text in photo 2") < prompt.index("Gate 15")
    assert eyes.told() == ["What are these?"]
    eyes.ada.send_photo(RECEIPT, album="b")
    sent = eyes.ada.send_photo(OTHER, album="b")
    (shown,) = await eyes.answers(sent)
    assert shown.text.endswith("Total 12.40\n\nGate 15")
    eyes.ada.send_photo(LONG, album="c")
    (cut,) = await eyes.answers(eyes.ada.send_photo(OTHER, album="c"))
    assert say("en", "tg_album_rest") in cut.text
    assert not cut.buttons


async def test_a_forwarded_photo_and_its_caption_are_somebody_elses(eyes: Eyes) -> None:
    """Both are shown and kept by the button; nothing is answered as if the user had said it."""
    ben = eyes.bench.server.user(8, "Ben")
    sent = eyes.ada.send_photo(RECEIPT, caption="I paid for lunch.", forwarded_from=ben.user)
    (shown,) = await eyes.answers(sent)
    assert shown.text == f"I paid for lunch.\n\n{say('en', 'tg_photo_text')}\n\nTotal 12.40"
    assert (eyes.told(), eyes.remembered(), eyes.prompts) == ([], "", [])
    eyes.ada.press(shown, shown.buttons[0].callback_data or "")
    await eyes.answers(shown)
    assert eyes.remembered() == "I paid for lunch.\n\nTotal 12.40"


async def test_a_photo_without_text_says_so(eyes: Eyes) -> None:
    """Alone it names what is missing; with a caption the model is told that nothing is known of it."""
    (reply,) = await eyes.answers(eyes.ada.send_photo(BLANK))
    assert reply.text == say("en", "tg_photo_no_text")
    assert not reply.buttons
    await eyes.answers(eyes.ada.send_photo(BLANK, caption="Who is this?"))
    assert "what it shows is not known" in eyes.prompts[-1]


async def test_a_vision_model_describes_photos(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked the caption, and what it says is material of the turn."""
    with OpenAiServer() as server:
        server.sees("A red bicycle.")
        sight = Sight(ServerDescriber(VisionConfig(url=server.url, model="eye-1")), ImportConfig())
        monkeypatch.setattr("bot.seeing._read", lambda _picture, _converter: Seen())  # which other tests read
        bench.look = sight.look
        eyes = await started(bench)
        await eyes.answers(eyes.ada.send_photo(BLANK, caption="What colour is it?"))
        assert "The person asks: What colour is it?" in server.asked[0].values["messages"]
        assert "A red bicycle." in eyes.prompts[-1]
        (shown,) = await eyes.answers(eyes.ada.send_photo(OTHER))
        assert shown.text == f"{say('en', 'tg_photo_shows')}\n\nA red bicycle."
        server.answer = lambda _: (500, b"")
        told, _ = await eyes.answers(eyes.ada.send_photo(BLANK, caption="And this?"), 2)
        assert "answered with status 500" in told.text
    assert "bicycle" not in eyes.remembered()


async def test_without_the_extra_a_photo_says_so_once_and_its_caption_is_answered(
    eyes: Eyes,
) -> None:
    """A photo alone always gets an answer."""
    told, reply = await eyes.answers(eyes.ada.send_photo(UNREAD, caption="What is this?"), 2)
    assert told.text == say("en", "tg_photo_extra")
    assert "pip install -e '.[ocr]'" in told.text
    assert "So it is." in reply.text
    await eyes.answers(eyes.ada.send_photo(UNREAD, caption="And this?"))
    assert "could not be read" in eyes.prompts[-1]
    (alone,) = await eyes.answers(eyes.ada.send_photo(UNREAD))
    assert alone.text == say("en", "tg_photo_extra")


async def test_the_largest_size_is_fetched_and_one_that_is_too_large_is_said(eyes: Eyes) -> None:
    """Telegram hands bots at most 20 MB, which it may say only when it is asked."""
    await eyes.answers(eyes.ada.send_photo(RECEIPT))
    assert all("small" not in call.parameters["file_id"] for call in eyes.bench.server.calls("getFile"))
    (reply,) = await eyes.answers(eyes.ada.send_photo(RECEIPT, size=21 * 2**20))
    assert reply.text == say("en", "tg_media_too_big")


async def test_a_damaged_photo_is_said_and_the_bot_goes_on(eyes: Eyes) -> None:
    """With what is wrong."""
    (reply,) = await eyes.answers(eyes.ada.send_photo(DAMAGED))
    assert "damaged picture" in reply.text
    await eyes.answers(eyes.ada.send_photo(RECEIPT))


async def test_in_a_group_a_photo_is_read_where_the_bot_is_named(eyes: Eyes) -> None:
    """There is no button, since the memory is all members'."""
    group = eyes.bench.server.group(-100)
    eyes.ada.send_photo(RECEIPT, chat=group, caption="look at this")
    sent = eyes.ada.send_photo(RECEIPT, chat=group, caption="@familiar_test_bot what does it say?")
    await eyes.answers(sent)
    assert eyes.prompts[-1].endswith("what does it say?")
    sent = eyes.ada.send_photo(OTHER, chat=group, reply_to=eyes.bench.server.replies(group.id)[-1])
    (shown,) = await eyes.answers(sent)
    assert "Gate 15" in shown.text
    assert not shown.buttons


# ---- recordings


async def test_a_voice_message_is_answered_as_if_it_were_typed(eyes: Eyes) -> None:
    """What was heard is shown, answered, and stored as what the user said."""
    heard, reply = await eyes.answers(eyes.ada.send_voice(DOOR), 2)
    assert heard.text == "🎤 Tell me a story about the garden door."
    assert [entity.type for entity in heard.entities] == ["blockquote"]
    assert "So it is." in reply.text
    assert eyes.told() == ["Tell me a story about the garden door."]
    assert ears(eyes).given == [Recording("voice.ogg", DOOR)]


async def test_a_spoken_reminder_and_a_spoken_fact_are_kept(eyes: Eyes) -> None:
    """Everything that typing can do."""
    ears(eyes).text = "Remind me to call Mum tomorrow at 9"
    _, kept = await eyes.answers(eyes.ada.send_voice(DOOR), 2)
    assert "call Mum" in kept.text
    ears(eyes).text = "My bicycle is red."
    await eyes.answers(eyes.ada.send_voice(DOOR), 2)
    assert "My bicycle is red." in eyes.remembered()


async def test_a_spoken_correction_corrects(eyes: Eyes) -> None:
    """As an answer to a reply that was found bad."""
    bad = await eyes.bench.reply_to(eyes.ada, "Tell me a story.")
    eyes.ada.press(bad, bad.buttons[1].callback_data or "")
    await eyes.bench.handled(3)
    ears(eyes).text = "A story about a bicycle."
    _, kept = await eyes.answers(eyes.ada.send_voice(DOOR, reply_to=bad), 2)
    assert kept.text == say("en", "feedback_kept", n=1)


async def test_messages_after_a_voice_message_wait_for_it(eyes: Eyes) -> None:
    """The order of a chat holds; another chat is answered meanwhile."""
    friend = await eyes.bench.friend(eyes.ada)
    ears(eyes).wait.clear()
    voice = eyes.ada.send_voice(DOOR)
    eyes.ada.send("Tell me another story.")
    assert "So it is." in (await eyes.bench.reply_to(friend, "Tell me a story.")).text
    assert eyes.bench.server.replies(eyes.ada.id, after=voice) == []
    ears(eyes).wait.set()
    await eyes.answers(voice, 3)
    assert eyes.told() == ["Tell me a story about the garden door.", "Tell me another story."]


async def test_stop_ends_a_transcription(eyes: Eyes) -> None:
    """Nothing of it is answered."""
    ears(eyes).wait.clear()
    sent = eyes.ada.send_voice(DOOR)
    await eyes.bench.server.until(lambda: ears(eyes).given)
    eyes.ada.send("stop")
    (reply,) = await eyes.answers(sent)
    assert reply.text == say("en", "tg_stopped")
    assert eyes.told() == []


async def test_a_voice_message_that_the_end_of_the_bot_cut_off_is_answered_after_the_next_start(
    eyes: Eyes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once."""
    monkeypatch.setattr("bot.telegram.service._GRACE_SECONDS", 0.1)
    ears(eyes).wait.clear()
    sent = eyes.ada.send_voice(DOOR)
    await eyes.bench.server.until(lambda: ears(eyes).given)
    await eyes.bench.stop()
    ears(eyes).wait.set()
    await eyes.bench.start()
    await eyes.answers(sent, 2)
    assert eyes.told() == ["Tell me a story about the garden door."]


async def test_a_voice_message_that_is_too_long_is_said(eyes: Eyes) -> None:
    """By what is announced it is not even fetched; by what it is, it is not heard to its end."""
    (reply,) = await eyes.answers(eyes.ada.send_voice(DOOR, seconds=16 * 60))
    assert reply.text == say("en", "tg_recording_too_long", minutes=15)
    assert eyes.bench.server.calls("getFile") == []
    ears(eyes).error = TooLong("it is longer")
    (reply,) = await eyes.answers(eyes.ada.send_voice(DOOR))
    assert reply.text == say("en", "tg_recording_too_long", minutes=15)


async def test_a_voice_message_without_the_extra_says_how(eyes: Eyes) -> None:
    """Extra or server."""
    ears(eyes).error = HearingMissing("nothing there")
    (reply,) = await eyes.answers(eyes.ada.send_voice(DOOR))
    assert reply.text == say("en", "tg_speech_missing")
    assert "pip install -e '.[speech]'" in reply.text
    assert "[speech] url" in reply.text


async def test_silence_and_a_failure_are_said(eyes: Eyes) -> None:
    """The failure with a number that the log has too, and none of what was said."""
    ears(eyes).text = ""
    (reply,) = await eyes.answers(eyes.ada.send_voice(DOOR))
    assert reply.text == say("en", "tg_heard_nothing")
    ears(eyes).error = ValueError("private words")
    (reply,) = await eyes.answers(eyes.ada.send_voice(DOOR))
    assert reply.text.startswith("Sorry, that went wrong (error ")
    assert "private" not in reply.text


async def test_a_forwarded_voice_message_is_not_what_the_user_said(eyes: Eyes) -> None:
    """It is shown, and kept only by the button."""
    ben = eyes.bench.server.user(8, "Ben")
    (shown,) = await eyes.answers(eyes.ada.send_voice(DOOR, forwarded_from=ben.user))
    assert shown.text == "🎤 Tell me a story about the garden door."
    assert (eyes.told(), eyes.prompts) == ([], [])
    eyes.ada.press(shown, shown.buttons[0].callback_data or "")
    await eyes.answers(shown)
    assert eyes.remembered() == "Tell me a story about the garden door."


async def test_in_a_group_only_a_voice_message_to_the_bot_is_heard(eyes: Eyes) -> None:
    """One that replies to it."""
    group = eyes.bench.server.group(-100)
    eyes.ada.send_voice(DOOR, chat=group)
    asked = eyes.ada.send("@familiar_test_bot Tell me a story.", chat=group)
    (reply,) = await eyes.answers(asked)
    sent = eyes.ada.send_voice(DOOR, chat=group, reply_to=reply)
    heard, _ = await eyes.answers(sent, 2)
    assert heard.text.startswith("🎤")
    assert len(ears(eyes).given) == 1


async def test_an_audio_file_with_a_question_is_its_material(eyes: Eyes) -> None:
    """What is said in it is not what the user said."""
    ears(eyes).text = "The meeting moves to Monday."
    sent = eyes.ada.send_audio("meeting.mp3", DOOR, caption="What was decided?")
    heard, _ = await eyes.answers(sent, 2)
    assert heard.text == "🎤 The meeting moves to Monday."
    assert "The meeting moves to Monday." in eyes.prompts[-1]
    assert eyes.told() == ["What was decided?"]
    assert "Monday" not in eyes.remembered()


async def test_an_audio_file_alone_is_shown_with_the_button(eyes: Eyes) -> None:
    """Also one that was sent as a document, told by its media type."""
    sent = eyes.ada.send_audio("song.mp3", DOOR)
    eyes.ada.send_document("talk.wav", DOOR, mime_type="audio/x-wav")
    shown = await eyes.answers(sent, 2)
    assert [message.buttons[0].text for message in shown] == [say("en", "tg_note_button")] * 2
    assert [given.name for given in ears(eyes).given] == ["audio.mp3", "talk.wav"]
    assert eyes.told() == []


async def test_a_long_transcript_is_kept_whole(eyes: Eyes) -> None:
    """It is more than one message, so that the button hears it once more."""
    ears(eyes).text = "We talk and talk about the garden. " * 150
    shown = (await eyes.answers(eyes.ada.send_audio("long.mp3", DOOR), 3))[-1]
    assert shown.text == say("en", "tg_note_offer")
    eyes.ada.press(shown, shown.buttons[0].callback_data or "")
    (kept,) = await eyes.answers(shown)
    assert "indexed" in kept.text
    assert eyes.remembered().count("We talk") >= 150


async def test_a_video_is_heard_and_an_animation_is_not(eyes: Eyes) -> None:
    """A film's sound is material; what has no sound is no recording."""
    await eyes.answers(eyes.ada.send_video("film.mp4", film(DOOR), caption="What do they say?"), 2)
    assert "Tell me a story about the garden door." in eyes.prompts[-1]
    (reply,) = await eyes.answers(eyes.ada.send_animation("cat.mp4", film()))
    assert reply.text != say("en", "tg_unknown_kind")
    assert len(ears(eyes).given) == 1


async def test_a_live_photo_is_its_still_picture(eyes: Eyes) -> None:
    """Telegram sends both, and what moves is left."""
    server = eyes.bench.server
    still = Attachment("photo", server.world.add_file("photo.jpg", RECEIPT, mime_type="image/jpeg"))
    moving = {"file_id": "x", "file_unique_id": "ux", "width": 90, "height": 90, "duration": 3}
    (reply,) = await eyes.answers(send_raw(server, eyes.ada, {"photo": still.as_json(), "live_photo": moving}))
    assert "Total 12.40" in reply.text


async def test_a_server_hears_a_voice_message(bench: Bench) -> None:
    """From Telegram's file to the speech server and back, all over HTTP."""
    with OpenAiServer() as server:
        server.hears("Tell me a story about the garden door.")
        eyes = await started(bench, speech=SpeechConfig(url=server.url, model="whisper-1"))
        heard, _ = await eyes.answers(eyes.ada.send_voice(DOOR), 2)
        assert heard.text == "🎤 Tell me a story about the garden door."
        assert server.asked[0].files == {"file": ("voice.ogg", DOOR)}


@pytest.mark.model
async def test_whisper_hears_a_video_note(bench: Bench, whisper: Path) -> None:
    """The model here, loaded with the first recording; a round film is what its speaker said."""
    eyes = await started(bench, speech=SpeechConfig(model=str(whisper), language="en"))
    heard, _ = await eyes.answers(eyes.ada.send_video_note(film(DOOR, seconds=4), seconds=4), 2)
    assert DOOR_WORDS in heard.text
    assert DOOR_WORDS in eyes.told()[0]


async def test_a_remark_that_is_told_once_costs_no_answer(eyes: Eyes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The photo is handled once more, as where its caption was changed meanwhile, and the remark is there already."""
    real, looks = inbox.changed_meanwhile, list[int]()

    def changed_once(*args: Any, **named: Any) -> bool:
        looks.append(1)
        return len(looks) == 1 or real(*args, **named)

    monkeypatch.setattr(talking, "changed_meanwhile", changed_once)
    remark, reply = await eyes.answers(eyes.ada.send_photo(UNREAD, caption="What is it?"), 2)
    assert remark.text == say("en", "tg_photo_extra")
    assert "So it is." in reply.text
