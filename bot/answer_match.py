"""Whether a reply holds an expected answer, whatever the words around it and the writing of its dates and numbers.

The rule. An expected answer is taken apart into the dates that it names, its other numbers, and its other content
words (case, accents, plural and endings aside, stop words left out). A reply holds it when it holds every date and at
least LEAST of all parts. A date is held by the same date in any writing; a month or year also by a day in it, a day
also where the reply leaves out the year. "The week before 9 June 2023" may be held as it stands or by a day of that
week. A number is held by its value ("12", "twelve", 十二). Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from bot.numerals import numbers_of
from memory.days import MONTH_NAME, Day, day_places, month_number
from memory.facts.dates import find_dates
from memory.words import STOP_WORDS, raw_words, split_words, stem

LEAST = 0.6
"""Share of an answer's parts: of a list of five things three are enough."""

_LONE_MONTH = re.compile(rf"\b(?:{MONTH_NAME})\b", re.IGNORECASE)
_LONE_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_COUNTED = re.compile(
    r"(?:the\s+)?(?P<what>(?:(?:a|an|one|two|three|four|five|six|\d)\s+)?"
    r"(?:day|week|weekend|month|year|monday|tuesday|wednesday|thursday|friday|saturday|sunday))s?\s+"
    r"(?P<side>before|after)\s+(?:the\s+)?$",
    re.IGNORECASE,
)
_UNIT = re.compile(r"[\u3400-\u9fff]")  # "70岁" and "七十岁" are cut into pairs differently
_FILLERS = frozenset("since approximately approx around likely probably exactly etc".split())  # noqa: SIM905


@dataclass(frozen=True)
class Parts:
    """What an answer consists of."""

    days: tuple[Day | tuple[str, str], ...]
    """Dates, or the first and last day (ISO 8601) of a span any day of which will do."""
    numbers: frozenset[str]
    words: frozenset[str]


def holds_answer(reply: str, expected: str) -> bool:
    """Whether a reply holds an expected answer; nothing holds an empty one."""
    return any(_holds(reply, parts) for parts in readings(expected))


def readings(expected: str) -> list[Parts]:
    """The answer as it stands and, where a date in it is counted from ("the week before ..."), what that means."""
    found = [parts_of(expected)]
    for start, end, day in day_places(expected):
        counted = _COUNTED.search(expected[:start])
        span = _span(counted, day) if counted and day.year and day.day else None
        if counted and span:
            rest = parts_of(f"{expected[: counted.start()]} {expected[end:]}")
            found.append(Parts((*rest.days, span), rest.numbers, rest.words))
    return found


def _span(counted: re.Match[str], day: Day) -> tuple[str, str] | None:
    """The days that "two weeks before" a day, or "the Sunday after" it, may mean."""
    before = counted["side"].lower() == "before"
    what = counted["what"].lower()
    number, _, unit = what.rpartition(" ")
    if number or unit == "day":
        phrase = f"{number or 'one'} {unit}s ago" if before else f"in {number or 'one'} {unit}s"
    else:
        phrase = f"{'last' if before else 'next'} {unit}"
    said = date(day.year or 1, day.month, day.day or 1)
    found = find_dates(phrase, said=said)
    if not found:
        return None
    first, _, last = found[0].value.partition("/")
    return first, last or first


def parts_of(text: str) -> Parts:
    """Dates, numbers and words of an answer."""
    days: list[Day] = []
    for start, end, day in reversed(day_places(text)):
        days.insert(0, day)
        text = f"{text[:start]} {text[end:]}"
    for match in reversed(list(_LONE_MONTH.finditer(text))):
        if match.group()[0].isupper():  # "may" and "march" are verbs too
            days.insert(0, Day(month_number(match.group())))
            text = f"{text[: match.start()]} {text[match.end() :]}"
    numbers = numbers_of(_counted_times(text), ones=False)
    words = [word for word in raw_words(_counted_times(text)) if not numbers_of(word)]
    content = [word for word in words if word not in STOP_WORDS and word not in _FILLERS and not _UNIT.fullmatch(word)]
    none = not content and not numbers and not days
    return Parts(tuple(days), frozenset(numbers), frozenset(stem(word) for word in (words if none else content)))


def _holds(reply: str, parts: Parts) -> bool:
    said, rest = [day for _, _, day in day_places(reply)], _without_days(reply)
    said += [Day(month_number(match.group())) for match in _LONE_MONTH.finditer(rest) if match.group()[0].isupper()]
    if not all(_held(day, said) for day in parts.days):
        return False
    numbers = numbers_of(_counted_times(rest)) | set(_LONE_YEAR.findall(reply))
    held = len(parts.days) + len(parts.numbers & numbers) + len(parts.words & set(split_words(_counted_times(reply))))
    count = len(parts.days) + len(parts.numbers) + len(parts.words)
    return bool(count) and held / count >= LEAST


def _held(wanted: Day | tuple[str, str], said: list[Day]) -> bool:
    if isinstance(wanted, tuple):
        return any(_iso(day) and wanted[0][: len(_iso(day))] <= _iso(day) <= wanted[1] for day in said if day.day)
    return any(
        day.month == wanted.month
        and (wanted.day is None or day.day == wanted.day)
        and (wanted.year is None or day.year is None or day.year == wanted.year)
        for day in said
    )


def _iso(day: Day) -> str:
    return f"{day.year:04}-{day.month:02}-{day.day:02}" if day.year and day.day else ""


def _counted_times(text: str) -> str:
    """ "twice" as "two times"."""
    return re.sub(r"\btwice\b", "two times", text, flags=re.IGNORECASE)


def _without_days(text: str) -> str:
    for start, end, _ in reversed(day_places(text)):
        text = f"{text[:start]} {text[end:]}"
    return text
