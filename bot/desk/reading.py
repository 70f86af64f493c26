"""Past conversations of a desk out of other programs' exports: who asked what, and what an agent replied.

CSV and JSON lines of the firm's own, Zendesk's JSON export of tickets, Chatwoot's conversations, and any chat export
that `memory.importers` reads (Telegram groups), where the agents are named by hand. The kind is told by the content. A
row that can't be used is counted with its reason and costs itself, not the file.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from memory.config import ImportConfig
from memory.errors import FamiliarError, UsageError
from memory.importers.converter import Converter
from memory.importers.delimited import csv_rows
from memory.importers.encodings import decode

Side = Literal["customer", "agent"]

_QUESTION = ("question", "customer_message", "description", "message", "query", "utterance", "text", "subject", "问题")
_REPLY = ("reply", "answer", "response", "agent_reply", "agent_message", "solution", "回复", "回答", "答案")
_INTENT = ("intent", "topic", "category", "label", "type", "tag", "tags", "意图", "分类")
_CUSTOMER = ("customer", "customer_name", "requester", "name", "from", "客户")
_CONVERSATION = ("conversation", "conversation_id", "ticket", "ticket_id", "thread")
_SPEAKER = ("role", "speaker", "author", "sender")
_AGENT_WORDS = frozenset({"agent", "assistant", "support", "staff", "operator", "admin", "客服"})
_BAD_RATINGS = frozenset({"bad", "badwithcomment", "negative", "1", "2", "down"})


@dataclass(frozen=True)
class Line:
    """What one side wrote."""

    side: Side
    text: str


@dataclass(frozen=True)
class Conversation:
    """One ticket, or one chat."""

    lines: tuple[Line, ...]
    intent: str = ""
    """What the export says that it is about; empty where it does not."""
    names: tuple[str, ...] = ()
    """Of customer and agents, as the export writes them: they are taken out of the texts."""


@dataclass
class Found:
    """What a file holds."""

    conversations: list[Conversation] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    """Reasons, in words for the owner, with counts."""


def read_conversations(path: Path, *, agents: Sequence[str] = (), config: ImportConfig) -> Found:
    """The conversations of a file.

    :param agents: names under which agents write, for chat exports
    :raises UsageError: the file is missing, or a chat export without ``agents``
    :raises FamiliarError: it holds nothing that can be used
    """
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise UsageError(f"{path} can't be read: {exc.strerror}") from exc
    found = _read(data, path, agents, config)
    if not found.conversations:
        why = ", ".join(f"{n} × {reason}" for reason, n in found.left_out.items()) or "no row was found"
        raise FamiliarError(f"{path} holds no question with an agent's reply ({why}); docs/desk.md shows the formats")
    return found


def _read(data: bytes, path: Path, agents: Sequence[str], config: ImportConfig) -> Found:
    if agents:
        return _chats(data, path, agents, config)
    text = decode(data)
    if text is None:
        raise UsageError(f"{path} is no text; docs/desk.md shows which exports are read")
    return _json(text, path) if text.lstrip()[:1] in ("{", "[") else _table(csv_rows(text))


# -- chat exports


def _chats(data: bytes, path: Path, agents: Sequence[str], config: ImportConfig) -> Found:
    found = Found()
    with Converter(config) as converter:
        documents = converter.convert(data, path.name).documents
    for document in documents:
        speakers = {line.speaker for line in document.utterances}
        if not speakers & set(agents):
            found.left_out["nobody named by --agent writes in it"] += 1
            continue
        lines = [Line("agent" if line.speaker in agents else "customer", line.text) for line in document.utterances]
        found.conversations.append(Conversation(tuple(lines), names=tuple(sorted(speakers))))
    return found


# -- JSON


def _json(text: str, path: Path) -> Found:
    found = Found()
    rows: list[Mapping[str, Any]] = []
    for value in _values(text, found):
        rows += [item for item in _unwrapped(value) if isinstance(item, dict)]
    if rows and _is_chat_export(rows[0]):
        raise UsageError(f"{path} is a chat export; name who answers in it: --agent NAME")
    spoken = [row for row in rows if _of(row, _SPEAKER) and not _is_ticket(row)]
    found.conversations += _grouped(spoken)
    for row in rows:
        if row not in spoken:
            _take(_conversation(row), found)
    return found


def _values(text: str, found: Found) -> Iterator[Any]:
    try:
        yield json.loads(text)
        return
    except (json.JSONDecodeError, RecursionError):
        pass
    for line in text.splitlines():
        if line.strip():
            try:
                yield json.loads(line)
            except (json.JSONDecodeError, RecursionError):
                found.left_out["a line that is no JSON"] += 1


def _unwrapped(value: Any) -> list[Any]:
    """The rows within what programs put around them: {"tickets": [...]}, {"data": {"payload": [...]}}."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        for key in ("tickets", "conversations", "payload", "data"):
            inner = value.get(key)
            if isinstance(inner, list):
                return [_with_users(item, value) for item in inner]
            if isinstance(inner, dict):
                return _unwrapped(inner)
    return [value]


def _with_users(item: Any, around: Mapping[str, Any]) -> Any:
    """A ticket with the users that stand beside all tickets, by which its requester has a name."""
    users = around.get("users")
    return {**item, "_users": users} if isinstance(item, dict) and isinstance(users, list) else item


def _is_chat_export(row: Mapping[str, Any]) -> bool:
    messages = row.get("messages")
    return isinstance(messages, list) and bool(messages) and isinstance(messages[0], dict) and "from" in messages[0]


def _is_ticket(row: Mapping[str, Any]) -> bool:
    return any(isinstance(row.get(key), list) for key in ("comments", "messages"))


def _conversation(row: Mapping[str, Any]) -> Conversation | str:
    """A conversation, or why there is none."""
    if isinstance(row.get("comments"), list):
        return _zendesk(row)
    if isinstance(row.get("messages"), list):
        return _messages(row)
    return _pair(row)


def _zendesk(row: Mapping[str, Any]) -> Conversation | str:
    """A ticket: public comments, the requester's are the customer's. A badly rated one teaches nothing."""
    rating = row.get("satisfaction_rating")
    if isinstance(rating, dict) and str(rating.get("score", "")).casefold() in _BAD_RATINGS:
        return "rated bad by the customer"
    requester = row.get("requester") if isinstance(row.get("requester"), dict) else {}
    asker = row.get("requester_id") or (requester or {}).get("id")
    comments = [item for item in row["comments"] if isinstance(item, dict) and item.get("public", True)]
    if asker is None and comments:
        asker = comments[0].get("author_id")
    users = [user for user in row.get("_users") or () if isinstance(user, dict)]
    people = {item.get("author_id") for item in comments} | {asker}
    names = [str(user.get("name", "")) for user in users if user.get("id") in people]
    named = [who for key in ("requester", "assignee") if isinstance(who := row.get(key), dict)]
    names += [str(who["name"]) for who in named if who.get("name")]
    lines = [
        Line("customer" if item.get("author_id") == asker else "agent", _of(item, ("plain_body", "body")))
        for item in comments
    ]
    if lines and lines[0].side == "agent" and row.get("description"):
        lines.insert(0, Line("customer", str(row["description"])))
    return _made(lines, intent=_label(row), names=names)


def _messages(row: Mapping[str, Any]) -> Conversation | str:
    """A conversation of Chatwoot (message_type), or of chat rows (role, content)."""
    meta = row.get("meta") if isinstance(row.get("meta"), dict) else {}
    sender = (meta or {}).get("sender")
    names = [str(sender["name"])] if isinstance(sender, dict) and sender.get("name") else []
    lines = []
    for item in row["messages"]:
        side = _side_of(item) if isinstance(item, dict) and not item.get("private") else None
        if side is None:
            continue
        author = item.get("sender")
        names += [str(author["name"])] if isinstance(author, dict) and author.get("name") else []
        lines.append(Line(side, _of(item, ("content", "text", "body"))))
    rating = str((row.get("csat") or {}).get("rating", "") if isinstance(row.get("csat"), dict) else "")
    if rating in _BAD_RATINGS:
        return "rated bad by the customer"
    return _made(lines, intent=_label(row), names=names)


def _side_of(item: Mapping[str, Any]) -> Side | None:
    kind = item.get("message_type", item.get("role"))
    if kind in (0, "incoming", "user", "customer"):
        return "customer"
    return "agent" if kind in (1, "outgoing", "assistant", "agent") else None


def _pair(row: Mapping[str, Any]) -> Conversation | str:
    question, reply = _of(row, _QUESTION), _of(row, _REPLY)
    if not question or not reply:
        return "no question with a reply"
    if _of(row, ("rating", "satisfaction", "score")).casefold() in _BAD_RATINGS:
        return "rated bad by the customer"
    names = [name for name in (_of(row, _CUSTOMER), _of(row, ("agent", "agent_name"))) if name]
    return _made([Line("customer", question), Line("agent", reply)], intent=_label(row), names=names)


def _grouped(rows: Sequence[Mapping[str, Any]]) -> list[Conversation]:
    """Rows of one message each, by the conversation that they name."""
    by_id: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_id.setdefault(_of(row, _CONVERSATION), []).append(row)
    made = []
    for group in by_id.values():
        speakers = [_of(row, _SPEAKER).casefold() for row in group]
        lines = [
            Line("agent" if speaker in _AGENT_WORDS else "customer", _of(row, ("text", "content", "message", "body")))
            for row, speaker in zip(group, speakers, strict=True)
        ]
        names = [name for row in group for name in (_of(row, ("customer", "customer_name", "name", "agent")),) if name]
        intent = next((label for row in group if (label := _label(row))), "")
        conversation = _made(lines, intent=intent, names=names)
        if isinstance(conversation, Conversation):
            made.append(conversation)
    return made


# -- tables


def _table(rows: list[list[str]]) -> Found:
    found = Found()
    head = [cell.strip().casefold().replace(" ", "_") for cell in rows[0]] if rows else []
    records = [dict(zip(head, row, strict=False)) for row in rows[1:]]
    if any(name in head for name in _SPEAKER) and any(name in head for name in ("text", "content", "message", "body")):
        found.conversations += _grouped(records)
        return found
    for record in records:
        _take(_conversation(record), found)
    return found


# -- all


def _take(made: Conversation | str, found: Found) -> None:
    if isinstance(made, str):
        found.left_out[made] += 1
    else:
        found.conversations.append(made)


def _made(lines: Sequence[Line], *, intent: str, names: Sequence[str]) -> Conversation | str:
    spoken = tuple(line for line in lines if line.text.strip())
    if {line.side for line in spoken} != {"customer", "agent"}:
        return "no question with a reply"
    return Conversation(spoken, intent, tuple(dict.fromkeys(name for name in names if name)))


def _label(row: Mapping[str, Any]) -> str:
    """What a row is said to be about: its intent or category, else the first of its labels or tags."""
    labels = row.get("labels") or row.get("tags")
    if isinstance(labels, list):
        own = [str(label).partition(":")[2] for label in labels if str(label).startswith(("intent:", "topic:"))]
        return next((label.strip() for label in (*own, *map(str, labels)) if label.strip()), "")
    return _of(row, _INTENT)


def _of(row: Mapping[str, Any], names: Sequence[str]) -> str:
    for name in names:
        value = row.get(name)
        if isinstance(value, str | int | float) and str(value).strip():
            return str(value).strip()
    return ""
