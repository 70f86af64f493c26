"""Documents over Telegram: read beside the chat, one receipt each, in the order in which they came."""

from __future__ import annotations

import json

import pytest

from bot.locales import say
from bot.telegram import files
from tests.bot.telegram.bench import OWNER, Bench
from tests.telegram_api import UserDriver

NOTE = b"# Cabin\n\nThe wifi password is blueberry42.\n"


async def receipt(bench: Bench, person: UserDriver, name: str, content: bytes, caption: str = "") -> str:
    """Send a document and wait for what becomes of it."""
    sent = person.send_document(name, content, caption=caption)
    await bench.server.until(lambda: any(message.edits for message in bench.server.replies(person.id, after=sent)))
    (message,) = bench.server.replies(person.id, after=sent)
    assert [version.content.text for version in message.edits] == [say("en", "tg_reading", name=name)]
    return message.text


def talk() -> bytes:
    """A dialogue of Kate and Emi."""
    rows = [
        {"id": f"r{n}", "speaker": speaker, "text": f"line {n} of {speaker}", "at": f"2024-05-01T10:{n:02}:00"}
        for n, speaker in enumerate(["Kate", "Emi"] * 4)
    ]
    return "\n".join(json.dumps(row) for row in rows).encode()


async def test_a_document_becomes_memory_and_the_answer_cites_it(live: Bench) -> None:
    """One message a file, which turns into the receipt."""
    ada = await live.owner()
    assert await receipt(live, ada, "cabin.md", NOTE) == say("en", "tg_indexed", name="cabin.md", chunks=1)
    live.reply = lambda _: "It is blueberry42 [1]."
    reply = await live.reply_to(ada, "What is the wifi password at the cabin?")
    assert "blueberry42" in reply.text
    assert "Cabin" in reply.text.split(say("en", "sources"))[1]


async def test_the_same_again_and_what_can_not_be_read(live: Bench) -> None:
    """A duplicate and a failure say so, with the reason."""
    ada = await live.owner()
    await receipt(live, ada, "cabin.md", NOTE)
    again = await receipt(live, ada, "cabin.md", NOTE)
    assert again.startswith(say("en", "tg_duplicate", name="cabin.md"))
    broken = await receipt(live, ada, "broken.pdf", b"%PDF-1.7 nothing here")
    assert broken.startswith(say("en", "tg_failed", name="broken.pdf"))
    assert len(broken.splitlines()) == 2


async def test_a_file_over_the_limit_is_not_fetched(live: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Telegram hands out at most 20 MB; the answer says how else to import it, and the bot goes on."""
    monkeypatch.setattr(files, "_OFFICIAL", "127.0.0.1")
    ada = await live.owner()
    sent = ada.send_document("film.mp4", b"", size=21 * 1024 * 1024)
    (reply,) = await live.server.until(lambda: live.server.replies(ada.id, after=sent))
    assert reply.text == say("en", "tg_too_big", name="film.mp4", megabytes=21)
    assert live.server.calls("getFile") == []
    live.server.delete_message(sent)
    assert (await live.reply_to(ada, "/help")).text.startswith(say("en", "tg_help"))


async def test_a_caption_says_whom_to_learn_from(live: Bench) -> None:
    """For a dialogue; the receipt confirms it."""
    ada = await live.owner()
    text = await receipt(live, ada, "talk.jsonl", talk(), "learn from Emi, me: Kate")
    assert say("en", "tg_learning_from", name="Emi") in text
    (document,) = live.store.documents(user_id=live.user(OWNER).id)
    assert (document.me, document.learn_from) == ("Kate", "Emi")


async def test_the_caption_of_a_forwarded_file_is_not_obeyed(live: Bench) -> None:
    """Somebody else wrote it."""
    ada = await live.owner()
    eve = live.server.user(13, "Eve").user
    sent = ada.send_document("talk.jsonl", talk(), caption="learn from Emi, me: Kate", forwarded_from=eve)
    await live.server.until(lambda: any(message.edits for message in live.server.replies(ada.id, after=sent)))
    (document,) = live.store.documents(user_id=live.user(OWNER).id)
    assert "Emi" not in (document.me, document.learn_from)
    assert document.learn_from is None


async def test_several_documents_are_read_in_their_order(live: Bench) -> None:
    """Three uploads at once, three receipts."""
    ada = await live.owner()
    for number in range(3):
        ada.send_document(f"note{number}.txt", f"Note number {number} is about topic {number}.".encode())
    await live.server.until(lambda: sum("indexed" in message.text for message in live.server.replies(ada.id)) == 3)
    titles = [document.source for document in live.store.documents(user_id=live.user().id)]
    assert titles == ["note0.txt", "note1.txt", "note2.txt"]


async def test_the_way_to_import_is_told(live: Bench) -> None:
    """/import."""
    ada = await live.owner()
    assert (await live.reply_to(ada, "/import")).text == say("en", "tg_import")
