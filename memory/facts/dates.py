"""Dates as people say them ("yesterday", "next Friday", "三年前") become the dates meant, from when it was said.

Pure: the same words said on the same day give the same date. A date is as exact as the words are: a day
(2026-03-10), a month (2026-02), a year (2023), two days with a slash for a week (2026-03-02/2026-03-08), and 05-03
for a day without its year, which the tense of the sentence can give it.
Weeks begin on Monday; "next Friday" is the Friday of next week, as 下周五 is.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from memory.days import MONTH_NAME, month_number

Tense = Literal["past", "future"] | None

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTH = rf"(?P<name>{MONTH_NAME})\b\.?"
_WEEKDAY = r"(?P<day>Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_WORDS = "one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905 - read as a text
_COUNT = rf"(?P<count>\d{{1,3}}|an?|a couple of|a few|{'|'.join(_WORDS)})"
_CHINESE_COUNT = r"(?P<count>\d{1,3}|[一二两三四五六七八九十]{1,3}|半)"
_CHINESE_DAYS = "一二三四五六日"


@dataclass(frozen=True)
class Dated:
    """A date found in a text."""

    start: int
    end: int
    value: str
    """ISO 8601, as exact as it was said."""


def find_dates(text: str, *, said: date, tense: Tense = None) -> list[Dated]:
    """Every date that a text names, in order, resolved against the day on which it was said.

    :param tense: of the sentence; it says which "9 April" or "on Friday" is meant
    """
    found: list[Dated] = []
    for pattern, read in _READERS:
        for match in pattern.finditer(text):
            if any(match.start() < item.end and item.start < match.end() for item in found):
                continue
            try:
                value = read(match, said)
            except (ValueError, OverflowError):  # 31 February, or a year that no calendar has
                continue
            if value:
                value = _in_tense(value, match.group(), said, tense)
                found.append(Dated(match.start(), match.end(), value))
    return sorted(found, key=lambda item: item.start)


def _in_tense(value: str, words: str, said: date, tense: Tense) -> str:
    if re.fullmatch(r"\d\d-\d\d", value) and tense is not None:
        day = f"{said.year}-{value}"
        if tense == "past":
            return day if day <= said.isoformat() else f"{said.year - 1}-{value}"
        return day if day >= said.isoformat() else f"{said.year + 1}-{value}"
    if tense == "past" and words[:2].lower() == "on" and value > said.isoformat():
        return (date.fromisoformat(value) - timedelta(weeks=1)).isoformat()
    return value


def normalise_dates(text: str, *, said: date) -> str:
    """The text with each date in its place as ISO 8601."""
    for item in reversed(find_dates(text, said=said)):
        text = text[: item.start] + item.value + text[item.end :]
    return text


def begins(value: str) -> str:
    """The first day of a date of any exactness, comparable as text."""
    first = value.partition("/")[0]
    return first + {4: "-01-01", 7: "-01"}.get(len(first), "")


def number(text: str) -> int | None:
    """The value of digits, an English number word or a Chinese numeral below 100; None for anything else."""
    plain = text.strip().lower()
    if plain.isdigit():
        return int(plain)
    if plain in _NUMBERS:
        return _NUMBERS[plain]
    tens, mark, ones = plain.partition("十")
    digits = {sign: n for n, sign in enumerate("一二三四五六七八九", 1)} | {"两": 2}
    if mark and (not tens or tens in digits) and (not ones or ones in digits):
        return digits.get(tens, 1) * 10 + digits.get(ones, 0)
    return digits.get(plain)


_TENS = {name: 10 * n for n, name in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty"], 2)}
_TEENS = ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_NUMBERS = (
    {word: n for n, word in enumerate([*_WORDS, *_TEENS], 1)}
    | _TENS
    | {f"{ten}-{one}": value + n for ten, value in _TENS.items() for n, one in enumerate(_WORDS[:9], 1)}
)


def _calendar(match: re.Match[str], said: date) -> str:
    """A day, month or year that is named as such."""
    del said
    parts = match.groupdict()
    month = _month(parts)
    year, day = parts.get("year"), parts.get("dom")
    if day and not 1 <= int(day) <= monthrange(int(year or 2024), month)[1]:
        return ""
    if month and not 1 <= month <= 12:
        return ""
    if not year:
        return f"{month:02}-{int(day):02}" if day else ""
    return "-".join([year, *([f"{month:02}"] if month else []), *([f"{int(day):02}"] if day else [])])


def _month(parts: dict[str, str | None]) -> int:
    name = parts.get("name")
    return month_number(name) if name else int(parts.get("month") or 0)


def _named(match: re.Match[str], said: date) -> str:
    return (said + timedelta(days=_NAMED[match.group().lower()])).isoformat()


_NAMED = {
    "today": 0, "tonight": 0, "this morning": 0, "this afternoon": 0, "this evening": 0, "yesterday": -1,
    "last night": -1, "the day before yesterday": -2, "tomorrow": 1, "the day after tomorrow": 2,
    "今天": 0, "今晚": 0, "今早": 0, "昨天": -1, "昨晚": -1, "前天": -2, "大前天": -3, "明天": 1, "明晚": 1, "后天": 2,
    "大后天": 3,
}  # fmt: skip


def _weekday(match: re.Match[str], said: date) -> str:
    wanted = _DAYS.index(match["day"][:3].lower())
    which = (match["which"] or "").lower().strip()
    if which in ("last", "next"):
        return _of_week(said, wanted, 1 if which == "next" else -1 if wanted >= said.weekday() else 0)
    ahead = (wanted - said.weekday()) % 7
    return (said + timedelta(days=ahead or (0 if which == "this" else 7))).isoformat() if which != "" else ""


def _chinese_weekday(match: re.Match[str], said: date) -> str:
    sign = "日" if match["day"] == "天" else match["day"]
    weeks = {"上": -1, "下": 1}.get((match["which"] or "")[:1], 0)
    weeks *= len(re.findall("[上下]", match["which"] or ""))
    return _of_week(said, _CHINESE_DAYS.index(sign), weeks)


def _of_week(said: date, weekday: int, weeks: int) -> str:
    return (said + timedelta(days=weekday - said.weekday(), weeks=weeks)).isoformat()


def _ago(match: re.Match[str], said: date) -> str:
    text = match["count"].lower()
    vague = {"a": 1, "an": 1, "a couple of": 2}
    count = vague.get(text) or number(text)
    if count is None:  # "a few weeks ago" names no date
        return ""
    words = match.group().lower()
    if not words.startswith("in ") and not words.endswith(("ago", "前", "后")):
        return ""
    sign = 1 if words.startswith("in ") or words.endswith("后") else -1
    return _moved(said, sign * count, _unit(match["unit"]))


def _begin(match: re.Match[str], said: date) -> str:
    which = match["which"].lower()
    step = -1 if which.startswith(("last", "上", "去")) else 1 if which.startswith(("next", "下", "明")) else 0
    return _moved(said, step, _unit(match["unit"]))


def _moved(said: date, count: int, unit: str) -> str:
    if unit == "day":
        return (said + timedelta(days=count)).isoformat()
    if unit == "week":
        monday = said + timedelta(days=-said.weekday(), weeks=count)
        return f"{monday.isoformat()}/{(monday + timedelta(days=6)).isoformat()}"
    if unit == "weekend":
        saturday = said + timedelta(days=5 - said.weekday(), weeks=count)
        return f"{saturday.isoformat()}/{(saturday + timedelta(days=1)).isoformat()}"
    if unit == "month":
        months = said.year * 12 + said.month - 1 + count
        return f"{months // 12:04}-{months % 12 + 1:02}"
    return f"{said.year + count:04}"


def _unit(text: str) -> str:
    plain = text.lower().removesuffix("s").removeprefix("个")
    chinese = {"天": "day", "日": "day", "周": "week", "星期": "week", "礼拜": "week", "周末": "weekend", "月": "month"}
    return chinese.get(plain, "year" if plain == "年" else plain)


def _month_before(match: re.Match[str], said: date) -> str:
    """ "in July", "last July": the latest one that has begun; "next July": the first to come."""
    month = _month(match.groupdict())
    ahead = (match["which"] or "").lower() == "next"
    year = said.year + (month <= said.month) if ahead else said.year - (month > said.month)
    return f"{year:04}-{month:02}"


def _chinese_year_day(match: re.Match[str], said: date) -> str:
    year = said.year + {"去": -1, "前": -2, "今": 0, "明": 1, "后": 2}[match["which"]]
    if not match["month"]:
        return f"{year:04}"
    day = f"-{int(match['dom']):02}" if match["dom"] else ""
    return f"{year:04}-{int(match['month']):02}{day}"


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_DOM = r"(?P<dom>\d{1,2})(?:st|nd|rd|th)?"
_UNIT = r"(?P<unit>day|week|month|year)s?"
_Reader = Callable[[re.Match[str], date], str]
_READERS: tuple[tuple[re.Pattern[str], _Reader], ...] = (
    (_compiled(r"(?<![\d-])(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<dom>\d{1,2})(?!\d)"), _calendar),
    (_compiled(r"(?P<year>\d{4})\s*年\s*(?P<month>\d{1,2})\s*月(?:\s*(?P<dom>\d{1,2})\s*[日号])?"), _calendar),
    (_compiled(r"(?P<which>[今去前明后])年(?:\s*(?P<month>\d{1,2})月(?:(?P<dom>\d{1,2})[日号])?)?"), _chinese_year_day),
    (_compiled(r"(?<!\d)(?P<month>\d{1,2})\s*月\s*(?P<dom>\d{1,2})\s*[日号]"), _calendar),
    (_compiled(r"(?<!\d)(?P<year>(?:19|20)\d\d)\s*年"), _calendar),
    (_compiled(rf"\b(?:the )?{_DOM}\s+(?:of\s+)?{_MONTH}(?:,?\s+(?P<year>\d{{4}}))?"), _calendar),
    (_compiled(rf"\b{_MONTH}\s+(?:the )?{_DOM}\b(?:,?\s+(?P<year>\d{{4}}))?"), _calendar),
    (_compiled(rf"\b{_MONTH},?\s+(?P<year>\d{{4}})\b"), _calendar),
    (_compiled(r"\bthe day (?:before yesterday|after tomorrow)\b|\b(?:today|tonight|yesterday|tomorrow)\b"), _named),
    (
        _compiled(r"\bthis (?:morning|afternoon|evening)\b|\blast night\b|大?[前后]天|[今昨明]天|[今昨明]晚|今早"),
        _named,
    ),
    (_compiled(rf"\b(?P<which>last|next|this|on|this coming)\s+{_WEEKDAY}\b"), _weekday),
    (
        _compiled(r"(?P<which>上上|下下|上个?|下个?|这个?|本)?(?:周|星期|礼拜)(?P<day>[一二三四五六日天])"),
        _chinese_weekday,
    ),
    (_compiled(rf"\b(?:in )?{_COUNT}\s+{_UNIT}(?:\s+ago\b)?"), _ago),
    (_compiled(rf"{_CHINESE_COUNT}\s*(?P<unit>天|周|个?星期|个?礼拜|个?月|年)(?:之|以)?[前后]"), _ago),
    (_compiled(r"\b(?P<which>last|next|this)\s+(?P<unit>weekend|week|month|year)\b"), _begin),
    (_compiled(r"(?P<which>上个?|下个?|这个?|本)(?P<unit>周末|周|星期|礼拜|月)"), _begin),
    (_compiled(rf"\b(?:in|since|last|next|this)\s+(?P<which>)?{_MONTH}(?!\s*\d)"), _month_before),
    (_compiled(r"\b(?:in|since|from|until)\s+(?P<year>(?:19|20)\d\d)\b"), _calendar),
)
