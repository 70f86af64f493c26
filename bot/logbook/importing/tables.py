"""Entries out of a CSV table: a column for each kind ("Weight (kg)"), or columns for kind, value and unit.

A column with date or time is needed; what its values mean where they have no offset is the user's zone. Dates are read
as written by year, else as `dateutil` reads them with the day first where the first number can't be a month.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import TextIO
from zoneinfo import ZoneInfo

from dateutil import parser as dates

from bot.logbook.importing.records import Imported
from bot.logbook.kinds import KINDS, Entry, in_own_unit
from bot.logbook.patterns import LEAST_FAHRENHEIT, MOST_MMOL, unit_named
from bot.logbook.words import kind_in
from bot.reminders.zones import at_local
from memory.errors import FamiliarError

_WHEN = re.compile(r"\b(?:date|time|datetime|timestamp|day|start|when)\b|日期|时间", re.IGNORECASE)
_CLOCK = re.compile(r"^\s*(?:time|时间)\s*$", re.IGNORECASE)
_KIND = re.compile(r"^\s*(?:type|kind|name|metric|measure|measurement|项目|类型)\s*$", re.IGNORECASE)
_VALUE = re.compile(r"^\s*(?:value|amount|quantity|reading|数值|值)\s*$", re.IGNORECASE)
_UNIT = re.compile(r"^\s*(?:unit|units|单位)\s*$", re.IGNORECASE)
_DIASTOLIC = re.compile(r"diastolic|low(?:er)?\b|低压|舒张压", re.IGNORECASE)
_NOT_THE_VALUE = re.compile(r"\b(?:min|max|minimum|maximum|goal|target|low|high)\b|最[大小高低]|目标", re.IGNORECASE)
_NOON = time(12)


@dataclass(frozen=True)
class _Column:
    """A column with values of one kind."""

    index: int
    kind: str
    unit: str
    diastolic: bool


def read_table(
    file: TextIO, *, name: str, zone: ZoneInfo, left: Counter[str], source: str = "csv"
) -> Iterator[Imported]:
    """The entries of a table.

    :param left: counts the values that are none, by column
    :raises FamiliarError: it has no column with a time, or none with a kind of entry
    """
    sample = file.read(4096)
    file.seek(0)
    rows = csv.reader(file, delimiter=_delimiter(sample))
    head = next(rows, [])
    when = _when_column(head, name)
    long = _long_columns(head)
    columns = [] if long else _wide_columns(head)
    if long is None and not columns:
        raise FamiliarError(f"{name} has no column of a kind that can be logged; there are {', '.join(head)[:200]}")
    clock = next((index for index, cell in enumerate(head) if _CLOCK.match(cell) and index != when), None)
    for row in rows:
        at = _moment(row, when, clock, zone)
        if at is None:
            left["time"] += 1 if any(cell.strip() for cell in row) else 0
            continue
        found = _of_long(row, long, left) if long else _of_wide(row, columns, left)
        yield from (Imported(entry, at, source) for entry in found)


def _delimiter(sample: str) -> str:
    line = sample.splitlines()[0] if sample else ""
    return max(",;\t", key=line.count)


def _when_column(head: Sequence[str], name: str) -> int:
    named = [index for index, cell in enumerate(head) if _WHEN.search(cell.replace("_", " "))]
    dated = [index for index in named if not _CLOCK.match(head[index])]
    if not named:
        raise FamiliarError(f"{name} has no column with a date or time; its first line must name the columns")
    return (dated or named)[0]


def _long_columns(head: Sequence[str]) -> tuple[int, int, int | None] | None:
    """The columns of kind, value and unit; None where the table is not of that form."""

    def place(form: re.Pattern[str]) -> int | None:
        return next((index for index, cell in enumerate(head) if form.match(cell)), None)

    kind, value = place(_KIND), place(_VALUE)
    return (kind, value, place(_UNIT)) if kind is not None and value is not None else None


def _wide_columns(head: Sequence[str]) -> list[_Column]:
    found: dict[tuple[str, bool], _Column] = {}
    for index, cell in enumerate(head):
        plain = cell.replace("_", " ")
        kind = kind_in(re.sub(r"\(.*?\)|（.*?）", " ", plain))
        low = _DIASTOLIC.search(plain) is not None
        skipped = _NOT_THE_VALUE.search(re.sub(r"\(.*?\)|（.*?）", " ", plain)) and kind != "blood_pressure"
        if kind is None or skipped or _WHEN.fullmatch(plain):
            continue
        inside = re.search(r"[(\[（](.+?)[)\]）]", plain)
        unit = unit_named(inside[1], kind) if inside else unit_named(plain.split()[-1], kind) or ""
        if unit is None:  # such as the milliseconds of a walk
            continue
        found.setdefault((kind, low), _Column(index, kind, unit, low))
    return list(found.values())


def _of_long(row: Sequence[str], columns: tuple[int, int, int | None], left: Counter[str]) -> Iterator[Entry]:
    kind_at, value_at, unit_at = columns
    if max(kind_at, value_at) >= len(row):
        return
    kind = kind_in(row[kind_at])
    if kind is None:
        left[row[kind_at]] += 1
        return
    unit = unit_named(row[unit_at], kind) if unit_at is not None and unit_at < len(row) else ""
    numbers = _numbers(row[value_at], kind)
    if not numbers or unit is None:
        left[row[kind_at]] += 1
        return
    second = numbers[1] if kind == "blood_pressure" and len(numbers) > 1 else None
    yield _entry(kind, numbers[0], second, unit)


def _of_wide(row: Sequence[str], columns: Sequence[_Column], left: Counter[str]) -> Iterator[Entry]:
    values: dict[str, tuple[float, float | None, str]] = {}
    lows: dict[str, float] = {}
    for column in columns:
        cell = row[column.index].strip() if column.index < len(row) else ""
        numbers = _numbers(cell, column.kind)
        if not numbers:
            left[column.kind] += 1 if cell else 0
        elif column.diastolic:
            lows[column.kind] = numbers[0]
        else:
            paired = column.kind == "blood_pressure" and len(numbers) > 1
            values[column.kind] = numbers[0], numbers[1] if paired else None, column.unit
    for kind, (value, second, unit) in values.items():
        yield _entry(kind, value, lows.get(kind, second), unit)


def _entry(kind: str, value: float, second: float | None, unit: str) -> Entry:
    form = KINDS[kind]
    unit = unit or _scale(kind, value)
    if kind == "blood_pressure" and second is not None:
        second = in_own_unit(form, second, unit)
    elif kind == "oxygen" and value <= 1:
        value *= 100
    return Entry(kind, in_own_unit(form, value, unit), second, unit or form.unit)


def _scale(kind: str, value: float) -> str:
    """The unit of a value without one that can only be of another scale than the kind's own."""
    if kind == "temperature" and value >= LEAST_FAHRENHEIT:
        return "°F"
    return "mg/dL" if kind == "glucose" and value > MOST_MMOL else ""


def _numbers(cell: str, kind: str) -> list[float]:
    clock = re.fullmatch(r"\s*(\d{1,2}):(\d{2})(?::\d{2})?\s*", cell)
    if clock and kind == "sleep":
        return [int(clock[1]) + int(clock[2]) / 60]
    plain = re.sub(r"(?<=\d),(?=\d{3}(?:\D|$))", "", cell.strip())
    plain = re.sub(r"(?<=\d),(?=\d)", ".", plain)
    if not re.match(r"^[<>~]?\s*\d", plain):
        return []
    return [float(found) for found in re.findall(r"\d+(?:\.\d+)?", plain)]


def _moment(row: Sequence[str], when: int, clock: int | None, zone: ZoneInfo) -> datetime | None:
    if when >= len(row) or not row[when].strip():
        return None
    text = row[when].strip()
    beside = row[clock].strip() if clock is not None and clock < len(row) else ""
    timed = beside or re.search(r"\d[:T]\d", text)
    try:
        found = _parsed(f"{text} {beside}".strip())
    except (ValueError, OverflowError):
        return None
    if found.tzinfo is not None:
        return found
    return at_local(found if timed else datetime.combine(found.date(), _NOON), zone)


def _parsed(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        first = re.match(r"(\d{1,2})\D", text)
        day_first = bool(first and int(first[1]) > 12) or bool(re.match(r"\d{1,2}\.\d{1,2}\.", text))
        found: datetime = dates.parse(text, dayfirst=day_first)
        return found
