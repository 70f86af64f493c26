"""What a time of entries says: average, trend with its uncertainty, streaks, and how a goal is kept. Pure.

A day counts once (its mean, its sum or its last value, by kind), so that a day with many entries does not outweigh
others. The trend is the Theil-Sen slope, the median of the slopes between all pairs of days, which a single slip does
not move, with Sen's 95 % interval (Sen 1968, doi:10.1080/01621459.1968.10480934; `scipy.stats.theilslopes`). The
interval takes days for independent; where they are not it is too narrow, so only what clears it is called a trend.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from bot.logbook.kinds import KINDS, PerDay
from memory.logs import LogEntry, LogGoal

FEWEST_DAYS = 5
SHORTEST_SPAN = 7
"""Days from first to last; fewer days, or a shorter time, show no trend."""
_DAYS_AT_MOST = 1500
"""For a slope: all pairs of more days would take long; the newest count."""


@dataclass(frozen=True)
class Slope:
    """How a value changes, in its unit a week."""

    per_week: float
    low: float
    high: float
    """The ends of the 95 % interval."""
    start: float
    """The line's value on the first day that it was fitted to."""
    first: date

    @property
    def clear(self) -> bool:
        """Whether the interval leaves no doubt about the direction."""
        return self.low > 0 or self.high < 0

    def at(self, day: date) -> float:
        """The line's value on a day."""
        return self.start + self.per_week / 7 * (day - self.first).days


@dataclass(frozen=True)
class Summary:
    """A time of entries of one kind."""

    kind: str
    entries: int
    days: Mapping[date, float]
    """What each day with entries counts as, in order."""
    seconds: Mapping[date, float]
    """The same for second values that are measured: diastolic pressure."""
    slope: Slope | None
    second_slope: Slope | None = None

    @property
    def average(self) -> float:
        """Of the days with entries."""
        return statistics.fmean(self.days.values())

    @property
    def second_average(self) -> float | None:
        """The same of second values."""
        return statistics.fmean(self.seconds.values()) if self.seconds else None


def summary_of(kind: str, entries: Sequence[LogEntry], *, zone: ZoneInfo) -> Summary | None:
    """What entries of a kind come to; None where there are none."""
    if not entries:
        return None
    per_day = KINDS[kind].per_day
    days = daily([(item.at.astimezone(zone).date(), item.value) for item in entries], per_day)
    pressure = kind == "blood_pressure"
    second = [(item.at.astimezone(zone).date(), item.second) for item in entries if item.second is not None]
    seconds = daily(second, per_day) if pressure else {}
    return Summary(kind, len(entries), days, seconds, slope_of(days), slope_of(seconds))


def daily(values: Sequence[tuple[date, float]], per_day: PerDay) -> dict[date, float]:
    """What each day counts as, in the order of days.

    >>> daily([(date(2026, 3, 1), 2.0), (date(2026, 3, 1), 4.0)], "sum")
    {datetime.date(2026, 3, 1): 6.0}
    """
    groups: defaultdict[date, list[float]] = defaultdict(list)
    for day, value in values:
        groups[day].append(value)
    return {day: _combined(groups[day], per_day) for day in sorted(groups)}


def _combined(values: Sequence[float], per_day: PerDay) -> float:
    if per_day == "sum":
        return float(sum(values))
    return statistics.fmean(values) if per_day == "mean" else values[-1]


def slope_of(days: Mapping[date, float]) -> Slope | None:
    """The trend of daily values; None where they are too few or too close together for one."""
    chosen = sorted(days)[-_DAYS_AT_MOST:]
    if len(chosen) < FEWEST_DAYS or (chosen[-1] - chosen[0]).days < SHORTEST_SPAN:
        return None
    from scipy.stats import theilslopes

    places = [(day - chosen[0]).days for day in chosen]
    found = theilslopes([days[day] for day in chosen], places, alpha=0.95)
    per_week = [7 * float(found[index]) for index in (0, 2, 3)]
    return Slope(per_week[0], per_week[1], per_week[2], float(found[1]), chosen[0])


@dataclass(frozen=True)
class Streak:
    """Days in a row."""

    current: int
    """Up to today, or to yesterday where today is not over; 0: it has ended."""
    longest: int


def streak_of(days: Sequence[date], *, today: date) -> Streak:
    """How many days in a row are among these.

    >>> streak_of([date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 4)], today=date(2026, 3, 5))
    Streak(current=1, longest=2)
    """
    longest = run = 0
    last: date | None = None
    for day in sorted(set(days)):
        run = run + 1 if last is not None and day - last == timedelta(days=1) else 1
        longest, last = max(longest, run), day
    alive = last is not None and today - last <= timedelta(days=1)
    return Streak(run if alive else 0, longest)


def kept_days(goal: LogGoal, days: Mapping[date, float]) -> list[date]:
    """The days on which a goal of every day was kept; one without entries says nothing."""
    if goal.way == "least":
        return [day for day, value in days.items() if value >= goal.value]
    return [day for day, value in days.items() if value <= goal.value] if goal.way == "most" else []
