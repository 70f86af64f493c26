# ruff: noqa: E501 - lists of words read best on few lines
"""Entries out of a message, in English and Chinese: what somebody measured or did themselves, once, in the past.

A sentence counts only where entries, times and words that carry nothing explain all of it; one that asks, wishes, plans,
denies, or speaks of somebody else is left to the chat, because a missed entry is written again and a wrong one is not
noticed. A message may hold several entries, and sentences beside them that are ordinary talk. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.logbook.kinds import Entry
from bot.logbook.moments import MARK, Placed, When, find_moments, moment_of
from bot.logbook.normal import normal
from bot.logbook.patterns import PATTERNS, SLEEP_RANGE, Read, entry_noted

LONGEST = 600
"""Characters of a message that is looked through; what is longer is a text, not a log."""
_TAKEN = "\0"


@dataclass(frozen=True)
class Said:
    """An entry with its moment."""

    entry: Entry
    at: datetime
    """In the person's zone."""


@dataclass(frozen=True)
class Reading:
    """What a message logs."""

    said: tuple[Said, ...]
    rest: str = ""
    """Its other sentences, as they were written."""


def read_entries(
    text: str, *, now: datetime, zone: ZoneInfo, units: Mapping[str, str] | None = None, asked: bool = False
) -> Reading:
    """The entries of a message; none where it logs nothing.

    :param now: when it was written, an aware moment
    :param units: the unit in which this person last gave each kind, for numbers without one
    :param asked: it is known to be an entry, as after a command
    """
    if len(text) > LONGEST or not text.strip():
        return Reading((), text)
    found: list[Said] = []
    rest = []
    for sentence in sentences_of(text):
        said, left = _read_sentence(sentence, now=now, zone=zone, units=units or {}, asked=asked)
        found += said
        rest += [left] if left.strip() else []
    return Reading(tuple(found), " ".join(part.strip() for part in rest) if found else text)


def sentences_of(text: str) -> Iterator[str]:
    """The sentences and lines of a text."""
    yield from (
        part for part in re.split(r"\n+|(?<=[!?。！？;；])|(?<=\D[.])\s+|(?<=\d\.)\s+(?=[A-Z])", text) if part.strip()
    )


def _read_sentence(
    sentence: str, *, now: datetime, zone: ZoneInfo, units: Mapping[str, str], asked: bool
) -> tuple[list[Said], str]:
    """The entries of a sentence, and what of it is something else."""
    plain = normal(sentence).strip().strip(".!。！;；").strip()
    if not asked and is_talk(plain):
        return [], sentence
    whole = _read_clause(plain, now=now, zone=zone, units=units)
    if whole is not None:
        return whole, ""
    return _read_clauses(sentence, now=now, zone=zone, units=units, asked=asked)


def _read_clauses(
    sentence: str, *, now: datetime, zone: ZoneInfo, units: Mapping[str, str], asked: bool
) -> tuple[list[Said], str]:
    """Clauses that log something, beside others that only tell something; nothing where these are about others."""
    found: list[Said] = []
    rest = []
    for clause in re.split(r"(?<!\d),|,(?!\d)|[，、]", sentence):
        said = _read_clause(normal(clause).strip(" .!。！"), now=now, zone=zone, units=units)
        found += said or []
        rest += [clause] if not said else []
    left = ", ".join(part.strip() for part in rest if part.strip())
    if not found or (not asked and (_OTHERS.search(normal(left)) or re.search(r"\d", left))):
        return [], sentence
    return found, left


def _read_clause(plain: str, *, now: datetime, zone: ZoneInfo, units: Mapping[str, str]) -> list[Said] | None:
    """Its entries; None where it holds none, or anything that they don't explain."""
    left, found = _entries(plain, now, zone, units)
    if not found or not _NOTHING_ELSE.fullmatch(left):
        return None
    said = []
    for entry, when in found:
        at = moment_of(when, now=now, zone=zone, sleep=entry.kind == "sleep")
        if at is None:
            return None
        said.append(Said(entry_noted(entry, plain), at))
    return said


def entries_in(plain: str, now: datetime, zone: ZoneInfo, units: Mapping[str, str]) -> list[tuple[Entry, When]]:
    """What patterns find in a text in plain form, whatever else it says."""
    return _entries(plain, now, zone, units)[1]


def _entries(
    plain: str, now: datetime, zone: ZoneInfo, units: Mapping[str, str]
) -> tuple[str, list[tuple[Entry, When]]]:
    """What is left of a clause without its times and entries, and the entries with their times, in order."""
    today = now.astimezone(zone).date()
    found: list[tuple[int, Entry]] = []
    if re.search(r"sle[ep]|睡", plain):
        plain = _take(plain, *SLEEP_RANGE[1:], units, found)
    left, times = find_moments(plain, today=today)
    for _, pattern, read in PATTERNS:
        left = _take(left, pattern, read, units, found)
    found.sort(key=lambda item: item[0])
    return left, [(entry, _time_of(start, times, left)) for start, entry in found]


def _take(
    text: str, pattern: re.Pattern[str], read: Read, units: Mapping[str, str], found: list[tuple[int, Entry]]
) -> str:
    """Move what a pattern finds from the text to what was found; times within it stay where they are."""
    for match in pattern.finditer(text):
        entry = read(match, units)
        if entry is not None:
            found.append((match.start(), entry))
            start, end = match.span()
            kept = "".join(MARK if sign == MARK else " " for sign in match.group()[1:])
            text = text[:start] + _TAKEN + kept + text[end:]
    return text


def _time_of(start: int, times: list[Placed], text: str) -> When:
    """The time of an entry: one in its own part of the sentence, else one that stands before everything."""
    if not times:
        return When()
    cuts = [0, *(match.start() for match in re.finditer(r"[,，、]|\band\b", text)), len(text)]
    low = max(cut for cut in cuts if cut <= start)
    high = min((cut for cut in cuts if cut > start), default=len(text))
    own = [item for item in times if low <= item.start < high]
    before = [item for item in times if item.start <= start]
    chosen = own or before[-1:] or (times if len(times) == 1 else [])
    return chosen[0].when if chosen else When()


_ASKS = (
    r"[?？]\s*$|^(?:who|what|what's|when|where|which|why|how|is|are|was|were|does|do|can|could|would|should|will|shall)\b"
    r"|^(?:did|have|had|has) (?:i|you|we|he|she|they|my|the|it)\b|^(?:tell|show|give|remind|find|list|compare|explain|write|translate)\b"
    r"|[吗呢么]\s*[。?？!！]*$|什么|谁|哪|多少|几[点号个次天]|怎么|怎样|为什么|是否|如何|多[大久远高重]|算[不高低]|正常|够不够|好不好|告诉我|查一下|比较"
)
_NOT_YET = (
    r"\b(?:want|wants|wanted to|wish|hope|hoping|goal|target|aim|aiming|plan|planning|planned|should|shouldn't|would|could|might|may|must|will|won't"
    r"|going to|gonna|tomorrow|next|if|unless|until i|used to|need|needs|try|trying|tried|supposed|recommend\w*|normal|limit|maximum|minimum"
    r"|remind|dream\w*|imagine|average|every|each|usually|always|never|not|no|without|instead|per day|a day|a night|a week|ever|since|lost|gained|lose|gain|least|most|than"
    r"|haven't|hasn't|didn't|don't|doesn't|wasn't|isn't|can't|couldn't|i'll|i'd|let's)\b"
    r"|(?<!冥)想|要(?!求)|希望|目标|计划|打算|准备|应该|应当|得(?=[跑睡喝走])|会(?=[跑睡喝走有])|明天|后天|下周|下个?月|如果|要是|假如|以前|曾经|从前|过去|每天|每晚|每周|通常|平时|一般|总是|从不|没有?|不到|不是|不|别|提醒|建议|医生说|最好|至少|不要|标准|减了|瘦了|胖了|重了|比"
)
_PEOPLE = (
    r"\b(?:he|she|they|you|we|his|her|hers|their|your|our|him|them|sister|brother|mother|mom|mum|mummy|father|dad|daddy|wife|husband|son|daughter|baby|child"
    r"|kids?|parents?|grandm\w+|grandf\w+|grandpa|uncle|aunt|cousin|friend|boyfriend|girlfriend|partner|doctor|nurse|patient|cat|boss|colleague|teacher|manager|neighbou?r|roommate|coworker|nephew|niece|nan|granny|patients|people)(?:'s|s)?\b"
    r"|\b(?!it's|that's|today's|yesterday's|what's|morning's|sleep's|let's)[a-z]+'s\b"
    r"|[他她你您]|我们|咱们|妈|爸|爷|奶奶|外婆|外公|姥|哥|姐|弟|妹|老公|老婆|丈夫|妻子|儿子|女儿|孩子|宝宝|朋友|同事|医生|老师|老板|先生|小明|上司|领导|邻居|同学|室友|亲戚|舅|姑|叔|姨|侄|客户|员工|闺蜜|对象|宝贝|狗|猫"
)
_TALK = re.compile(rf"{_ASKS}|{_NOT_YET}")
_OTHERS = re.compile(_PEOPLE)
_PREPOSITION = r"(?:after|before|during|while|with|in|at|to|from|around|along|by|on|for)\b"
_WORD = rf"(?!{_PREPOSITION})[a-z][a-z'-]*\s*"
_TAIL = (
    rf"\b(?:with|to|at)\b\s+(?:{_WORD}){{1,6}}+"
    rf"|\b{_PREPOSITION}\s+(?!{_PREPOSITION})(?:(?!{_PEOPLE}){_WORD}){{1,6}}+(?!\s*(?:{_PEOPLE}))"
)
"""Where and with whom; not for whom: blood pressure 150/95 "for my mother" is hers."""
_EMPTY = (
    r"\b(?:i|i'm|im|i've|am|my|me|myself|is|was|were|at|of|the|a|an|and|then|also|plus|just|now|only|again|about|around|roughly|approximately"
    r"|managed|got|had|have|did|went|go|log|note|record|recorded|logged|please|down|up|to|so far|in total|total|this|that|came|out|reading|measured|measurement|weighed|took"
    r"|according to|currently|exactly|still|another|ok|okay|today's|for|in|on|with|it|it's|all|altogether|drank|drink|drunk|ate|smoked|consumed|finished|completed|done|walked|ran|swam|cycled|slept"
    r"|says|said|shows|feeling|good|great|fine|well|tired|quick|nice|easy|hard|long|short|slow|new|first|second|early|late|half|worth|yay|hi|hey|hello|btw|fyi|update|check|checked|home|outside|outdoors|indoors|fasting|fasted|resting)\b"
)
_EMPTY_ZH = (
    r"刚刚|一下|1下|大概|大约|差不多|左右|总共|一共|现在|目前|然后|另外|已经|自己|起床后?|起来|饭[前后]|餐[前后]|早餐|午餐|晚餐|早饭|午饭|晚饭"
    r"|吃完|\d小时后?|运动后|跑步后|结果|显示|感觉|还行|不错|很好|空腹|静息|以来|帮忙|帮我|今年|健身房|公园|家里|记录"
    r"|[我的是为了过刚量测称秤记有约只才共在到和还又也吧啦哦啊呀嗯度喝抽吃走跑睡做去前后之请里个来]"
)
_NOTHING_ELSE = re.compile(rf"(?>[\s,.:;~()+&|·•*=\x00\x01，、。：；!/\"'-]+|{_TAIL}|{_EMPTY}|{_EMPTY_ZH})*+")
"""Never goes back: a long message costs no more than its length."""


def is_talk(plain: str) -> bool:
    """Whether a sentence in plain form asks, wishes, plans, denies or tells of a habit: no entry, whatever it names.

    >>> is_talk("how much did i weigh?"), is_talk("i want to weigh 70 kg"), is_talk("weight 70 kg")
    (True, True, False)
    """
    return _TALK.search(plain) is not None
