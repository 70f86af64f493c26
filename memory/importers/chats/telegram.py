"""Telegram Desktop's export, of one chat or of a whole account, read message by message.

A message's text is a text or a list of texts and styled parts, and all parts count. Service messages are left out. The
account's owner is known by id from an account export, and from a chat of two persons, whose id is the other's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from memory.importers.chats.common import Chat, account, distinct, single
from memory.importers.chats.dates import from_epoch, iso
from memory.importers.chats.stream import Content, DamagedJson, JsonStream
from memory.importers.cleaning import one_line
from memory.importers.records import Conversion, ExtractedDocument

_MEDIA: Mapping[str, str] = {
    "voice_message": "voice message",
    "video_message": "video message",
    "video_file": "video",
    "audio_file": "audio",
    "animation": "animation",
}


@dataclass(frozen=True, slots=True)
class _Line:
    id: object
    speaker: str
    text: str
    at: str | None


@dataclass
class _Raw:
    """A chat before its speakers have their final names."""

    facts: dict[str, Any] = field(default_factory=dict)
    lines: list[_Line] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """By id of the sender."""
    unreadable: int = 0


@dataclass
class _Export:
    chats: list[_Raw] = field(default_factory=list)
    owner: Mapping[str, Any] = field(default_factory=dict)
    damage: str | None = None


def read_telegram(content: Content, *, name: str, title: str) -> ExtractedDocument | Conversion:
    """The chat of a file, or all chats of an account, each as a document.

    :raises ConversionError: no message can be read
    """
    export = _Export()
    alone = _Raw()
    try:
        _read_export(JsonStream(content), alone, export)
    except DamagedJson as exc:
        export.damage = f"{exc}; what follows is missing"
    if not export.chats:
        chat = _chat(alone, export, title=title)
        chat.problems += [export.damage] if export.damage else []
        return single(chat, name=name)
    chats = [_chat(raw, export, title=title) for raw in export.chats]
    return account(chats, name=name, problems=[export.damage] if export.damage else [])


def _read_export(stream: JsonStream, alone: _Raw, export: _Export) -> None:
    for key in stream.members():
        if key == "messages" and stream.kind() == "[":
            _read_messages(stream, alone)
        elif key == "personal_information":
            found = stream.value()
            export.owner = found if isinstance(found, dict) else {}
        elif key in ("chats", "left_chats") and stream.kind() == "{":
            for inner in stream.members():
                if inner == "list" and stream.kind() == "[":
                    _read_chats(stream, export)
        elif stream.kind() not in "{[":
            alone.facts[key] = stream.value()


def _read_chats(stream: JsonStream, export: _Export) -> None:
    for _ in stream.items():
        if stream.kind() != "{":
            continue
        raw = _Raw()
        export.chats.append(raw)
        for key in stream.members():
            if key == "messages" and stream.kind() == "[":
                _read_messages(stream, raw)
            elif stream.kind() not in "{[":
                raw.facts[key] = stream.value()


def _read_messages(stream: JsonStream, raw: _Raw) -> None:
    for _ in stream.items():
        message = stream.value()
        if not isinstance(message, dict):
            raw.unreadable += 1
        elif message.get("type", "message") == "message":
            sender = str(message.get("from_id") or message.get("from") or "unknown")
            sender = raw.names.setdefault(sender, sender) if sender not in raw.names else sender
            if isinstance(message.get("from"), str) and message["from"].strip():
                raw.names[sender] = message["from"]
            text = "\n".join(part for part in _parts(message) if part)
            raw.lines.append(_Line(message.get("id"), sender, text, _at(message)))


def _at(message: Mapping[str, Any]) -> str | None:
    """The local time where it is given, else UTC."""
    return iso(message.get("date")) or from_epoch(message.get("date_unixtime"))


def _chat(raw: _Raw, export: _Export, *, title: str) -> Chat:
    chat = Chat(_title(raw, export, title), "telegram")
    names = distinct(raw.names)
    for number, line in enumerate(raw.lines, start=1):
        chat.add(number if line.id is None else line.id, names[line.speaker], line.text, at=line.at)
    raw.lines.clear()
    owner = _owner(raw, export)
    chat.me = one_line(names[owner]) if owner in names else None
    if raw.unreadable:
        chat.problems.append(f"{raw.unreadable} messages can't be read")
    return chat


def _title(raw: _Raw, export: _Export, title: str) -> str:
    named = raw.facts.get("name")
    if isinstance(named, str) and named.strip():
        return named
    if raw.facts.get("type") == "saved_messages":
        return "Saved messages"
    return f"Chat {raw.facts.get('id', '')}".strip() if export.chats else title


def _owner(raw: _Raw, export: _Export) -> str | None:
    """The sender's id of the account's owner, as far as the export tells it."""
    if export.owner.get("user_id"):
        return f"user{export.owner['user_id']}"
    other = f"user{raw.facts.get('id')}"
    people = [sender for sender in raw.names if sender.startswith("user")]
    if raw.facts.get("type") == "saved_messages":
        return people[0] if len(people) == 1 else None
    if raw.facts.get("type") in ("personal_chat", "bot_chat") and len(people) == 2 and other in people:
        return next(sender for sender in people if sender != other)
    return None


def _parts(message: Mapping[str, Any]) -> Iterator[str]:
    """What a message shows, from top to bottom."""
    if message.get("forwarded_from"):
        yield f"[forwarded from {one_line(str(message['forwarded_from']))}]"
    yield _media(message)
    text = message.get("text")
    yield _plain(text if text else message.get("text_entities"))


def _plain(text: object) -> str:
    """A text, or the parts of a styled one joined."""
    if isinstance(text, str):
        return text
    return "".join(_part(part) for part in text) if isinstance(text, list) else ""


def _part(part: object) -> str:
    if not isinstance(part, dict):
        return part if isinstance(part, str) else ""
    text = part.get("text")
    shown = text if isinstance(text, str) else ""
    href = part.get("href")
    return f"{shown} ({href})" if part.get("type") == "text_link" and href and href != shown else shown


def _media(message: Mapping[str, Any]) -> str:
    kind = message.get("media_type")
    if kind == "sticker":
        return f"[sticker {message.get('sticker_emoji') or ''}]".replace(" ]", "]")
    if kind == "audio_file" and message.get("title"):
        return f"[audio: {message.get('performer') or 'unknown'}, {message['title']}]"
    if isinstance(kind, str) and kind in _MEDIA:
        return f"[{_MEDIA[kind]}]"
    if isinstance(poll := message.get("poll"), dict):
        return _poll(poll)
    if isinstance(contact := message.get("contact_information"), dict):
        parts = (contact.get("first_name"), contact.get("last_name"), contact.get("phone_number"))
        return f"[contact: {' '.join(str(part) for part in parts if part)}]"
    if isinstance(place := message.get("location_information"), dict):
        named = message.get("place_name") or f"{place.get('latitude')}, {place.get('longitude')}"
        return f"[location: {named}]"
    if message.get("photo"):
        return "[photo]"
    if message.get("file"):
        return f"[file: {message['file_name']}]" if message.get("file_name") else "[file]"
    return ""


def _poll(poll: Mapping[str, Any]) -> str:
    answers = poll.get("answers")
    options = [_plain(item.get("text")) for item in answers if isinstance(item, dict)] if answers else []
    return f"[poll] {_plain(poll.get('question'))}\n" + "\n".join(f"- {option}" for option in options)
