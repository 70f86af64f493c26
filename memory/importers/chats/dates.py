"""Dates as people and programs write them become ISO 8601; the order of day and month is decided once for a file.

Decided line by line, the 13th of January would be told from the 12th as another month, and all later dates with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Literal

Date = tuple[str, str, str]
Clock = tuple[str | None, ...]
Order = Literal["day first", "month first", "year first"]

DATE = r"(\d{1,4})\s?[./\-年년月월]\s?(\d{1,2})\s?[./\-月월]\s?(\d{1,4})(?:\s?[日일]|\.(?=\s|,))?"
"""Three numbers in an order that the numbers don't tell; groups: the three."""
TIME = (
    r"(?:(凌晨|清晨|早上|上午|中午|下午|傍晚|晚上|午前|午後|오전|오후|[AaPp]\.?[Mm]\.?)\s?)?"
    r"(\d{1,2})[:.時点점시](\d{2})(?:[:.](\d{2})(?:[.,]\d{1,9})?)?(?:\s?([AaPp])\.?\s?[Mm]\b\.?)?"
)
"""A clock of 12 or 24 hours; groups: half of the day before it, hours, minutes, seconds, half of the day after it."""
_WHEN = re.compile(rf"\s*{DATE}(?:[\sT,]*{TIME})?\s*(?:Uhr|h)?\s*")
_EPOCH = re.compile(r"\d{9,19}(\.\d+)?")
_AFTERNOON = frozenset(("中午", "下午", "傍晚", "晚上", "午後", "오후"))


@dataclass(frozen=True)
class Decided:
    """How a file writes its dates."""

    order: Order
    sure: bool
    """False where nothing in the file tells it, so that the user is told what was assumed."""


def decide_order(dates: Sequence[Date], *, twelve_hours: bool, slashes: bool) -> Decided:
    """From all dates of a file in its order: by those that fit one order only, then by which order never goes back.

    :param twelve_hours: clocks with AM and PM, which with slashes point to the United States
    """
    if sum(len(first) > 2 for first, _, _ in dates) * 2 > len(dates):
        return Decided("year first", True)
    day_first = sum(int(first) > 12 for first, _, _ in dates)
    month_first = sum(int(second) > 12 for _, second, _ in dates)
    if day_first != month_first:
        return Decided("day first" if day_first > month_first else "month first", True)
    steps_back = {order: _steps_back(dates, order) for order in ("day first", "month first")}
    if steps_back["day first"] != steps_back["month first"]:
        return Decided("day first" if steps_back["day first"] < steps_back["month first"] else "month first", True)
    return Decided("month first" if twelve_hours and slashes else "day first", not slashes)


def _steps_back(dates: Iterable[Date], order: str) -> int:
    keys = [(year(c), int(b), int(a)) if order == "day first" else (year(c), int(a), int(b)) for a, b, c in dates]
    return sum(later < earlier for earlier, later in pairwise(keys))


def year(text: str) -> int:
    """The year that two or four digits mean."""
    return int(text) + (2000 if len(text) <= 2 else 0)


def parts_of(found: re.Match[str]) -> tuple[Date, Clock]:
    """The groups of `DATE` and `TIME` in a pattern that begins with them."""
    first, second, third, *clock = found.groups()
    return (first, second, third), tuple(clock)


def local_time(date: Date, clock: Clock, order: Order) -> str | None:
    """ISO 8601 without an offset, from the groups of `DATE` and `TIME`; None for a day or time that doesn't exist."""
    first, second, third = date
    y, m, d = {
        "year first": (first, second, third),
        "month first": (third, first, second),
        "day first": (third, second, first),
    }[order]
    before, hours, minutes, seconds, after = clock
    try:
        hour = _hour(int(hours or 0), before, after)
        return datetime(year(y), int(m), int(d), hour, int(minutes or 0), int(seconds or 0)).isoformat()
    except (ValueError, OverflowError):
        return None


def _hour(hour: int, before: str | None, after: str | None) -> int:
    half = after or before
    if half is None:
        return hour
    if half in _AFTERNOON or half[0] in "pP":
        return hour + 12 if hour < 12 and not (half == "中午" and hour >= 10) else hour
    return 0 if hour == 12 else hour


def from_epoch(value: object) -> str | None:
    """UTC, from seconds, milliseconds or microseconds since 1970, told by their size; None for what is no such time."""
    try:
        number = float(str(value))
        while abs(number) > 1e11:
            number /= 1000
        return datetime.fromtimestamp(number, UTC).isoformat(timespec="seconds") if number > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def iso(text: object) -> str | None:
    """The text where it is ISO 8601 (or has a space for the T), else None."""
    if not isinstance(text, str):
        return None
    text = text.strip().replace(" UTC", "+00:00")
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        return None


def parse_column(values: Sequence[str]) -> tuple[list[str | None], Decided | None]:
    """Each value of a column as ISO 8601, None where it is no date; and how day and month were told, if need be."""
    found = [_WHEN.fullmatch(value) for value in values]
    split = [parts_of(match)[0] for match, value in zip(found, values, strict=True) if match and not _plain(value)]
    slashes = any("/" in value or "-" in value for value in values)
    twelve = any(match and (match.group(4) or match.group(8)) for match in found)
    decided = decide_order(split, twelve_hours=twelve, slashes=slashes) if split else None
    return [
        _plain(value) or (local_time(*parts_of(match), decided.order) if match and decided else None)
        for match, value in zip(found, values, strict=True)
    ], decided


def _plain(value: str) -> str | None:
    return from_epoch(value.strip()) if _EPOCH.fullmatch(value.strip()) else iso(value)
