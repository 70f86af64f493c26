"""Transcription: one suite over the model here and a server, and what each can fail at."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import hearing_here
from bot.config import Secret, SpeechConfig
from bot.hearing import (
    Recording,
    ServerTranscriber,
    TooLong,
    Transcriber,
    model_here,
    open_transcriber,
    own_folder,
)
from bot.hearing_child import RATE, decoded
from bot.hearing_here import LocalTranscriber
from memory.errors import FamiliarError, UsageError
from tests.openai_server import OpenAiServer
from tests.recordings import DOOR, DOOR_WORDS, film, silence

SPOKEN = Recording("voice.ogg", DOOR)
SILENT = Recording("voice.wav", silence(1))


def hear(transcriber: Transcriber, recording: Recording) -> str:
    """What is said, with nobody stopping it."""
    return transcriber.transcribe(recording, cancel=threading.Event())


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    """A speech server."""
    with OpenAiServer() as running:
        yield running


@pytest.fixture(scope="module")
def here(whisper: Path) -> Iterator[LocalTranscriber]:
    """The smallest Whisper on this machine, by its folder."""
    config = SpeechConfig(model=str(whisper), language="en")
    made = LocalTranscriber(config, model=lambda: model_here(config.model, folder=whisper.parent, offline=True))
    yield made
    made.close()


@pytest.fixture(params=["here", "server"])
def transcriber(request: pytest.FixtureRequest, server: OpenAiServer) -> Transcriber:
    """Each implementation; the server's model is scripted."""
    if request.param == "here":
        made: Transcriber = request.getfixturevalue("here")
        return made
    server.answer = lambda asked: (
        (200, {"text": "  Close the garden door.\n"})
        if asked.files["file"][1] == DOOR
        else (400, {"error": "no sound"})
    )
    return ServerTranscriber(SpeechConfig(url=server.url, model="whisper-1"))


@pytest.mark.model
def test_what_is_said_is_written_down(transcriber: Transcriber) -> None:
    """Of a voice message; again and again by the same transcriber."""
    for _ in range(2):
        heard = hear(transcriber, SPOKEN)
        assert DOOR_WORDS in heard
        assert heard == heard.strip()


@pytest.mark.model
def test_what_is_no_recording_is_an_error_in_one_line(transcriber: Transcriber) -> None:
    """And the next recording is heard."""
    with pytest.raises(FamiliarError, match="no sound") as caught:
        hear(transcriber, Recording("voice.ogg", b"OggS and nothing more"))
    assert "\n" not in str(caught.value)
    assert DOOR_WORDS in hear(transcriber, SPOKEN)


@pytest.mark.model
def test_a_stopped_recording_is_an_error(transcriber: Transcriber) -> None:
    """Nobody waits for it."""
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(FamiliarError, match="stopped"):
        transcriber.transcribe(SPOKEN, cancel=cancel)


@pytest.mark.model
def test_the_sound_of_a_film_is_heard(here: LocalTranscriber) -> None:
    """One without sound is said to have none."""
    assert DOOR_WORDS in hear(here, Recording("film.mp4", film(DOOR)))
    with pytest.raises(FamiliarError, match="no sound"):
        hear(here, Recording("film.mp4", film()))


@pytest.mark.model
def test_nobody_speaks_in_silence(here: LocalTranscriber) -> None:
    """Whisper alone hears "you" or "Thank you" there."""
    assert hear(here, SILENT) == ""


@pytest.mark.model
def test_a_recording_over_the_limit_is_not_heard(whisper: Path) -> None:
    """Its real length counts, whatever its sender announced."""
    config = SpeechConfig(most_minutes=0.05)
    transcriber = LocalTranscriber(config, model=lambda: whisper)
    with pytest.raises(TooLong, match=r"most_minutes"):
        hear(transcriber, SPOKEN)
    transcriber.close()


@pytest.mark.model
def test_the_model_is_loaded_once_and_leaves_when_idle(whisper: Path) -> None:
    """Nothing is loaded before the first recording; the next one after the end of the idle time loads it again."""
    asked: list[Path] = []

    def model() -> Path:
        asked.append(whisper)
        return whisper

    transcriber = LocalTranscriber(SpeechConfig(idle_minutes=1.0 / 60), model=model)
    assert not asked
    for _ in range(2):
        hear(transcriber, SILENT)
    assert len(asked) == 1
    deadline = time.monotonic() + 10
    while transcriber.loaded and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not transcriber.loaded
    hear(transcriber, SILENT)
    assert len(asked) == 2
    transcriber.close()


def test_a_recording_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """The setting is named."""
    transcriber = LocalTranscriber(SpeechConfig(timeout_seconds=0.0), model=lambda: tmp_path)
    with pytest.raises(FamiliarError, match=r"longer than 0 s \(\[speech\] timeout_seconds\)"):
        hear(transcriber, SPOKEN)
    transcriber.close()


def test_a_model_that_can_not_be_loaded_is_an_error(tmp_path: Path) -> None:
    """With the reason of the library."""
    transcriber = LocalTranscriber(SpeechConfig(), model=lambda: tmp_path)
    with pytest.raises(FamiliarError, match=r"model\.bin"):
        hear(transcriber, SPOKEN)
    transcriber.close()


def test_the_setting_names_a_size_or_a_folder(tmp_path: Path) -> None:
    """Anything else is named with what would be right; offline nothing is fetched."""
    assert own_folder("small") is None
    with pytest.raises(UsageError, match=r"\[speech\] model is 'huge'; it must be one of tiny, tiny\.en, base"):
        model_here("huge", folder=tmp_path, offline=True)
    with pytest.raises(FamiliarError, match=r"not asked, since \[model\] offline is true.*\[speech\] model"):
        model_here("small", folder=tmp_path, offline=True)
    with pytest.raises(UsageError, match=r"has no model\.bin and no config\.json and no tokenizer\.json"):
        model_here(str(tmp_path), folder=tmp_path, offline=True)


def test_the_server_is_asked_as_openai_is(server: OpenAiServer) -> None:
    """Multipart with model and language, the key in the header; the address with or without /v1."""
    server.hears("hello")
    for url in (server.url, server.url.removesuffix("/v1")):
        config = SpeechConfig(url=url, key=Secret("k-1"), model="whisper-1", language="zh")
        assert hear(open_transcriber(config, model=Path), SPOKEN) == "hello"
    asked = server.asked[0]
    assert {each.path for each in server.asked} == {"/v1/audio/transcriptions"}
    assert asked.key == "Bearer k-1"
    assert asked.values == {"model": "whisper-1", "response_format": "json", "language": "zh"}
    assert asked.files == {"file": ("voice.ogg", DOOR)}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((401, {"error": {"message": "bad key k-1"}}), r"refuses the key \(\[speech\] key, status 401\)"),
        ((500, b"<html>"), "answered with status 500"),
        ((404, {"error": {"message": "no such model"}}), "answered with status 404: no such model"),
        ((200, b"nonsense"), "answered without a transcript"),
        ((200, {"text": 3}), "answered without a transcript"),
    ],
)
def test_what_a_server_answers_wrong_is_said_in_one_line(
    server: OpenAiServer, answer: tuple[int, object], reason: str
) -> None:
    """The setting is named; its address and key are its owner's, and are not shown to who sent the recording."""
    server.answer = lambda _: answer
    with pytest.raises(FamiliarError, match=reason) as caught:
        hear(ServerTranscriber(SpeechConfig(url=server.url, key=Secret("k-1"))), SPOKEN)
    assert "[speech] url" in str(caught.value)
    assert server.url not in str(caught.value)
    assert "k-1" not in str(caught.value)


def test_a_server_that_is_not_there_or_does_not_answer(server: OpenAiServer) -> None:
    """Both name the setting."""
    with pytest.raises(FamiliarError, match=r"\[speech\] url names can't be reached"):
        hear(ServerTranscriber(SpeechConfig(url="http://127.0.0.1:9/v1")), SPOKEN)

    def late(_: object) -> tuple[int, object]:
        time.sleep(0.3)
        return 200, {"text": ""}

    server.answer = late
    with pytest.raises(FamiliarError, match=r"did not answer within 0\.1 s \(\[speech\] timeout_seconds\)"):
        hear(ServerTranscriber(SpeechConfig(url=server.url, timeout_seconds=0.1)), SPOKEN)


_WITHOUT = """
import sys, threading
sys.modules["faster_whisper"] = None
from bot.config import SpeechConfig
from bot.hearing import HearingMissing, Recording, open_transcriber
try:
    open_transcriber(SpeechConfig(), model=lambda: 1 / 0).transcribe(Recording("a", b""), cancel=threading.Event())
except HearingMissing as exc:
    print(exc)
"""


def test_without_the_extra_it_is_named() -> None:
    """And what would do without it."""
    done = subprocess.run([sys.executable, "-c", _WITHOUT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "pip install -e '.[speech]', or name a server in [speech] url"


_DECODE = """
import sys
from bot.hearing_child import _Soundless, decoded
try:
    print(len(decoded(sys.stdin.buffer.read(), most_seconds=60.0)))
except _Soundless:
    print("nothing to hear")
"""
_PLAYLIST = b"ffconcat version 1.0\nfile tests/recordings/door.ogg\n"
_SESSION = b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 45678 RTP/AVP 0\n"


@pytest.mark.parametrize("data", [_PLAYLIST, _SESSION], ids=["playlist", "session"])
def test_what_names_files_or_addresses_is_no_recording(data: bytes) -> None:
    """FFmpeg would read the file, or wait for packets from the network for ever."""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", _DECODE], input=data, capture_output=True, timeout=15, cwd=root)
    assert done.stdout.decode().strip() == "nothing to hear", done.stderr


def test_what_phones_record_is_opened() -> None:
    """Their containers are among those that may be."""
    for recording in (DOOR, film(DOOR), silence(1)):
        assert len(decoded(recording, most_seconds=60.0)) >= RATE


def test_one_that_nobody_waits_for_any_more_ends_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was stopped while it waited for another: the model is not even looked for."""
    monkeypatch.setattr(hearing_here, "installed", lambda: True)
    looked: list[str] = []

    def look() -> Path:
        looked.append("model")
        raise FamiliarError("there is none")

    cancel = threading.Event()
    cancel.set()
    with pytest.raises(FamiliarError, match="the transcription was stopped"):
        LocalTranscriber(SpeechConfig(), model=look).transcribe(SPOKEN, cancel=cancel)
    assert looked == []
