"""Dangerous values in what is no entry: a question, a complaint beside a value, somebody else's.

Who asks "my blood pressure is 190/125, what should I do?" is told by rule what their source says, before a model
answers. Rather told too often than not at all, but not of limits that are only spoken of, of a day long past, or of
what is no measurement of a body. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.logbook.kinds import Entry, plausible
from bot.logbook.moments import moment_of
from bot.logbook.normal import normal
from bot.logbook.parsing import LONGEST, entries_in, sentences_of
from bot.logbook.patterns import entry_noted
from bot.logbook.thresholds import danger_of

_OLD = timedelta(days=2)
_LIMITS = re.compile(
    r"\b(?:if|whenever|goals?|targets?|limits?|thresholds?|guidelines?|defined?|definition|used to)\b"
    r"|\b(?:last|a|\d+) (?:months?|years?)(?: ago)?\b|如果|要是|一旦|目标|标准|指南|去年|以前|曾经"
)
_SAYS_WHAT: Mapping[str, re.Pattern[str]] = {
    "blood_pressure": re.compile(r""),
    "glucose": re.compile(r"blood|glucose|血糖|mmol|mg/dl"),
    "heart_rate": re.compile(r"heart|pulse|bpm|心率|心跳|脉搏"),
    "oxygen": re.compile(r"blood|spo2|o2|saturation|\bmy\b|%|percent|血氧"),
    "temperature": re.compile(r"fever|\bmy (?:body )?temp|body temp|体温|发烧|烧到|高烧|发热"),
}
"""Words without which a number may be something else's: sugar in a recipe, the weather."""
_EXERTION = re.compile(
    r"\b(?:max\w*|zone|run|runs|running|ran|exercis\w+|work(?:ing)? ?out|workouts?|training)\b|运动|跑步|锻炼|健身|最大"
)


def dangers_spoken_of(text: str, *, now: datetime, zone: ZoneInfo, units: Mapping[str, str]) -> list[Entry]:
    """The values, one for each danger.

    :param now: when it was written, an aware moment
    :param units: the unit in which this person last gave each kind
    """
    found: dict[str, Entry] = {}
    for sentence in sentences_of(text):
        plain = re.sub(r"(?<=\d)[.。](?!\d)", " ", normal(sentence)).strip()
        if len(plain) > LONGEST or _LIMITS.search(plain):
            continue
        for entry, when in entries_in(plain, now, zone, units):
            danger, at = danger_of(noted := entry_noted(entry, plain)), moment_of(when, now=now, zone=zone)
            if danger is not None and at is not None and now - at < _OLD and _is_measured(noted, plain):
                found.setdefault(danger.id, noted)
    return list(found.values())


def _is_measured(entry: Entry, plain: str) -> bool:
    """Whether it is a body's, as far as the sentence tells."""
    said = _SAYS_WHAT.get(entry.kind)
    strained = entry.kind == "heart_rate" and entry.value > 100 and _EXERTION.search(plain)
    swapped = entry.second is not None and entry.second > entry.value
    return (
        said is not None and bool(said.search(plain)) and not strained and (swapped or plausible(entry) != "impossible")
    )
