"""Lists of items as files: JSON lines or CSV, each row read whole or refused with its file and line.

Columns that mean nothing here, as an export of another program has, are named and left.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from memory.errors import FamiliarError, UsageError
from memory.taste import ACTIONS, KINDS, Action, Kind, NewItem

COLUMNS = ("title", "text", "kind", "link", "tags", "action", "rating", "at")
_ALSO = {"url": "link", "description": "text", "name": "title"}
"""Other names of columns."""


@dataclass(frozen=True)
class ReadItems:
    """What a file holds."""

    items: tuple[NewItem, ...]
    unused: tuple[str, ...]
    """Columns that were left."""


def read_items(path: Path) -> ReadItems:
    """The items of a file whose name ends in .jsonl or .csv.

    :raises UsageError: another ending
    :raises FamiliarError: it can't be read, or a row is wrong; the line is named
    """
    readers = {".jsonl": _json_rows, ".csv": _csv_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{path} must be a .jsonl or .csv file of {', '.join(COLUMNS)}")
    items, unused = [], dict[str, None]()
    try:
        for number, row in reader(path):
            named = {_ALSO.get(key.strip().lower(), key.strip().lower()): value for key, value in row.items()}
            unused |= dict.fromkeys(key for key in named if key not in COLUMNS)
            items.append(item_of(named, where=f"{path}, line {number}"))
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise FamiliarError(f"{path} can't be read: {exc}; it must be UTF-8") from exc
    return ReadItems(tuple(items), tuple(unused))


def item_of(row: Mapping[str, Any], *, where: str) -> NewItem:
    """A row as an item.

    :param where: names the row in an error
    :raises FamiliarError: it has no title, or a value is none of those possible
    """
    title = _text(row.get("title"))
    if not title:
        raise FamiliarError(f"{where}: there is no title")
    rating = _rating(row.get("rating"), where)
    action = _action(_text(row.get("action")) or ("rated" if rating is not None else ""), where)
    if (action == "rated") != (rating is not None):
        raise FamiliarError(f"{where}: the rating is {rating}, but the action is {action}; a rating needs rated")
    kind = _kind(_text(row.get("kind")).lower() or "link", where)
    at = _moment(_text(row.get("at")), where)
    return NewItem(
        title, _text(row.get("text")), kind, _text(row.get("link")), _tags(row.get("tags")), action, rating, at
    )


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as exc:
                raise FamiliarError(f"{path}, line {number} is no JSON: {exc}") from exc
            if not isinstance(row, dict):
                raise FamiliarError(f"{path}, line {number} is no JSON object")
            yield number, row


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        for row in reader:
            yield reader.line_num, {key: value for key, value in row.items() if key}


def _text(value: object) -> str:
    return " ".join(str(value).split()) if value is not None else ""


def _tags(value: object) -> tuple[str, ...]:
    """A list, or words between commas, semicolons or bars; a tag holds none of these."""
    parts = value if isinstance(value, list) else _text(value).replace(";", ",").replace("|", ",").split(",")
    return tuple(dict.fromkeys(tag for part in parts if (tag := _text(part).replace(",", " ").strip())))


def _kind(value: str, where: str) -> Kind:
    for kind in KINDS:
        if value == kind:
            return kind
    raise FamiliarError(f"{where}: kind is {value!r}; it must be one of {', '.join(KINDS)}")


def _action(value: str, where: str) -> Action | None:
    for action in ACTIONS:
        if value.lower() == action:
            return action
    if value:
        raise FamiliarError(f"{where}: action is {value!r}; it must be one of {', '.join(ACTIONS)}")
    return None


def _rating(value: object, where: str) -> float | None:
    if value in (None, ""):
        return None
    try:
        rating = float(str(value))
    except ValueError:
        rating = 0.0
    if not 1 <= rating <= 5:
        raise FamiliarError(f"{where}: rating is {value!r}; it must be from 1 to 5")
    return rating


def _moment(value: str, where: str) -> str | None:
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as exc:
        raise FamiliarError(f"{where}: at is {value!r}; it must be a time such as 2026-03-06T09:00:00+00:00") from exc
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
