"""/trend: a plain sentence about one kind of entry, from the user's own entries, and what its picture shows.

The words come by rule from figures and from the reviewed table of published ranges; no model is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

from bot.locales import say
from bot.logbook.kinds import KINDS, in_unit
from bot.logbook.thresholds import names_of
from bot.logbook.trend import Summary, kept_days, streak_of, summary_of
from bot.logbook.wishes import TrendWish
from bot.logbook.wording import (
    goal_words,
    joined,
    kind_words,
    name_words,
    number_words,
    streak_words,
    summary_words,
    unit_words,
)
from bot.reminders.zones import at_local, zone_of
from memory.logs import LogEntry, LogGoal, entries_of, goals_of, units_of
from memory.records import User
from memory.store import Store


@dataclass(frozen=True)
class Shown:
    """What is answered."""

    text: str
    summary: Summary | None = None
    """None: there is nothing to draw."""
    goal: LogGoal | None = None
    unit: str = ""
    """In which values are drawn."""


def show_trend(store: Store, wish: TrendWish, *, user: User, now: datetime) -> Shown:
    """What a user's entries of a kind say.

    :param now: an aware moment
    """
    language, zone = user.profile.language, zone_of(user.profile)
    since = None if wish.since is None else _day_begun(wish.since, zone)
    entries = entries_of(store, user_id=user.id, kind=wish.kind, since=since)
    found = summary_of(wish.kind, entries, zone=zone)
    if found is None:
        return Shown(say(language, "log_trend_nothing", how=say(language, "log_how")))
    # a pressure is always told in mmHg, as those who publish ranges do
    unit = "" if wish.kind == "blood_pressure" else units_of(store, user_id=user.id).get(wish.kind, "")
    goal = next((item for item in goals_of(store, user_id=user.id) if item.kind == wish.kind), None)
    period = say(language, "log_period", n=wish.days) if wish.days else say(language, "log_period_all")
    ranges = _ranges(store, found, entries, user=user)
    lines = [
        period,
        *summary_words(found, unit=unit, language=language),
        *_kept(found, goal, now=now.astimezone(zone), language=language),
        *ranges,
        say(language, "log_no_diagnosis") if ranges else "",
    ]
    return Shown(joined(lines), found, goal, unit)


def _day_begun(moment: datetime, zone: ZoneInfo) -> datetime:
    """The beginning of its day: half of one would count as a low sum."""
    return at_local(datetime.combine(moment.astimezone(zone).date(), time()), zone)


def _kept(found: Summary, goal: LogGoal | None, *, now: datetime, language: str) -> list[str]:
    """How a goal is kept, else the days in a row with an entry."""
    today = now.date()
    if goal is None:
        return [streak_words(streak_of(list(found.days), today=today), goal=False, language=language)]
    if goal.way == "reach":
        return [_left(found, goal, language)]
    kept = kept_days(goal, found.days)
    words = goal_words(goal, language)
    text = say(language, "log_goal_days", goal=words, kept=len(kept), days=len(found.days))
    return [text, streak_words(streak_of(kept, today=today), goal=True, language=language)]


def _left(found: Summary, goal: LogGoal, language: str) -> str:
    """How far the last value is from the goal; reached is what lies on its other side from the first."""
    first, last = next(iter(found.days.values())), list(found.days.values())[-1]
    words, kind = goal_words(goal, language), KINDS[goal.kind]
    there = last == goal.value or (last < goal.value) != (first < goal.value)
    if there:
        return say(language, "log_goal_there", goal=words)
    apart = abs(last - goal.value)
    unit = goal.unit if goal.unit in kind.units else kind.unit
    if unit != kind.unit:
        apart /= kind.units[unit].factor
    left = f"{number_words(apart, max(1, kind.digits))} {unit_words(unit, language)}"
    return say(language, "log_goal_left", goal=words, left=left)


def _ranges(store: Store, found: Summary, entries: list[LogEntry], *, user: User) -> list[str]:
    """What publishers call the average, where there is one to name."""
    language = user.profile.language
    if found.kind == "weight":
        heights = entries_of(store, user_id=user.id, kind="height", last=1)
        if not heights:
            return []
        bmi = found.average / (heights[0].value / 100) ** 2
        said = say(language, "log_named_bmi", bmi=number_words(bmi, 1))
        return [said, *(name_words(item, language) for item in names_of("bmi", bmi))]
    notes = {item.note for item in entries}
    note = notes.pop() if len(notes) == 1 else ""
    names = names_of(found.kind, found.average, found.second_average, note=note)
    return [name_words(item, language) for item in names]


def drawn(shown: Shown) -> Shown:
    """The same in the unit in which it is drawn."""
    found, unit = shown.summary, shown.unit
    if found is None or found.kind == "blood_pressure" or unit in ("", "m") or unit not in KINDS[found.kind].units:
        return replace(shown, unit=KINDS[found.kind].unit if found else "")
    kind = KINDS[found.kind]
    days = {day: in_unit(kind, value, unit) for day, value in found.days.items()}
    slope = found.slope
    if slope is not None:
        factor = kind.units[unit].factor
        slope = replace(
            slope,
            per_week=slope.per_week / factor,
            low=slope.low / factor,
            high=slope.high / factor,
            start=in_unit(kind, slope.start, unit),
        )
    return replace(shown, summary=replace(found, days=days, slope=slope))


def title_of(shown: Shown, language: str) -> str:
    """The picture's title."""
    assert shown.summary is not None
    return f"{kind_words(shown.summary.kind, language)} ({unit_words(shown.unit, language)})"
