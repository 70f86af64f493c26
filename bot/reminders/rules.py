"""When something repeats: the next time after any moment, in the user's zone, at the same time on their clock.

Days are counted on the local calendar (python-dateutil's rrule), and only then made a moment, so that 08:30 stays 08:30
when the clock changes. Minutes and hours are counted as they pass. A day that a month has not is its last one. Moments
are compared in UTC, because Python compares two times of one zone by what their clocks show.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any, Literal
from zoneinfo import ZoneInfo

from bot.reminders.zones import at_local
from memory.errors import FamiliarError

Unit = Literal["minute", "hour", "day", "week", "month", "year"]
_FREQUENCIES: dict[Unit, str] = {
    "minute": "MINUTELY",
    "hour": "HOURLY",
    "day": "DAILY",
    "week": "WEEKLY",
    "month": "MONTHLY",
    "year": "YEARLY",
}
_PASSING: dict[Unit, timedelta] = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_SHORTEST = 28
"""Days of the shortest month."""
_STAMP = "%Y%m%dT%H%M%S"


@dataclass(frozen=True)
class Repeat:
    """A rule; ``start`` is the first time on the local clock, without offset, from which intervals are counted."""

    unit: Unit
    start: datetime
    interval: int = 1
    weekdays: tuple[int, ...] = ()
    """Monday is 0. Of a week, or with ``nth`` the one of a month."""
    nth: int | None = None
    """Which weekday of the month: 1 is the first, -1 the last."""
    monthday: int | None = None
    """Day of the month; 31 is the last one of a shorter month, -1 the last of any."""
    month: int | None = None
    """Of a year."""


def next_after(rule: Repeat, moment: datetime, *, zone: ZoneInfo) -> datetime | None:
    """The first time of a rule that is later than an aware moment; None where the calendar ends (year 9999)."""
    return next(_times_after(rule, moment, zone), None)


def passed_between(rule: Repeat, first: datetime, last: datetime, *, zone: ZoneInfo) -> tuple[int, datetime | None]:
    """How many times of a rule are later than ``first`` and not later than ``last``, and the last of them."""
    if rule.unit in _PASSING:
        passed = _passed(rule, last, zone)
        count = max(passed - max(_passed(rule, first, zone), 0), 0)
        newest = at_local(rule.start, zone).astimezone(UTC) + (passed - 1) * _step(rule)
        return count, newest.astimezone(zone) if count else None
    found, newest_seen, until = 0, None, last.astimezone(UTC)
    for due in takewhile(lambda due: due <= until, _times_after(rule, first, zone)):
        found, newest_seen = found + 1, due
    return found, newest_seen


def first_after(rule: Repeat, moment: datetime, *, zone: ZoneInfo) -> Repeat | None:
    """The rule, counted from its first time after a moment: "every other Monday" begins with the next Monday."""
    due = next_after(replace(rule, interval=1), moment, zone=zone)
    if due is None:
        return None
    return replace(rule, start=datetime.combine(due.astimezone(zone).date(), rule.start.time()))


def rule_text(rule: Repeat) -> str:
    """The rule as it is stored: DTSTART and RRULE of RFC 5545, which calendars read too."""
    parts = [f"FREQ={_FREQUENCIES[rule.unit]}", f"INTERVAL={rule.interval}"]
    if rule.weekdays:
        nth = rule.nth or ""
        parts.append(f"BYDAY={','.join(f'{nth}{_DAYS[day]}' for day in rule.weekdays)}")
    if rule.month is not None:
        parts.append(f"BYMONTH={rule.month}")
    if rule.monthday is not None:
        parts.append(f"BYMONTHDAY={','.join(map(str, _month_days(rule.monthday)))}")
        parts += ["BYSETPOS=-1"] if rule.monthday > _SHORTEST else []
    return f"DTSTART:{rule.start:{_STAMP}}\nRRULE:{';'.join(parts)}"


def read_rule(text: str) -> Repeat:
    """The rule of a text that `rule_text` wrote.

    :raises FamiliarError: the text is no such rule
    """
    try:
        head, _, tail = text.partition("\nRRULE:")
        parts = dict(part.split("=", 1) for part in tail.split(";"))
        units = {name: unit for unit, name in _FREQUENCIES.items()}
        days = [part for part in parts.get("BYDAY", "").split(",") if part]
        nths = {int(day[:-2]) for day in days if day[:-2]}
        month_days = [int(day) for day in parts.get("BYMONTHDAY", "").split(",") if day]
        month, interval = int(parts.get("BYMONTH", 1)), int(parts["INTERVAL"])
        if interval < 1 or not 1 <= month <= 12 or any(not 1 <= abs(day) <= 31 for day in month_days):
            raise ValueError("out of range")
        return Repeat(
            units[parts["FREQ"]],
            datetime.strptime(head.removeprefix("DTSTART:"), _STAMP),
            interval,
            tuple(_DAYS.index(day[-2:]) for day in days),
            nths.pop() if nths else None,
            max(month_days) if month_days else None,
            month if "BYMONTH" in parts else None,
        )
    except (KeyError, ValueError) as exc:
        raise FamiliarError(f"the rule {text!r} of a reminder can't be read; cancel it and make it again") from exc


def snoozed(now: datetime, *, minutes: int) -> datetime:
    """The moment, in UTC, to which a reminder is put off, counted from now.

    :raises FamiliarError: it is not ahead, or beyond the calendar
    """
    if minutes < 1:
        raise FamiliarError(f"a reminder can't be put off by {minutes} minutes; write a whole number from 1")
    try:
        return now.astimezone(UTC).replace(microsecond=0) + timedelta(minutes=minutes)
    except OverflowError as exc:
        raise FamiliarError(f"a reminder can't be put off by {minutes} minutes: the calendar ends before") from exc


def _month_days(day: int) -> list[int]:
    """The days of which the last that a month has is meant."""
    return [day] if day <= _SHORTEST else list(range(_SHORTEST, day + 1))


def _times_after(rule: Repeat, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    if rule.unit in _PASSING:
        yield from _passing_after(rule, moment, zone)
        return
    moment, wall = moment.astimezone(UTC), moment.astimezone(zone).replace(tzinfo=None)
    # from one day earlier: a time that the clock left out comes later than it says
    for found in _rrule(rule).xafter(wall - timedelta(days=1), inc=True):
        due = at_local(found, zone)
        if due > moment:
            yield due


def _passing_after(rule: Repeat, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Times of a rule of minutes or hours, which pass alike whatever the clock does."""
    due = at_local(rule.start, zone).astimezone(UTC)
    with contextlib.suppress(OverflowError):
        due += max(_passed(rule, moment, zone), 0) * _step(rule)
        while True:
            yield due.astimezone(zone)
            due += _step(rule)


def _passed(rule: Repeat, moment: datetime, zone: ZoneInfo) -> int:
    """How many times of a rule of minutes or hours are not later than a moment; below 1 for none."""
    return (moment.astimezone(UTC) - at_local(rule.start, zone).astimezone(UTC)) // _step(rule) + 1


def _step(rule: Repeat) -> timedelta:
    return _PASSING[rule.unit] * rule.interval


def _rrule(rule: Repeat) -> Any:
    from dateutil import rrule

    names = [getattr(rrule, _DAYS[day]) for day in rule.weekdays]
    return rrule.rrule(
        getattr(rrule, _FREQUENCIES[rule.unit]),
        dtstart=rule.start,
        interval=rule.interval,
        byweekday=[name(rule.nth) if rule.nth else name for name in names] or None,
        bymonth=rule.month,
        bymonthday=_month_days(rule.monthday) if rule.monthday is not None else None,
        bysetpos=-1 if rule.monthday is not None and rule.monthday > _SHORTEST else None,
    )
