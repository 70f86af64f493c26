"""Rows of a table as text that is understood a row at a time: ``Name: Ann; City: Oslo``.

A passage holds some rows of many, seldom the first, so each row repeats its headers. What stands above the headers
(a title, a note) is kept as it is. A table whose first row is data has no headers, and its rows are joined by `` | ``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from memory.importers.cleaning import one_line

Value = str | float | int | bool | date | datetime | time | timedelta | None
Row = list[Value]

_LOOKED_AT = 10
"""Rows among which the headers are looked for, once blank ones are left out."""
_LONGEST = 700
"""Characters of a line; a longer row becomes several, each with the row's first cell, so that each says whose it is."""
_NUMBER = re.compile(r"[-+(]?[^\w\s]?\s?\d[\d\s.,'’]*\s?(%|[^\w\s]|[A-Z]{3})?\)?")
_DAY = re.compile(
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([ T].*)?|\d{1,2}:\d{2}(:\d{2})?(\s?[ap]m)?",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(19|20)\d\d")


@dataclass(frozen=True)
class MergedCells:
    """A range of merged cells, counted from 0, ends included; its value stands in its first cell."""

    top: int
    left: int
    bottom: int
    right: int


def table_lines(rows: Sequence[Row], *, merged: Sequence[MergedCells] = ()) -> list[str]:
    """A line of text for each row that holds something; see the module."""
    start = _header_row(rows, merged)
    if start is None:
        return [line for row in _filled_down(rows, merged) if (line := " | ".join(filter(None, map(cell_text, row))))]
    above = [line for row in rows[:start] if (line := " ".join(filter(None, map(cell_text, row))))]
    headers, after = _headers(rows, start, merged)
    below = _filled_down(rows, merged)[after:]
    return [*above, *(line for row in below for line in _row_lines(headers, row))]


def cell_text(value: Value) -> str:
    """A value as a person would write it: days and times in ISO 8601, whole numbers without a fraction."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        plain = value.replace(microsecond=0)
        return plain.date().isoformat() if plain.time() == time() else plain.isoformat(" ").removesuffix(":00")
    if isinstance(value, date | time):
        return value.isoformat().removesuffix(":00")
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else format(value, ".15g")
    return one_line(str(value))


def _header_row(rows: Sequence[Row], merged: Sequence[MergedCells]) -> int | None:
    """The first row that is as full as the table is wide, if all of it is words that the rows below don't repeat."""
    seen = [index for index, row in enumerate(rows) if any(map(cell_text, row))][: 5 * _LOOKED_AT]
    wide = max((len(_words(rows[index])) for index in seen), default=0)
    for index in seen[:_LOOKED_AT]:
        words = _words(_filled_right(rows, index, merged))
        if len(words) < max(2, 0.6 * wide) or len(set(words)) < 2:
            continue
        below = [rows[later] for later in seen if later > index]
        return index if below and _may_be_header(rows[index]) and not _recurs(rows[index], below) else None
    return None


def _words(row: Row) -> list[str]:
    return [text for value in row if (text := cell_text(value))]


def _may_be_header(row: Row) -> bool:
    values = [value for value in row if cell_text(value)]
    numbers = [cell_text(value) for value in values if not isinstance(value, str) or _is_figure(value)]
    return len(numbers) < len(values) and all(_YEAR.fullmatch(text) for text in numbers)


def _is_figure(text: str) -> bool:
    text = text.strip()
    return bool(_NUMBER.fullmatch(text) or _DAY.fullmatch(text))


def _recurs(header: Row, below: Sequence[Row]) -> bool:
    """Its words stand in their own columns again: they are values (a word may well repeat in one column of many)."""
    columns = [column for column, value in enumerate(header) if cell_text(value)]
    again = [any(column < len(row) and row[column] == header[column] for row in below) for column in columns]
    return sum(again) > len(columns) / 3


def _headers(rows: Sequence[Row], start: int, merged: Sequence[MergedCells]) -> tuple[list[str], int]:
    """A name for each column, and the row after the headers; merged headers over others are joined to theirs."""
    levels = [_filled_right(rows, start, merged)]
    while len(levels) < 3 and _stands_over(start + len(levels) - 1, merged):
        index = start + len(levels)
        if index >= len(rows) or not _may_be_header(rows[index]):
            break
        levels.append(_filled_right(_filled_down(rows[: index + 1], merged), index, merged))
    width = max(len(row) for row in rows)
    names = []
    for column in range(width):
        parts = [cell_text(level[column]) if column < len(level) else "" for level in levels]
        names.append(" / ".join(dict.fromkeys(filter(None, parts))))
    return names, start + len(levels)


def _stands_over(row: int, merged: Sequence[MergedCells]) -> bool:
    return any(cells.top <= row == cells.bottom and cells.right > cells.left for cells in merged)


def _filled_right(rows: Sequence[Row], index: int, merged: Sequence[MergedCells]) -> Row:
    row = list(rows[index])
    for cells in merged:
        if cells.top == index and cells.left < len(row):
            for column in range(cells.left, min(cells.right + 1, len(row))):
                row[column] = row[cells.left]
    return row


def _filled_down(rows: Sequence[Row], merged: Sequence[MergedCells]) -> list[Row]:
    """With the value of vertically merged cells in each of their rows: each belongs to what they are merged for."""
    filled = [list(row) for row in rows]
    for cells in merged:
        for index in range(cells.top + 1, min(cells.bottom + 1, len(filled))):
            if cells.left < min(len(filled[index]), len(filled[cells.top])):
                filled[index][cells.left] = filled[cells.top][cells.left]
    return filled


def _row_lines(headers: list[str], row: Row) -> Iterator[str]:
    pairs = [
        f"{header}: {text}" if header else text
        for header, text in zip([*headers, *[""] * (len(row) - len(headers))], map(cell_text, row), strict=False)
        if text
    ]
    line = ""
    for pair in pairs:
        if line and len(line) + len(pair) > _LONGEST and len(pairs[0]) < _LONGEST // 4:
            yield line
            line = pairs[0]
        line = f"{line}; {pair}" if line else pair
    if line:
        yield line
