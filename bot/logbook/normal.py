"""Numbers and durations of both languages in one plain form, so that patterns see digits only.

"seventy-two and a half" becomes 72.5, 七十点五 70.5, "12,345" 12345, "71,2" 71.2, "half an hour" and 半小时 30 min.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from bot.reminders.named import number

_ONES = "one|two|three|four|five|six|seven|eight|nine"
_TEENS = "ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_SMALL = rf"(?:(?:{_TENS})(?:[- ](?:{_ONES}))?|{_TEENS}|{_ONES}|zero)"
_HUNDREDS = rf"(?:(?:{_ONES}|a) hundred(?:(?: and)? {_SMALL})?)"
_WORDS = rf"(?:(?:{_HUNDREDS}|{_SMALL}) thousand(?:(?:,| and)? (?:{_HUNDREDS}|{_SMALL}))?|{_HUNDREDS}|{_SMALL})"
_COUNTED = (
    r"hours?|glass(?:es)?|cups?|coffees?|beers?|cigarettes?|litres?|liters?|miles?|pints?|bottles?|quarter|drinks?"
)
_SIGNS = "零〇一二两三四五六七八九十百千万"
_NOT_COUNTED = "下起样直些定般共会"
"""After 一 these make other words: 一下, 一起, 一样."""

_Step = tuple["re.Pattern[str]", "str | Callable[[re.Match[str]], str]"]


def normal(text: str) -> str:
    """A lower-case text with its numbers in digits.

    >>> normal("Slept seven and a half hours"), normal("体重七十点五公斤"), normal("12,345 steps, 71,2 kg")
    ('slept 7.5 hours', '体重70.5公斤', '12345 steps, 71.2 kg')
    """
    plain = unicodedata.normalize("NFKC", text).lower().replace("’", "'").replace("“", '"').replace("”", '"')
    for pattern, become in _STEPS:
        plain = pattern.sub(become, plain)
    return plain


def _spoken(match: re.Match[str]) -> str:
    words = match["words"].replace("a hundred", "one hundred").replace("-", " ")
    return _plain(number(words))


def _decimals(match: re.Match[str]) -> str:
    digits = "".join(_plain(number(word)) for word in match["after"].split())
    return f"{_plain(number(match['whole'].replace('-', ' ')))}.{digits}"


def _chinese(match: re.Match[str]) -> str:
    whole, _, after = match.group().partition("点")
    return str(_value(whole)) + (f".{''.join(str(_value(sign)) for sign in after)}" if after else "")


def _value(signs: str) -> int:
    """A number in Chinese signs; a last digit counts by the place before it: 一万二 is 12000, 一百五 150."""
    short = re.fullmatch(r"(.*?)([万千百])([一二两三四五六七八九])", signs)
    if short and short[1]:
        scale = {"万": 1000, "千": 100, "百": 10}[short[2]]
        return _value(short[1] + short[2]) + _value(short[3]) * scale
    return int(number(signs))


def _mixed(match: re.Match[str]) -> str:
    """Digits before signs: 1万2千, 8千5百, 5百."""
    scales = (10_000, 1000, 100, 1000, 100, 100)
    return _plain(sum(float(group) * scale for group, scale in zip(match.groups(), scales, strict=True) if group))


def _plain(value: float) -> str:
    return f"{value:g}" if value < 1e6 else str(int(value))


def _minutes(match: re.Match[str]) -> str:
    parts = [int(part) for part in match["clock"].split(":")]
    seconds = parts[0] * 3600 + parts[1] * 60 + parts[2] if len(parts) == 3 else parts[0] * 60 + parts[1]
    return f" {_plain(round(seconds / 60, 3))} min"


def _hours(match: re.Match[str]) -> str:
    return f"{match['before']} {_plain(round(int(match['h']) + int(match['m']) / 60, 3))} h"


_STEPS: tuple[_Step, ...] = (
    (re.compile(r"(?<![\d/.,])(\d{1,3}(?:,\d{3})+)(?![\d,])"), lambda match: match[1].replace(",", "")),
    (re.compile(r"(?<![\d/.,])(\d+),(\d{1,2})(?![\d,:/])"), r"\1.\2"),
    (
        re.compile(rf"\b(?P<whole>{_SMALL}|{_HUNDREDS}) point (?P<after>(?:{_ONES}|zero)(?: (?:{_ONES}|zero))*)\b"),
        _decimals,
    ),
    (re.compile(rf"\b(?P<words>{_WORDS})\b(?!-)"), _spoken),
    (re.compile(r"\b(\d+)\s+and\s+a\s+half\b"), r"\1.5"),
    (re.compile(r"\b(\d+)\s+hours?\s+and\s+a\s+half\b"), r"\1.5 hours"),
    (re.compile(r"\ban hour and a half\b"), "1.5 hours"),
    (re.compile(r"\bhalf an hour\b|\ba half hour\b"), "30 min"),
    (re.compile(r"\b3 quarters of an hour\b"), "45 min"),
    (re.compile(r"\b(?:a )?quarter of an hour\b"), "15 min"),
    (re.compile(r"\ba couple of\b"), "2"),
    (re.compile(rf"\ban? (?={_COUNTED})"), "1 "),
    (re.compile(r"\bin\s+(?P<clock>\d{1,3}:\d{2}(?::\d{2})?)\b(?!\s*[ap]\.?m)"), _minutes),
    (
        re.compile(
            r"\b(?P<before>slept|sleep)\s*:?\s*(?:for\s+)?(?P<h>\d{1,2}):(?P<m>\d{2})\b(?!\s*(?:[ap]\.?m|-|to))"
        ),
        _hours,
    ),
    (re.compile(r"\b(\d+(?:\.\d+)?)k(?=\s*(?:steps|步))"), lambda match: _plain(float(match[1]) * 1000)),
    # 5千米 is five kilometres: the sign belongs to the unit
    (re.compile(r"(?<=\d)\s*千(?=[克米帕卡])|(?<=[零一二两三四五六七八九十百])千(?=[克米帕卡])"), "\x02"),
    (
        re.compile(
            r"(?<![\d.])(\d{1,3}(?:\.\d+)?)万(?:(\d)千)?(?:(\d)百)?|(?<![\d.])(\d)千(?:(\d)百)?|(?<![\d.])(\d)百"
        ),
        _mixed,
    ),
    (re.compile(r"(?<=[^\d一二三四五六七八九十个])半个?(?:小时|钟头)|^半个?(?:小时|钟头)"), "30分钟"),
    (re.compile(r"百分之"), "%"),
    (
        re.compile(
            rf"(?:[{_SIGNS}]+点[零〇一二三四五六七八九]+(?![十分点])"
            rf"|(?!一[{_NOT_COUNTED}]|一点(?![{_SIGNS}半钟]))[{_SIGNS}]+)"
        ),
        _chinese,
    ),
    (re.compile("\x02"), "千"),
    (re.compile(r"(\d+)个半(?=小时|钟头)"), r"\1.5"),
    (re.compile(r"(\d+)个(?=小时|钟头)"), r"\1"),
    (re.compile(r"(\d+)(小时|钟头)半"), r"\1.5\2"),
    (re.compile(r"(\d+)度(\d)(?!\d)"), r"\1.\2度"),
    (re.compile(r"(\d+)公斤(\d)(?![\d.])"), r"\1.\2公斤"),
    (re.compile(r"%\s*(\d+(?:\.\d+)?)"), r"\1%"),
)
