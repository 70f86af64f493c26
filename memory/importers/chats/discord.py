"""Discord: a channel as DiscordChatExporter writes it, and the data package that Discord itself sends.

The package holds only what the owner of the account wrote, so all of it is the user's; the exporter's file names
everybody and doesn't say whose account it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from memory.importers.chats.common import Chat, account, distinct, single
from memory.importers.chats.dates import iso
from memory.importers.chats.packed import Packed, open_export
from memory.importers.chats.stream import Content, DamagedJson, JsonStream
from memory.importers.delimited import csv_rows
from memory.importers.records import Conversion, ExtractedDocument

ME = "You"
_SPOKEN = ("Default", "Reply", "19", "0", "ChatInputCommand", "ThreadStarterMessage")
_MEMBER = re.compile(r"(?:^|/)(?:messages|Messages)/(c?\d+)/(?:messages\.(?:json|csv)|channel\.json)$|/index\.json$")
_MENTION = re.compile(r"<a?:(\w+):\d+>")


def read_discord(content: Content, *, name: str, title: str) -> ExtractedDocument:
    """A channel by DiscordChatExporter.

    :raises ConversionError: it holds no message
    """
    facts: dict[str, Any] = {}
    messages: list[dict[str, Any]] = []
    problems: list[str] = []
    try:
        stream = JsonStream(content)
        for key in stream.members():
            if key == "messages" and stream.kind() == "[":
                messages.extend(kept for _ in stream.items() if (kept := _kept(stream.value())))
            elif key in ("guild", "channel"):
                facts[key] = stream.value()
    except DamagedJson as exc:
        problems.append(f"{exc}; what follows is missing")
    chat = Chat(_title(facts) or title, "discord", problems=problems)
    names = distinct({message["who"]: message["name"] for message in messages})
    for message in messages:
        chat.add(message["id"], names[message["who"]], message["text"], at=message["at"])
    return single(chat, name=name)


def _title(facts: Mapping[str, Any]) -> str:
    guild, channel = facts.get("guild"), facts.get("channel")
    named = [item.get("name") for item in (guild, channel) if isinstance(item, dict)]
    return ", ".join(str(part) for part in named if part)


def _kept(message: object) -> dict[str, Any] | None:
    """What is needed of a message that somebody wrote."""
    if not isinstance(message, dict) or str(message.get("type", "Default")) not in _SPOKEN:
        return None
    author = message.get("author") if isinstance(message.get("author"), dict) else {}
    shown = (author or {}).get("nickname") or (author or {}).get("name") or "unknown"
    return {
        "id": message.get("id"),
        "who": str((author or {}).get("id") or shown),
        "name": str(shown),
        "at": iso(message.get("timestamp")),
        "text": "\n".join(_parts(message)),
    }


def _parts(message: Mapping[str, Any]) -> Iterator[str]:
    yield _MENTION.sub(r":\1:", str(message.get("content") or ""))
    for item in message.get("attachments") or ():
        yield f"[file: {item.get('fileName')}]" if isinstance(item, dict) and item.get("fileName") else "[file]"
    for item in message.get("stickers") or ():
        yield f"[sticker {item.get('name')}]" if isinstance(item, dict) else "[sticker]"


def read_discord_package(data: bytes, *, name: str) -> Conversion:
    """The owner's own messages, channel by channel.

    :raises ConversionError: it is damaged or holds no message
    """
    problems: list[str] = []
    chats = []
    with open_export(data, lambda member: _MEMBER.search(member) is not None, name=name) as packed:
        titles = _index(packed)
        for member in packed.names:
            if member.endswith(("messages.json", "messages.csv")):
                channel = member.split("/")[-2]
                rows = _rows(packed.read(member).decode("utf-8-sig", "replace"), member, problems)
                chats.append(_own_chat(rows, titles.get(channel.lstrip("c")) or f"Channel {channel.lstrip('c')}"))
    return account(chats, name=name, problems=problems)


def read_discord_messages(text: str, *, name: str, title: str) -> ExtractedDocument:
    """One channel of the package on its own.

    :raises ConversionError: it holds no message
    """
    problems: list[str] = []
    chat = _own_chat(_rows(text, name, problems), title)
    chat.problems += problems
    return single(chat, name=name)


def _index(packed: Packed) -> dict[str, str]:
    """Titles of channels by their id."""
    for member in packed.names:
        if member.endswith("messages/index.json") or member.endswith("Messages/index.json"):
            try:
                value = json.loads(packed.read(member))
            except (ValueError, RecursionError):
                return {}
            return {str(key): str(title) for key, title in value.items() if title} if isinstance(value, dict) else {}
    return {}


def _rows(text: str, member: str, problems: list[str]) -> list[Mapping[str, Any]]:
    if text.lstrip("\ufeff \n\r\t")[:1] != "[":
        header, *rows = csv_rows(text) or [[]]
        return [dict(zip(header, row, strict=False)) for row in rows]
    try:
        stream = JsonStream(text)
        return [value for _ in stream.items() if isinstance(value := stream.value(), dict)]
    except DamagedJson as exc:
        problems.append(f"{member}: {exc}")
        return []


def _own_chat(rows: Iterable[Mapping[str, Any]], title: str) -> Chat:
    chat = Chat(title, "discord", me=ME)
    for number, row in sorted(
        enumerate(rows, start=1), key=lambda item: (iso(item[1].get("Timestamp")) or "", item[0])
    ):
        text = _MENTION.sub(r":\1:", str(row.get("Contents") or ""))
        files = " ".join(
            f"[file: {url.rpartition('/')[2].partition('?')[0]}]" for url in str(row.get("Attachments") or "").split()
        )
        chat.add(row.get("ID") or number, ME, f"{text}\n{files}", at=iso(row.get("Timestamp")))
    return chat
