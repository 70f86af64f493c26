"""A message that wishes to be reminded, in English or Chinese: what to say, and when.

Of all the times that a message names, the one beside "remind me" or at its end is meant; others belong to what is to be
said ("to buy tickets for 2 May"). What a named time means is decided by the rules of `bot.reminders.resolving`. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from bot.reminders import chinese, english
from bot.reminders.named import Named, pieces_of, together
from bot.reminders.resolving import Past, Unclear, When, resolve
from bot.reminders.rules import Repeat

_ASKS = re.compile(
    r"\b(?:(?:please|can you|could you|will you|would you|don['’]t forget to)\s+)*remind me\b(?:\s+please\b)?"
    r"|\b(?:please\s+)?(?:set|make|add|create)\s+(?:me\s+)?a\s+reminder\b(?:\s+for me\b)?"
    r"|(?:请|麻烦|麻烦你|帮我|你)*(?:别忘了|记得|到时候?|准时)?(?:提醒一下我|提醒我|提醒一下)(?:一下)?"
)
_WAKES = re.compile(r"叫我(?=起床|一声|一下)|叫醒我")
"""Also what asks to be reminded, but only beside a time."""
_RECALLS = re.compile(
    r"^\s*(?:again\s+)?(?:what|who|whom|whose|when|where|which|how|why|whether|if)\b"
    r"|^.{0,12}(?:什么|谁|哪|怎么|多少|几点|为何|是不是|有没有)|[吗呢][？?]?\s*$"
)
"""What follows "remind me" where something is to be recalled from memory, not said later."""
_GLUE = re.compile(
    r"[\s,，、;；的]*(?:(?:at|on|in|the|of|by|for|from|and|around|about|starting|beginning|@|-|,|在|从|自|于|开始|起)"
    r"[\s,，、的]*)*"
)
_BEFORE = re.compile(
    r"(?:(?<!\w)(?:at|on|in|by|from|for|around|about|starting|beginning|until)\s+(?:the\s+)?|[在从自于]|(?<=\s)@\s*)+$"
)
_AFTER = re.compile(r"(?:开始|起(?!床)|的时候|时候|的)+|\s+(?:please\b)")
_DETERMINER = re.compile(r"\b(?:the|an?|my|our|your|his|her|their|this|that)\s+$")
_LINK = re.compile(
    r"^(?:\s|,|:|，|：|、)*(?:(?:to|that|about|of|for)\b(?!\s*$)|要(?![求是么点害]))?(?:\s|,|:|，|：|、)*", re.I
)
_LONGEST = 2000
"""Characters of a wish; what is longer is a text to be kept or answered, and would take long to look through."""
_ENDS = " \t\r\n,，、;；:：.。!！-"
_CALLED_FOR = re.compile(
    r"^[\s,，。.!！请你您]*(?:(?:hey|hi|hello|ok|okay|please|and|then|also|麻烦|帮我|那)[\s,，]*)*$"
)


@dataclass(frozen=True)
class Wish:
    """Something to be said at a time."""

    text: str
    """May be empty: "remind me at noon"."""
    due: datetime
    """In the user's zone."""
    rule: Repeat | None = None


@dataclass(frozen=True)
class Missing:
    """A wish that lacks a time: what has to be asked, and what is known already."""

    what: Literal["when", "future"]
    """when: it names no time that can be read; future: the time that it names is over."""
    text: str


@dataclass(frozen=True)
class _Time:
    """Neighbouring words that name one time."""

    start: int
    end: int
    said: Named
    loose: bool


def parse_reminder(text: str, *, now: datetime, zone: ZoneInfo, asked: bool = False) -> Wish | Missing | None:
    """What a message wishes to be reminded of; None where it does not ask for that.

    :param now: an aware moment
    :param asked: it is known to be a wish, as after a command, and need not say "remind me"
    """
    if len(text) > _LONGEST:
        return Missing("when", text) if asked else None
    folded = _folded(text)
    times = _times(folded)
    trigger = _trigger(folded, times)
    if trigger is None and not asked:
        return None
    chosen = _chosen(folded, times, trigger)
    if trigger is not None and not asked and not chosen and _recalls(folded[trigger[1] :]):
        return None
    wish = _said(text, [*([trigger] if trigger else []), *((time.start, time.end) for time in chosen)], trigger)
    return _wish(wish, _together(chosen), now=now, zone=zone)


def complete(missing: Missing, answer: str, *, now: datetime, zone: ZoneInfo) -> Wish | Missing:
    """The wish with a time from the answer to "when?"."""
    folded = _folded(answer[:_LONGEST])
    if re.fullmatch(r"\s*(?:[01]?\d|2[0-4])\s*[.!]?\s*", folded):
        folded = f"at {folded.strip()}"
    times = _times(folded)
    found = next((both for pair in pairwise(times) if (both := _together(pair))), None)
    return _wish(missing.text, found or (times[0].said if times else None), now=now, zone=zone)


def _wish(text: str, said: Named | None, *, now: datetime, zone: ZoneInfo) -> Wish | Missing:
    if said is None:
        return Missing("when", text)
    try:
        when: When = resolve(said, now=now, zone=zone)
    except Unclear:
        return Missing("when", text)
    except Past:
        return Missing("future", text)
    return Wish(text, when.due, when.rule)


def _folded(text: str) -> str:
    """Lower case and ASCII digits, sign by sign, so that places stay."""

    def fold(sign: str) -> str:
        plain = unicodedata.normalize("NFKC", sign).lower()
        return plain if len(plain) == 1 and plain != "\0" else " " if sign == "\0" else sign

    return "".join(map(fold, text))


def _times(text: str) -> list[_Time]:
    """The times that a text names, each of neighbouring words that don't contradict each other."""
    found: list[_Time] = []
    for piece in pieces_of(text, (*english.FORMS, *chinese.FORMS)):
        last = found[-1] if found else None
        both = together(last.said, piece.said) if last and _GLUE.fullmatch(text, last.end, piece.start) else None
        if last and both is not None:
            found[-1] = _Time(last.start, piece.end, both, last.loose and piece.loose)
        else:
            found.append(_Time(piece.start, piece.end, piece.said, piece.loose))
    return [_widened(text, item) for item in found]


def _widened(text: str, found: _Time) -> _Time:
    """With the words that only lead to it."""
    before, after = _BEFORE.search(text, 0, found.start), _AFTER.match(text, found.end)
    start = before.start() if before else found.start
    return _Time(start, after.end() if after else found.end, found.said, found.loose)


def _trigger(text: str, times: Sequence[_Time]) -> tuple[int, int] | None:
    asks = _ASKS.search(text)
    if asks is not None:
        return asks.span()
    wakes = _WAKES.search(text)
    beside = wakes is not None and any(_between(text, time.end, wakes.start()) for time in times)
    return wakes.span() if wakes is not None and beside else None


def _between(text: str, start: int, end: int) -> bool:
    """Whether only glue stands between two places."""
    return start <= end and bool(_GLUE.fullmatch(text, start, end) or _CALLED_FOR.match(text[start:end]))


def _chosen(text: str, times: Sequence[_Time], trigger: tuple[int, int] | None) -> list[_Time]:
    """The time that is meant: one, or a day and an hour that stand apart."""
    start, end = trigger or (0, 0)
    after = [time for time in times if time.start >= end and _between(text, end, time.start)]
    before = [time for time in times if time.end <= start and _between(text, time.end, start)]
    last = [
        time for time in times if not time.loose and not text[time.end :].strip(f"{_ENDS}?？") and time.start >= end
    ]
    between = [time for time in times if not time.loose and time.start >= end]
    free = [time for time in [*last, *reversed(between)] if not _DETERMINER.search(text[: time.start])]
    ordered = [*after, *before, *free]
    if not ordered:
        return []
    first = ordered[0]
    other = next((time for time in [*before, *last] if time is not first and _complements(first, time)), None)
    return [first, other] if other is not None else [first]


def _complements(first: _Time, other: _Time) -> bool:
    """One names only a day, the other only an hour."""
    day, hour = (first.said, other.said) if first.said.has_day else (other.said, first.said)
    return day.has_day and not day.has_time and hour.has_time and not hour.has_day


def _together(times: Sequence[_Time]) -> Named | None:
    if not times:
        return None
    return reduce(lambda one, other: together(one, other) or one, (time.said for time in times))


def _recalls(rest: str) -> bool:
    """Whether what follows "remind me" asks for something that is known: "what Ann said", "of her address"."""
    return bool(_RECALLS.search(rest) or re.match(r"\s*(?:of|about)\b", rest))


def _said(text: str, taken: Sequence[tuple[int, int]], trigger: tuple[int, int] | None) -> str:
    """What is left to be said: what follows "remind me", else what stands before it."""
    cut = trigger[0] if trigger else 0
    before, after = _without(text, taken, 0, cut), _without(text, taken, cut, len(text))
    return after or ("" if _CALLED_FOR.match(before.lower()) else before)


def _without(text: str, taken: Sequence[tuple[int, int]], start: int, end: int) -> str:
    parts, at = [], start
    for first, last in sorted(taken):
        if start <= first < end:
            parts.append(text[at:first])
            at = max(at, last)
    parts.append(text[at:end])
    plain = [_LINK.sub("", part, count=1) if number else part for number, part in enumerate(parts)]
    kept = [part.strip(_ENDS) for part in ([_LINK.sub("", plain[0], count=1), *plain[1:]])]
    joined = ""
    for part in filter(None, kept):
        space = " " if joined and (joined[-1].isascii() or part[0].isascii()) else ""
        joined += space + part
    return joined
