# ruff: noqa: E501 - each pattern reads best on one line
"""The words of each kind of entry, English and Chinese side by side, as patterns over a text in plain form.

A pattern takes a whole entry with its value; what it leaves over is judged in `bot.logbook.parsing`. Earlier patterns
take their words before later ones. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.logbook.kinds import KINDS, MOVED, Entry, in_own_unit

Read = Callable[["re.Match[str]", Mapping[str, str]], "Entry | None"]
"""Reads an entry; told in which unit this person last gave each kind."""
Pattern = tuple[str, "re.Pattern[str]", Read]

_LINK = (
    r"(?:[\s:=~,\x01-]|\b(?:is|was|were|at|of|about|around|roughly|approximately|approx|just|now|only|again|came|to|in"
    r"|as|and|a|the|my|me|myself|i'm|im|i|measured|reading|reads?|says?|shows?|showed|currently|exactly|still|back|down"
    r"|up|out|it|it's|level|rate|total|on|nearly|almost|over|got|did|had|for|so far)\b"
    r"|[了是为有在到测量称过]|大概|大约|差不多|现在|目前|一下|只有|结果|显示|约)*"
)
_N = r"(?P<n>\d+(?:\.\d+)?)(?![\d./:])"
_UNITS: dict[str, str] = {
    "kg": r"kgs?\b|kilos?\b|kilograms?\b|公斤|千克",
    "lb": r"lbs?\b|pounds?\b|磅",
    "jin": r"斤",
    "cm": r"cms?\b|centimet(?:er|re)s?\b|厘米|公分",
    "m": r"m\b(?!/)|met(?:er|re)s?\b|米",
    "in": r"inch(?:es)?\b|in\b|\"|英寸|寸",
    "mmHg": r"mm\s?hg\b|毫米汞柱",
    "kPa": r"kpa\b|千帕",
    "bpm": r"bpm\b|beats(?: (?:per|a) min(?:ute)?)?\b|/min\b|次/分钟?|次每分钟|次|下",
    "mmol/L": r"mmol(?:s)?(?:/l)?\b|毫摩尔?(?:每升|/升)?",
    "mg/dL": r"mg(?:/dl)?\b|毫克(?:每分升|/分升)?",
    "°F": r"°\s?f\b|degrees? f(?:ahrenheit)?\b|f(?:ahrenheit)?\b|℉|华氏度",
    "°C": r"°\s?c\b|degrees?(?: c(?:elsius)?)?\b|c(?:elsius)?\b|℃|摄氏度|度|°",
    "%": r"%|percent\b|per cent\b",
    "h": r"h(?:rs?|ours?)?\b|hours?'?|小时|钟头",
    "min": r"min(?:ute)?s?\b|分钟|分",
    "km": r"kms?\b|kilomet(?:er|re)s?\b|k\b|公里|千米",
    "mi": r"miles?\b|mi\b|英里",
    "L": r"l\b|lit(?:er|re)s?\b|公升|升",
    "ml": r"mls?\b|millilit(?:er|re)s?\b|毫升|cc\b",
    "glass": r"glass(?:es)?\b|cups?\b|mugs?\b|大?杯",
    "oz": r"(?:fl\.? )?oz\b|ounces?\b|盎司",
    "pint": r"pints?\b|品脱",
}


def _unit(*names: str) -> str:
    return rf"(?P<unit>{'|'.join(_UNITS[name] for name in names)})"


def _named(text: str | None, *names: str) -> str:
    """The unit that was written, by its name."""
    if not text:
        return ""
    return next(name for name in names or _UNITS if re.fullmatch(_UNITS[name], text.strip()))


_H, _M = _UNITS["h"], _UNITS["min"]
_SPAN = rf"(?:(?P<h>\d+(?:\.\d+)?)[\s-]*(?:{_H})(?:\s*(?:and\s*)?(?P<hm>\d{{1,2}})(?:\s*(?:{_M})|(?![\d.])))?|(?P<m>\d+(?:\.\d+)?)[\s-]*(?:min(?:ute)?s?\b|分钟))"
_ALSO = rf"(?:{_LINK}(?:within|用了?|用时|花了?|耗时|taking|took){_LINK}{_SPAN}|\s+in\s+{_SPAN.replace('<h>', '<h2>').replace('<hm>', '<hm2>').replace('<m>', '<m2>')}|[\s,]+(?P<m3>\d+(?:\.\d+)?)\s*(?:min(?:ute)?s?\b|分钟))?"


def _minutes(match: re.Match[str], suffix: str = "") -> float | None:
    groups = match.groupdict()
    hours, more, minutes = (groups.get(f"{name}{suffix}") for name in ("h", "hm", "m"))
    if hours is not None:
        return float(hours) * 60 + float(more or 0)
    return float(minutes) if minutes is not None else None


def _plain(kind: str, *units: str, note: str = "") -> Read:
    """A number with one of these units, or without one in the person's own."""

    def read(match: re.Match[str], used: Mapping[str, str]) -> Entry | None:
        unit = _named(match.groupdict().get("unit"), *units) or used.get(kind, "")
        value = in_own_unit(KINDS[kind], float(match["n"]), unit)
        return Entry(kind, value, None, unit or KINDS[kind].unit, note)

    return read


def _pressure(match: re.Match[str], used: Mapping[str, str]) -> Entry:
    del used
    unit = _named(match.groupdict().get("unit"), "mmHg", "kPa") or "mmHg"
    high, low = (in_own_unit(KINDS["blood_pressure"], float(match[name]), unit) for name in ("high", "low"))
    return Entry("blood_pressure", high, low, unit)


def _glucose(match: re.Match[str], used: Mapping[str, str]) -> Entry:
    value, said = float(match["n"]), _named(match["unit"], "mmol/L", "mg/dL")
    unit = said or _glucose_unit(value, used.get("glucose", ""))
    note = "fasting" if re.search(r"fasting|空腹", match.group()) else ""
    return Entry("glucose", in_own_unit(KINDS["glucose"], value, unit), None, unit, note)


def _glucose_unit(value: float, used: str) -> str:
    """Of a number without one; what only one of both scales can show is in that one, whatever was used before."""
    if value > MOST_MMOL:
        return "mg/dL"
    return "mmol/L" if value < _LEAST_MG else used or "mmol/L"


_LEAST_MG, MOST_MMOL = 20, 33.3
"""Meters show 20 to 600 mg/dL, or 1.1 to 33.3 mmol/L."""


def _heart(match: re.Match[str], used: Mapping[str, str]) -> Entry:
    del used
    note = "resting" if re.search(r"rest|静息", match.group()) else ""
    return Entry("heart_rate", float(match["n"]), None, "bpm", note)


def _oxygen(match: re.Match[str], used: Mapping[str, str]) -> Entry:
    """In per cent, also where it was said as a share of one."""
    del used
    value = float(match["n"])
    return Entry("oxygen", value * 100 if value <= 1 and not match["unit"] else value, None, "%")


def _temperature(match: re.Match[str], used: Mapping[str, str]) -> Entry | None:
    value = float(match["n"])
    unit = _named(match["unit"], "°F", "°C") if match["unit"] else ""
    if unit != "°F" and value >= LEAST_FAHRENHEIT:
        unit = "°F"
    unit = unit or used.get("temperature", "") or "°C"
    if unit == "°F" and value < LEAST_FAHRENHEIT:
        unit = "°C"
    own = in_own_unit(KINDS["temperature"], value, unit)
    if own < _LEAST_OF_A_BODY and not re.search(r"body|my|fever|体温", match.group()):
        return None
    return Entry("temperature", own, None, unit)


LEAST_FAHRENHEIT = 80
_LEAST_OF_A_BODY = 32
"""Degrees below which a temperature is taken for the weather's, unless it is said whose it is."""


def _weight_stone(match: re.Match[str], used: Mapping[str, str]) -> Entry | None:
    del used
    value = float(match["st"]) * 6.35029318 + float(match["lb"] or 0) * 0.45359237
    if not KINDS["weight"].usual.holds(value) and not re.search(r"weigh|scale|体重", match.group()):
        return None
    return Entry("weight", value, None, "st")


def _height_feet(match: re.Match[str], used: Mapping[str, str]) -> Entry:
    del used
    return Entry("height", float(match["ft"]) * 30.48 + float(match["inch"] or 0) * 2.54, None, "ft")


def _height_metres(match: re.Match[str], used: Mapping[str, str]) -> Entry:
    del used
    rest = match["rest"]
    return Entry("height", float(match["metre"]) * 100 + (float(rest) * (10 if len(rest) == 1 else 1)), None, "cm")


def _height(match: re.Match[str], used: Mapping[str, str]) -> Entry:
    unit = _named(match["unit"], "cm", "m", "in") or used.get("height", "")
    value = float(match["n"])
    if not match["unit"]:
        unit = "m" if value < _LEAST_CM else "cm" if value > _MOST_INCHES else unit
    return Entry("height", in_own_unit(KINDS["height"], value, unit), None, unit or "cm")


_LEAST_CM, _MOST_INCHES = 3, 100


def _sleep(match: re.Match[str], used: Mapping[str, str]) -> Entry | None:
    del used
    minutes = _minutes(match)
    if minutes is None and re.search(r"\bat\b", match.group()):
        return None  # when it began
    if minutes is None:
        return Entry("sleep", float(match["n"]), None, "h")
    return Entry("sleep", minutes / 60, None, "h")


def _sleep_range(match: re.Match[str], used: Mapping[str, str]) -> Entry:
    """From the hour of going to bed to that of waking, which is less than half a day where neither says which half."""
    del used
    start, end = (_clock(match, side) for side in ("from", "to"))
    sure = match["from_half"] and match["to_half"]
    hours = (end - start) % (24 if sure or start > 12 or end > 12 else 12) or 12
    return Entry("sleep", hours, None, "h")


def _clock(match: re.Match[str], side: str) -> float:
    hour, half = int(match[f"{side}_h"]), match[f"{side}_half"]
    minute = 30 if match.groupdict().get(f"{side}_zh_half") else int(match[f"{side}_m"] or 0)
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return hour + minute / 60


def _distance(kind: str) -> Read:
    def read(match: re.Match[str], used: Mapping[str, str]) -> Entry:
        unit = _named(match["unit"], "km", "mi", "m") or used.get(kind, "km")
        value = in_own_unit(KINDS[kind], float(match["n"]), unit)
        minutes = _minutes(match) or _minutes(match, "2")
        third = match.groupdict().get("m3")
        return Entry(kind, value, minutes or (float(third) if third else None), unit)

    return read


def _lasting(kind: str) -> Read:
    def read(match: re.Match[str], used: Mapping[str, str]) -> Entry | None:
        del used
        minutes = _minutes(match)
        note = (match.groupdict().get("what") or "").strip()
        return Entry(kind, minutes, None, "min", note) if minutes is not None else None

    return read


def _counted(kind: str, *, least: float = 0) -> Read:
    """A number of things; fewer than ``least`` are none of these, such as the steps of a recipe."""

    def read(match: re.Match[str], used: Mapping[str, str]) -> Entry | None:
        del used
        value = float(match["n"])
        return Entry(kind, value, None, KINDS[kind].unit) if value >= least else None

    return read


def _drinks(match: re.Match[str], used: Mapping[str, str]) -> Entry:
    del used
    return Entry("alcohol", float(match["n"] or match["cup"]), None, "drinks")


def _bare_weight(match: re.Match[str], used: Mapping[str, str]) -> Entry | None:
    """A number with a unit of weight and nothing that says of what: only one that a grown person has."""
    entry = _plain("weight", "kg", "lb", "jin")(match, used)
    return entry if entry is not None and KINDS["weight"].usual.holds(entry.value) else None


def _pattern(kind: str, pattern: str, read: Read) -> Pattern:
    return kind, re.compile(pattern), read


_BP = r"\b(?:blood pressure|bp)\b|血压"
_PAIR = rf"(?P<high>\d{{2,3}}(?:\.\d)?)\s*(?:/|\\|\bover\b|\bon\b|比|到|至)\s*(?P<low>\d{{2,3}}(?:\.\d)?)(?![\d./])(?:\s*{_unit('mmHg', 'kPa')})?"
_SYSTOLIC = rf"(?:systolic|top|upper|高压|收缩压)(?: number)?{_LINK}(?P<high>\d{{2,3}}),?\s*(?:and\s*)?(?:diastolic|bottom|lower|低压|舒张压)(?: number)?{_LINK}(?P<low>\d{{2,3}})(?:\s*{_unit('mmHg', 'kPa')})?"
_VERBS = {
    "run": r"\b(?:ran|run|running|jog|jogged|jogging)\b|跑步?",
    "walk": r"\b(?:walked|walk|walking|hiked|hike|hiking)\b(?: (?:the|my) dogs?\b)?|散步|步行|徒步|走路?",
    "ride": r"\b(?:cycled|cycling|cycle|biked|biking|bike(?: ride)?|bicycle ride|rode(?: (?:my|the) bike)?|ride)\b|骑自行车|骑行|骑车|骑",
    "swim": r"\b(?:swam|swim|swimming)\b|游泳?",
}
_NOUNS = {
    "run": r"run|jog",
    "walk": r"walk|hike",
    "ride": r"(?:bike |bicycle )?ride|cycle",
    "swim": r"swim",
}
_EXERCISE = (
    r"\b(?:work(?:ed)? ?out|workouts?|(?:the )?gym|yoga|pilates|exercis(?:e|ed|ing)|trained|training|weights|stretch(?:ed|ing)"
    r"|cardio|hiit|row(?:ed|ing)|danc(?:ed|ing)|tennis|football|soccer|basketball|badminton|climb(?:ed|ing)|elliptical|spinning"
    r"|boxing|skipping|ran|run|running|jogg?(?:ed|ing)?|walked|walk|walking|cycled|cycling|swam|swimming|swim|hik(?:ed|ing))\b"
    r"|健身|锻炼|运动|瑜伽|跳绳|打篮球|打羽毛球|打网球|踢足球|游泳|跑步|散步|走路|骑车|骑行|徒步|跳舞|打太极|跑"
)
_MEAL = r"(?:\b(?:fasting|random|bedtime|morning)\s+)?(?:\b(?:blood )?(?:glucose|sugar)(?: levels?| reading| meter)?\b)"


def _movement(kind: str) -> tuple[Pattern, ...]:
    units = _unit("km", "mi", "m")
    return (
        _pattern(kind, rf"(?:{_VERBS[kind]}){_LINK}{_N}\s*{units}{_ALSO}", _distance(kind)),
        _pattern(kind, rf"{_N}[\s-]*{units}\s*(?:{_NOUNS[kind]})\b{_ALSO}", _distance(kind)),
        _pattern(kind, rf"{_N}\s*{units}\s*(?:of )?(?:{_VERBS[kind]}){_ALSO}", _distance(kind)),
    )


_LEAST_STEPS = 30


PATTERNS: tuple[Pattern, ...] = (
    _pattern("blood_pressure", rf"(?:{_BP}){_LINK}(?:{_PAIR})", _pressure),
    _pattern("blood_pressure", rf"(?:(?:{_BP}){_LINK})?(?:{_SYSTOLIC})", _pressure),
    _pattern("blood_pressure", rf"(?:{_PAIR})(?<=[a-z柱帕])", _pressure),
    _pattern("glucose", rf"(?:{_MEAL}|(?:空腹)?血糖){_LINK}{_N}(?:\s*{_unit('mmol/L', 'mg/dL')})?", _glucose),
    _pattern("heart_rate", rf"(?:\b(?:resting |average )?(?:heart ?rate|hr|pulse|heartbeat)\b(?: rate)?|静息心率|心率|心跳|脉搏){_LINK}(?:每分钟)?{_N}(?:\s*{_unit('bpm')})?(?:每分钟)?", _heart),
    _pattern("heart_rate", rf"{_N}\s*(?:bpm|beats (?:per|a) min(?:ute)?)\b", _heart),
    _pattern("oxygen", rf"(?:\b(?:blood )?oxygen(?: saturation| level)?\b|\bspo2\b|\bo2(?: sat(?:uration)?)?\b|血氧(?:饱和度)?){_LINK}{_N}(?:\s*{_unit('%')})?", _oxygen),
    _pattern("temperature", rf"(?:(?<!\bthe )(?<!\boutside )(?<!\broom )(?:\bmy )?\b(?:body )?temp(?:erature)?\b|\bfever\b|体温|发烧|烧到|高烧|低烧|发热){_LINK}{_N}(?:\s*{_unit('°F', '°C')})?", _temperature),
    _pattern("sleep", rf"(?:\b(?:slept|sleep|asleep)\b|睡(?:眠|觉)?(?:时间|时长)?){_LINK}{_SPAN}", _sleep),
    _pattern("sleep", rf"{_SPAN}\s*(?:of |的)?(?:sleep\b|睡眠)", _sleep),
    _pattern("sleep", rf"(?:\bslept|\bsleep|睡眠){_LINK}{_N}(?=\s*(?:$|[,\x01]|and\b))", _sleep),
    _pattern("steps", rf"{_N}\s*(?:steps?\b|步)", _counted("steps", least=_LEAST_STEPS)),
    _pattern("steps", rf"(?:\bsteps?\b|步数){_LINK}{_N}", _counted("steps", least=_LEAST_STEPS)),
    *(pattern for kind in MOVED for pattern in _movement(kind)),
    _pattern("meditation", rf"(?:\bmeditat(?:ed|ion|ing)\b|冥想|打坐|静坐){_LINK}{_SPAN}", _lasting("meditation")),
    _pattern("meditation", rf"{_SPAN}\s*(?:of |的)?(?:meditation\b|meditating\b|冥想)", _lasting("meditation")),
    _pattern("workout", rf"(?P<what>{_EXERCISE}){_LINK}{_SPAN}", _lasting("workout")),
    _pattern("workout", rf"{_SPAN}\s*(?:of |at |in |的)?(?P<what>{_EXERCISE})", _lasting("workout")),
    _pattern("coffee", rf"{_N}\s*(?:(?:cups?|mugs?) of )?(?:coffees?|espressos?|lattes?|cappuccinos?|americanos?)\b|{_N.replace('<n>', '<zh>')}\s*(?:大杯|杯)(?:黑|美式)?(?:咖啡|拿铁|美式)", lambda match, _: Entry("coffee", float(match["n"] or match["zh"]), None, "cups")),
    _pattern("coffee", rf"(?:\bcoffees?\b|咖啡){_LINK}{_N}\s*(?:cups?\b|杯)?", _counted("coffee")),
    _pattern("alcohol", rf"{_N}\s*(?:beers?|glass(?:es)? of (?:red |white )?wine|(?:glass(?:es)?|pints?|bottles?|cans?) of (?:beer|cider)|(?:alcoholic )?drinks|shots?(?: of \w+)?|whisk(?:e?y|ies)|cocktails?|units of alcohol)\b", _counted("alcohol")),
    _pattern("alcohol", rf"{_N}\s*(?:[杯瓶罐听]啤酒|杯(?:红酒|白酒|葡萄酒|黄酒|威士忌|酒))", _counted("alcohol")),
    _pattern("alcohol", rf"(?:喝|喝了)?(?:啤酒{_LINK}{_N}\s*[杯瓶罐听]|(?:红酒|白酒|葡萄酒|黄酒|酒){_LINK}{_N.replace('<n>', '<cup>')}\s*杯)", _drinks),
    _pattern("water", rf"{_N}\s*{_unit('L', 'ml', 'glass', 'oz', 'pint')}\s*(?:of |的)?(?:water\b|开水|温水|白开水|水)", _plain("water", "L", "ml", "glass", "oz", "pint")),
    _pattern("water", rf"(?:\bwater(?: intake)?\b|喝水量?|饮水量?){_LINK}{_N}\s*{_unit('L', 'ml', 'glass', 'oz', 'pint')}", _plain("water", "L", "ml", "glass", "oz", "pint")),
    _pattern("cigarettes", rf"(?:\bsmoked\b{_LINK})?{_N}\s*(?:cigarettes?|cigs?|smokes)\b|{_N.replace('<n>', '<zh>')}\s*[根支](?:香?烟)", lambda match, _: Entry("cigarettes", float(match["n"] or match["zh"]), None, "cigarettes")),
    _pattern("cigarettes", rf"(?:\bsmoked\b|\bcigarettes\b|抽烟){_LINK}{_N}\s*[根支]?", _counted("cigarettes")),
    _pattern("mood", rf"(?:\bmood\b|\bfeeling\b|\bi feel\b|心情|情绪){_LINK}(?P<n>\d+(?:\.\d+)?)\s*(?:/\s*10\b|out of 10\b|分)", _counted("mood")),
    _pattern("mood", rf"(?:\bmood\b|心情|情绪){_LINK}{_N}", _counted("mood")),
    _pattern("waist", rf"(?:\bwaist(?:line)?\b(?: circumference| size)?|腰围){_LINK}{_N}(?:\s*{_unit('cm', 'in')})?", _plain("waist", "cm", "in")),
    _pattern("height", rf"(?:(?:\bheight\b|身高){_LINK})?(?P<metre>[12])\s*(?:m|米)\s*(?P<rest>\d{{1,2}})(?!\d)", _height_metres),
    _pattern("height", r"(?:\bheight\b\W*(?:is |was )?|\b(?:i'm|i am) )(?P<ft>[3-8])\s*(?:'|ft|feet|foot)\s*(?:(?P<inch>\d{1,2}(?:\.\d)?)\s*(?:\"|''|in(?:ches)?)?)?(?:\s*tall)?", _height_feet),
    _pattern("height", rf"(?:\bheight\b|身高){_LINK}{_N}(?:\s*{_unit('cm', 'm', 'in')})?", _height),
    _pattern("height", rf"\b(?:i'm|i am) {_N}\s*{_unit('cm', 'm')} tall\b", _height),
    _pattern("weight", rf"(?:(?:\b(?:body ?)?weight\b|\bweigh(?:ed|s|ing)?\b(?: myself)?(?: in)?|\bscales?\b|体重){_LINK})?(?P<st>\d{{1,2}}(?:\.\d+)?)\s*(?:st|stones?)\b(?:\s*(?:and\s*)?(?P<lb>\d{{1,2}}(?:\.\d+)?)\s*(?:lbs?|pounds?)?\b)?", _weight_stone),
    _pattern("weight", rf"(?:\b(?:body ?)?weight\b|\bweigh(?:ed|s|ing)?\b(?: myself)?(?: in)?|\bscales?\b|体重|称重|[称秤]了?){_LINK}(?:1下[\s,]*)?{_N}(?:\s*{_unit('kg', 'lb', 'jin')})?", _plain("weight", "kg", "lb", "jin")),
    _pattern("weight", rf"{_N}\s*{_unit('kg', 'lb', 'jin')}(?!\s*(?:at|from|on me|to|in|for|with|up|out|back|off)\b)", _bare_weight),
)  # fmt: skip

SLEEP_RANGE: Pattern = _pattern(
    "sleep",
    rf"(?:\b(?:slept|asleep|sleep)\b|睡觉?)?{_LINK}(?:from |从)?(?P<from_h>\d{{1,2}})(?:[:点](?P<from_m>\d{{1,2}})?(?P<from_zh_half>半)?)?\s*(?:(?P<from_half>[ap])\.?m\.?)?钟?\s*(?:-|–|to|until|till|就?睡到|到|至)\s*(?:今?早上?|早晨|凌晨|today|this morning|(?:第二天|次日)(?:早上)?)?\s*(?P<to_h>\d{{1,2}})(?:[:点](?P<to_m>\d{{1,2}})?(?P<to_zh_half>半)?)?\s*(?:(?P<to_half>[ap])\.?m\.?)?钟?",
    _sleep_range,
)
"""Looked for before times are, which its hours would be taken for; only where the sentence speaks of sleep."""


def entry_noted(entry: Entry, text: str) -> Entry:
    """The entry with what else its clause says that matters to its meaning: before or after a meal, exercise, rest."""
    if entry.note or entry.kind not in ("glucose", "heart_rate", "blood_pressure"):
        return entry
    for note, pattern in _NOTES:
        if pattern.search(text):
            return replace(entry, note=note)
    return entry


_NOTES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("fasting", re.compile(r"\bfasting\b|\bfasted\b|before breakfast|空腹|早餐前|早饭前")),
    ("after a meal", re.compile(r"\bafter (?:breakfast|lunch|dinner|supper|eating|a meal|meals?|food)\b|饭后|餐后|吃完|饭\d小时后")),
    ("after exercise", re.compile(r"\b(?:after|during|while) (?:\w+ ){0,2}(?:run|running|jog|exercis\w*|work(?:ing)? ?out|gym|walk\w*|climb\w*|stairs|cycl\w*|swim\w*|training)\b|\bon (?:the |a )?(?:treadmill|bike)\b|(?:运动|跑步|锻炼|健身|爬楼)(?:之?后|完)")),
    ("resting", re.compile(r"\bat rest\b|\bresting\b|静息|静坐")),
)  # fmt: skip


def unit_named(text: str, kind: str) -> str | None:
    """The unit of a kind that a text writes, as the heading of a column or the field of a record does.

    Empty where the text is none or names the kind's own; None where the kind is not measured in it.

    >>> unit_named("lbs", "weight"), unit_named("", "weight"), unit_named("mmol/L", "weight")
    ('lb', '', None)
    """
    plain = text.strip().lower()
    if not plain:
        return ""
    form = KINDS[kind]
    for name in (form.unit, *form.units):
        if plain == name.lower() or (name in _UNITS and re.fullmatch(_UNITS[name], plain)):
            return "" if name == form.unit else name
    return None
