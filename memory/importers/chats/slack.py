"""Slack's export: a folder of days for each channel, in one archive; replies stand where they were written.

People are named as they appear in Slack, two of one name apart. Mentions and links are spelled out. The export doesn't
say whose account it is.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from memory.importers.chats.common import Chat, account, distinct, single
from memory.importers.chats.dates import from_epoch
from memory.importers.chats.packed import Packed, open_export
from memory.importers.records import Conversion, ExtractedDocument

_LISTS = ("channels.json", "groups.json", "dms.json", "mpims.json")
_SPOKEN = (None, "thread_broadcast", "me_message", "file_share", "file_comment", "bot_message", "reply_broadcast")
"""Subtypes of what somebody says; all others are notices (joined, topic set, message deleted)."""
_MARKUP = re.compile(r"<([^<>\n]+)>")


@dataclass(frozen=True)
class _Names:
    people: Mapping[str, str]
    channels: Mapping[str, str]


def read_slack(data: bytes, *, name: str) -> Conversion:
    """The channels and direct messages of an export, each as a document.

    :raises ConversionError: it is damaged, or nobody says anything in it
    """
    problems: list[str] = []
    with open_export(data, lambda member: member.endswith(".json"), name=name) as packed:
        names, titles = _known(packed, problems)
        days: dict[str, list[str]] = {}
        for member in packed.names:
            folder, _, base = member.rpartition("/")
            if folder and base not in _LISTS:
                days.setdefault(folder, []).append(member)
        chats = []
        for folder, members in days.items():
            messages = [message for member in members for message in _listed(packed, member, problems)]
            base = folder.rpartition("/")[2]
            chats.append(_chat(messages, names, titles.get(base, base)))
    return account(chats, name=name, problems=problems)


def read_slack_day(text: str, *, name: str, title: str) -> ExtractedDocument:
    """One day of a channel on its own, where users are known by the profiles in their messages only.

    :raises ConversionError: nobody says anything in it
    """
    messages = _parsed(text)
    return single(_chat(messages or [], _Names({}, {}), title), name=name)


def _known(packed: Packed, problems: list[str]) -> tuple[_Names, dict[str, str]]:
    """Names of people and channels by id, and titles by the name of a folder."""
    root = next((member.rpartition("/")[0] for member in packed.names if member.endswith("channels.json")), "")
    prefix = f"{root}/" if root else ""
    users = _listed(packed, f"{prefix}users.json", problems)
    people = distinct({str(user.get("id")): _person(user) for user in users})
    channels: dict[str, str] = {}
    titles: dict[str, str] = {}
    for base in _LISTS:
        for channel in _listed(packed, f"{prefix}{base}", problems):
            named = channel.get("name")
            members = [people.get(str(member), str(member)) for member in channel.get("members") or ()]
            shown = f"#{named}" if base == "channels.json" else ", ".join(members) or str(named or channel.get("id"))
            channels[str(channel.get("id"))] = str(named or shown)
            titles[str(named or channel.get("id"))] = shown
    return _Names(people, channels), titles


def _person(user: Mapping[str, Any]) -> str:
    profile = user.get("profile") if isinstance(user.get("profile"), dict) else {}
    names = (
        (profile or {}).get("display_name"),
        (profile or {}).get("real_name"),
        user.get("real_name"),
        user.get("name"),
    )
    return next((str(name) for name in names if name), str(user.get("id")))


def _listed(packed: Packed, member: str, problems: list[str]) -> list[dict[str, Any]]:
    data = packed.read(member)
    found = _parsed(data.decode("utf-8-sig", "replace")) if data else []
    if found is None:
        problems.append(f"{member} is no list of messages")
    return found or []


def _parsed(text: str) -> list[dict[str, Any]] | None:
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else None


def _chat(messages: Iterable[Mapping[str, Any]], names: _Names, title: str) -> Chat:
    chat = Chat(title, "slack")
    spoken = [item for item in messages if item.get("type") == "message" and item.get("subtype") in _SPOKEN]
    for message in sorted(spoken, key=lambda item: _seconds(item.get("ts"))):
        speaker = _speaker(message, names)
        chat.add(message.get("ts"), speaker, _text(message, names), at=from_epoch(message.get("ts")))
    return chat


def _seconds(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return 0.0


def _speaker(message: Mapping[str, Any], names: _Names) -> str:
    user = str(message.get("user") or message.get("bot_id") or "unknown")
    if user in names.people:
        return names.people[user]
    profile = message.get("user_profile")
    inline = (profile.get("display_name") or profile.get("real_name")) if isinstance(profile, dict) else None
    return str(inline or message.get("username") or user)


def _text(message: Mapping[str, Any], names: _Names) -> str:
    text = _MARKUP.sub(lambda found: _spelled(found.group(1), names), str(message.get("text") or ""))
    files = [item for item in message.get("files") or () if isinstance(item, dict)]
    placeholders = [f"[file: {item.get('title') or item.get('name') or 'deleted'}]" for item in files]
    return "\n".join((html.unescape(text), *placeholders))


def _spelled(markup: str, names: _Names) -> str:
    target, _, label = markup.partition("|")
    if target.startswith("@"):
        return f"@{names.people.get(target[1:], label or target[1:])}"
    if target.startswith("#"):
        return f"#{label or names.channels.get(target[1:], target[1:])}"
    if target.startswith("!"):
        word = target[1:].partition("^")[0]
        return label or (f"@{word}" if word in ("here", "channel", "everyone") else word)
    return f"{label} ({target})" if label and label not in target else target.removeprefix("mailto:")
