"""A rule by which an event recurs (RFC 5545) in words, and the dates that it gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

_UNITS = {"YEARLY": "year", "MONTHLY": "month", "WEEKLY": "week", "DAILY": "day", "HOURLY": "hour"}
_UNITS |= {"MINUTELY": "minute", "SECONDLY": "second"}
_DAYS = {"MO": "Monday", "TU": "Tuesday", "WE": "Wednesday", "TH": "Thursday", "FR": "Friday", "SA": "Saturday"}
_DAYS |= {"SU": "Sunday"}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_WORKDAYS = {"MO", "TU", "WE", "TH", "FR"}
_DATED = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY")
"""Frequencies whose dates are listed; of others a day has more than anyone reads."""


def in_words(rule: Mapping[str, Sequence[Any]]) -> str:
    """The rule as a person says it: ``every 2 weeks on Tuesday and Thursday, until 2024-12-31``.

    :param rule: by part (FREQ, BYDAY, ...) its values
    """
    unit = _UNITS.get(_first(rule, "FREQ", "").upper(), "time it says")
    interval = _first(rule, "INTERVAL", "1")
    words = f"every {interval} {unit}s" if interval not in ("1", "") else f"every {unit}"
    days = [str(day).upper() for day in rule.get("BYDAY", ())]
    which = [_ordinal(place) for place in map(str, rule.get("BYSETPOS", ()))]
    if days and set(days) == _WORKDAYS:
        words += f" on the {_joined(which)} working day" if which else " on working days"
    elif days:
        words += f" on {f'the {_joined(which)} ' if which else ''}{_joined(map(_day, days))}"
    if months := [_month(month) for month in map(str, rule.get("BYMONTH", ()))]:
        words += f" in {_joined(months)}"
    if dates := [_ordinal(day) for day in map(str, rule.get("BYMONTHDAY", ()))]:
        words += f" on the {_joined(dates)} day of the month"
    if "UNTIL" in rule:
        until = rule["UNTIL"][0]
        words += f", until {until.date() if isinstance(until, datetime) else until}"
    return f"{words}, {count} times" if (count := _first(rule, "COUNT", "")) else words


def _first(rule: Mapping[str, Sequence[Any]], part: str, default: str) -> str:
    values = rule.get(part) or [default]
    return str(values[0])


def _day(code: str) -> str:
    name = _DAYS.get(code[-2:], code)
    return f"the {_ordinal(code[:-2])} {name}" if code[:-2] else name


def _ordinal(number: str) -> str:
    if number == "-1":
        return "last"
    digits = number.lstrip("+-")
    teens = digits[-2:] in ("11", "12", "13")
    ending = "th" if teens else {"1": "st", "2": "nd", "3": "rd"}.get(digits[-1:], "th")
    return f"{digits}{ending} last" if number.startswith("-") else f"{digits}{ending}"


def _month(number: str) -> str:
    return _MONTHS[int(number) - 1] if number.isdigit() and 1 <= int(number) <= 12 else number


def _joined(parts: Iterable[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def next_dates(
    rule: Mapping[str, Sequence[Any]], start: date, *, after: date, without: frozenset[date], most: int = 3
) -> list[date]:
    """The first dates on or after a day, days left out taken away; none of a rule that names no days or is broken.

    :param start: the first occurrence, a day or a moment in the event's own time zone
    :param without: days on which it doesn't take place
    """
    if _first(rule, "FREQ", "").upper() not in _DATED:
        return []
    from itertools import islice

    from dateutil.rrule import rrulestr

    first = datetime.combine(start, time()) if not isinstance(start, datetime) else start.replace(tzinfo=None)
    try:
        found = rrulestr(";".join(_parts(rule)), dtstart=first)
        days: Iterator[date] = (moment.date() for moment in found.xafter(datetime.combine(after, time()), inc=True))
        return list(islice((day for day in days if day not in without), most))
    except (ValueError, TypeError, LookupError, OverflowError):
        return []


def _parts(rule: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    for part, values in rule.items():
        texts = [value.strftime("%Y%m%dT235959") if isinstance(value, date) else str(value) for value in values]
        yield f"{part}={','.join(texts)}"
