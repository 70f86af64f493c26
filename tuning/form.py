"""What can be told of a reply without a model: its form, how much of it is fact, and what it copied. Pure.

These are what keeps an adapter from learning the wrong thing: facts live in memory, so a reply that is mostly names
and numbers teaches nothing but to invent others; and a history of one form must not make a bot that knows only that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from memory.words import HAN, STOP_WORDS

Form = Literal["emoji only", "one word", "same reply", "same opening"]
_RUN = 3
"""Words in a row that count as copied; two occur by chance."""
_RUN_CJK = 5
"""The same in characters."""
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_]+(?:['’.:/-][^\W_]+)*")

_DIGITS = re.compile(r"\d")
_DATES = frozenset(
    """january february april june july august september october november december
    monday tuesday wednesday thursday friday saturday sunday""".split()  # noqa: SIM905 - read as a text
)
"""Not March and May, which are words of their own."""
_CITATION = re.compile(r"\[\d{1,3}\]")
_LETTER = re.compile(r"[^\W_]")


def tokens(text: str) -> list[str]:
    """Words as they are written, each Chinese or Japanese character by itself, without marks and citations."""
    return _TOKEN.findall(_CITATION.sub(" ", text))


def copied_share(reply: str, sources: Sequence[str]) -> float:
    """Share (0 to 1) of a reply's words that stand in a row with others in one of the sources.

    >>> copied_share("Sure, the key is in the shed.", ["note: the key is in the shed"])
    0.8571428571428571
    """
    words = [token.casefold() for token in tokens(reply)]
    if not words or not sources:
        return 0.0
    runs = {run for source in sources for run in _runs([token.casefold() for token in tokens(source)])}
    copied = [False] * len(words)
    for length in (_RUN, _RUN_CJK):
        for start in range(len(words) - length + 1):
            if tuple(words[start : start + length]) in runs:
                copied[start : start + length] = [True] * length
    return sum(copied) / len(words)


def _runs(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for length in (_RUN, _RUN_CJK):
        for start in range(len(words) - length + 1):
            run = tuple(words[start : start + length])
            if length == (_RUN_CJK if any(HAN.match(word) for word in run) else _RUN):
                yield run


def fact_share(reply: str) -> float:
    """Share (0 to 1) of a reply's words of content that are numbers, dates or names; 0 where there are fewer than two.

    A name is a word with a capital that does not begin a sentence; what is asked states none. Chinese names can't be
    told without a model; numbers can, and a number weighs as much there as a word of two characters.
    """
    facts = content = 0
    for sentence in re.split(r"(?<=[.!?。！？])\s*|\n+", _CITATION.sub(" ", reply)):
        asks = sentence.rstrip().endswith(("?", "？"))
        for place, token in enumerate(tokens(sentence)):
            if HAN.match(token):
                content += 1
            elif token.casefold() not in STOP_WORDS:
                content += 2
                facts += 2 if not asks and _is_fact(token, begins=place == 0) else 0
    return facts / content if facts >= 4 else 0.0


def _is_fact(token: str, *, begins: bool) -> bool:
    if _DIGITS.search(token) or token.casefold() in _DATES:
        return True
    return token[:1].isupper() and not token.isupper() and not begins and not token.startswith(("I'", "I’"))


def forms_of(reply: str) -> dict[Form, str]:
    """The forms that a reply has, each with what tells its kind from others of that form.

    >>> forms_of("Sure thing, I will")
    {'same reply': 'sure thing i will', 'same opening': 'sure thing'}
    """
    words = [token.casefold() for token in tokens(reply)]
    if not words:
        return {"emoji only": ""}
    plain = " ".join(words)
    if len(words) == 1 or (HAN.search(plain) and len(words) <= 2):
        return {"one word": "", "same reply": plain}
    opening = words[:4] if HAN.match(words[0]) else words[:2]
    return {"same reply": plain, "same opening": " ".join(opening)}


def shingles(text: str, *, size: int = 4) -> frozenset[str]:
    """All runs of ``size`` characters of a text in one case, with letters and digits only (n of them, or the text)."""
    plain = "".join(_LETTER.findall(text.casefold()))
    return frozenset(plain[start : start + size] for start in range(max(1, len(plain) - size + 1)))
