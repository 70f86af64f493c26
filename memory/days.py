"""Calendar days that a text names, in English and Chinese, whatever the form in which they are written.

The same day is one word of the index however it was written, so that a birthday asked for as "January 2" is found in
"1月2号" and in a table of ISO dates. A date that leaves out its year stands for that day of any year.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from memory.normal import searchable

_DIGIT = re.compile(r"\d")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH_NAME = (
    r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?"
)
"""Alternatives of a pattern that ignores case: English months, whole or cut short."""
_MONTH = rf"({MONTH_NAME})\.?"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_DATE_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\b"), "ymd"),
    (re.compile(r"(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*[日号]"), "ymd"),
    (re.compile(r"(?<!\d)(\d{1,2})\s*月\s*(\d{1,2})\s*[日号]"), "md"),
    (re.compile(r"(\d{4})\s*年\s*(\d{1,2})\s*月"), "ym"),
    (re.compile(rf"\b{_DAY}\s+(?:of\s+)?{_MONTH},?\s+(\d{{4}})\b", re.IGNORECASE), "dmy"),
    (re.compile(rf"\b{_MONTH}\s+{_DAY},?\s+(\d{{4}})\b", re.IGNORECASE), "mdy"),
    (re.compile(rf"\b{_MONTH},?\s+(\d{{4}})\b", re.IGNORECASE), "my"),
    (re.compile(rf"\b{_DAY}\s+(?:of\s+)?{_MONTH}\b", re.IGNORECASE), "dm"),
    (re.compile(rf"\b{_MONTH}\s+{_DAY}\b", re.IGNORECASE), "md"),
    (re.compile(rf"\b(?:in|of|since|during|last|this)\s+{_MONTH}(?!\w)", re.IGNORECASE), "m"),
    (re.compile(r"(?<!\d)(\d{1,2})\s*月(?!\d)"), "m"),
)


@dataclass(frozen=True)
class Day:
    """A date that a question names, as far as it names it."""

    month: int
    day: int | None = None
    year: int | None = None


def named_days(text: str) -> tuple[Day, ...]:
    """Dates and months that a text names, in English or Chinese."""
    return tuple(day for _, _, day in day_places(text))


def day_places(text: str) -> tuple[tuple[int, int, Day], ...]:
    """The same with where each stands: its first character, and the one after its last."""
    found: dict[int, tuple[int, int, Day]] = {}
    for pattern, form in _DATE_FORMS:
        for match in pattern.finditer(text):
            values = dict(zip(form, match.groups(), strict=True))
            day = _day(values)
            if day is not None:
                found[match.start()] = (match.start(), match.end(), day)
            text = text[: match.start()] + " " * len(match.group()) + text[match.end() :]
    return tuple(found[start] for start in sorted(found))


def month_number(name: str) -> int:
    """The number (1..12) of a month by its English name, of which the first three letters count."""
    return _MONTHS.index(name[:3].lower()) + 1


def day_words(text: str) -> list[str]:
    """One word for each day with a month that a text names, the same for all ways of writing it.

    >>> day_words("born on 2 January") == day_words("生日是01月02日") == ["day0102"]
    True
    """
    if not _DIGIT.search(text):
        return []
    return [f"day{day.month:02}{day.day:02}" for day in named_days(searchable(text)) if day.day is not None]


def _day(values: dict[str, str]) -> Day | None:
    month_text = values["m"]
    month = int(month_text) if month_text.isdigit() else month_number(month_text)
    day = int(values["d"]) if "d" in values else None
    if not 1 <= month <= 12 or (day is not None and not 1 <= day <= 31):
        return None
    return Day(month, day, int(values["y"]) if "y" in values else None)
