"""What a language model reads out of sentences, and how much of that is believed: what stands in the sentences.

A model copies some facts right and invents others in the same breath. So a claim is kept only where one sentence holds
its subject and its value word for word, where its attribute is one of the vocabulary that the sentence speaks of, or is
named in it as somebody's, and where the value is of the kind that the attribute asks for. Dates are read from the
sentence by the rules, never taken from the model. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from memory.facts.dates import Tense, begins, find_dates, normalise_dates, number
from memory.facts.extract import Told
from memory.facts.records import USER, Claim
from memory.facts.shapes import KNOWN, evident, fits
from memory.facts.vocabulary import (
    ATTRIBUTE_NAMES,
    ATTRIBUTE_TAILS,
    RELATIONS,
    is_relation,
    key_of,
    kind_of,
    one_value,
)
from memory.words import HAN

_ME = frozenset(["i", "me", "my", "myself", "we", "our", "us", "user", "the user", "speaker", "我", "我们", "我自己"])
_FIRST_PERSON = re.compile(r"\b(?:i|i'm|i've|i'd|my|we|we're|we've|our|me|us|mine)\b|我|咱", re.IGNORECASE)
_OTHERS = re.compile(
    r"^(?:he|she|it|they|you|this|that|these|those|who|someone|somebody|everyone|everybody|people|there|none"
    r"|他|她|它|他们|她们|你|您|这|那|大家|有人)$"
)
_MINE = re.compile(r"(?:(?:my|our|i's|user's|the user's) |我们?家?的?)(?P<relation>.+)")
_NEGATED = re.compile(r"\b(?:not|never|no|nor|neither|without|cannot)\b|n't\b|[不没别未非]")
_NEGATIVE = frozenset(["dislikes", "allergy", "diet"])
_DATED = frozenset(["birthday", "anniversary", "deadline", "expiry"])
_UNSETTLED = re.compile(
    r"\b(?:it|that|this|these|those|you|your|them|their|they|him|her|his|he|she|me|us|what|everyone|everything"
    r"|anything|something|such|there|who|which)\b|[你您他她它这那]|什么|怎么",
    re.IGNORECASE,
)
_TAILS_ZH = ("密码", "号码", "号", "码", "地址", "型号", "尺码", "截止日期", "用户名", "账号")
_MOST_WORDS, _MOST_SIGNS = 6, 16


@dataclass(frozen=True)
class Wording:
    """A claim as a model worded it, believed by nobody yet."""

    subject: str
    attribute: str
    value: str


@dataclass(frozen=True)
class Reading:
    """What a model said about some sentences."""

    wordings: tuple[Wording, ...]
    unreadable: int = 0
    """Lines of its reply that are no claim."""


class Reader(Protocol):
    """What reads facts out of sentences: a language model, or in tests a function."""

    @property
    def name(self) -> str:
        """Which model it is, kept with what it has read."""
        ...

    def read(self, sentences: Sequence[str]) -> Reading | None:
        """The facts that sentences of one passage state, as it words them; None where it was interrupted.

        :raises FamiliarError: the model can't be run
        """
        ...


@dataclass(frozen=True)
class Believed:
    """What is kept of a reading, and how many of its claims and lines are not."""

    claims: tuple[Claim, ...]
    dropped: int


def believed(reading: Reading, sentences: Sequence[str], told: Told) -> Believed:
    """The claims of a reading that stand in one of the sentences, each once."""
    found: dict[tuple[str, str, str], Claim] = {}
    dropped = reading.unreadable
    for wording in reading.wordings:
        claim = next(filter(None, (_claim(wording, sentence, told) for sentence in sentences)), None)
        if claim is None:
            dropped += 1
        else:
            found.setdefault((key_of(claim.subject), kind_of(claim.attribute), key_of(claim.value)), claim)
    return Believed(tuple(found.values()), dropped)


def _claim(wording: Wording, sentence: str, told: Told) -> Claim | None:
    plain = " ".join(sentence.replace("’", "'").split())
    subject = _subject(wording.subject, plain, told.me)
    attribute = _attribute(wording.attribute, plain)
    if subject is None or attribute is None or (_NEGATED.search(plain) and attribute not in _NEGATIVE):
        return None
    if (attribute in KNOWN or is_relation(attribute)) and not _is_person(subject):
        return None
    value = _value(wording.value, plain)
    if value is None or key_of(value) == key_of(wording.subject):
        return None
    return _dated(Claim(subject, attribute, value), plain, told)


def _subject(text: str, sentence: str, me: str | None) -> str | None:
    key = key_of(text.replace("’", "'"))
    if key in _ME:
        return me if _FIRST_PERSON.search(sentence) else None
    mine = _MINE.fullmatch(key)
    relation = mine["relation"] if mine else key
    if relation in RELATIONS:
        owned = _stands(relation, sentence) and _FIRST_PERSON.search(sentence)
        return f"{me}'s {relation}" if me and owned else None
    at = _place(text.strip(), sentence)
    if _OTHERS.match(key) or at is None:
        return None
    return sentence[at[0] : at[1]]


def _is_person(subject: str) -> bool:
    return subject.startswith(USER) or subject[0].isupper() or HAN.search(subject) is not None


def _attribute(text: str, sentence: str) -> str | None:
    plain = key_of(text.replace("_", " ").replace("’", "'"))
    plain = re.sub(r"^(?:my|our|his|her|i|is|has|the|我的?)\s+", "", plain)
    plain = ATTRIBUTE_NAMES.get(plain, plain)
    if plain in RELATIONS:
        return _relation(plain, sentence)
    if plain in KNOWN:
        return plain if evident(plain, sentence) else None
    favourite = re.fullmatch(r"(?:all-time )?favou?rite ([\w -]+)", plain)
    if favourite:
        named = re.search(rf"favou?rite (?:\w+ )?{re.escape(favourite[1])}\b", sentence, re.IGNORECASE)
        return f"favourite {favourite[1]}" if named else None
    return plain if _is_named(plain, sentence) else None


def _relation(word: str, sentence: str) -> str | None:
    """The word of this kind of relation that stands in the sentence."""
    same = [other for other in RELATIONS if RELATIONS[other] == RELATIONS[word] and _stands(other, sentence)]
    return word if word in same else max(same, key=len, default=None)


def _is_named(attribute: str, sentence: str) -> bool:
    """Whether an attribute outside the vocabulary stands in the sentence as somebody's."""
    if not 0 < len(attribute.split()) <= 4 or not attribute.endswith((*ATTRIBUTE_TAILS, *_TAILS_ZH)):
        return False
    return re.search(rf"(?:\bmy|\bour|'s|\bthe|的)\s*{re.escape(attribute)}\b", sentence, re.IGNORECASE) is not None


def _value(text: str, sentence: str) -> str | None:
    plain = re.sub(r"^(?:(?:a|an|the|my|our) )+", "", text.strip(" .,;:!?。，！？\"'“”"), flags=re.IGNORECASE)
    at = _place(plain, sentence)
    if at is None or _UNSETTLED.search(plain):
        return None
    short = len(plain) <= _MOST_SIGNS if HAN.search(plain) else len(plain.split()) <= _MOST_WORDS
    return sentence[at[0] : at[1]] if short else None


def _stands(words: str, sentence: str) -> bool:
    return _place(words, sentence) is not None


def _place(words: str, sentence: str) -> tuple[int, int] | None:
    """Where these words stand in the sentence, whole and one after the other."""
    plain = " ".join(words.replace("’", "'").split())
    if not plain:
        return None
    edge = "" if HAN.search(plain) else r"(?<!\w)", "" if HAN.search(plain) else r"(?!\w)"
    match = re.search(f"{edge[0]}{re.escape(plain)}{edge[1]}", sentence, re.IGNORECASE)
    return match.span() if match else None


def _dated(claim: Claim, sentence: str, told: Told) -> Claim | None:
    """The claim with its value in the form of the rules and the sentence's date; None where the kind does not fit."""
    attribute, value = claim.attribute, claim.value
    if attribute == "age":
        years = number(value)
        return replace(claim, value=str(years)) if years is not None and years < 120 else None
    if attribute.split()[-1] in _DATED:
        inside = find_dates(value, said=told.day)
        return replace(claim, value=normalise_dates(inside[0].value, said=told.day)) if inside else None
    if not fits(attribute, value):
        return None
    tense: Tense = "future" if attribute == "plan" else "past"
    days = [day for day in find_dates(sentence, said=told.day, tense=tense) if len(day.value) != 5]
    when = days[0].value if len(days) == 1 else None
    if attribute in ("plan", "event"):
        return _occasion(claim, when, told)
    return replace(claim, valid_from=when) if one_value(attribute) and not is_relation(attribute) else claim


def _occasion(claim: Claim, when: str | None, told: Told) -> Claim | None:
    """A plan lies ahead and an event behind, on a day that the sentence names."""
    if when is None or len(when) <= 7 or (len(claim.value.split()) < 2 and not HAN.search(claim.value)):
        return None
    ahead = begins(when) > told.day.isoformat()  # "today I booked a holiday" does not date the holiday
    return replace(claim, valid_from=when) if ahead == (claim.attribute == "plan") else None


def says_again(value: str, others: Iterable[str]) -> bool:
    """Whether a value says in more or fewer words what one of these says: no fact of its own beside it."""
    key = key_of(value)
    return any(key != other and (key in other or other in key) for other in map(key_of, others))
