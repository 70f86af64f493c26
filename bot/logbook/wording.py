"""How entries, goals and trends are said to a person, in their language and in the units that they use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.locales import say
from bot.logbook.kinds import KINDS, MOVED, Entry, in_unit
from bot.logbook.thresholds import Named, danger_of
from bot.logbook.trend import Slope, Streak, Summary
from bot.reminders.wording import due_words
from memory.logs import LogEntry, LogGoal

_WORDS = ("steps", "cups", "drinks", "cigarettes", "jin", "glass", "pint")
"""Units that have a name in each language; others are symbols."""


def kind_words(kind: str, language: str) -> str:
    """What a kind is called."""
    return say(language, f"log_kind_{kind}")


def unit_words(unit: str, language: str) -> str:
    """What a unit is called."""
    return say(language, f"log_unit_{unit}") if unit in _WORDS else unit


def number_words(value: float, digits: int) -> str:
    """A number with at most so many decimals."""
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def value_words(kind: str, value: float, second: float | None, *, unit: str, language: str) -> str:
    """A value as "71.2 kg", "157 lb (71.2 kg)", "128/82 mmHg", "7 h 20 min", "5 km (27 min)"."""
    form = KINDS[kind]
    if kind == "blood_pressure":
        return f"{number_words(value, 0)}/{number_words(second or 0, 0)} mmHg"
    if kind == "mood":
        return f"{number_words(value, 1)}/10"
    if kind == "sleep":
        return _hours(value)
    digits = 2 if kind in MOVED else form.digits
    own = _with_unit(value, form.unit, digits, language)
    if unit not in ("", form.unit) and unit in form.units and unit != "m":
        own = f"{_with_unit(in_unit(form, value, unit), unit, 1, language)} ({own})"
    return own if second is None else f"{own} ({_clock(second)})"


def entry_words(entry: Entry, language: str) -> str:
    """An entry: "blood pressure 128/82 mmHg (resting)"."""
    value = value_words(entry.kind, entry.value, entry.second, unit=entry.unit, language=language)
    what = f"{kind_words(entry.kind, language)} {value}"
    note = entry.note if entry.kind != "workout" else ""
    return f"{what} ({say(language, _NOTES[note])})" if note in _NOTES else what


_NOTES = {
    "fasting": "log_note_fasting",
    "after a meal": "log_note_meal",
    "after exercise": "log_note_exercise",
    "resting": "log_note_resting",
}


def line_words(entry: LogEntry, *, now: datetime, zone: ZoneInfo, language: str) -> str:
    """A stored entry with its moment."""
    when = due_words(entry.at, now=now, zone=zone, language=language)
    return say(language, "log_line", what=entry_words(said_of(entry), language), when=when)


def said_of(entry: LogEntry) -> Entry:
    """A stored entry without its time and place."""
    return Entry(entry.kind, entry.value, entry.second, entry.unit, entry.note)


def danger_words(entry: Entry, language: str) -> str:
    """What is said of an entry at which its source tells people to get medical help; empty for any other."""
    danger = danger_of(entry)
    if danger is None:
        return ""
    value = value_words(entry.kind, entry.value, entry.second, unit=entry.unit, language=language)
    key = "log_danger_now" if danger.level == "now" else "log_danger_today"
    text = say(language, key, value=value, kind=kind_words(entry.kind, language))
    return f"{text}\n{say(language, f'log_danger_{danger.id}')}\n{_source(danger.source, danger.url, language)}"


def name_words(named: Named, language: str) -> str:
    """What a publisher calls an average, and where that stands."""
    return say(language, "log_named", name=named.name(language), source=named.source, url=named.url)


def _source(source: str, url: str, language: str) -> str:
    return say(language, "log_source", source=source, url=url)


def goal_words(goal: LogGoal, language: str) -> str:
    """A goal: "steps: at least 8,000 steps a day"."""
    value = value_words(goal.kind, goal.value, None, unit=goal.unit, language=language)
    return say(language, f"log_goal_{goal.way}", kind=kind_words(goal.kind, language), value=value)


def summary_words(found: Summary, *, unit: str, language: str) -> list[str]:
    """Average, lowest and highest day, and the trend, a sentence each."""

    def shown(value: float, second: float | None = None) -> str:
        return value_words(found.kind, value, second, unit=unit, language=language)

    name, days = kind_words(found.kind, language), list(found.days.values())
    seconds = list(found.seconds.values())
    average = say(
        language,
        "log_average_a_day" if KINDS[found.kind].per_day == "sum" else "log_average",
        kind=name,
        entries=found.entries,
        days=len(days),
        average=shown(found.average, found.second_average),
        low=shown(min(days), min(seconds) if seconds else None),
        high=shown(max(days), max(seconds) if seconds else None),
    )
    slopes = [("", found.slope)]
    if found.kind == "blood_pressure":
        slopes = [("log_systolic", found.slope), ("log_diastolic", found.second_slope)]
    if found.slope is None:
        return [average, say(language, "log_trend_too_few")]
    return [average, *(_slope_words(found.kind, slope, part, unit, language) for part, slope in slopes if slope)]


def _slope_words(kind: str, slope: Slope, part: str, unit: str, language: str) -> str:
    change = _change(kind, slope.per_week, unit, language)
    span = [_change(kind, end, unit, language) for end in (slope.low, slope.high)]
    key = "log_trend_none" if not slope.clear else "log_trend_up" if slope.per_week > 0 else "log_trend_down"
    text = say(language, key, change=change, low=span[0], high=span[1])
    return f"{say(language, part)}: {text}" if part else text


def _change(kind: str, value: float, unit: str, language: str) -> str:
    """A difference with its sign; of a temperature too only the scale counts, not where it begins."""
    form = KINDS[kind]
    shown, digits = form.unit, max(form.digits, 1) if abs(value) < _LARGE else 0
    if unit in form.units and unit != "m":
        value, shown = value / form.units[unit].factor, unit
    elif kind == "sleep":
        value, shown, digits = value * 60, "min", 0
    rounded = round(value, digits + 1 if digits else 0)
    mark = "" if shown.startswith("/") else " "
    return f"{rounded:+,.{digits + 1 if digits else 0}f}{mark}{unit_words(shown, language)}"


_LARGE = 100


def streak_words(streak: Streak, *, goal: bool, language: str) -> str:
    """Days in a row; empty where there is nothing to tell."""
    if streak.longest < 2:
        return ""
    return say(language, "log_streak_goal" if goal else "log_streak", current=streak.current, longest=streak.longest)


def joined(lines: Sequence[str]) -> str:
    """The lines that say something."""
    return "\n".join(line for line in lines if line)


def _with_unit(value: float, unit: str, digits: int, language: str) -> str:
    mark = "" if unit in ("%",) else " "
    return f"{number_words(value, digits)}{mark}{unit_words(unit, language)}"


def _hours(value: float) -> str:
    hours, minutes = divmod(round(value * 60), 60)
    return f"{hours} h {minutes} min" if hours and minutes else f"{hours} h" if hours else f"{minutes} min"


def _clock(minutes: float) -> str:
    """A time that something took: "27:30", "1:02:10"."""
    hours, rest = divmod(round(minutes * 60), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
