"""English words for times, as forms that `bot.reminders.named` finds in a lower-case text, the most telling first.

A bare number is an hour only after "at" or "by", because numbers mean so much else.
"""

from __future__ import annotations

import re

from bot.reminders.named import Clock, DayPart, Form, Named, Reader, clock, number, passing
from bot.reminders.rules import Unit
from memory.days import MONTH_NAME, month_number

_ONES = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_WORDS = (
    rf"(?:(?:twenty|thirty|forty|fifty)(?:[- ](?:{_ONES}))?|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen"
    rf"|nineteen|{_ONES})"
)
_NUMBER = rf"(?:\d+(?:\.\d+)?|{_WORDS}|a couple of|an?)"
_UNIT = r"(seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?|[hm](?![a-z]))"
_AMOUNT = (
    rf"(?:half an hour|(?:a|three) quarters? of an hour|an hour and a half|{_NUMBER}\s*{_UNIT.replace('(', '(?:', 1)})"
)
_AMOUNTS = rf"{_AMOUNT}(?:\s*(?:,|and)?\s*{_AMOUNT})*"
_DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_SHORT = rf"(?:{_WEEKDAY}|mon|tues?|wed|thurs?|thu|fri|sat|sun)(?![\w'’])"
_LIST = rf"(?:{_SHORT}|{_WEEKDAY}s\b)(?:(?:\s*(?:,|/|&|\band\b)\s*)+(?:{_SHORT}|{_WEEKDAY}s\b))*"
_DAY_NTH = r"(?P<day>\d{1,2})(?:st|nd|rd|th)"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_MONTH = rf"({MONTH_NAME})\.?(?![\w'’])"
_NTH = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4}
_NTH_BUT_OTHER = "|".join(name for name in _NTH if name != "second")
"""Every second Monday is every other one."""
_EACH = r"(?:every|each)"
_PARTS: dict[str, DayPart] = {
    "morning": "morning",
    "noon": "noon",
    "midday": "noon",
    "lunchtime": "noon",
    "afternoon": "afternoon",
    "evening": "evening",
    "night": "night",
    "tonight": "night",
    "midnight": "midnight",
}
_PART = r"(morning|noon|midday|lunchtime|afternoon|evening|midnight|night)"
_REPEATED = f"minute|min|hour|day|week|month|year|{'|'.join(_PARTS)}"
_ADVERBS: dict[str, tuple[Unit, int]] = {
    "hourly": ("hour", 1),
    "daily": ("day", 1),
    "weekly": ("week", 1),
    "fortnightly": ("week", 2),
    "monthly": ("month", 1),
    "yearly": ("year", 1),
    "annually": ("year", 1),
}
_MINUTES = {"quarter": 15, "half": 30}


def _group(match: re.Match[str], name: str) -> str:
    """A group that only some of the forms with the same reader have."""
    return match.groupdict().get(name) or ""


def _unit(text: str) -> Unit:
    by_letter: dict[str, Unit] = {"h": "hour", "d": "day", "w": "week", "y": "year"}
    return ("month" if text.startswith("mo") else "minute") if text[0] == "m" else by_letter[text[0]]


def _count(text: str) -> float:
    return {"a": 1, "an": 1, "other": 2, "second": 2, "third": 3, "a couple of": 2}.get(text) or number(text)


def _days_in(text: str) -> tuple[int, ...]:
    names = re.findall("|".join(_DAY_NAMES), text)
    return tuple(sorted({_DAY_NAMES.index(name) for name in names}))


def _every(match: re.Match[str]) -> Named | None:
    count = _count(match[1]) if match[1] else 1
    if count < 1 or count != int(count):
        return None
    if match[2] in _PARTS:
        return Named(unit="day", interval=int(count), part=_PARTS[match[2]])
    return Named(unit=_unit(match[2]), interval=int(count))


def _every_weekdays(match: re.Match[str]) -> Named:
    return Named(unit="week", interval=2 if match[1] else 1, weekdays=_days_in(match[2]))


def _range(match: re.Match[str]) -> Named:
    (first,), (last,) = _days_in(match[1]), _days_in(match[2])
    days = range(first, last + 1) if first <= last else (*range(first, 7), *range(last + 1))
    return Named(unit="week", interval=1, weekdays=tuple(sorted(days)))


def _nth_weekday(match: re.Match[str]) -> Named:
    return Named(unit="month", interval=1, nth=_NTH[match[1]], weekdays=_days_in(match[2]))


def _passing(match: re.Match[str]) -> Named | None:
    amounts: list[tuple[float, Unit]] = []
    fixed = {"half an hour": 30.0, "a quarter of an hour": 15.0, "three quarters of an hour": 45.0}
    for text in re.findall(_AMOUNT, match[1]):
        if text in fixed or text == "an hour and a half":
            amounts.append((fixed.get(text, 90.0), "minute"))
        elif (parts := re.fullmatch(rf"({_NUMBER})\s*{_UNIT}", text)) is not None:
            if parts[2].startswith("s"):
                amounts.append((_count(parts[1]) / 60, "minute"))
            else:
                amounts.append((_count(parts[1]), _unit(parts[2])))
    return passing(amounts) if amounts else None


def _iso(match: re.Match[str]) -> Named:
    return Named(year=int(match[1]), month=int(match[2]), monthday=int(match[3]))


def _dotted(match: re.Match[str]) -> Named:
    return Named(year=int(match[3]), month=int(match[2]), monthday=int(match[1]))


def _date(match: re.Match[str], *, day: int, month: int, every: int | None = None) -> Named:
    year = match.groupdict().get("year")
    yearly: Unit | None = "year" if every and match[every] else None
    return Named(
        monthday=int(match[day]),
        month=month_number(match[month]),
        year=int(year) if year else None,
        unit=yearly,
        interval=1 if yearly else None,
    )


def _month_day(match: re.Match[str]) -> Named:
    """A day of the month, of this one, the next one or each."""
    day = -1 if _group(match, "last") else int(match["day"])
    if _group(match, "each"):
        return Named(unit="month", interval=1, monthday=day)
    months = {"this": 0, "next": 1}.get(_group(match, "which"))
    return Named(monthday=day, months=months)


def _weekday(match: re.Match[str]) -> Named:
    weeks = {"this": 0, "next": 1}.get(_group(match, "which"))
    day = 5 if match["day"] == "weekend" else _days_in(match["day"])[0]
    return Named(weekday=day, weeks=weeks)


def _clock(match: re.Match[str]) -> Named | None:
    """An hour in digits: "7pm", "18:00", "at 9"."""
    hour, minute, half = match["hour"], _group(match, "minute"), _group(match, "half").replace(".", "")
    value = int(hour)
    if half and value > 12:
        half = ""
    if half:
        value = value % 12 + (12 if half == "pm" else 0)
    found = clock(value, int(minute or 0), exact=bool(half) or (len(hour) == 2 and hour[0] == "0"))
    return Named(clock=found) if found else None


def _spoken_clock(match: re.Match[str]) -> Named | None:
    """ "Half past seven", "quarter to nine", "ten past eight"."""
    hour = number(match["hour"])
    said = match["minutes"] or match["minutes_"] or match["quarter"]
    minutes = _MINUTES.get(said) or number(said)
    if match["way"] == "to" or match["quarter"]:
        hour, minutes = (hour - 1) or 12, 60 - minutes
    return _with_half(match, clock(hour, minutes))


def _word_clock(match: re.Match[str]) -> Named | None:
    return _with_half(
        match, clock(number(match["hour"]), number(_group(match, "minute")) if _group(match, "minute") else 0)
    )


def _with_half(match: re.Match[str], found: Clock | None) -> Named | None:
    half = _group(match, "half").replace(".", "")
    if found is None or not half or found.hour > 12:
        return Named(clock=found) if found else None
    return Named(clock=Clock(found.hour % 12 + (12 if half == "pm" else 0), found.minute, True))


_HALF = r"(?:\s*(?P<half>[ap]\.?m\b\.?))"
_AT = r"(?:\b(?:at|by|around|until)\s+|@\s*)"
_HOUR = r"(?P<hour>\d{1,2})"
_NOT_MORE = r"(?![\w%:/-]|\.\d|,\d|\s*(?:%|euros?|dollars?|people|times|percent))"


def _form(pattern: str, read: Reader) -> Form:
    return re.compile(pattern), read


_REPEATING: tuple[Form, ...] = (
    _form(
        rf"\b(?:on\s+)?the\s+({'|'.join(_NTH)})\s+({_WEEKDAY})\s+(?:of|in)\s+(?:{_EACH}|the)\s+month\b", _nth_weekday
    ),
    _form(
        rf"\b{_EACH}\s+({_NTH_BUT_OTHER})\s+({_WEEKDAY})\s+of\s+(?:the|{_EACH})\s+month\b",
        _nth_weekday,
    ),
    _form(
        rf"\b(?:on\s+)?(?:(?:the|{_EACH})\s+)(?:(?P<last>last\s+day)|{_DAY_NTH}(?:\s+day)?)"
        rf"(?:\s+(?:of|in)\s+(?:(?P<each>{_EACH}\s+month|the\s+month)|(?P<which>this|next)\s+month))\b",
        _month_day,
    ),
    _form(
        rf"\b(?P<each>{_EACH})\s+(?:(?P<last>last\s+day\s+of\s+the\s+month)|{_DAY_NTH}(?!\s*(?:of\s+)?{_MONTH}))",
        _month_day,
    ),
    _form(
        rf"\b{_EACH}\s+(?:work(?:ing\s+)?|business\s+|week)day\b|\b(?:on\s+)?weekdays\b",
        lambda _: Named(unit="week", interval=1, weekdays=(0, 1, 2, 3, 4)),
    ),
    _form(
        rf"\b{_EACH}\s+weekend\b|\b(?:on\s+)?weekends\b|\bat\s+weekends\b",
        lambda _: Named(unit="week", interval=1, weekdays=(5, 6)),
    ),
    _form(rf"\b(?:(?:{_EACH}|from)\s+)*({_SHORT})\s*(?:-|–|to|through|until)\s*({_SHORT})", _range),
    _form(rf"\b{_EACH}\s+((?:other|second)\s+)?({_LIST})", _every_weekdays),
    _form(
        rf"\b(?:on\s+)?((?:{_WEEKDAY}s\b)(?:(?:\s*(?:,|/|&|\band\b)\s*)+{_WEEKDAY}s\b)*)",
        lambda match: Named(unit="week", interval=1, weekdays=_days_in(match[1])),
    ),
    _form(rf"\b{_EACH}\s+half\s+(?:an\s+)?hour\b|\bhalf-hourly\b", lambda _: Named(unit="minute", interval=30)),
    _form(
        rf"\b(?:{_EACH}|once\s+(?:an?|every))\s+(?:(other|second|third|{_NUMBER})\s+)?({_REPEATED})s?\b",
        _every,
    ),
    _form(
        rf"\b({'|'.join(_ADVERBS)})\b", lambda match: Named(unit=_ADVERBS[match[1]][0], interval=_ADVERBS[match[1]][1])
    ),
)
_DAYS: tuple[Form, ...] = (
    _form(rf"\b(?:in|after)\s+({_AMOUNTS})(?:['’]?s?\s+time\b)?(?![\w'’])", _passing),
    _form(rf"\b({_AMOUNTS})\s+from\s+now\b", _passing),
    _form(r"(?<![\d-])(\d{4})-(\d{1,2})-(\d{1,2})(?:t(?=\d))?(?![\d-])", _iso),
    _form(r"(?<![\d/])(\d{4})/(\d{1,2})/(\d{1,2})(?![\d/])", _iso),
    _form(r"(?<![\d.])(\d{1,2})\.(\d{1,2})\.(\d{4})(?![\d.])", _dotted),
    _form(
        rf"\b({_EACH}\s+)?(?:the\s+)?{_DAY}\s+(?:of\s+)?{_MONTH}(?:,?\s+(?P<year>\d{{4}})\b)?",
        lambda match: _date(match, day=2, month=3, every=1),
    ),
    _form(
        rf"\b({_EACH}\s+)?{_MONTH}\s+(?:the\s+)?{_DAY}(?![\d:])(?:,?\s+(?P<year>\d{{4}})\b)?",
        lambda match: _date(match, day=3, month=2, every=1),
    ),
    _form(rf"\bon\s+the\s+{_DAY_NTH}\b", _month_day),
    _form(r"\bday after tomorrow\b", lambda _: Named(days=2)),
    _form(r"\b(?:today|tomorrow)\b(?!['’]s)", lambda match: Named(days=0 if match[0] == "today" else 1)),
    _form(r"\btonight\b(?!['’]s)", lambda _: Named(days=0, part="night")),
    _form(r"\bthis\s+(morning|afternoon|evening)\b", lambda match: Named(days=0, part=_PARTS[match[1]])),
    _form(
        r"\b(?:this|next|coming)\s+week\b(?!['’]s)", lambda match: Named(weeks=0 if match[0].startswith("this") else 1)
    ),
    _form(r"\bnext\s+month\b(?!['’]s)", lambda _: Named(months=1)),
    _form(r"\bnext\s+year\b(?!['’]s)", lambda _: Named(ahead=("year", 1), month=1, monthday=1)),
    _form(rf"\b(?:on|by|until)?\s*\b(?P<which>this|next|coming)\s+(?P<day>{_SHORT}|weekend\b)", _weekday),
    _form(rf"\b(?:(?:on|by|until)\s+(?P<day>{_SHORT}))", _weekday),
    _form(rf"\b(?P<day>{_WEEKDAY})\b(?!['’]s)", _weekday),
    _form(r"\b(?:at|on|over)\s+the\s+(?P<day>weekend)\b", _weekday),
)
_CLOCKS: tuple[Form, ...] = (
    _form(rf"(?:{_AT})?(?<![\w.:/-]){_HOUR}(?:[:.h](?P<minute>\d{{2}}))?{_HALF}", _clock),
    _form(rf"(?:{_AT})?(?<![\w.:/-]){_HOUR}[:h](?P<minute>\d{{2}})(?![\d:])", _clock),
    _form(rf"{_AT}{_HOUR}\.(?P<minute>[0-5]\d)(?![\d.])", _clock),
    _form(
        rf"(?:{_AT}(?:an?\s+)?(?P<minutes>quarter|half|{_WORDS}|\d{{1,2}})(?:\s+minutes)?\s+(?P<way>past|to)"
        rf"|\b(?P<minutes_>quarter|half|{_WORDS})\s+(?P<way_>past)|\b(?P<quarter>quarter)\s+to)\s+(?P<hour>{_ONES}|\d{{1,2}})\b(?!\s*(?:minutes|hours|days))(?:\s+o['’]?clock)?{_HALF}?",
        _spoken_clock,
    ),
    _form(rf"(?:{_AT})?\b{_HOUR}\s*o['’]?clock\b", _clock),
    _form(rf"(?:{_AT})?\b(?P<hour>{_ONES})\s+o['’]?clock\b", _word_clock),
    _form(rf"{_AT}(?P<hour>{_ONES})\b(?:[ -](?P<minute>{_WORDS}))?(?!\s+(?:of|people|times)\b){_HALF}?", _word_clock),
    _form(rf"{_AT}{_HOUR}{_NOT_MORE}", _clock),
    _form(rf"\b(?:in\s+the\s+|at\s+)?{_PART}\b(?!['’]s)", lambda match: Named(part=_PARTS[match[1]])),
)

FORMS: tuple[Form, ...] = (*_REPEATING, *_DAYS, *_CLOCKS)
