"""How a moment and a rule are said to a person, in their language; a clock has 24 hours in both."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.locales import say
from bot.reminders.rules import Repeat

_PASSING = ("minute", "hour")
_WORKDAYS, _WEEKEND = (0, 1, 2, 3, 4), (5, 6)


def due_words(due: datetime, *, now: datetime, zone: ZoneInfo, language: str) -> str:
    """A moment on the zone's clock: "today at 20:00", within six days "Friday 09:00", else with its date."""
    there, today = due.astimezone(zone), now.astimezone(zone).date()
    day, clock = there.date(), f"{there:%H:%M}"
    if day == today:
        return say(language, "reminder_today", time=clock)
    if day == today + timedelta(days=1):
        return say(language, "reminder_tomorrow", time=clock)
    weekday = _named(language, "reminder_days", day.weekday())
    if abs((day - today).days) < 7:
        return say(language, "reminder_in_week", weekday=weekday, time=clock)
    month = _named(language, "reminder_months", day.month - 1)
    if day.year == today.year:
        return say(language, "reminder_on", weekday=weekday, day=day.day, month=month, time=clock)
    return say(language, "reminder_on_year", weekday=weekday, day=day.day, month=month, year=day.year, time=clock)


def rule_words(rule: Repeat, *, language: str) -> str:
    """A rule: "every weekday at 08:30", "每个工作日 08:30"."""
    what = _days_words(rule, language)
    if rule.unit in _PASSING:
        return what
    return say(language, "reminder_at", what=what, time=f"{rule.start:%H:%M}")


def _days_words(rule: Repeat, language: str) -> str:
    one = rule.interval == 1
    each = say(language, f"reminder_each_{rule.unit}{'' if one else 's'}", **({} if one else {"n": rule.interval}))
    days = say(language, "reminder_and").join(_named(language, "reminder_days", day) for day in rule.weekdays)
    if rule.nth is not None:
        nth = _named(language, "reminder_nth", rule.nth - 1 if rule.nth > 0 else rule.nth)
        return say(language, "reminder_nth_of", each=each, nth=nth, days=days)
    if rule.weekdays:
        return _weekday_words(rule, each, days, language)
    if rule.monthday is None:
        return each
    day = say(language, "reminder_last_day")
    if rule.monthday > 0:
        day = _named(language, "reminder_ordinals", rule.monthday - 1)
    if rule.month is None:
        return say(language, "reminder_monthday_of", each=each, day=day)
    month = _named(language, "reminder_months", rule.month - 1)
    return say(language, "reminder_date_of", each=each, day=day, month=month)


def _weekday_words(rule: Repeat, each: str, days: str, language: str) -> str:
    if rule.interval > 1:
        return say(language, "reminder_weekday_of", each=each, days=days)
    known = {_WORKDAYS: "reminder_weekdays", _WEEKEND: "reminder_weekends"}.get(rule.weekdays)
    return say(language, known) if known else say(language, "reminder_each_weekday", days=days)


def _named(language: str, key: str, index: int) -> str:
    return say(language, key).split()[index]
