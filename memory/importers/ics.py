"""Calendars (ICS): a block an event, task or journal entry, in words that a question can meet.

Times are given in the zone that the event was made in, or in the calendar's own where they are stored in UTC. A
recurring event says its rule and its next dates as of the day of the import. One bad event costs itself.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from memory.errors import first_line
from memory.importers.alarm import limited
from memory.importers.cleaning import clean, one_line
from memory.importers.content_lines import components, unfolded
from memory.importers.html import read_html
from memory.importers.problems import first_few
from memory.importers.records import Block, ConversionError, ExtractedDocument
from memory.importers.recurrence import in_words, next_dates

_KINDS = ("VEVENT", "VTODO", "VJOURNAL")
_DATES_SECONDS = 5.0
"""For the next dates of all events together: a rule may be made to give none for centuries."""
_MOST_ALONE = 5000
"""Entries that are read one by one where the whole can't be; a file made to need it for more is made to take time."""
_MARKUP = re.compile(r"<(br|p|a|b|div|span|ul|li|html)\b[^>]*>", re.IGNORECASE)
_ANSWERS = {"ACCEPTED": "coming", "DECLINED": "declined", "TENTATIVE": "perhaps"}
_STATES = {"CANCELLED": "cancelled", "TENTATIVE": "not certain", "COMPLETED": "done", "IN-PROCESS": "begun"}


def read_ics(text: str, *, name: str, title: str) -> ExtractedDocument:
    """One block an entry, its summary as section.

    :raises ConversionError: it holds no entry that can be read
    """
    lines = list(unfolded(clean(text)))
    calendars, problems = _parsed(lines)
    reader = _Reader(_zone(calendars))
    entries = [entry for calendar in calendars for entry in calendar.walk() if entry.name in _KINDS]
    reader.note_changes(entries)
    blocks = []
    for entry in entries:
        try:
            blocks.append(reader.block(entry))
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as exc:
            problems.append(f"an entry could not be read: {first_line(exc)}"[:200])
    if not blocks:
        raise ConversionError("; ".join((f"{name} holds no event", *first_few(problems))))
    named = next((clean(str(found)) for each in calendars if (found := each.get("X-WR-CALNAME"))), "")
    return ExtractedDocument(named.strip() or title, "calendar", tuple(blocks), warnings=first_few(problems))


def _parsed(lines: list[str]) -> tuple[list[Any], list[str]]:
    """Calendars as icalendar reads them; where it refuses the whole, one for each entry that it takes."""
    from icalendar import Calendar

    single = list(components(lines, *_KINDS))
    try:
        calendars = list(Calendar.from_ical("\r\n".join(lines) + "\r\n", multiple=True))
        if sum(entry.name in _KINDS for calendar in calendars for entry in calendar.walk()) >= len(single):
            return calendars, []
    except _REFUSALS:
        pass  # read below, an entry at a time
    head = [line for line in lines if line.upper().startswith(("X-WR-CALNAME:", "X-WR-TIMEZONE:"))]
    head += [line for zone in components(lines, "VTIMEZONE") for line in zone]
    calendars, problems = [], []
    for entry in single[:_MOST_ALONE]:
        closed = [] if entry[-1].strip().upper().startswith("END:") else [f"END:{entry[0].strip()[6:]}"]
        try:
            whole = ["BEGIN:VCALENDAR", *head, *entry, *closed, "END:VCALENDAR"]
            calendars.append(Calendar.from_ical("\r\n".join(whole) + "\r\n"))
        except _REFUSALS as exc:
            problems.append(f"an entry could not be read: {first_line(exc)}"[:200])
    if len(single) > _MOST_ALONE:
        problems.append(f"it is damaged; only the first {_MOST_ALONE} of its {len(single)} entries were read")
    return calendars, problems


_REFUSALS = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError, AssertionError)
"""What icalendar raises for lines that are no calendar's."""


def _zone(calendars: list[Any]) -> tzinfo | None:
    """The zone that the calendar is shown in, where it says one that is known."""
    from zoneinfo import ZoneInfo

    for calendar in calendars:
        if found := calendar.get("X-WR-TIMEZONE"):
            try:
                return ZoneInfo(str(found))
            except (ValueError, OSError, LookupError):
                return None
    return None


@dataclass
class _Reader:
    """Writes entries as text."""

    zone: tzinfo | None
    today: date = field(default_factory=lambda: datetime.now(UTC).date())
    deadline: float = field(default_factory=lambda: time.monotonic() + _DATES_SECONDS)
    moved: dict[str, set[date]] = field(default_factory=dict)
    """By an event's id, the days of occurrences that were changed one by one."""

    def note_changes(self, entries: list[Any]) -> None:
        """Remember which occurrences have an entry of their own."""
        for entry in entries:
            day = _day(self._moment(entry, "RECURRENCE-ID"))
            if day is not None:
                self.moved.setdefault(str(entry.get("UID")), set()).add(day)

    def block(self, entry: Any) -> Block:
        """An entry as lines: what and when, how it recurs, where, with whom, and its notes."""
        summary = _line(entry.get("SUMMARY")) or {"VTODO": "Task", "VJOURNAL": "Journal"}.get(entry.name, "Event")
        lines = [": ".join(filter(None, (summary, self._when(entry))))]
        lines += self._recurrence(entry)
        original = self._moment(entry, "RECURRENCE-ID")
        lines += [f"Instead of: {self._written(original)}"] if original is not None else []
        lines += _facts(entry)
        lines += [f"With: {people}"] if (people := _people(entry)) else []
        if notes := _notes(entry.get("DESCRIPTION")):
            lines.append(notes)
        return Block("\n".join(lines), section=summary)

    def _when(self, entry: Any) -> str:
        start, end = self._moment(entry, "DTSTART"), self._moment(entry, "DTEND")
        length = entry.decoded("DURATION") if "DURATION" in entry and end is None else None
        if isinstance(length, timedelta) and start is not None:
            end = start + length
        parts = [self._written(start)] if start is not None else []
        if start is not None and end is not None and type(end) is type(start):
            parts += [f"to {text}"] if (text := self._end(start, end)) else []
        if isinstance(start, datetime) and (zone := _zone_name(start)):
            parts.append(f"({zone})")
        due, done = self._moment(entry, "DUE"), self._moment(entry, "COMPLETED")
        parts += [f"due {self._written(due)}"] if due is not None else []
        parts += [f"done {self._written(done)}"] if done is not None else []
        return " ".join(parts)

    def _end(self, start: date, end: date) -> str:
        if not isinstance(end, datetime):
            last = end - timedelta(days=1)  # the end of whole days is the day after the last
            return last.isoformat() if last > start else ""
        if end <= start:
            return ""
        same_day = isinstance(start, datetime) and start.date() == end.date()
        return end.strftime("%H:%M") if same_day else self._written(end)

    def _moment(self, entry: Any, name: str) -> date | None:
        """A day or a moment, in the calendar's zone where it is stored in UTC."""
        value = entry.decoded(name) if name in entry else None
        if isinstance(value, datetime) and self.zone is not None and value.tzinfo is not None:
            return value.astimezone(self.zone) if value.utcoffset() == timedelta() else value
        return value if isinstance(value, date) else None

    def _written(self, moment: date) -> str:
        if not isinstance(moment, datetime):
            return moment.isoformat()
        return moment.replace(tzinfo=None).isoformat(" ", "minutes")

    def _recurrence(self, entry: Any) -> list[str]:
        rules = _values(entry, "RRULE")
        start = self._moment(entry, "DTSTART")
        if not rules or start is None:
            return []
        left_out = frozenset(day for item in _values(entry, "EXDATE") for day in _days_of(item, start))
        lines = [f"Repeats: {'; '.join(map(in_words, rules))}"]
        if left_out:
            lines.append(f"Not on: {', '.join(day.isoformat() for day in sorted(left_out)[:20])}")
        skipped = left_out | self.moved.get(str(entry.get("UID")), set())
        after = max(_day(start) or self.today, self.today)
        dates = self._dates(rules[0], start, after, frozenset(skipped))
        if dates:
            lines.append(f"Next dates: {', '.join(day.isoformat() for day in dates)} (as of {self.today})")
        return lines

    def _dates(self, rule: Any, start: date, after: date, without: frozenset[date]) -> list[date]:
        try:
            with limited(lambda: self.deadline - time.monotonic()):
                return next_dates(rule, start, after=after, without=without)
        except ConversionError:
            return []  # the rule in words stands, which is what matters


def _values(entry: Any, name: str) -> list[Any]:
    found = entry.get(name)
    return [] if found is None else found if isinstance(found, list) else [found]


def _days_of(item: Any, start: date) -> Iterator[date]:
    zone = start.tzinfo if isinstance(start, datetime) else None
    for each in getattr(item, "dts", ()):
        value = each.dt
        aware = isinstance(value, datetime) and value.tzinfo is not None and zone is not None
        day = _day(value.astimezone(zone) if aware else value)
        if day is not None:
            yield day


def _day(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else None


def _zone_name(moment: datetime) -> str:
    key = getattr(moment.tzinfo, "key", None) or getattr(moment.tzinfo, "zone", None)
    return str(key) if key else moment.tzname() or ""


def _facts(entry: Any) -> Iterator[str]:
    for label, name in (("Where", "LOCATION"), ("Link", "URL"), ("About", "CATEGORIES")):
        text = ", ".join(filter(None, map(_line, _texts(entry, name))))
        if text:
            yield f"{label}: {text}"
    if state := _STATES.get(str(entry.get("STATUS", "")).upper()):
        yield f"Status: {state}"


def _texts(entry: Any, name: str) -> Iterator[Any]:
    for value in _values(entry, name):
        yield from getattr(value, "cats", [value])


def _people(entry: Any) -> str:
    found = []
    for role, name in (("organiser", "ORGANIZER"), ("", "ATTENDEE")):
        for person in _values(entry, name):
            address = re.sub(r"^mailto:", "", str(person), flags=re.IGNORECASE)
            parameters = getattr(person, "params", {})
            answer = _ANSWERS.get(str(parameters.get("PARTSTAT", "")).upper(), "")
            notes = ", ".join(filter(None, (role, answer)))
            called = _line(parameters.get("CN")) or address
            found.append(f"{called} ({notes})" if notes else called)
    return ", ".join(dict.fromkeys(found))


def _line(value: Any) -> str:
    return "" if value is None else one_line(str(value))


def _notes(value: Any) -> str:
    text = clean(str(value or "")).strip()
    if not _MARKUP.search(text):
        return text
    try:
        return "\n".join(block.text for block in read_html(text, name="notes", title="").blocks)
    except ConversionError:
        return ""
