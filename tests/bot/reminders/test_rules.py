"""Repetitions keep the clock's time whatever the clock does, and a rule comes back from its text as it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.reminders.rules import (
    Repeat,
    first_after,
    next_after,
    passed_between,
    read_rule,
    rule_text,
    snoozed,
)
from bot.reminders.zones import at_local
from memory.errors import FamiliarError

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
START = datetime(2026, 1, 5, 8, 30)
RULES = st.one_of(
    st.builds(Repeat, st.just("day"), st.just(START), st.integers(1, 40)),
    st.builds(
        Repeat,
        st.just("week"),
        st.just(START),
        st.integers(1, 5),
        st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    ),
    st.builds(
        Repeat,
        st.just("month"),
        st.just(START),
        st.integers(1, 5),
        monthday=st.one_of(st.just(-1), st.integers(1, 31)),
    ),
    st.builds(
        lambda day, nth: Repeat("month", START, 1, (day,), nth), st.integers(0, 6), st.sampled_from((1, 2, 3, 4, -1))
    ),
    st.builds(Repeat, st.just("year"), st.just(START), monthday=st.integers(1, 29), month=st.integers(1, 12)),
)
PASSING = st.builds(Repeat, st.sampled_from(("minute", "hour")), st.just(START), st.integers(1, 90))
MOMENTS = st.datetimes(datetime(2025, 6, 1), datetime(2028, 6, 1), timezones=st.just(UTC))
ZONES = st.sampled_from((BERLIN, NEW_YORK, ZoneInfo("Asia/Shanghai")))


def times(rule: Repeat, after: datetime, zone: ZoneInfo, count: int) -> list[str]:
    """The next times of a rule, local with their offset."""
    found = []
    for _ in range(count):
        due = next_after(rule, after, zone=zone)
        assert due is not None
        found.append(due.isoformat())
        after = due
    return found


@settings(max_examples=150, deadline=None)
@given(RULES, MOMENTS, ZONES)
def test_next_time_is_later_at_the_same_time_of_day(rule: Repeat, moment: datetime, zone: ZoneInfo) -> None:
    """08:30 is no time that a clock change touches, so every time of the rule shows it."""
    due = next_after(rule, moment, zone=zone)
    assert due is not None
    assert due > moment
    assert (due.astimezone(zone).hour, due.astimezone(zone).minute) == (8, 30)
    assert next_after(rule, due - timedelta(seconds=1), zone=zone) == due


@settings(max_examples=150, deadline=None)
@given(st.one_of(RULES, PASSING))
def test_a_rule_comes_back_from_its_text(rule: Repeat) -> None:
    """As RFC 5545 writes it."""
    assert read_rule(rule_text(rule)) == rule


@settings(max_examples=80, deadline=None)
@given(st.one_of(RULES, PASSING.filter(lambda rule: rule.interval > 20)), MOMENTS, st.integers(0, 500), ZONES)
def test_what_passed_is_counted(rule: Repeat, first: datetime, hours: int, zone: ZoneInfo) -> None:
    """As many as one meets by going from time to time."""
    last, count, seen = first + timedelta(hours=hours), 0, None
    due = next_after(rule, first, zone=zone)
    while due is not None and due <= last:
        count, seen, due = count + 1, due, next_after(rule, due, zone=zone)
    assert passed_between(rule, first, last, zone=zone) == (count, seen)


@pytest.mark.parametrize(
    ("zone", "start", "expected"),
    [
        (BERLIN, datetime(2026, 3, 28, 2, 30), ["28T02:30:00+01:00", "29T03:30:00+02:00", "30T02:30:00+02:00"]),
        (BERLIN, datetime(2026, 10, 24, 2, 30), ["24T02:30:00+02:00", "25T02:30:00+02:00", "26T02:30:00+01:00"]),
        (NEW_YORK, datetime(2026, 3, 7, 2, 30), ["07T02:30:00-05:00", "08T03:30:00-04:00", "09T02:30:00-04:00"]),
        (NEW_YORK, datetime(2026, 10, 31, 1, 30), ["31T01:30:00-04:00", "01T01:30:00-04:00", "02T01:30:00-05:00"]),
    ],
)
def test_clock_changes(zone: ZoneInfo, start: datetime, expected: list[str]) -> None:
    """A time that is left out is moved by the gap, for that day only; one that comes twice is the first."""
    before = at_local(start, zone) - timedelta(hours=1)
    assert [time[8:] for time in times(Repeat("day", start), before, zone, 3)] == expected


def test_hours_pass_alike_over_a_clock_change() -> None:
    """Every two hours are two hours apart."""
    found = times(Repeat("hour", datetime(2026, 3, 28, 23, 0), 2), datetime(2026, 3, 28, 12, tzinfo=UTC), BERLIN, 4)
    assert {datetime.fromisoformat(b) - datetime.fromisoformat(a) for a, b in pairwise(found)} == {timedelta(hours=2)}


def test_the_31st_is_the_last_day_of_shorter_months() -> None:
    """And a 29 February the 28th of other years."""
    monthly = Repeat("month", datetime(2027, 12, 31, 9), monthday=31)
    after = datetime(2027, 12, 31, 12, tzinfo=UTC)
    assert [due[5:10] for due in times(monthly, after, BERLIN, 4)] == ["01-31", "02-29", "03-31", "04-30"]
    yearly = Repeat("year", datetime(2026, 1, 1, 9), monthday=29, month=2)
    assert [due[:10] for due in times(yearly, after, BERLIN, 2)] == ["2028-02-29", "2029-02-28"]


def test_every_other_week_counts_from_the_first_such_day() -> None:
    """Asked on a Wednesday, every other Monday begins with the next one."""
    wednesday = datetime(2026, 3, 4, 10, tzinfo=UTC)
    rule = first_after(Repeat("week", datetime(2026, 3, 4, 9), 2, (0,)), wednesday, zone=BERLIN)
    assert rule is not None
    assert [due[5:10] for due in times(rule, wednesday, BERLIN, 3)] == ["03-09", "03-23", "04-06"]


def test_the_calendar_ends() -> None:
    """Where there is no next time there is none, and nothing is raised."""
    end = datetime(9999, 12, 30, tzinfo=UTC)
    assert next_after(Repeat("year", START, 999, monthday=5, month=1), end, zone=BERLIN) is None


@pytest.mark.parametrize("text", ["", "every day", "DTSTART:20260105T083000\nRRULE:FREQ=SOMETIMES;INTERVAL=1"])
def test_other_texts_are_no_rules(text: str) -> None:
    """The error names the text."""
    with pytest.raises(FamiliarError, match="can't be read"):
        read_rule(text)


def test_snooze_counts_from_now() -> None:
    """Minutes from now on; none, or more than the calendar has, are refused."""
    now = datetime(2026, 3, 4, 10, 30, 5, 7, tzinfo=UTC)
    assert snoozed(now, minutes=10) == datetime(2026, 3, 4, 10, 40, 5, tzinfo=UTC)
    for minutes in (0, -5, 10**10):
        with pytest.raises(FamiliarError, match="put off by"):
            snoozed(now, minutes=minutes)


def test_moments_of_the_hour_that_comes_twice() -> None:
    """After the second 02:10 the first 02:30 is over, whichever zone the moment is given in."""
    daily, second = Repeat("day", datetime(2026, 10, 24, 2, 30)), datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN, fold=1)
    for moment in (second, second.astimezone(UTC)):
        due = next_after(daily, moment, zone=BERLIN)
        assert due is not None
        assert due.isoformat() == "2026-10-26T02:30:00+01:00"


@pytest.mark.parametrize(
    "change", [("INTERVAL=1", "INTERVAL=0"), ("INTERVAL=1", "INTERVAL=-1"), ("INTERVAL=1", "INTERVAL=1;BYMONTH=13")]
)
def test_a_rule_out_of_range_is_refused(change: tuple[str, str]) -> None:
    """Such a one would never come to its next time."""
    text = rule_text(Repeat("day", datetime(2026, 1, 1, 9, 0)))
    assert change[0] in text
    with pytest.raises(FamiliarError, match="can't be read"):
        read_rule(text.replace(*change))
