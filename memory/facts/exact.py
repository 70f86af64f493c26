"""Whether a fact is all that a question asks for, rather than about the same person or of a similar kind. Pure.

Every word of the question must be one that only asks, or be explained: by the fact's subject, attribute or value, by
words that ask for that attribute, or by the links on the way. "When did Emi go to the conference?" names a conference
that "Emi's school is NYU" knows nothing of, so it is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from memory.facts.records import Fact
from memory.facts.vocabulary import RELATIONS, SYNONYMS, kind_of
from memory.words import HAN, content_words, fold, split_words, stem

_ASKING = frozenset(
    split_words(
        "tell know remember remind current currently now today present presently exactly called name names named"
        " recent recently latest still days moment again right please give say whole full actual number project"
    )
)
_ALSO_SAID = {"email": "address 地址 邮箱", "expiry": "expire expires valid until 到期 过期", "client": "project 项目"}
"""Words besides its own by which an attribute, or the last word of one, is asked for."""
_RELATIONS = frozenset(stem(word) for word in RELATIONS if word.isascii())
_ASKING_ZH = re.compile(
    r"什么时候|什么地方|什么|哪里|哪儿|哪[天位个家年月日]|谁|多少|几[点号岁月]|多大|怎么|如何|请问|告诉我?|现在|目前|当前|如今|最近"
    r"|名字|叫|是|的|在|吗|呢|啊|吧|了|有|我们?|咱们?|你|您|他|她|它|家|那|这|个|位|来着|还|记得|知道|到|上|做|号|为|用|会|呀|和|能|对|过|的话"
)
_WHEN = re.compile(r"\bwhen\b|\bwhat (?:day|date)\b|什么时候|哪[天年月日]|何时|几[月号]", re.IGNORECASE)
_HAN_RUN = re.compile(r"[\u3400-\u9fff]+")


def answers(question: str, fact: Fact, links: Sequence[Fact]) -> bool:
    """Whether the fact, over these links, leaves no word of the question unexplained."""
    if _WHEN.search(question) and not (re.search(r"\d", fact.value) or fact.attribute in ("event", "plan")):
        return False
    texts = [text for item in [fact, *links] for text in (item.subject, item.attribute, item.value)]
    texts += [word for item in [fact, *links] for word in _words_of_kind(kind_of(item.attribute))]
    for item in [fact, *links]:
        texts += SYNONYMS.get(item.attribute, "").split() if item is fact else []
        texts += _ALSO_SAID.get(item.attribute.split()[-1], "").split()
    return not _left_latin(question, texts) and not _left_han(question, texts)


def _words_of_kind(kind: str) -> list[str]:
    """Every word for a relation: who asks for the manager may have said boss."""
    return [word for word, of in RELATIONS.items() if of == kind]


def _left_latin(question: str, texts: Iterable[str]) -> set[str]:
    explained = {word for text in texts for word in split_words(text)} | _ASKING
    words = {word for word in content_words(question) if not HAN.search(word)}
    return words - explained - _RELATIONS


def _left_han(question: str, texts: Iterable[str]) -> str:
    left = fold(question)
    for text in sorted((fold(text) for text in texts if HAN.search(text)), key=len, reverse=True):
        left = left.replace(text, " ")
    for relation in sorted((word for word in RELATIONS if HAN.search(word)), key=len, reverse=True):
        left = left.replace(relation, " ")
    left = _ASKING_ZH.sub(" ", left)
    signs = {sign for text in texts for sign in text if HAN.search(sign)}
    return "".join(sign for run in _HAN_RUN.findall(left) for sign in run if sign not in signs)
