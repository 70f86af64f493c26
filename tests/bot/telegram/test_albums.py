"""Several documents at once are one import with one message; files that can't be had are said and cost no other."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from bot.config import Settings, TelegramConfig
from bot.locales import say
from bot.telegram import files
from bot.telegram.files import DOWNLOAD_LIMIT, LOCAL_LIMIT, limit_of
from memory.errors import FamiliarError
from memory.records import Receipt
from tests.bot.telegram.bench import Bench
from tests.bot.telegram.test_editing import settled
from tests.telegram_api import Drop, Message, UserDriver

NOTES = [(f"note{number}.txt", f"Note {number} is about subject {number}.".encode()) for number in range(3)]


@pytest.fixture
async def joining(bench: Bench) -> Bench:
    """A running bot that waits a moment for what belongs together."""
    bench.configure(join_seconds=0.3)
    await bench.start()
    return bench


async def receipt(bench: Bench, person: UserDriver) -> Message:
    """The last message, once all is read."""
    await settled(bench)
    return bench.server.replies(person.id)[-1]


async def test_an_album_is_one_import(joining: Bench) -> None:
    """One message shows "1 of 3" and then a line for each file."""
    ada = await joining.owner()
    before = len(joining.server.replies(ada.id))
    ada.send_album(NOTES)
    message = await receipt(joining, ada)
    assert len(joining.server.replies(ada.id)) == before + 1
    assert message.text.splitlines() == [say("en", "tg_indexed", name=name, chunks=1) for name, _ in NOTES]
    assert message.edits[0].content.text == say("en", "tg_reading_of", n=1, count=3, name="note0.txt")
    assert [item.source for item in joining.store.documents(user_id=joining.user().id)] == [name for name, _ in NOTES]


async def test_the_caption_is_for_all_of_an_album(joining: Bench) -> None:
    """Telegram gives it to one of the messages."""
    ada = await joining.owner()
    rows = [
        {"speaker": name, "text": f"line {n}", "at": f"2024-05-01T10:{n:02}"}
        for n, name in enumerate(["Kate", "Emi"] * 4)
    ]
    talks = [
        (f"talk{number}.jsonl", "\n".join(json.dumps({**row, "id": f"{number}-{row['at']}"}) for row in rows).encode())
        for number in range(2)
    ]
    ada.send_album(talks, caption="learn from Emi, me: Kate")
    await settled(joining)
    documents = joining.store.documents(user_id=joining.user().id)
    assert [(item.me, item.learn_from) for item in documents] == [("Kate", "Emi")] * 2


async def test_a_file_that_can_not_be_fetched_costs_no_other(joining: Bench) -> None:
    """It is named, and so is one without text, with what can be done."""
    ada = await joining.owner()
    sent = ada.send_album([*NOTES[:1], ("gone.txt", b"x"), ("blank.txt", b" \n "), *NOTES[1:2]])
    assert sent[1].attachment is not None
    with joining.server.world.lock:
        del joining.server.world.files[sent[1].attachment.file.file_id]
    text = (await receipt(joining, ada)).text
    assert say("en", "tg_not_fetched", name="gone.txt") in text
    assert say("en", "tg_no_text") in text
    assert text.count("indexed") == 2


async def test_a_fetch_that_fails_once_is_tried_again(joining: Bench) -> None:
    """As when the network is gone for a moment."""
    ada = await joining.owner()
    joining.server.fault("getFile", Drop())
    ada.send_album(NOTES[:2])
    text = (await receipt(joining, ada)).text
    assert text.count("indexed") == 2


async def test_an_album_that_the_end_cuts_off_is_read_once(joining: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the next start the same message gets all its lines, and no file is there twice."""
    ada = await joining.owner()
    held, go, real = threading.Event(), threading.Event(), joining._import

    def slow(name: str, data: bytes, **options: object) -> Receipt:
        if name == "note1.txt":
            held.set()
            go.wait(10)
            raise FamiliarError("the process has ended")
        return real(name, data, **options)  # type: ignore[arg-type]

    await joining.stop()
    monkeypatch.setattr(joining, "_import", slow)
    monkeypatch.setattr("bot.telegram.service._GRACE_SECONDS", 0.1)
    await joining.start()
    ada.send_album(NOTES)
    await joining.server.until(held.is_set)
    await joining.stop()
    go.set()
    monkeypatch.setattr(joining, "_import", real)
    await joining.start()
    await settled(joining)
    lines = joining.server.replies(ada.id)[-1].text.splitlines()
    assert [line.split(":")[0] for line in lines] == [name for name, _ in NOTES]
    assert all("indexed" in line for line in lines)
    assert len(joining.store.documents(user_id=joining.user().id)) == 3


async def test_progress_is_shown_in_the_one_message(joining: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the share that is read, now and then."""
    ada = await joining.owner()
    real = joining._import

    def reporting(name: str, data: bytes, **options: object) -> Receipt:
        options["on_share"](0.42)  # type: ignore[operator]
        threading.Event().wait(0.3)
        return real(name, data, **options)  # type: ignore[arg-type]

    await joining.stop()
    monkeypatch.setattr(joining, "_import", reporting)
    await joining.start()
    ada.send_document(*NOTES[0])
    await settled(joining)
    message = joining.server.replies(ada.id)[-1]
    shown = [version.content.text for version in message.edits]
    assert shown == [
        say("en", "tg_reading", name="note0.txt"),
        say("en", "tg_reading_share", name="note0.txt", percent=42),
    ]
    assert "indexed" in message.text


async def test_an_album_with_a_file_that_is_too_large(joining: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said with the way round, and the others are read."""
    monkeypatch.setattr(files, "_OFFICIAL", "127.0.0.1")
    ada = await joining.owner()
    ada.send_album(NOTES[:1])
    ada.send_document("film.mp4", b"", size=21 * 2**20)
    await settled(joining)
    texts = [message.text for message in joining.server.replies(ada.id)[-2:]]
    assert any(text == say("en", "tg_too_big", name="film.mp4", megabytes=21) for text in texts)
    assert any("indexed" in text for text in texts)


async def test_a_server_of_ones_own_hands_out_more(joining: Bench, tmp_path: Path) -> None:
    """One with --local names the file on this machine."""
    folder = tmp_path / "bot-api"
    folder.mkdir()
    joining.server.world.local_folder = folder
    ada = await joining.owner()
    ada.send_document("note.txt", b"The cabin has a blue door.", size=30 * 2**20)
    await settled(joining)
    assert joining.server.replies(ada.id)[-1].text == say("en", "tg_indexed", name="note.txt", chunks=1)
    ada.send_document("disk.iso", b"", size=201 * 2**20)
    await settled(joining)
    expected = say("en", "tg_too_big_import", name="disk.iso", megabytes=201, most=200)
    assert joining.server.replies(ada.id)[-1].text == expected


async def test_a_server_that_refuses_a_large_file_is_believed(joining: Bench) -> None:
    """An address that leads to Telegram's own server after all has its limit."""
    ada = await joining.owner()
    ada.send_document("film.mp4", b"", size=21 * 2**20)
    await settled(joining)
    assert joining.server.replies(ada.id)[-1].text == say("en", "tg_too_big", name="film.mp4", megabytes=21)


def test_the_limit_is_the_servers_or_the_importers() -> None:
    """20 MB at Telegram, else what an import takes, at most 2,000 MB."""
    assert limit_of(Settings()).size == DOWNLOAD_LIMIT
    own = Settings(telegram=TelegramConfig(api_url="http://127.0.0.1:8081/bot"))
    assert (limit_of(own).size, limit_of(own).phrase) == (200 * 2**20, "tg_too_big_import")
    assert LOCAL_LIMIT == 2000 * 2**20
