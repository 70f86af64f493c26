"""Chinese words for times, as forms that `bot.reminders.named` finds in a text, the most telling first.

Numbers may be digits or signs. 一点 alone is mostly "a bit", so it is one o'clock only after a day or a part of one.
"""

from __future__ import annotations

import re

from bot.reminders.named import DayPart, Form, Named, Reader, clock, number, passing
from bot.reminders.rules import Unit

_NUMBER = r"(?:\d+(?:\.\d+)?|[零〇一二两三四五六七八九十百]+)"
_BEFORE_ONE = frozenset("午上晚晨夜间\0")
"""What stands before 一点 where it is an hour; a day before it is taken already."""
_SIGNS = "一二三四五六日天末"
_WEEK = r"(?:周|星期|礼拜)"
_WEEKDAY = rf"{_WEEK}([一二三四五六日天末])(?![次个])"
_DAYS: dict[str, int] = {"今": 0, "当": 0, "明": 1, "后": 2, "大后": 3}
_PARTS: dict[str, DayPart] = {
    **dict.fromkeys(("凌晨",), "dawn"),
    **dict.fromkeys(("早上", "早晨", "清晨", "上午", "早", "一早"), "morning"),
    **dict.fromkeys(("中午", "正午"), "noon"),
    **dict.fromkeys(("下午", "午后"), "afternoon"),
    **dict.fromkeys(("傍晚",), "evening"),
    **dict.fromkeys(("晚上", "晚间", "夜里", "夜间", "晚", "深夜"), "night"),
    **dict.fromkeys(("午夜", "半夜"), "midnight"),
}
_PART = r"(凌晨|早上|早晨|清晨|上午|中午|正午|下午|午后|傍晚|晚上|晚间|夜里|夜间|深夜|午夜|半夜)(?![茶饭餐])"
_UNITS: dict[str, Unit] = {
    **dict.fromkeys(("分钟", "分"), "minute"),
    **dict.fromkeys(("小时", "钟头"), "hour"),
    **dict.fromkeys(("天", "日"), "day"),
    **dict.fromkeys(("周", "星期", "礼拜"), "week"),
    "月": "month",
    "年": "year",
}
_UNIT = rf"(?:{'|'.join(_UNITS)})"
_UNIT_BUT_MONTH = _UNIT.replace("|月", "")
"""3月 is March; three months are 三个月."""
_AMOUNT = (
    rf"(?:半个?(?:小时|钟头)|{_NUMBER}个半(?:小时|钟头)|{_NUMBER}刻钟|{_NUMBER}秒钟?|{_NUMBER}个月"
    rf"|{_NUMBER}个?{_UNIT_BUT_MONTH})"
)
_AMOUNTS = rf"{_AMOUNT}(?:[零又]?{_AMOUNT})*"


def _group(match: re.Match[str], name: str) -> str:
    """A group that only some of the forms with the same reader have."""
    return match.groupdict().get(name) or ""


def _weekday(sign: str) -> int:
    return {"天": 6, "末": 5}.get(sign, _SIGNS.index(sign))


def _weekdays(match: re.Match[str]) -> Named:
    """每周一三五, 每周一到周五, 每隔周一."""
    text = match["days"]
    signs = [_weekday(sign) for sign in re.findall(f"[{_SIGNS}]", text)]
    if re.search("[到至]", text) and len(signs) == 2 and signs[0] < signs[1]:
        signs = list(range(signs[0], signs[1] + 1))
    days = {*signs, 6} if "末" in text else {*signs}
    return Named(unit="week", interval=1, weekdays=tuple(sorted(days)))


def _every(match: re.Match[str]) -> Named | None:
    """每天, 每两周, 每隔一天; 每隔 with one counts the days that are left out, else those that pass."""
    count = number(match["count"]) if match["count"] else 1
    unit = _UNITS[match["unit"]]
    if match["apart"] and count == 1 and unit not in ("minute", "hour"):
        count = 2
    if count < 1 or count != int(count):
        return None
    return Named(unit=unit, interval=int(count))


def _passing(match: re.Match[str]) -> Named | None:
    return passing([_amount(text) for text in re.findall(_AMOUNT, match["amounts"])])


def _amount(text: str) -> tuple[float, Unit]:
    """半小时, 一个半小时, 三刻钟, 二十分钟, 两个月."""
    hours = re.fullmatch(rf"({_NUMBER})?(?:个)?半个?(?:小时|钟头)", text)
    if hours is not None:
        return 60 * (number(hours[1]) if hours[1] else 0) + 30, "minute"
    count = re.match(_NUMBER, text)
    assert count is not None
    unit = text[count.end() :].removeprefix("个")
    smaller = {"刻钟": 15.0, "秒": 1 / 60, "秒钟": 1 / 60}
    return (number(count[0]) * smaller[unit], "minute") if unit in smaller else (number(count[0]), _UNITS[unit])


def _date(match: re.Match[str]) -> Named:
    years = {"今年": 0, "明年": 1, "后年": 2}
    ahead: tuple[Unit, int] | None = ("year", years[match["which"]]) if match["which"] else None
    year = int(match["year"]) if match["year"] else None
    return Named(ahead=ahead, year=year, month=int(number(match["month"])), monthday=int(number(match["day"])))


def _month_day(match: re.Match[str]) -> Named:
    which, day = _group(match, "which"), _group(match, "day")
    months = 1 if which.startswith("下") else 0 if which else None
    return Named(months=months, monthday=int(number(day)) if day else -1)


def _week_day(match: re.Match[str]) -> Named:
    which = match["which"] or ""
    weeks = which.count("下") or (0 if which else None)
    return Named(weekday=_weekday(match["day"]), weeks=weeks)


def _day_and_part(match: re.Match[str]) -> Named:
    return Named(days=_DAYS[match[1]], part=_PARTS[match[2]])


def _clock(match: re.Match[str]) -> Named | None:
    """三点, 十点半, 九点一刻, 8点30分."""
    hour, half, quarter, minute = (_group(match, name) for name in ("hour", "half", "quarter", "minute"))
    before = match.string[match.start() - 1 : match.start()]
    if match[0] in ("一点", "一點") and before not in _BEFORE_ONE:
        return None
    minutes = 30 if half else number(quarter) * 15 if quarter else number(minute) if minute else 0
    found = clock(number(hour), minutes, exact=len(hour) == 2 and hour[0] == "0")
    return Named(clock=found) if found else None


def _digital(match: re.Match[str]) -> Named | None:
    found = clock(int(match[1]), int(match[2]), exact=len(match[1]) == 2 and match[1][0] == "0")
    return Named(clock=found) if found else None


def _form(pattern: str, read: Reader) -> Form:
    return re.compile(pattern), read


_REPEATING: tuple[Form, ...] = (
    _form(
        rf"每个?月(?:的)?第([一二三四五])个?(?:{_WEEKDAY})",
        lambda match: Named(unit="month", interval=1, nth=int(number(match[1])), weekdays=(_weekday(match[2]),)),
    ),
    _form(
        rf"每个?月(?:的)?最后一个?(?:{_WEEKDAY})",
        lambda match: Named(unit="month", interval=1, nth=-1, weekdays=(_weekday(match[1]),)),
    ),
    _form(r"(?:每个?|每逢)?工作日", lambda _: Named(unit="week", interval=1, weekdays=(0, 1, 2, 3, 4))),
    _form(
        rf"每逢?个?{_WEEK}(?P<days>[{_SIGNS}](?![次个])(?:[、,，和及到至]*(?:{_WEEK})?[{_SIGNS}](?![次个]))*)",
        _weekdays,
    ),
    _form(
        rf"(?:每?隔一?个?周的?|每隔一个?星期的?){_WEEKDAY}",
        lambda match: Named(unit="week", interval=2, weekdays=(_weekday(match[1]),)),
    ),
    _form(r"每半个?(?:小时|钟头)", lambda _: Named(unit="minute", interval=30)),
    _form(r"每([早晚])上?", lambda match: Named(unit="day", interval=1, part=_PARTS[match[1]])),
    _form(rf"每(?P<apart>隔)?(?P<count>{_NUMBER})?个?(?P<unit>{_UNIT})(?:一次)?", _every),
    _form(r"天天", lambda _: Named(unit="day", interval=1)),
)
_DATES: tuple[Form, ...] = (
    _form(rf"(?:再?过)?(?P<amounts>{_AMOUNTS})(?:之后|以后|过后|后)", _passing),
    _form(rf"再?过(?P<amounts>{_AMOUNTS})", _passing),
    _form(
        rf"(?:(?P<year>\d{{4}})年|(?P<which>明年|后年|今年)的?)?(?P<month>{_NUMBER})月(?P<day>{_NUMBER})[日号]?", _date
    ),
    _form(rf"(?P<which>下个?月|这个?月|本月)的?(?:最后一天|底|(?P<day>{_NUMBER})[日号])", _month_day),
    _form(rf"(?P<day>{_NUMBER})[日号](?![楼线门房])", _month_day),
    _form(r"(?:月|(?<=\0))的?(?:最后一天|底)", _month_day),
    _form(r"(今|明|后)(早|晚)(?![饭餐])上?", _day_and_part),
    _form(r"(大后|今|明|后)[天日]", lambda match: Named(days=_DAYS[match[1]])),
    _form(rf"(?P<which>(?:下+|这|本)个?)?{_WEEK}(?P<day>[{_SIGNS}])(?![次个])", _week_day),
    _form(rf"(下+)个?{_WEEK}", lambda match: Named(weeks=len(match[1]))),
    _form(r"下个?月", lambda _: Named(months=1)),
    _form(r"明年", lambda _: Named(ahead=("year", 1), month=1, monthday=1)),
)
_HOUR = r"(?P<hour>\d{1,2}|[零〇一二两三四五六七八九十]+)"
_AFTER_HOUR = (
    r"(?:(?P<half>半)|(?P<quarter>[一三])刻|钟整?|整|(?P<minute>\d{1,2}|[零〇一二三四五六七八九十]+)分?)?(?![点儿心子])"
)
_CLOCKS: tuple[Form, ...] = (
    _form(r"(?<![\d:])(\d{1,2}):(\d{2})(?![\d:])", _digital),
    _form(rf"{_HOUR}(?:[点點]|时(?![候间])){_AFTER_HOUR}", _clock),
    _form(_PART, lambda match: Named(part=_PARTS[match[1]])),
)

FORMS: tuple[Form, ...] = (*_REPEATING, *_DATES, *_CLOCKS)
