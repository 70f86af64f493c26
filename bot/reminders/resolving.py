"""What was named becomes a moment: what is left open is filled by rules that can be said in a sentence each.

- An hour without am or pm: 1 to 6 mean the afternoon, 7 to 11 the morning, 12 noon. Where that has passed today and
  no other day is named, 7 to 11 mean this evening if it is noon or later and that is still to come; else tomorrow.
- Of a clock of 24 hours is what says so: am, pm, 13 to 24, a zero in front ("08:30"). Midnight ends the day it is named
  with, and hours of a night after it belong to that night.
- A day without a time means 09:00; a part of a day is morning 09:00, noon 12:00, afternoon 15:00, evening 18:00,
  night 20:00. Today without a time is asked back where 09:00 has passed.
- Friday is the next one, today if its time is still to come; this Friday is this week's and next Friday next week's,
  where weeks begin on Monday. Next week is its Monday, next month its first. A date without a year is the next one.
- A repetition without a time is at 09:00; one without a day ("every week", "every three days") is counted from today,
  one with a day ("every other Monday") from the first such day. A day beside it, of no use else, is where it begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.reminders.named import Clock, DayPart, Named
from bot.reminders.rules import Repeat, Unit, first_after, next_after
from bot.reminders.zones import at_local

_TIMES: dict[DayPart, Clock] = {
    "dawn": Clock(6, 0, True),
    "morning": Clock(9, 0, True),
    "noon": Clock(12, 0, True),
    "afternoon": Clock(15, 0, True),
    "evening": Clock(18, 0, True),
    "night": Clock(20, 0, True),
    "midnight": Clock(24, 0, True),
}
_WITHOUT_TIME = Clock(9, 0, True)
_FIRST_MORNING_HOUR, _NOON = 7, 12
_LAST_OF_NIGHT = 5
_YEARS_TO_LEAP = 8
_LONGEST = 999
"""Of whatever unit: no longer interval is meant."""


@dataclass(frozen=True)
class When:
    """A moment in the user's zone, and what repeats from then on."""

    due: datetime
    rule: Repeat | None = None


class Unclear(Exception):
    """The words name no one moment."""


class Past(Exception):
    """The words name a moment that is over."""


def resolve(said: Named, *, now: datetime, zone: ZoneInfo) -> When:
    """The first moment after ``now`` that is meant.

    :raises Unclear: there is none to be read
    :raises Past: it is over
    """
    now = now.astimezone(zone)
    try:
        if said.unit is not None:
            return _repeating(said, now, zone)
        if said.elapsed is not None:
            return When((now.astimezone(UTC) + said.elapsed).replace(microsecond=0).astimezone(zone))
        return When(_once(said, now, zone))
    except (ValueError, OverflowError) as exc:  # no such day, or beyond the calendar
        raise Unclear from exc


def _once(said: Named, now: datetime, zone: ZoneInfo) -> datetime:
    moment = now.astimezone(UTC)  # Python compares two times of one zone by what their clocks show
    if not said.has_day:
        days = [now.date() + timedelta(days=days) for days in (-1, 0, 1)]
        return next(due for day in days for due in _on(day, said, zone, evening=_evening(day, now)) if due > moment)
    for day in _named_days(said, now.date()):
        for due in _on(day, said, zone, evening=said.days == 0):
            if due > moment:
                return due
        if day == now.date() and not said.has_time:
            raise Unclear
    raise Past


def _evening(day: date, now: datetime) -> bool:
    return day == now.date() and now.hour >= _NOON


def _on(day: date, said: Named, zone: ZoneInfo, *, evening: bool) -> list[datetime]:
    """The moments of a day that are meant, the likelier first."""
    hour, minute = _hour(said), _clock(said).minute
    found = [_at(day, hour, minute, zone)]
    loose = not _clock(said).exact and said.part is None and _FIRST_MORNING_HOUR <= hour < _NOON
    return [*found, _at(day, hour + 12, minute, zone)] if evening and loose else found


def _at(day: date, hour: int, minute: int, zone: ZoneInfo) -> datetime:
    wall = datetime.combine(day, time(hour % 24, minute)) + timedelta(days=hour // 24)
    return at_local(wall, zone)


def _clock(said: Named) -> Clock:
    return said.clock or (_TIMES[said.part] if said.part else _WITHOUT_TIME)


def _hour(said: Named) -> int:
    """The hour of 24; from 24 on it is of the night after that day."""
    clock, part = _clock(said), said.part
    hour = clock.hour
    if said.clock is not None and part in ("night", "midnight") and (hour <= _LAST_OF_NIGHT or hour == _NOON):
        return hour % 12 + 24
    if clock.exact or part == "dawn" or (part == "morning" and hour < _NOON):
        return hour % 12 if part == "dawn" else hour
    if part == "morning":
        return 0
    if part in ("noon", "afternoon", "evening", "night", "midnight"):
        return hour if hour == _NOON or (part == "noon" and hour > 9) else hour % 12 + 12
    return hour + 12 if hour < _FIRST_MORNING_HOUR else hour


def _named_days(said: Named, today: date) -> Iterator[date]:
    """The days that can be meant, earliest first."""
    if said.days is not None:
        yield today + timedelta(days=said.days)
    elif said.month is not None:
        yield from _dates(said, today)
    elif said.ahead is not None:
        yield _ahead(today, *said.ahead)
    elif said.monthday is not None or said.months is not None:
        yield from _days_of_month(said, today)
    elif said.weeks is not None:
        monday = today - timedelta(days=today.weekday()) + timedelta(weeks=said.weeks)
        yield monday + timedelta(days=said.weekday or 0)
    elif said.weekday is not None:
        first = today + timedelta(days=(said.weekday - today.weekday()) % 7)
        yield from (first, first + timedelta(weeks=1))
    else:
        raise Unclear


def _ahead(today: date, unit: Unit, count: int) -> date:
    if unit in ("day", "week"):
        return today + timedelta(days=count * (7 if unit == "week" else 1))
    months = today.year * 12 + today.month - 1 + count * (12 if unit == "year" else 1)
    return _month_day(months // 12, months % 12 + 1, today.day)


def _month_day(year: int, month: int, day: int) -> date:
    """That day of a month, or its last one where it has no such day; -1 is the last."""
    last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month, last if day == -1 else min(day, last))


def _dates(said: Named, today: date) -> Iterator[date]:
    year, day = said.year, said.monthday or 1
    if said.ahead is not None:
        year = today.year + said.ahead[1]
    if year is not None:
        yield date(year, said.month or 1, day)
        return
    date(2024, said.month or 1, day)  # refuses what no year has
    for year in range(today.year, today.year + _YEARS_TO_LEAP + 1):
        try:
            found = date(year, said.month or 1, day)
        except ValueError:
            continue  # 29 February
        if found >= today:
            yield found


def _days_of_month(said: Named, today: date) -> Iterator[date]:
    day = said.monthday or 1
    if day > 31 or day == 0:
        raise Unclear
    if said.months is not None:
        first = _ahead(today.replace(day=1), "month", said.months)
        yield first if day == 1 else _month_day(first.year, first.month, -1) if day == -1 else first.replace(day=day)
        return
    for months in range(3):
        first = _ahead(today.replace(day=1), "month", months)
        found = _month_day(first.year, first.month, day)
        if found >= today and day in (-1, found.day):
            yield found


def _repeating(said: Named, now: datetime, zone: ZoneInfo) -> When:
    unit, interval = said.unit or "day", said.interval or 1
    if not 1 <= interval <= _LONGEST:
        raise Unclear
    if unit in ("minute", "hour"):
        return _passing(unit, interval, now, zone)
    weekdays, beginning = _anchors(said, unit)
    start = datetime.combine(now.date(), time(_hour(said) % 24, _clock(said).minute))
    rule = Repeat(unit, start, interval, weekdays, said.nth)
    if unit in ("month", "year") and not weekdays:
        rule = _with_month_day(rule, said)
    after = now.astimezone(UTC)
    if beginning is not None:
        first = max(next(iter(_named_days(beginning, now.date()))), now.date())
        midnight = at_local(datetime.combine(first, time()), zone).astimezone(UTC)
        after = max(after, midnight - timedelta(microseconds=1))
        rule = replace(rule, start=datetime.combine(first, start.time()))
    anchored = bool(weekdays) or said.monthday is not None or beginning is not None
    counted = first_after(rule, after, zone=zone) if anchored else rule
    due = next_after(counted, after, zone=zone) if counted is not None else None
    if due is None:
        raise Unclear
    return When(due, counted)


def _with_month_day(rule: Repeat, said: Named) -> Repeat:
    """A rule of months or years with the day that is named, else today's.

    :raises ValueError: no such month has such a day
    """
    day = said.monthday or rule.start.day
    month = (said.month or rule.start.month) if rule.unit == "year" else None
    longest = _month_day(2024, month, -1).day if month else 31
    if not (day == -1 or 1 <= day <= longest):
        raise ValueError(day)
    return replace(rule, monthday=day, month=month)


def _anchors(said: Named, unit: Unit) -> tuple[tuple[int, ...], Named | None]:
    """The weekdays of a rule, and a day that is named beside it, from which it begins."""
    beside = replace(said, clock=None, part=None, unit=None, interval=None, nth=None, weekdays=None)
    weekdays = said.weekdays or ()
    if unit == "week" and said.weekday is not None and not weekdays:
        weekdays, beside = (said.weekday,), replace(beside, weekday=None)
    if unit in ("month", "year"):
        if said.weekday is not None:
            raise Unclear
        beside = replace(beside, monthday=None, month=None, year=None)
    return weekdays, beside if beside != Named() else None


def _passing(unit: Unit, interval: int, now: datetime, zone: ZoneInfo) -> When:
    """Every so many minutes or hours, from now."""
    step = timedelta(**{f"{unit}s": interval})
    due = (now.astimezone(UTC) + step).replace(microsecond=0).astimezone(zone)
    return When(due, Repeat(unit, due.replace(tzinfo=None), interval))
