# ruff: noqa: E501 - each pattern reads best on one line
"""What is wished for besides a new entry: to list, put right or take back, goals, nudges, a trend. Pure.

After a command the first word says which; in plain words only a sentence that says nothing else is taken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from bot.logbook.kinds import KINDS
from bot.logbook.normal import normal
from bot.logbook.parsing import Reading
from bot.logbook.words import kind_in, without_kind
from memory.logs import Way

Do = Literal["list", "add", "delete", "correct", "goals", "goal", "nudge"]


@dataclass(frozen=True)
class LogWish:
    """What is to be done with the log."""

    do: Do
    kind: str | None = None
    id: int | None = None
    """None: the last one, of the kind if one is named."""
    text: str = ""
    """add, correct and goal: the value in words; nudge: when."""
    way: Way | None = None
    """goal: None where the words leave it open."""
    off: bool = False
    """goal and nudge: to end it."""


@dataclass(frozen=True)
class TrendWish:
    """What is to be shown."""

    kind: str
    since: datetime | None
    """None: from the first entry on."""
    days: int | None


@dataclass(frozen=True)
class LogMessage:
    """What a message in plain words asks of the log: one of these."""

    reading: Reading | None = None
    wish: LogWish | None = None
    trend: TrendWish | None = None


_VERBS: tuple[tuple[Do, str], ...] = (
    ("list", r"list|show|列出|查看|看看"),
    ("delete", r"delete|remove|undo|删除|删掉|撤销|取消"),
    ("correct", r"correct|change|fix|更正|修改|改正|改成|改"),
    ("goals", r"goals|目标(?=$)"),
    ("goal", r"goal|目标"),
    ("nudge", r"nudge|nudges|提醒"),
)
_OFF = re.compile(r"\b(?:off|stop|end|none|no more|delete|remove)\b|关闭|取消|停止|不要")
_LAST = re.compile(
    r"\b(?:the|my|last|latest|that|entry|log|one|of)\b|上[1一][条个次]|最后[1一]?[条个次]?|刚才的?|刚刚的?|记录|的"
)


def log_wish(argument: str) -> LogWish:
    """What the words after the command ask for; what begins with no known word is an entry.

    >>> log_wish("delete 12"), log_wish("weight 71.2").do, log_wish("weight").do
    (LogWish(do='delete', kind=None, id=12, text='', way=None, off=False), 'add', 'list')
    """
    plain = argument.strip()
    if not plain:
        return LogWish("list")
    for do, words in _VERBS:
        match = re.match(rf"(?:{words})(?=$|[\s:：\d\u4e00-\u9fff])[\s:：]*", plain, re.IGNORECASE)
        if match:
            wish = _after_verb(do, plain[match.end() :].strip())
            return LogWish("add", text=plain) if wish is None else wish
    kind = kind_in(plain)
    if kind is not None and not re.search(r"\d", normal(plain)):
        return LogWish("list", kind)
    return LogWish("add", text=plain)


_OTHER_DAY = re.compile(r"yesterday|\bago\b|\bnight\b|\bweek\b|day's\b|昨|前天|天前|上个?(?:周|星期|月)")


def _after_verb(do: Do, rest: str) -> LogWish | None:
    """None where it can't be said what is meant: "all", two numbers, or a day's entry is not the last one."""
    kind = kind_in(rest)
    if do == "goal":
        return _goal(rest, kind)
    if do == "nudge":
        when = without_kind(rest, kind).strip() if kind else rest
        return LogWish("nudge", kind, text=when, off=_OFF.search(rest) is not None)
    number = re.match(r"#?(\d{1,18})(?![\d./])\s*", rest)
    if do == "correct":
        if number and rest[number.end() :]:
            return LogWish("correct", id=int(number[1]), text=_value(rest[number.end() :], None))
        return None if _OTHER_DAY.search(rest.lower()) else LogWish("correct", kind, text=_value(rest, kind))
    if do == "delete":
        bare = rest[number.end() :] if number else without_kind(rest, kind) if kind else rest.lower()
        if re.sub(r"[\s#.!。！]", "", _LAST.sub("", normal(bare))):
            return None
        return LogWish(do, kind, int(number[1]) if number else None)
    return LogWish(do, kind)


def _value(text: str, kind: str | None) -> str:
    """The new value of a correction, without the words that lead to it."""
    bare = without_kind(text, kind) if kind else text
    return re.sub(
        r"^(?:\s|\b(?:to|is|was|it|the|my|last|latest|entry|as|=)\b|改成|改为|为|是|成|上一条|上次的?|的|记录|[:：])+",
        "",
        bare,
    ).strip()


_LEAST = re.compile(r"\bat least\b|\bmin(?:imum)?\b|\bmore than\b|>=?|≥|至少|不少于")
_MOST = re.compile(r"\bat most\b|\bmax(?:imum)?\b|\bless than\b|\bunder\b|\bno more than\b|<=?|≤|最多|不超过|少于")
_A_DAY = re.compile(
    r"\b(?:a|per|each|every|/)\s*(?:day|night)\b|\bdaily\b|/\s*day\b|\bto\b|\bof\b|每天|每晚|每日|降到|减到|达到"
)


def _goal(rest: str, kind: str | None) -> LogWish:
    if not rest:
        return LogWish("goals")
    plain = rest.lower()
    way: Way | None = "least" if _LEAST.search(plain) else "most" if _MOST.search(plain) else None
    bare = _A_DAY.sub(" ", _MOST.sub(" ", _LEAST.sub(" ", plain)))
    return LogWish("goal", kind, text=" ".join(bare.split()), way=way, off=_OFF.search(plain) is not None)


def usual_way(kind: str) -> Way:
    """How a goal is meant where nothing is said: less of what is a habit to lose, more of what a day adds up to."""
    if kind in ("coffee", "alcohol", "cigarettes"):
        return "most"
    return "least" if KINDS[kind].per_day == "sum" or kind == "mood" else "reach"


# -- plain words

_DELETES = re.compile(
    r"(?:please |ok(?:ay)?,? |no,? )*(?:delete|remove|undo|drop|scratch) (?P<what>(?:the |my |that )?(?:last |latest )?[\w ]{0,30}?(?:entry|log)|(?:the |my )?(?:last|latest) [\w ]{2,30})"
    r"|(?:请|帮我)*(?:删除|删掉|撤销|去掉)(?P<zh>(?:上[1一][条个次]|最后[1一]?[条个次]|刚才的?|刚刚的?)[^，。,.]{0,8})"
)
_CORRECTS = re.compile(
    r"(?:please |ok(?:ay)?,? |no,? |sorry,? )*(?:correct|change|fix) (?:the |my |that )?(?:last |latest )?(?P<what>[a-z ]{0,30}?)(?:entry |log )?to (?P<value>[\d.,/ a-z°%]{1,30})"
    r"|(?:please |no,? |sorry,? )*(?:the |my )?(?P<what2>[a-z ]{2,20}?) (?:should be|should have been|was wrong,? it(?:'s| is| was)) (?P<value2>\d[\d.,/ a-z°%]{0,30})"
    r"|(?:请|帮我|不对[，,]?)*(?:把)?(?:上[1一]条|刚才的?|刚刚的?)?(?P<zh>[\u4e00-\u9fff]{2,6}?)(?:记录)?(?:改成|改为|应该是|应为)(?P<zh_value>\d[\d.,/ a-z\u4e00-\u9fff°%]{0,20})"
)
_HEALTHY = re.compile(r"\bshould be\b|应该是|应为")
_WRONG = re.compile(r"^(?:please )?(?:no|sorry)\b|^不对|上[1一]条|刚才|刚刚|\b(?:last|latest)\b")


def plain_wish(text: str) -> LogWish | None:
    """A correction or a deletion in plain words that say nothing else; None where they are none.

    >>> plain_wish("delete my last weight"), plain_wish("体重改成71.4").text
    (LogWish(do='delete', kind='weight', id=None, text='', way=None, off=False), '71.4')
    """
    plain = normal(text).strip().strip(".!。！")
    gone = _DELETES.fullmatch(plain)
    if gone:
        what = gone["what"] or gone["zh"] or ""
        kind = kind_in(what)
        whole = re.fullmatch(r"(?:the |my |that )?log", what)  # perhaps all of it, or another one
        known = kind is not None or not (whole or re.sub(r"\s", "", _LAST.sub("", what)))
        return LogWish("delete", kind) if known else None
    right = _CORRECTS.fullmatch(plain)
    if right is None or (_HEALTHY.search(plain) and not _WRONG.search(plain)):
        return None  # "should be" alone tells what is healthy, or wished for
    named = right["what"] or right["what2"] or right["zh"] or ""
    kind = kind_in(named)
    if kind is not None and _LAST.sub("", without_kind(named, kind)).strip():
        return None  # such as of a goal
    value = right["value"] or right["value2"] or right["zh_value"] or ""
    bare = right["what"] is not None and not re.sub(r"\s", "", _LAST.sub("", right["what"])) and "entry" in plain
    if (kind is None and not bare) or not re.search(r"\d", value):
        return None
    return LogWish("correct", kind, text=value.strip())


# -- trends

_UNITS = {"day": 1, "week": 7, "month": 30, "year": 365, "天": 1, "日": 1, "周": 7, "星期": 7, "月": 30, "年": 365}
_PERIOD = re.compile(
    r"(?:(?P<n>\d{1,4})\s*|\b(?:last|past|this|a|the)\s+|(?:最近|过去|近|这|上)(?:(?P<zh_n>\d{1,4})|一)?)"
    r"(?P<unit>days?|weeks?|months?|years?|个?(?:天|日|周|星期|月|年))"
)
_ALL = re.compile(r"\ball\b|\beverything\b|\bever\b|全部|所有")
_USUAL_DAYS = 90
_OVER = r"(?P<period> (?:(?:of|for|over|in|during|since) )?(?:the )?(?:(?:last|past|this) )?(?:\d+ )?(?:days?|weeks?|months?|years?)| lately| recently| these days)?"
_MINE_ZH = r"(?:我的?)?(?P<period>(?:最近|过去|近|这|上)[\d一二三四五六七八九十两]*个?(?:天|周|星期|月|年)?的?)?(?:我的?)?(?P<what>[\u4e00-\u9fff]{1,4}?)"
_ASKS_TREND = (
    re.compile(
        r"(?:please |can you |could you )*(?:show|plot|draw|chart|graph)(?: me)? (?:the |my )?(?:trend of |chart of |history of )?(?:the |my )?(?P<what>.{3,40}?)"
        rf"(?P<trend> trend| chart| graph| history| log)?{_OVER}"
    ),
    re.compile(
        rf"how (?:has|have|did|is|are|was) my (?P<what>[a-z ]{{3,20}}?)(?: been| chang\w+| develop\w*| going| doing| trend\w*)?{_OVER}"
    ),
    re.compile(
        rf"(?:is|are|was|were) my (?:average )?(?P<what>[a-z ]{{2,20}}?) (?:ok|okay|all right|alright|normal|(?:too )?(?:high|low)|good|bad|healthy|fine|enough){_OVER}"
    ),
    re.compile(
        rf"what(?:'s| is| was| were| has been) my (?:average |usual |latest |last )?(?P<what>[a-z ]{{2,20}}?)(?: been)?{_OVER}"
    ),
    re.compile(
        rf"how (?:much|well|long|far|many hours|many steps) (?:did|do|have) i (?:been )?(?P<what>weigh|weighed|sleep|slept|sleeping|run|ran|walk|walked){_OVER}"
    ),
    re.compile(
        rf"(?:给我|请|帮我)*(?:看看|看一?下|显示|画出?)?{_MINE_ZH}(?:的)?(?:趋势|变化|走势|曲线)(?:怎么样|如何|图)?"
    ),
    re.compile(rf"{_MINE_ZH}(?:怎么样|如何|好吗|好不好|正常吗|(?:算|是不是|太|偏)*[高低](?:吗|不高|不低)?|是?多少)了?"),
)


def trend_wish(argument: str, *, now: datetime) -> TrendWish | None:
    """The kind and the time of "/trend weight 3 months"; three months where no time is named; None without a kind.

    :param now: an aware moment
    """
    kind = kind_in(argument)
    if kind is None:
        return None
    plain = normal(without_kind(argument, kind))
    if _ALL.search(plain):
        return TrendWish(kind, None, None)
    match = _PERIOD.search(plain)
    days = _USUAL_DAYS
    if match:
        unit = match["unit"].removeprefix("个")
        days = int(match["n"] or match["zh_n"] or 1) * _UNITS[unit.rstrip("s") if unit.isascii() else unit]
    return TrendWish(kind, now - timedelta(days=days), days)


def plain_trend(text: str, *, now: datetime) -> TrendWish | None:
    """The same out of a sentence that asks for nothing else: "how has my weight been?", 我的体重趋势."""
    plain = normal(text).strip().strip("?？.!。！ ").strip()
    for pattern in _ASKS_TREND:
        match = pattern.fullmatch(plain)
        named = match.groupdict() if match else {}
        if match and ("trend" not in named or named["trend"] or "my" in plain.split()):
            kind = kind_in(match["what"])
            if kind is not None and not without_kind(match["what"], kind).strip(" 我的"):
                return trend_wish(f"{match['what']} {match['period'] or ''}", now=now)
    return None
