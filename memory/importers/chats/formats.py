"""Which conversation formats there are, how each is told by its content, and what reads it.

JSON is told from its first characters as bytes, so that a large export is never decoded as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePath

from memory.importers.chats.chatgpt import read_chatgpt
from memory.importers.chats.claude import read_claude, read_claude_projects
from memory.importers.chats.discord import read_discord, read_discord_messages, read_discord_package
from memory.importers.chats.packed import open_export
from memory.importers.chats.slack import read_slack, read_slack_day
from memory.importers.chats.stream import Content
from memory.importers.chats.tables import has_known_columns, read_table
from memory.importers.chats.telegram import read_telegram
from memory.importers.chats.wechat import is_wechat, read_wechat
from memory.importers.chats.whatsapp import is_whatsapp, read_whatsapp
from memory.importers.encodings import decode
from memory.importers.records import Conversion, ConversionError, ExtractedDocument, SourceFile, UnsupportedFormat

Extracted = ExtractedDocument | Conversion

TABLE = "chat table"
"""A table whose columns the user names."""
_HEAD = 400_000
_TELEGRAM_HTML = re.compile(r'class="page_wrap".*?class="(?:history|page_body)', re.DOTALL)
_CHAT_TYPES = (
    "personal_chat|bot_chat|saved_messages|(?:private|public)_(?:group|supergroup|channel)|replies|verify_codes"
)
_JSON_HEADS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("telegram", (r"\A\{", r'"about"\s*:\s*"Here is the data')),
    ("telegram", (r"\A\{", r'"messages"\s*:\s*\[', rf'"type"\s*:\s*"(?:{_CHAT_TYPES})"')),
    ("telegram", (r"\A\{", r'"messages"\s*:\s*\[', r'"date_unixtime"\s*:')),
    ("telegram", (r'\A\{\s*"(?:personal_information|(?:left_)?chats)"\s*:\s*\{', r'"list"\s*:\s*\[')),
    ("chatgpt", (r"\A[\[{]", r'"mapping"\s*:\s*\{', r'"(?:current_node|create_time|conversation_id)"\s*:')),
    ("claude", (r"\A\[", r'"chat_messages"\s*:\s*\[', r'"uuid"\s*:')),
    ("claude projects", (r"\A\[", r'"prompt_template"\s*:', r'"docs"\s*:\s*\[')),
    ("discord", (r"\A\{", r'"guild"\s*:\s*\{', r'"channel"\s*:\s*\{', r'"(?:messages|dateRange|exportedAt)"\s*:')),
    ("discord messages", (r"\A\[", r'"ID"\s*:', r'"Timestamp"\s*:', r'"Contents"\s*:')),
    ("slack day", (r"\A\[", r'"type"\s*:\s*"message"', r'"ts"\s*:\s*"\d{9,11}\.\d+"')),
)
"""All patterns must be found in the beginning of the file."""

JSON: Mapping[str, Callable[[Content, SourceFile], Extracted]] = {
    "telegram": lambda content, file: read_telegram(content, name=file.name, title=file.title),
    "chatgpt": lambda content, file: read_chatgpt([content], name=file.name),
    "claude": lambda content, file: read_claude(content, name=file.name),
    "claude projects": lambda content, file: read_claude_projects(content, name=file.name),
    "discord": lambda content, file: read_discord(content, name=file.name, title=file.title),
    "discord messages": lambda content, file: read_discord_messages(_text(content), name=file.name, title=file.title),
    "slack day": lambda content, file: read_slack_day(_text(content), name=file.name, title=file.title),
}
"""Formats that are JSON, read from bytes in UTF-8 or from a text in any other encoding."""

TEXT: Mapping[str, Callable[[str, SourceFile], Extracted]] = {
    **JSON,
    "telegram html": lambda _, file: _refuse_html(file),
    "whatsapp": lambda text, file: read_whatsapp(text, name=file.name, title=file.title),
    "wechat": lambda text, file: read_wechat(text, name=file.name, title=file.title),
    "discord csv": lambda text, file: read_discord_messages(text, name=file.name, title=file.title),
    TABLE: lambda text, file: read_table(text, name=file.name, title=file.title, hints=file.hints),
}

ZIP: Mapping[str, Callable[[bytes, SourceFile], Extracted]] = {
    "whatsapp zip": lambda data, file: _read_whatsapp_zip(data, file),
    "chatgpt or claude zip": lambda data, file: _read_assistant_zip(data, file),
    "slack zip": lambda data, file: read_slack(data, name=file.name),
    "discord zip": lambda data, file: read_discord_package(data, name=file.name),
}

_CONVERSATIONS = re.compile(r"(?:[^/]+/)?conversations(?:-\d+)?\.json")
_ZIP_MEMBERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("slack zip", (r"(?:[^/]+/)?users\.json", r"(?:[^/]+/)?(?:channels|groups|dms)\.json")),
    ("discord zip", (r"(?:.+/)?[Mm]essages/c?\d+/messages\.(?:json|csv)",)),
    ("chatgpt or claude zip", (_CONVERSATIONS.pattern,)),
    ("whatsapp zip", (r"_chat\.txt|[^/]*WhatsApp[^/]*\.txt",)),
)
"""Each pattern must be the whole name of a member."""
_TABLE_ENDINGS = (".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".txt")


def json_kind(head: bytes | str) -> str | None:
    """The format of JSON by its beginning; bytes are looked at only where they are UTF-8."""
    text = head[:_HEAD].decode("utf-8-sig", "replace") if isinstance(head, bytes) else head[:_HEAD].lstrip("\ufeff")
    text = text.lstrip()
    if text[:1] not in ("{", "["):
        return None
    return next((kind for kind, patterns in _JSON_HEADS if all(re.search(item, text) for item in patterns)), None)


def zip_kind(members: set[str]) -> str | None:
    """The export that an archive is, by the names of its members."""
    return next((kind for kind, patterns in _ZIP_MEMBERS if all(_has(pattern, members) for pattern in patterns)), None)


def _has(pattern: str, members: set[str]) -> bool:
    return any(re.fullmatch(pattern, member) for member in members)


def text_kind(text: str, ending: str) -> str | None:
    """The conversation format of a text."""
    if kind := json_kind(text):
        return kind
    if _TELEGRAM_HTML.search(text[:20_000]):
        return "telegram html"
    if is_whatsapp(text):
        return "whatsapp"
    if is_wechat(text):
        return "wechat"
    if text.lstrip("\ufeff")[:60].startswith("ID,Timestamp,Contents"):
        return "discord csv"
    return TABLE if ending in (".csv", ".tsv", ".tab", ".txt") and has_known_columns(text) else None


def is_table(file: SourceFile) -> bool:
    """Whether the user says which columns hold a conversation, of a file that may be a table."""
    return bool(file.hints.columns) and PurePath(file.name).suffix.lower() in _TABLE_ENDINGS


def _text(content: Content) -> str:
    return content if isinstance(content, str) else content.decode("utf-8-sig", "replace")


def _refuse_html(file: SourceFile) -> Extracted:
    raise UnsupportedFormat(
        f"{file.name} is Telegram's export as HTML; export the chat as JSON (in Telegram Desktop: Export chat history,"
        " Format) and import that"
    )


def _read_whatsapp_zip(data: bytes, file: SourceFile) -> Extracted:
    with open_export(data, lambda member: member.endswith(".txt") and "/" not in member, name=file.name) as packed:
        member = "_chat.txt" if "_chat.txt" in packed.names else packed.names[0]
        text = decode(packed.read(member), encoding=file.hints.encoding)
    if text is None:
        raise ConversionError(f"{file.name}: {member} is no text")
    return read_whatsapp(text, name=file.name, title=file.title if member == "_chat.txt" else PurePath(member).stem)


def _read_assistant_zip(data: bytes, file: SourceFile) -> Extracted:
    def wanted(member: str) -> bool:
        return bool(_CONVERSATIONS.fullmatch(member)) or member.endswith("projects.json")

    with open_export(data, wanted, name=file.name) as packed:
        members = [member for member in packed.names if _CONVERSATIONS.fullmatch(member)]
        kinds = {json_kind(packed.read(member)[:_HEAD]) for member in members}
        if "claude" in kinds:
            projects = next((member for member in packed.names if member.endswith("projects.json")), "")
            return read_claude(packed.read(members[0]), name=file.name, projects=packed.read(projects))
        return read_chatgpt((packed.read(member) for member in members), name=file.name)
