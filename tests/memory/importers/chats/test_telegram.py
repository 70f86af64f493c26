"""Telegram Desktop's export."""

from __future__ import annotations

import json
from typing import Any

import pytest

from memory.importers.chats.telegram import read_telegram
from memory.importers.convert import convert
from memory.importers.records import Conversion, ConversionError, ExtractedDocument, UnsupportedFormat

ADA: dict[str, Any] = {"from": "Ada", "from_id": "user1"}
BO: dict[str, Any] = {"from": "Bo", "from_id": "user2"}


def message(id_: int, text: Any, /, **fields: Any) -> dict[str, Any]:
    """A message as the export has it."""
    return {
        "id": id_,
        "type": "message",
        "date": f"2024-03-05T10:{id_:02}:00",
        "date_unixtime": "1709629200",
        "text": text,
    } | fields


def chat(*messages: Any, **facts: Any) -> str:
    """An export of one chat."""
    return json.dumps({"name": "Bo", "type": "personal_chat", "id": 2, **facts, "messages": messages})


def _read(text: str) -> ExtractedDocument:
    found = read_telegram(text, name="result.json", title="result")
    assert isinstance(found, ExtractedDocument)
    return found


def _lines(*messages: Any, **facts: Any) -> list[tuple[str, str]]:
    return [(line.speaker, line.text) for line in _read(chat(*messages, **facts)).utterances]


def test_a_chat_is_read_with_its_ids_and_local_times() -> None:
    """The local time is kept, the id is the message's, and the other person's id tells who the user is."""
    found = _read(chat(message(1, "Hi", **ADA), message(2, "Hello", **BO)))
    assert [(line.id, line.speaker, line.text, line.at) for line in found.utterances] == [
        ("1", "Ada", "Hi", "2024-03-05T10:01:00"),
        ("2", "Bo", "Hello", "2024-03-05T10:02:00"),
    ]
    assert (found.title, found.me) == ("Bo", "Ada")


def test_styled_text_is_joined() -> None:
    """chat-miner#31: bold words and links are words too; the address behind a word is kept."""
    text = [
        "The key is ",
        {"type": "bold", "text": "under the mat"},
        ", see ",
        {"type": "text_link", "text": "map", "href": "https://x.org/m"},
        {"type": "link", "text": " https://y.org"},
    ]
    assert _lines(message(1, text, **ADA)) == [
        ("Ada", "The key is under the mat, see map (https://x.org/m) https://y.org")
    ]


def test_text_may_stand_in_entities_only() -> None:
    """Newer exports repeat the parts there; one without `text` still has its words."""
    bare = message(1, "", **ADA, text_entities=[{"type": "plain", "text": "only here"}])
    assert _lines(bare) == [("Ada", "only here")]


def test_service_messages_are_left_out() -> None:
    """tdesktop#25000: nobody said that somebody joined."""
    joined = {"id": 9, "type": "service", "actor": "Bo", "action": "join_group_by_link", "text": "joined"}
    assert _lines(joined, message(1, "Hi", **ADA)) == [("Ada", "Hi")]


def test_a_deleted_account_is_known_by_its_id() -> None:
    """A message without `from`, or with null, is kept."""
    lines = _lines(message(1, "old", **{"from": None}, from_id="user77"), message(2, "x", from_id="user78"))
    assert lines == [("user77", "old"), ("user78", "x")]


def test_two_people_of_one_name_are_kept_apart() -> None:
    """Their ids tell them."""
    lines = _lines(message(1, "a", **ADA), message(2, "b", **{"from": "Ada", "from_id": "user5"}))
    assert lines == [("Ada (user1)", "a"), ("Ada (user5)", "b")]


_POLL = {"question": "When?", "answers": [{"text": "Mon"}, {"text": "Tue"}]}


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"photo": "photos/1.jpg"}, "[photo]\ncaption"),
        ({"file": "v.ogg", "media_type": "voice_message"}, "[voice message]\ncaption"),
        ({"file": "s.webp", "media_type": "sticker", "sticker_emoji": "😀"}, "[sticker 😀]\ncaption"),
        ({"file": "x.pdf", "file_name": "plan.pdf"}, "[file: plan.pdf]\ncaption"),
        ({"media_type": "audio_file", "performer": "P", "title": "T", "file": "f"}, "[audio: P, T]\ncaption"),
        ({"poll": _POLL}, "[poll] When?\n- Mon\n- Tue\ncaption"),
        ({"location_information": {"latitude": 1.5, "longitude": 2.5}}, "[location: 1.5, 2.5]\ncaption"),
        ({"contact_information": {"first_name": "Zoe", "phone_number": "+1 2"}}, "[contact: Zoe +1 2]\ncaption"),
        ({"forwarded_from": "News"}, "[forwarded from News]\ncaption"),
        ({"reply_to_message_id": 3, "edited": "2024-03-05T11:00:00"}, "caption"),
    ],
)
def test_what_is_not_text_is_a_placeholder(fields: dict[str, Any], shown: str) -> None:
    """Pictures, polls and forwards are flagged, so that a caption isn't taken for all of it."""
    assert _lines(message(1, "caption", **ADA, **fields)) == [("Ada", shown)]


def test_control_characters_and_bad_escapes_are_repaired() -> None:
    """chat-analytics#100: a stray escape costs nothing but itself, wherever it stands."""
    text = chat(*(message(n, f"line {n} MARK", **ADA) for n in range(1, 40)))
    broken = text.replace("line 7 MARK", r"line \x0C7 don\'t C:\q").replace("line 30 MARK", "line\x01 30")
    found = [line.text for line in _read(broken).utterances]
    assert (found[6], found[29], len(found)) == ("line 7 don't C:\\q", "line 30", 39)


def test_a_truncated_export_keeps_what_was_read() -> None:
    """A download cut short is named, and what came before it is there."""
    text = chat(*(message(n, f"line {n}", **ADA) for n in range(1, 9)))
    found = _read(text[: text.index("line 6")])
    assert len(found.utterances) == 5
    assert "it ends too early" in found.warnings[0]


def test_an_account_gives_a_document_a_chat() -> None:
    """telegram-chat-parser#1: `chats.list`, also those left; the owner is known; chats of one name are numbered."""
    chats = [
        {
            "name": "Bo",
            "type": "personal_chat",
            "id": 2,
            "messages": [message(1, "one", **ADA), message(2, "two", **BO)],
        },
        {"name": "Bo", "type": "private_group", "id": 3, "messages": [message(1, "three", **BO)]},
        {"name": None, "type": "personal_chat", "id": 4, "messages": [message(1, "four", **ADA)]},
        {"name": "empty", "type": "private_group", "id": 5, "messages": []},
    ]
    export = {
        "about": "Here is the data you requested.",
        "personal_information": {"user_id": 1, "first_name": "Ada"},
        "contacts": {"list": [{"first_name": "X"}]},
        "chats": {"about": "This page lists all chats", "list": chats},
        "left_chats": {"list": [{"type": "saved_messages", "id": 1, "messages": [message(1, "note", **ADA)]}]},
    }
    found = convert(json.dumps(export).encode(), "result.json")
    assert [(item.part, item.me, len(item.utterances)) for item in found.documents] == [
        ("Bo", "Ada", 2),
        ("Bo (2)", None, 1),
        ("Chat 4", "Ada", 1),
        ("Saved messages", "Ada", 1),
    ]


def test_the_same_chat_in_two_exports_has_one_hash() -> None:
    """An unchanged chat of a newer export is known again."""

    def hashes(*extra: Any) -> list[str | None]:
        first = {"name": "Bo", "type": "personal_chat", "id": 2, "messages": [message(1, "one", **ADA)]}
        found = read_telegram(json.dumps({"chats": {"list": [first, *extra]}}), name="r", title="r")
        assert isinstance(found, Conversion)
        return [item.sha256 for item in found.documents]

    other = {"name": "Zoe", "type": "personal_chat", "id": 6, "messages": [message(1, "new", **BO)]}
    assert hashes()[0] == hashes(other)[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_export_is_told_by_its_content(encoding: str) -> None:
    """Whatever the ending and the encoding."""
    text = chat(message(1, "Ä", **ADA), message(2, "Ö", **BO))
    found = convert(json.dumps(json.loads(text), ensure_ascii=False, indent=1).encode(encoding), "chat.txt")
    assert found.documents[0].format == "telegram"
    assert found.documents[0].utterances[0].text == "Ä"


def test_one_odd_message_costs_itself() -> None:
    """It is counted, and the others are read."""
    found = _read(chat("nonsense", message(1, "Hi", **ADA), message(2, {"odd": 1}, **ADA), message(3, ["a", 5], **ADA)))
    assert [line.text for line in found.utterances] == ["Hi", "a"]
    assert found.warnings == ("1 messages can't be read",)


def test_an_export_without_words_fails() -> None:
    """The reason is told."""
    with pytest.raises(ConversionError, match=r"result\.json holds no message with text"):
        read_telegram(chat(), name="result.json", title="result")


def test_html_is_refused_with_what_to_do() -> None:
    """The export as pages is no JSON."""
    page = '<!DOCTYPE html><html><body><div class="page_wrap"><div class="page_body chat_page"><div class="history">'
    with pytest.raises(UnsupportedFormat, match="export the chat as JSON"):
        convert(page.encode(), "messages.html")
