"""Taking a text out of other texts: pure functions that erasure applies to what later turns quoted.

A prompt may hold only the beginning of a passage, a reply only one of its sentences, in its own words. So quotes are
found by stretches of characters, not by whole passages, and a reply's sentence goes when most of its words are those
of the erased text. Where in doubt more is taken out: what was to be forgotten must not stay.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from memory.words import HAN, STOP_WORDS, content_words, stem

ERASED = "[erased]"
"""Stands where a text was taken out; a prompt or reply that holds it is no training example."""
BLANK = "█"
"""Takes the place of each erased character in a document that stays, so that offsets of other passages stay right."""
_STRETCH = 16
_STRETCH_CJK = 6
"""Shortest run of characters that counts as a quote, in an alphabet and in Chinese."""
_OVERLAP = 0.5
"""Share of a sentence's words that stand in the erased text, from which on the sentence is taken out too."""
_SENTENCES = re.compile(r"[^.!?。！？\n]*(?:[.!?](?=\S)[^.!?。！？\n]*)*[.!?。！？\n]*")
_STEMMED_STOPS = frozenset(stem(word) for word in STOP_WORDS)


@dataclass(frozen=True)
class Erasure:
    """What is to be taken out: the erased texts, their stretches of characters, and their words."""

    texts: tuple[str, ...]
    stretches: frozenset[str]
    words: frozenset[str]


def pattern_of(text: str) -> re.Pattern[str]:
    """What finds a text whatever its case and spacing."""
    return re.compile(r"\s+".join(re.escape(word) for word in text.split()), re.IGNORECASE)


def erasure_of(texts: Sequence[str]) -> Erasure:
    """Prepare texts for being taken out of others."""
    kept = tuple(text.strip() for text in texts if text.strip())
    stretches = frozenset(stretch for text in kept for stretch in _stretches(_flat(text)[0]))
    words = frozenset(word for text in kept for word in content_words(text))
    return Erasure(kept, stretches, words)


def of_length(erasure: Erasure) -> Erasure:
    """Without whole texts that are shorter than a quote: a "yes" that is forgotten stands everywhere by chance."""
    long = (stretch for stretch in erasure.stretches if len(stretch) >= _shortest(stretch))
    return dataclasses.replace(erasure, stretches=frozenset(long))


def quotes(text: str, erasure: Erasure) -> list[tuple[int, int]]:
    """Spans of a text that are quoted from the erased ones, in order; spacing makes no difference."""
    flat, offsets = _flat(text)
    covered = bytearray(len(text))
    for length in {len(stretch) for stretch in erasure.stretches}:
        for start in range(len(flat) - length + 1):
            if flat[start : start + length] in erasure.stretches:
                first, end = offsets[start], offsets[start + length - 1] + 1
                covered[first:end] = b"\x01" * (end - first)
    return [match.span() for match in re.finditer(rb"\x01+", bytes(covered))]


def without_quotes(text: str, erasure: Erasure) -> str:
    """The text with each quote replaced by ERASED."""
    for start, end in reversed(quotes(text, erasure)):
        text = f"{text[:start]}{ERASED}{text[end:]}"
    return text


def without_sentences(text: str, erasure: Erasure) -> tuple[str, list[str]]:
    """A reply without the sentences that quote or retell the erased texts, and those sentences."""
    taken: list[str] = []
    kept: list[str] = []
    for sentence in _SENTENCES.findall(text):
        words = [word for word in content_words(sentence) if word not in _STEMMED_STOPS]
        told = sum(word in erasure.words for word in words)
        if sentence.strip() and (quotes(sentence, erasure) or (words and told / len(words) >= _OVERLAP)):
            taken.append(sentence.strip())
            kept.append(ERASED + sentence[len(sentence.rstrip()) :])
        else:
            kept.append(sentence)
    return "".join(kept), taken


def _stretches(flat: str) -> Iterator[str]:
    length = min(len(flat), _shortest(flat))
    return (flat[start : start + length] for start in range(len(flat) - length + 1))


def _shortest(flat: str) -> int:
    return _STRETCH_CJK if HAN.search(flat) else _STRETCH


def _flat(text: str) -> tuple[str, list[int]]:
    """The text with each run of white space as one space, and where each of its characters stands in the original."""
    offsets = [at for at, sign in enumerate(text) if not (sign.isspace() and at and text[at - 1].isspace())]
    return "".join(" " if text[at].isspace() else text[at] for at in offsets), offsets
