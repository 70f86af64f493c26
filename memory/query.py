"""What a question asks for, as data: pure functions, so that a search can be explained and tested word by word.

A follow-up ("and when does it expire?") is searched together with what was said before it, because alone it names
nothing. Any text is a valid question: empty, punctuation, emoji, ten thousand characters.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from memory.days import Day, named_days
from memory.intent import is_question
from memory.normal import searchable
from memory.words import HAN, STOP_WORDS, content_words, raw_words

MAX_WORDS = 64
"""Words of a question that are looked up; of a longer one those with digits, then the longest."""
MAX_CHARACTERS = 2000
"""Of a longer question only the beginning is embedded: an embedder reads no more than 512 tokens anyway."""

MAX_PARTS = 4
"""Questions in one message that are searched one by one."""
_CAPITALISED = re.compile(r"\b[A-Z][a-z]+\b")
_SENTENCE_END = re.compile(r"(?<=[?？。！!])\s*|(?<=[.])\s+")
_QUOTES = (("“", "”"), ("「", "」"), ("『", "』"), ("«", "»"))
_MARKS = ('"', *chain(*_QUOTES))
_CONTINUES = re.compile(r"[\"”」』»）)，,、；;]|的(?!确)")
"""What begins no sentence: the one before it only quotes a whole sentence, or names a thing by one."""
_ALSO = re.compile(r"[。？?！!]\s*(?:另外|还有|此外|also|besides)[，,：:\s]", re.IGNORECASE)
_MEANT = re.compile(
    r"(?:实际上|真正|其实).{0,8}?(?:问题?是|想问的是|想问).{0,6}?[：:，,]"
    r"|\b(?:actually|really) (?:want(?:ed)? to (?:ask|know)|meant)[:,]?",
    re.IGNORECASE,
)

_POINTERS = frozenset(["it", "its", "that", "this", "those", "these", "there", "one", "ones"])
_PERSONS = frozenset(["they", "them", "their", "theirs", "he", "she", "him", "her", "his", "hers"])
_NAME = re.compile(r"(?<=[a-z,;'’] )[A-Z][a-z]+")
_OPENERS = re.compile(
    r"^\s*(?:and|also|what about|how about|then|so|but)\b|^\s*(?:那|还有|然后|那么|另外呢)", re.IGNORECASE
)
_CHINESE_PRONOUN = re.compile(r"它|他|她|那个|这个|那里|这里|其中|那时|上面|前者|后者")
_CHINESE_EMPTY = re.compile(r"[的了是我你他她它们吗呢吧啊什么哪个里怎样多少几那这时候谁为有还到在和会要]")
_FIRST_PERSON = re.compile(r"\b(?:i|my|me|mine|i'm|i've)\b|我", re.IGNORECASE)


@dataclass(frozen=True)
class Query:
    """A question, understood."""

    text: str
    """What is embedded."""
    words: tuple[str, ...]
    """Stemmed words to look up, each once."""
    days: tuple[Day, ...] = ()
    first_person: bool = False
    """It speaks of "I" or "my": the user's own words are meant."""
    spoken: frozenset[str] = frozenset()
    """All its words folded but not stemmed, among which names are found."""
    names: tuple[str, ...] = ()
    """Its capitalised words, folded: somebody may be called so in the talk."""


def understand(text: str, *, recent: Sequence[str] = ()) -> Query:
    """Read a question; ``recent`` is what was said before it, oldest first.

    >>> understand("When does POL-358 expire?").words
    ('pol', '358', 'pol358', 'expir')
    """
    text = expand(searchable(text), [searchable(said) for said in recent])
    return Query(
        text=text[:MAX_CHARACTERS],
        words=_most_telling(content_words(text)),
        days=named_days(text),
        first_person=bool(_FIRST_PERSON.search(text)),
        spoken=frozenset(raw_words(text)),
        names=_capitalised(text),
    )


def sub_questions(text: str) -> tuple[str, ...]:
    """What is asked in one message, each to be searched alone: two things at once find neither well.

    Where small talk stands before a question, the question is what counts, with what is added to it ("I mean POL-358");
    a message with one sentence is itself.

    >>> sub_questions("Where does Ann live? Also, what is her dog called?")
    ('Where does Ann live', 'what is her dog called?')
    """
    found = []
    for block in _ALSO.split(text):
        meant = list(_MEANT.finditer(block))
        rest = block[meant[-1].end() :] if meant else block
        sentences = [sentence.strip() for sentence in _sentences(rest) if raw_words(sentence)]
        asking = [place for place, sentence in enumerate(sentences) if is_question(sentence)]
        found.append(" ".join(sentences[asking[-1] :]) if asking and len(sentences) > 1 else rest.strip())
    return tuple(part for part in found if part)[:MAX_PARTS] or (text,)


def _sentences(text: str) -> list[str]:
    """The sentences of a text; what is quoted is part of the sentence that quotes it, full stops and all."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    found: list[list[str]] = []
    marks: Counter[str] = Counter()  # of the last sentence: counted anew for each piece, a long quotation takes minutes
    for start, end in pairwise([0, *ends, len(text)]):
        piece = text[start:end]
        if found and (_CONTINUES.match(piece) or _quotes(marks)):
            found[-1].append(piece)
        else:
            found.append([piece])
            marks.clear()
        marks.update({mark: piece.count(mark) for mark in _MARKS})
    return ["".join(pieces) for pieces in found]


def _quotes(marks: Mapping[str, int]) -> bool:
    """Whether a text with so many of each quotation mark ends within a quotation."""
    return marks['"'] % 2 == 1 or any(marks[first] > marks[last] for first, last in _QUOTES)


def expand(query: str, recent: Sequence[str]) -> str:
    """The question with the last things said before it, where it can't stand alone; else as it is."""
    said = [text for text in recent if text.strip()]
    if not said or not is_follow_up(query):
        return query
    context = said[-1:] if len(said) == 1 or not is_follow_up(said[-1]) else said[-2:]
    return " ".join([*context, query])


def is_follow_up(text: str) -> bool:
    """Whether a question leans on what was said before: it opens like one, or points at something it doesn't name."""
    if HAN.search(text):
        subject = len(HAN.findall(_CHINESE_EMPTY.sub("", text)))
        points = bool(_CHINESE_PRONOUN.search(text) or _OPENERS.search(text))
        return subject <= 2 or (points and subject <= 5)
    words = raw_words(text)
    content = [word for word in words if word not in STOP_WORDS]
    pronouns = _POINTERS if _NAME.search(text) else _POINTERS | _PERSONS
    points = bool(_OPENERS.search(text)) or any(word in pronouns for word in words)
    return (bool(words) and not content) or (points and len(content) <= 3)


def names_speaker(spoken: Iterable[str], speaker: str) -> bool:
    """Whether one of a question's words is that speaker's name, or a short form of at least three letters."""
    parts = [part for part in raw_words(speaker) if len(part) > 1]
    return any(
        word == part or (min(len(word), len(part)) >= 3 and part.isalpha() and part.startswith(word))
        for word in spoken
        for part in parts
        if word not in STOP_WORDS
    )


def _capitalised(text: str) -> tuple[str, ...]:
    words = dict.fromkeys(word.lower() for word in _CAPITALISED.findall(text))
    return tuple(word for word in words if word not in STOP_WORDS)


def _most_telling(words: Sequence[str]) -> tuple[str, ...]:
    if len(words) <= MAX_WORDS:
        return tuple(words)
    best = sorted(words, key=lambda word: (not any(sign.isdigit() for sign in word), -len(word)))[:MAX_WORDS]
    return tuple(best)
