"""A conversation in a table (CSV, JSON or JSON lines), whose columns the user names or whose names leave no doubt."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from memory.importers.chats.common import Chat, single
from memory.importers.chats.dates import parse_column
from memory.importers.chats.stream import DamagedJson, JsonStream
from memory.importers.delimited import csv_rows
from memory.importers.records import ConversionError, ExtractedDocument, Hints

_KNOWN: Mapping[str, tuple[str, ...]] = {
    "speaker": ("speaker", "sender", "from", "author", "发送者", "发言人", "说话人"),
    "text": ("text", "message", "body", "content", "msg", "内容", "消息"),
    "at": ("at", "timestamp", "datetime", "date", "time", "created_at", "时间", "日期"),
    "id": ("id", "message_id"),
}
_REQUIRED = ("speaker", "text")

Table = tuple[list[str], list[list[str]]]


def has_known_columns(text: str) -> bool:
    """Whether the first line of a table names a speaker, a text and a time."""
    first = text.removeprefix("\ufeff").partition("\n")[0]
    rows = csv_rows(first) if len(first) < 10_000 else []
    named = _named_by_itself(rows[0]) if rows else {}
    return all(field in named for field in ("speaker", "text", "at"))


def read_table(text: str, *, name: str, title: str, hints: Hints) -> ExtractedDocument:
    """The rows as lines, in the order of the file; dates as ISO 8601, ids as given or the number of the row.

    :raises ConversionError: a column that the user names is not there, or no row has words
    """
    columns, rows = _table(text, name)
    named = _named_by_itself(columns) | dict(hints.columns)
    _check(named, columns, name)
    place = {field: columns.index(column) for field, column in named.items()}
    dates, decided = parse_column([_cell(row, place.get("at")) for row in rows])
    chat = Chat(title, "chat table")
    for number, (row, at) in enumerate(zip(rows, dates, strict=True), start=1):
        id_ = _cell(row, place.get("id")) or number
        chat.add(id_, _cell(row, place["speaker"]), _cell(row, place["text"]), at=at)
    unread = sum(at is None and bool(_cell(row, place.get("at"))) for row, at in zip(rows, dates, strict=True))
    if unread:
        chat.problems.append(f"{unread} of {len(rows)} dates in {named['at']!r} can't be read and are left out")
    if decided and not decided.sure:
        chat.problems.append(f"no row tells whether day or month comes first; {decided.order} is assumed")
    return single(chat, name=name)


def _cell(row: Sequence[str], place: int | None) -> str:
    return row[place].strip() if place is not None and place < len(row) else ""


def _named_by_itself(columns: Sequence[str]) -> dict[str, str]:
    lower = {column.strip().casefold(): column for column in reversed(columns)}
    return {
        field: next(lower[known] for known in names if known in lower)
        for field, names in _KNOWN.items()
        if any(known in lower for known in names)
    }


def _check(named: Mapping[str, str], columns: Sequence[str], name: str) -> None:
    shown = ", ".join(columns[:20]) + (" and others" if len(columns) > 20 else "")
    for field, column in named.items():
        if column not in columns:
            raise ConversionError(f"{name} has no column {column!r} (--columns {field}={column}); it has {shown}")
    for field in _REQUIRED:
        if field not in named:
            raise ConversionError(f"{name}: which column is the {field}? Say --columns {field}=NAME; it has {shown}")


def _table(text: str, name: str) -> Table:
    head = text.removeprefix("\ufeff").lstrip()[:1]
    if head not in ("{", "["):
        rows = csv_rows(text)
        if not rows:
            raise ConversionError(f"{name} holds no row")
        return [column.strip() for column in rows[0]], rows[1:]
    return _of_records(_records(text, name))


def _of_records(records: Sequence[Mapping[str, Any]]) -> Table:
    columns = list(dict.fromkeys(key for record in records for key in record))
    return columns, [[_written(record.get(column)) for column in columns] for record in records]


def _written(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _records(text: str, name: str) -> list[dict[str, Any]]:
    """The objects of an array, of the first array of objects in an object, or of the lines."""
    try:
        if text.removeprefix("\ufeff").lstrip()[:1] == "[":
            stream = JsonStream(text)
            return [value for _ in stream.items() if isinstance(value := stream.value(), dict)]
        lines = [line for line in text.removeprefix("\ufeff").split("\n") if line.strip()]
        found = [value for line in lines if isinstance(value := _line(line), dict)]
        if len(found) > 1 or (len(lines) == 1 and not _listed(found)):
            return found
        return _listed([JsonStream(text).value()])
    except DamagedJson as exc:
        raise ConversionError(f"{name}: {exc}") from exc


def _line(line: str) -> object:
    try:
        return json.loads(line, strict=False)
    except (ValueError, RecursionError):
        return None


def _listed(found: Sequence[Any]) -> list[dict[str, Any]]:
    """The first list of objects that an object holds."""
    values = found[0].values() if found and isinstance(found[0], dict) else ()
    lists = ([item for item in value if isinstance(item, dict)] for value in values if isinstance(value, list))
    return next((items for items in lists if items), [])
