"""What words say of a time, before it is a moment: each may leave open what others beside it say.

"Tomorrow" names a day, "at 9" an hour, "every weekday" a repetition; side by side they are one time. Both languages
are read into the same record, so that what a time means is decided in one place (bot.reminders.resolving).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from bot.numerals import numbers_of
from bot.reminders.rules import Unit

DayPart = Literal["dawn", "morning", "noon", "afternoon", "evening", "night", "midnight"]


@dataclass(frozen=True)
class Clock:
    """An hour and minute as they were said."""

    hour: int
    minute: int = 0
    exact: bool = False
    """Of 24 hours: "18:00", "08:30", "3 pm" - not "at 9"."""


@dataclass(frozen=True)
class Named:
    """What some words say of a time; None is what they leave open."""

    clock: Clock | None = None
    part: DayPart | None = None
    elapsed: timedelta | None = None
    """Minutes and hours from now."""
    ahead: tuple[Unit, int] | None = None
    """Days, weeks, months or years from today."""
    days: int | None = None
    """0 is today, 1 tomorrow."""
    weekday: int | None = None
    """Monday is 0."""
    weeks: int | None = None
    """0 is this week, 1 the next one."""
    months: int | None = None
    """0 is this month, 1 the next one."""
    monthday: int | None = None
    """-1 is the last one."""
    month: int | None = None
    year: int | None = None
    unit: Unit | None = None
    """It repeats each of these."""
    interval: int | None = None
    weekdays: tuple[int, ...] | None = None
    nth: int | None = None
    """Which of the month's weekdays."""

    @property
    def has_time(self) -> bool:
        """It says when within a day."""
        return self.clock is not None or self.part is not None or self.elapsed is not None

    @property
    def has_day(self) -> bool:
        """It says something besides when within a day."""
        return dataclasses.replace(self, clock=None, part=None) != Named()


Reader = Callable[["re.Match[str]"], Named | None]
Form = tuple["re.Pattern[str]", Reader]


@dataclass(frozen=True)
class Piece:
    """Words of a text that name something of a time."""

    start: int
    end: int
    said: Named
    loose: bool = False
    """Only a part of a day ("morning"), which may belong to what is to be said: morning coffee."""


def together(first: Named, second: Named) -> Named | None:
    """What both say; None where they contradict each other, so that they are two times."""
    kinds = _kinds(first) | _kinds(second)
    if first.unit is None and second.unit is None and len(kinds) > 1 and kinds != {"date", "week"}:
        return first if first == second else None
    values: dict[str, Any] = {}
    for item in dataclasses.fields(Named):
        one, other = getattr(first, item.name), getattr(second, item.name)
        if one is not None and other is not None and one != other:
            return None
        values[item.name] = other if one is None else one
    return Named(**values)


def _kinds(said: Named) -> set[str]:
    """The ways in which a day is named: two of them are two days, but for "Friday, 6 March"."""
    kinds = {
        "elapsed": said.elapsed is not None,
        "days": said.days is not None,
        "week": said.weekday is not None or said.weeks is not None,
        "date": said.month is not None or said.monthday is not None or said.months is not None,
        "ahead": said.ahead is not None and said.month is None,
    }
    return {kind for kind, named in kinds.items() if named}


def pieces_of(text: str, forms: Sequence[Form]) -> list[Piece]:
    """All that a lower-case text names, in its order; earlier forms take their words before later ones."""
    found: list[Piece] = []
    for pattern, read in forms:
        for match in pattern.finditer(text):
            said = read(match)
            if said is not None:
                loose = said.part is not None and said == Named(part=said.part) and " " not in match.group()
                found.append(Piece(*match.span(), said, loose))
                text = text[: match.start()] + "\0" * len(match.group()) + text[match.end() :]
    return sorted(found, key=lambda piece: piece.start)


def number(text: str) -> float:
    """A number in digits or words of either language.

    :raises ValueError: the text is none
    """
    found = numbers_of(text)
    if len(found) != 1:
        raise ValueError(f"{text!r} is no number")
    return float(found.pop())


def clock(hour: float, minute: float = 0, *, exact: bool = False) -> Clock | None:
    """A time of day; None where no clock shows it."""
    if not (0 <= hour <= 24 and 0 <= minute <= 59) or (hour == 24 and minute):
        return None
    return Clock(int(hour), int(minute), exact or hour > 12 or hour == 0)


def passing(amounts: Sequence[tuple[float, Unit | Literal["second"]]]) -> Named | None:
    """So much from now: minutes and hours as they pass, days and longer on the calendar; None for a mixture."""
    seconds = {"second": 1, "minute": 60, "hour": 3600}
    try:
        if all(unit in seconds for _, unit in amounts):
            return Named(elapsed=timedelta(seconds=sum(count * seconds[unit] for count, unit in amounts)))
    except OverflowError:
        return None
    ((count, unit), *rest) = amounts
    if rest or unit == "second" or count != int(count):
        return None
    return Named(ahead=(unit, int(count)))
