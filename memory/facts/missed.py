"""Which sentences a model is asked about: those that state something, most likely a fact, that no rule could read.

A model reads a few sentences a minute where a rule reads thousands, so only those are worth asking in which somebody
tells of themselves, of a relative or of somebody by name, in words that facts are told in. What the rules leave out
(questions, doubts, wishes, jokes, quotations) is left out here too. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from memory.facts.extract import Told, claims_in, stated
from memory.facts.vocabulary import ATTRIBUTE_TAILS, OCCUPATIONS, RELATIONS, SYNONYMS
from memory.words import HAN, STOP_WORDS

MOST_CHARACTERS = 500
"""Characters of one passage that a model is asked about at a time; the rest of a long passage is not asked."""
_SHORTEST = {"words": 4, "signs": 5}
_ABOUT = re.compile(r"\b(?:I|I'm|I've|my|My|mine|we|We|our|Our|us|me)\b|\b[A-Z]\w+'s\b|我|咱")
_TO_YOU = re.compile(r"\b(?:you|your|yours|you're|u)\b|[你您]", re.IGNORECASE)
_TELLING = (
    "work works worked working job career live lives living moved born grew raised studying studied graduated degree"
    " married engaged divorced name nickname birthday anniversary allergic vegetarian vegan favorite favourite hobby"
    " hobbies own bought adopted drive speak fluent native appointment flight client project company team retired"
    " hired promoted joined diagnosed pregnant twins children kids siblings parents family grandparents ran play plays"
    " teach teaches volunteer founded started runs train training member"
)
_TELLING_ZH = (
    "住|搬|出生|老家|家乡|长大|毕业|专业|上学|大学|公司|工作|上班|职业|入职|辞职|退休|结婚|离婚|怀孕|孩子|名字|生日|岁|过敏"
    "|最喜欢|爱好|养了|买了|开车|会说|项目|客户|预约|航班|密码|号码|邮箱|地址|加入|成立|创办"
)

_WORDS = (
    frozenset(
        {word for words in SYNONYMS.values() for word in words.split()}
        | {word for word in RELATIONS if " " not in word}
        | set(ATTRIBUTE_TAILS)
        | set(_TELLING.split())
        | OCCUPATIONS
    )
    - STOP_WORDS
)


def missed(told: Told) -> tuple[str, ...]:
    """Sentences of a text to be asked about, in order; none where it is not known who "I" is."""
    if told.me is None:
        return ()
    return _bounded(s for s in stated(told.text) if _likely(s) and not claims_in(s, told))


def telling(told: Told) -> tuple[str, ...]:
    """The same without regard to what the rules read: to measure how much a model reads by itself."""
    return () if told.me is None else _bounded(stated(told.text))


def _bounded(sentences: Iterator[str]) -> tuple[str, ...]:
    kept: list[str] = []
    for sentence in sentences:
        if sum(map(len, kept)) + len(sentence) > MOST_CHARACTERS:
            break
        kept.append(sentence)
    return tuple(kept)


def _likely(sentence: str) -> bool:
    plain = sentence.replace("’", "'")
    if HAN.search(plain):
        relation = any(word in plain for word in RELATIONS if not word.isascii() and len(word) > 1)
        told = relation or re.search(_TELLING_ZH, plain) is not None
        return told and len(plain) >= _SHORTEST["signs"] and (relation or _ABOUT.search(plain) is not None)
    words = re.findall(r"[\w'-]+", plain)
    if len(words) < _SHORTEST["words"] or _TO_YOU.search(plain):
        return False
    return _ABOUT.search(plain) is not None and not _WORDS.isdisjoint(word.lower() for word in words)
