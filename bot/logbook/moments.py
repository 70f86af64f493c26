# ruff: noqa: E501 - each pattern reads best on one line
"""When something was: days and hours that have passed, in English and Chinese, out of a text in plain form.

What lies ahead is no entry. An hour without a day is the last one that has passed; a day without an hour is its noon; a
part of a day has an hour of its own ("this morning" 08:00). Nothing is later than the message itself. Sleep belongs to
the morning on which it ended. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from bot.reminders.zones import at_local
from memory.days import day_places

MARK = "\x01"
"""Stands in the text for the words of a time."""

Part = Literal["dawn", "morning", "noon", "afternoon", "evening", "night"]
_HOURS: dict[Part, int] = {"dawn": 4, "morning": 8, "noon": 12, "afternoon": 15, "evening": 19, "night": 22}
_WAKING = time(7)
_DAWN = 5
"""Hours of a night before it are of the next day."""
_NEW_DAY = 4
"""Whoever writes earlier has not slept yet: their last night is the one before."""
_DAY = timedelta(days=1)
_FAR_AHEAD = 4
"""Hours by which a part of the day that is named without its day must lie ahead to be yesterday's."""
_NOON = time(12)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAYS_ZH = "123456日7天"
"""In plain form: 周一 has become 周1."""
_PARTS: dict[str, Part] = {
    "dawn": "dawn",
    "morning": "morning",
    "noon": "noon",
    "midday": "noon",
    "lunchtime": "noon",
    "afternoon": "afternoon",
    "evening": "evening",
    "night": "night",
    "tonight": "night",
    "凌晨": "dawn",
    "早上": "morning",
    "早晨": "morning",
    "清晨": "morning",
    "上午": "morning",
    "早": "morning",
    "中午": "noon",
    "下午": "afternoon",
    "傍晚": "evening",
    "晚上": "evening",
    "晚": "evening",
    "夜里": "night",
    "半夜": "night",
    "睡前": "night",
}
_PART_ZH = "凌晨|早上|早晨|清晨|上午|中午|下午|傍晚|晚上|夜里|半夜|睡前"
_PART_EN = "morning|noon|midday|lunchtime|afternoon|evening|night"
_DAYS_ZH = {"今": 0, "昨": -1, "前": -2, "大前": -3}


@dataclass(frozen=True)
class When:
    """What some words say of a time; None is what they leave open."""

    day: date | None = None
    part: Part | None = None
    clock: time | None = None
    exact: bool = False
    """The hour is of 24: "18:00", "7 am"."""


@dataclass(frozen=True)
class Placed:
    """A time, and where it stands in the text."""

    start: int
    when: When


_FORMS = re.compile(
    r"(?P<ago>\b(?P<n>\d{1,3}) (?P<unit>day|week)s? ago\b)"
    r"|(?P<before>\bthe day before yesterday\b)"
    r"|(?P<last_night>\blast (?:night|evening)\b)"
    rf"|(?P<day>\b(?P<name>today|yesterday)\b(?:'s)?(?:\s*(?:in the )?(?P<day_part>{_PART_EN}))?)"
    rf"|(?P<this>\b(?:this|in the|early this|late this|at|late in the) (?P<this_part>{_PART_EN})\b)"
    r"|(?P<tonight>\btonight\b)"
    rf"|(?P<weekday>\b(?:on |last |this )?(?P<week_name>(?:mon|tues|wednes|thurs|fri|satur|sun)day)s?\b"
    rf"(?:'s)?(?:\s+(?P<week_part>{_PART_EN}))?)"
    rf"|(?P<zh_ago>(?P<zh_n>\d{{1,3}})天(?:前|以前|之前))"
    rf"|(?P<zh_part_day>(?P<zh_day>大前|今|昨|前)(?:天|日)?(?P<zh_part>{_PART_ZH}|早|晚)(?![饭餐安]))"
    r"|(?P<zh_day_only>(?P<zh_only>大前|今|昨|前)[天日])"
    rf"|(?P<zh_week>(?P<zh_last>上个?)?(?:周|星期|礼拜)(?P<zh_week_day>[{_WEEKDAYS_ZH}])(?:(?P<zh_week_part>{_PART_ZH}))?)"
    rf"|(?P<zh_only_part>{_PART_ZH})"
    r"|(?P<half>(?:\b(?:at|around|by) )?\b(?P<half_h>\d{1,2})(?:[:.](?P<half_m>\d{2}))?\s*(?P<ampm>[ap])\.?m\b\.?)"
    r"|(?P<digital>(?:\b(?:at|around) |(?<![\d:./]))(?P<dig_h>\d{1,2}):(?P<dig_m>\d{2})(?![\d:]))"
    r"|(?P<zh_clock>(?P<zh_h>\d{1,2})点(?:(?P<zh_half>半)|(?P<zh_q>[13一三])刻|(?P<zh_m>\d{1,2})分?)?钟?(?!\d))"
    r"|(?P<at>\b(?:at|around) (?P<at_h>\d{1,2})(?: o'?clock)?(?=\s*(?:$|,|[a-z\x01]))(?!\s*(?:kg|lb|mm|km|h\b|min|out|bpm|hour|mile|percent)))"
)


def find_moments(text: str, *, today: date) -> tuple[str, list[Placed]]:
    """The text with a mark and spaces for each time, so that places stay, and the times; two beside are one."""
    text, found = _dates(text, today)
    for match in _FORMS.finditer(text):
        if match["at"] and len(re.findall(r"\d+", text)) < 2:
            continue
        when = _read(match, today)
        if when is not None:
            found.append((match.span(), when))
    for (start, end), _ in found:
        text = text[:start] + MARK + " " * (end - start - 1) + text[end:]
    return text, _together(sorted(found, key=lambda item: item[0]), text)


def moment_of(when: When, *, now: datetime, zone: ZoneInfo, sleep: bool = False) -> datetime | None:
    """The moment that is meant, as an aware time of the zone; None where it lies ahead.

    :param now: when it was said
    :param sleep: it is a night's sleep, which "last night" puts on the morning after
    """
    now = now.astimezone(zone)
    today = now.date()
    day = when.day or today
    if day > today:
        return None
    if sleep and when.clock is None:
        night = when.part in ("night", "evening") and day < today and not (now.hour < _NEW_DAY and day == today - _DAY)
        day, clock = (day + timedelta(days=1) if night else day), _WAKING
    else:
        clock = when.clock or (time(_HOURS[when.part]) if when.part else _NOON)
    if when == When():
        return now
    if when.clock is None and not sleep and _lies_before(when, now):
        day -= _DAY
    if when.part == "night" and when.clock is not None and day < today and (clock.hour < _DAWN or clock.hour == 12):
        day, clock = day + _DAY, replace_hour(clock, clock.hour % 12)
    found = at_local(datetime.combine(day, _half(when, clock)), zone)
    if when.clock is not None and when.day is None:
        found = _passed(found, now, loose=not when.exact and when.part is None, zone=zone)
    return min(found, now)


def _lies_before(when: When, now: datetime) -> bool:
    """Whether a part of the day that is still to come is that of the day before: "this evening" after midnight."""
    if when.part is None or when.day not in (None, now.date()):
        return False
    late = _HOURS[when.part] - now.hour
    return late >= _HOURS["afternoon"] if when.day is not None else late >= _FAR_AHEAD


def _half(when: When, clock: time) -> time:
    """An hour of the afternoon or night that was said without saying so."""
    late = when.part in ("afternoon", "evening", "night") and clock.hour < 12
    if when.part == "night" and clock.hour < _DAWN:
        late = False
    return replace_hour(clock, clock.hour + 12) if late and not when.exact and when.clock is not None else clock


def replace_hour(clock: time, hour: int) -> time:
    """The same minute of another hour."""
    return time(hour % 24, clock.minute)


def _passed(found: datetime, now: datetime, *, loose: bool, zone: ZoneInfo) -> datetime:
    """The last time that a clock showed it; an hour that may be of either half of the day is the nearer one."""
    wall = found.replace(tzinfo=None)
    halves = [wall, wall + timedelta(hours=12)] if loose and wall.hour < 12 else [wall]
    past = [at_local(item - timedelta(days=days), zone) for item in halves for days in (0, 1)]
    return max(item for item in past if item <= now) if any(item <= now for item in past) else found


def _dates(text: str, today: date) -> tuple[str, list[tuple[tuple[int, int], When]]]:
    found: list[tuple[tuple[int, int], When]] = []
    for start, end, named in day_places(text):
        if named.day is None:
            continue
        lead = re.search(r"\bon (?:the )?$", text[:start])
        start = lead.start() if lead else start
        try:
            day = date(named.year or today.year, named.month, named.day)
            if named.year is None and day > today:
                day = day.replace(year=today.year - 1)
        except ValueError:
            continue
        found.append(((start, end), When(day)))
        text = text[:start] + MARK + " " * (end - start - 1) + text[end:]
    return text, found


def _read(match: re.Match[str], today: date) -> When | None:
    for read in (_relative, _weekday, _clocks):
        when = read(match, today)
        if when is not None:
            return when
    return None


def _relative(match: re.Match[str], today: date) -> When | None:
    def back(days: int, part: str | None = None) -> When:
        return When(today + timedelta(days=days), _PARTS[part] if part else None)

    if match["ago"]:
        return back(-int(match["n"]) * (7 if match["unit"] == "week" else 1))
    if match["zh_ago"]:
        return back(-int(match["zh_n"]))
    if match["before"]:
        return back(-2)
    if match["last_night"]:
        return back(-1, "night")
    if match["day"]:
        return back(0 if match["name"] == "today" else -1, match["day_part"])
    if match["this"] or match["tonight"]:
        return back(0, match["this_part"] or "night")
    if match["zh_part_day"]:
        part = match["zh_part"]
        return back(_DAYS_ZH[match["zh_day"]], "night" if part in ("晚", "晚上") and match["zh_day"] == "昨" else part)
    if match["zh_day_only"]:
        return back(_DAYS_ZH[match["zh_only"]])
    return When(part=_PARTS[match["zh_only_part"]]) if match["zh_only_part"] else None


def _weekday(match: re.Match[str], today: date) -> When | None:
    if match["weekday"]:
        index, last, part = _WEEKDAYS.index(match["week_name"][:3]), "last" in match["weekday"], match["week_part"]
    elif match["zh_week"]:
        index = min(_WEEKDAYS_ZH.index(match["zh_week_day"]), 6)
        last, part = False, match["zh_week_part"]
    else:
        return None
    if match["zh_last"]:
        monday = today - timedelta(days=today.weekday() + 7)
        return When(monday + timedelta(days=index), _PARTS[part] if part else None)
    days = (today.weekday() - index) % 7
    return When(today - timedelta(days=days or (7 if last else 0)), _PARTS[part] if part else None)


def _clocks(match: re.Match[str], today: date) -> When | None:
    del today
    quarter = {"1": 15, "一": 15, "3": 45, "三": 45}
    if match["half"]:
        hour, minute = int(match["half_h"]), int(match["half_m"] or 0)
        if not 1 <= hour <= 12:
            return None
        return _clock(hour % 12 + (12 if match["ampm"] == "p" else 0), minute, exact=True)
    if match["digital"]:
        return _clock(int(match["dig_h"]), int(match["dig_m"]), exact=True)
    if match["zh_clock"]:
        minute = 30 if match["zh_half"] else quarter[match["zh_q"]] if match["zh_q"] else int(match["zh_m"] or 0)
        return _clock(int(match["zh_h"]), minute)
    return _clock(int(match["at_h"]), 0) if match["at"] else None


def _clock(hour: int, minute: int, *, exact: bool = False) -> When | None:
    if hour > 23 or minute > 59:
        return None
    return When(clock=time(hour, minute), exact=exact or hour > 12)


def _together(found: list[tuple[tuple[int, int], When]], text: str) -> list[Placed]:
    """Neighbouring times that complete each other are one: "yesterday" and "7 am"."""
    joined: list[tuple[int, int, When]] = []
    for (start, end), when in found:
        last = joined[-1] if joined else None
        both = _both(last[2], when) if last and not text[last[1] : start].strip(" ,的在") else None
        if last is not None and both is not None:
            joined[-1] = (last[0], end, both)
        else:
            joined.append((start, end, when))
    return [Placed(start, when) for start, _, when in joined]


def _both(one: When, other: When) -> When | None:
    if (one.day and other.day) or (one.part and other.part) or (one.clock and other.clock):
        return None
    clock, exact = (one.clock, one.exact) if one.clock else (other.clock, other.exact)
    return replace(one, day=one.day or other.day, part=one.part or other.part, clock=clock, exact=exact)
