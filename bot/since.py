"""A time as people name it ("last week", "上周", "3 days ago", "2026-03-01") becomes the day on which it begins.

Pure: what is past depends on the given ``today`` only. A day or month without a year is the latest one that has begun.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

from memory.errors import FamiliarError
from memory.words import fold

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTH = rf"(?P<name>{'|'.join(_MONTHS)})[a-z]*\.?"
_COUNT = r"(?P<count>\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|[一两二三四五六七八九十半]+)"
_COUNTS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
_CHINESE_COUNTS = {sign: n for n, sign in enumerate("一二三四五六七八九十", 1)} | {"两": 2}
_UNIT = r"(?P<unit>day|week|month|year|个?天|日|个?星期|周|个?月|年)s?"


def parse_since(text: str, *, today: date) -> str:
    """The ISO date that a text names: weeks begin on Monday; "last week" is the whole of the week before this one.

    :raises FamiliarError: the text names no day
    """
    plain = re.sub(r"^(?:since|from|自从?|从)\s*", "", fold(text).strip()).rstrip("起来以")
    for pattern, read in _READERS:
        match = re.fullmatch(pattern, plain)
        try:
            if match and (day := read(match, today)):
                return day.isoformat()
        except (ValueError, OverflowError):
            break
    raise FamiliarError(
        f'--since {text!r} names no day; write a date like 2026-03-01, or "last week", "3 days ago", "上周"'
    )


def _year_month_day(match: re.Match[str], today: date) -> date:
    parts = match.groupdict()
    month = parts.get("month")
    name = parts.get("name")
    number = _MONTHS.index(name) + 1 if name else int(month or 1)
    day = int(parts.get("day") or 1)
    if parts.get("year"):
        return date(int(parts["year"]), number, day)
    this_year = date(today.year, number, day)
    return this_year if this_year <= today else date(today.year - 1, number, day)


def _back(match: re.Match[str], today: date) -> date:
    return _earlier(today, _number(match["count"]), match["unit"])


def _number(text: str) -> int:
    if text.isdigit():
        return int(text)
    return _COUNTS.get(text) or _CHINESE_COUNTS.get(text) or (1 if text in ("a", "an") else _refuse(text))


def _refuse(text: str) -> int:
    raise ValueError(text)


def _earlier(today: date, count: int, unit: str) -> date:
    unit = unit.removeprefix("个")
    if unit in ("day", "天", "日"):
        return today - timedelta(days=count)
    if unit in ("week", "周", "星期"):
        return today - timedelta(weeks=count)
    months = today.year * 12 + today.month - 1 - count * (12 if unit in ("year", "年") else 1)
    first = date(months // 12, months % 12 + 1, 1)
    return min(first + timedelta(days=today.day - 1), _month_end(first))


def _month_end(first: date) -> date:
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _begin(match: re.Match[str], today: date) -> date:
    """This, or the last, week, month or year."""
    unit = {"周": "week", "星期": "week", "礼拜": "week", "月": "month", "年": "year"}.get(match["unit"], match["unit"])
    last = match["which"].startswith(("last", "上", "去", "past", "previous"))
    if unit == "week":
        monday = today - timedelta(days=today.weekday())
        return monday - timedelta(weeks=1) if last else monday
    if unit == "month":
        first = today.replace(day=1)
        return (first - timedelta(days=1)).replace(day=1) if last else first
    return date(today.year - 1 if last else today.year, 1, 1)


def _weekday(match: re.Match[str], today: date) -> date:
    name = match["day"]
    wanted = _DAYS.index(name) if name in _DAYS else min("一二三四五六日天".index(name), 6)
    if (match["which"] or "").startswith("上"):
        return today - timedelta(days=today.weekday() + 7 - wanted)
    back = (today.weekday() - wanted) % 7
    return today - timedelta(days=back or (7 if match["which"] else 0))


def _named(match: re.Match[str], today: date) -> date:
    days = {"today": 0, "今天": 0, "今日": 0, "yesterday": 1, "昨天": 1, "昨日": 1, "前天": 2}
    return today - timedelta(days=days[match.group()])


_READERS: tuple[tuple[str, Callable[[re.Match[str], date], date]], ...] = (
    (r"today|yesterday|今天|今日|昨天|昨日|前天", _named),
    (r"(?P<year>\d{4})(?:[-/.](?P<month>\d{1,2})(?:[-/.](?P<day>\d{1,2}))?)?(?:t.*)?", _year_month_day),
    (r"(?:(?P<year>\d{4})\s*年\s*)?(?P<month>\d{1,2})\s*月(?:\s*(?P<day>\d{1,2})\s*[日号])?", _year_month_day),
    (r"(?P<year>\d{4})\s*年", _year_month_day),
    (rf"(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?)?{_MONTH}(?:,?\s+(?P<year>\d{{4}}))?", _year_month_day),
    (rf"{_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+(?P<year>\d{{4}}))?", _year_month_day),
    (rf"(?:the\s+)?(?:last|past)\s+{_COUNT}\s+{_UNIT}", _back),
    (rf"{_COUNT}\s*{_UNIT}\s*(?:ago|以?前|之前)", _back),
    (rf"(?:最近|过去|近)\s*{_COUNT}\s*{_UNIT}", _back),
    (r"(?:the\s+)?(?P<which>this|last|past|previous)\s+(?P<unit>week|month|year)", _begin),
    (r"(?P<which>本|这|这个|上|上个|今|去)(?P<unit>周|星期|礼拜|月|年)", _begin),
    (rf"(?P<which>last\s+)?(?P<day>{'|'.join(_DAYS)})[a-z]*", _weekday),
    (r"(?P<which>上个?)?(?:周|星期|礼拜)(?P<day>[一二三四五六日天])", _weekday),
)
