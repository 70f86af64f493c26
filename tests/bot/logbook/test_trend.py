"""Averages, trends with their uncertainty, streaks and goals."""

from __future__ import annotations

import doctest
import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.logbook import trend
from bot.logbook.trend import Streak, kept_days, slope_of, streak_of, summary_of
from memory.logs import LogEntry, LogGoal

BERLIN = ZoneInfo("Europe/Berlin")
FIRST = date(2026, 1, 1)


def entry(day: int, value: float, *, hour: int = 8, kind: str = "weight", second: float | None = None) -> LogEntry:
    """An entry so many days after the first."""
    at = datetime(2026, 1, 1, hour, tzinfo=UTC) + timedelta(days=day)
    return LogEntry(day + 1, 1, f"k{day}:{hour}", kind, value, second, "", "", at, "test")


def test_a_day_counts_once() -> None:
    """Its mean or its sum, on the calendar of the person's zone."""
    late = entry(0, 74, hour=23)  # in Berlin it is the next day
    found = summary_of("weight", [entry(0, 70), entry(0, 72, hour=9), late], zone=BERLIN)
    assert found is not None
    assert dict(found.days) == {FIRST: 71, FIRST + timedelta(days=1): 74}
    assert found.average == 72.5
    water = summary_of("water", [entry(0, 0.5, kind="water"), entry(0, 0.25, hour=9, kind="water")], zone=BERLIN)
    assert water is not None
    assert dict(water.days) == {FIRST: 0.75}


def test_a_clear_change_is_a_trend() -> None:
    """With its interval around it; one slip does not move it."""
    days = {FIRST + timedelta(days=n): 72 - 0.05 * n + random.Random(n).gauss(0, 0.2) for n in range(40)}
    slope = slope_of(days)
    assert slope is not None
    assert slope.clear
    assert slope.low < slope.per_week < slope.high < 0
    assert slope.per_week == pytest.approx(-0.35, abs=0.1)
    days[FIRST + timedelta(days=20)] = 712
    slipped = slope_of(days)
    assert slipped is not None
    assert slipped.per_week == pytest.approx(slope.per_week, abs=0.05)
    assert slope.at(FIRST) == pytest.approx(72, abs=0.3)


def test_noise_is_no_trend() -> None:
    """The interval holds no change, in nineteen of twenty series or nearly."""
    clear = 0
    for seed in range(60):
        chances = random.Random(seed)
        slope = slope_of({FIRST + timedelta(days=n): chances.gauss(70, 1) for n in range(25)})
        assert slope is not None
        clear += slope.clear
    assert clear <= 8


def test_few_days_show_no_trend() -> None:
    """Four of them, or five within a week."""
    assert slope_of({FIRST + timedelta(days=7 * n): 70 - n for n in range(4)}) is None
    assert slope_of({FIRST + timedelta(days=n): 70 - n for n in range(5)}) is None
    assert slope_of({FIRST + timedelta(days=2 * n): 70 - n for n in range(5)}) is not None
    assert summary_of("weight", [], zone=BERLIN) is None


def test_both_values_of_a_pressure_have_a_trend() -> None:
    """The time of a run has none."""
    pressures = [entry(n, 130 - n, kind="blood_pressure", second=80 + n) for n in range(12)]
    found = summary_of("blood_pressure", pressures, zone=BERLIN)
    assert found is not None
    assert found.slope is not None
    assert found.second_slope is not None
    assert (found.slope.per_week, found.second_slope.per_week) == pytest.approx((-7, 7))
    assert found.second_average == 85.5
    runs = summary_of("run", [entry(n, 5, kind="run", second=30) for n in range(12)], zone=BERLIN)
    assert runs is not None
    assert (runs.seconds, runs.second_average) == ({}, None)


def test_streaks_end_after_a_day_without() -> None:
    """Today is not over, so that yesterday keeps one alive."""
    days = [FIRST + timedelta(days=n) for n in (0, 1, 2, 5, 6)]
    assert streak_of(days, today=FIRST + timedelta(days=7)) == Streak(2, 3)
    assert streak_of(days, today=FIRST + timedelta(days=8)) == Streak(0, 3)
    assert streak_of([], today=FIRST) == Streak(0, 0)


def test_goals_are_kept_by_day() -> None:
    """At least or at most so much; one to be reached is of no day."""
    days = {FIRST: 7000.0, FIRST + timedelta(days=1): 9000.0}
    since = datetime(2026, 1, 1, tzinfo=UTC)
    kept = {way: kept_days(LogGoal("steps", way, 8000, "", since), days) for way in ("least", "most", "reach")}
    assert kept == {"least": [FIRST + timedelta(days=1)], "most": [FIRST], "reach": []}


def test_examples_hold() -> None:
    """Those of the docstrings."""
    assert doctest.testmod(trend).failed == 0
