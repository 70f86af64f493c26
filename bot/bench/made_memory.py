"""A memory of any size made from a seed: dialogues and notes in words as common and as rare as in real text.

Half of the words are grammar, the rest follow the law of Zipf and Mandelbrot; speakers have names, passages have dates
and some a number of their own. Vectors lie around topics within themes as those of real passages do: any two are alike
(cosine about 0.8), and what a question asks for is only a little nearer than the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from memory.records import Passage
from memory.words import HAN, STOP_WORDS

Vectors = NDArray[np.float32]

DIMENSIONS = 384
LINES = 500
"""Passages of a document, where nothing else is said."""
_WORDS = 60_000
_GRAMMAR = 0.45
"""Share of the words of a text that say nothing about what it is about."""
_SHIFT = 20
"""Mandelbrot's: the most common word that is no grammar stands in every fifteenth passage."""
_TOPIC_SIZE = 50
_TOPICS_OF_A_THEME = 50
_ENERGY = {"all": 0.80, "theme": 0.04, "topic": 0.03, "own": 0.13}
"""Of what a vector is made, as shares of its square. Measured on e5-small and chat lines: two lines have cosine 0.80, a
question and its nearest line 0.86."""
_NAMES = (
    *("Ada", "Bram", "Cleo", "Dario", "Elif", "Finn", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Liam", "Mona", "Nils"),
    *("Olga", "Paul", "Quinn", "Rosa", "Sven", "Tara", "Umar", "Vera", "Wim", "Xenia", "Yara", "Zeno", "Abel", "Britt"),
    *("Cora", "Dirk", "Enzo", "Fleur", "Gijs", "Hana", "Ivo", "Jula", "Koen", "Lotte", "Marek", "Noor"),
)


@dataclass(frozen=True)
class MadeDocument:
    """One document: every second a dialogue between two, the others notes."""

    name: str
    passages: tuple[Passage, ...]
    vectors: Vectors


@dataclass(frozen=True)
class MadeQuestion:
    """A question about a passage of the memory, with its vector (d,)."""

    text: str
    vector: Vectors
    document: int
    """Number of the document that holds the passage."""


class MadeMemory:
    """``chunks`` passages, the same for the same seed; made a document of ``lines`` at a time."""

    def __init__(self, chunks: int, *, seed: int = 0, lines: int = LINES) -> None:
        self.chunks = chunks
        self._lines = lines
        self._seed = seed
        rng = np.random.default_rng(seed)
        self._grammar = np.array(sorted(word for word in STOP_WORDS if not HAN.search(word)))
        self._words = _vocabulary(rng)
        ranks = 1.0 / (_SHIFT + np.arange(1, _WORDS + 1))
        self._ranks = np.cumsum(ranks / ranks.sum())
        topics = max(20, chunks // _TOPIC_SIZE)
        themes = _units(rng, max(10, topics // _TOPICS_OF_A_THEME))[rng.integers(0, max(10, topics // 50), topics)]
        self._topics = (
            np.sqrt(_ENERGY["all"]) * _units(rng, 1)
            + np.sqrt(_ENERGY["theme"]) * themes
            + np.sqrt(_ENERGY["topic"]) * _units(rng, topics)
        ).astype(np.float32)

    def documents(self) -> Iterator[MadeDocument]:
        """All documents in order."""
        for number in range(-(-self.chunks // self._lines)):
            yield self._document(number, self._size(number))

    def _size(self, number: int) -> int:
        return min(self._lines, self.chunks - number * self._lines)

    def questions(self, count: int) -> list[MadeQuestion]:
        """Each asks for three words of a passage, mostly by the name of who said it, some by its number."""
        rng = np.random.default_rng((self._seed, 2))
        made = []
        for number in rng.integers(0, -(-self.chunks // self._lines), count).tolist():
            size = self._size(number)
            place = int(rng.integers(0, size))
            passage = self._document(number, size).passages[place]
            telling = [word for word in dict.fromkeys(passage.text.rstrip(".?").split()) if word not in STOP_WORDS]
            asked = rng.permutation(telling)[:3].tolist()
            text = f"what did {passage.speaker or 'we'} say about {' '.join(asked)}"
            topics = self._topics_of(number, size)
            made.append(MadeQuestion(text, _around(rng, self._topics[topics[place : place + 1]])[0], number))
        return made

    def _document(self, number: int, size: int) -> MadeDocument:
        rng = np.random.default_rng((self._seed, 1, number))
        texts = self._texts(rng, rng.integers(8, 28, size))
        speakers = rng.choice(_NAMES, 2, replace=False).tolist() if number % 2 == 0 else [None]
        day = date(2020, 1, 1) + timedelta(days=number % 2000)
        passages = tuple(
            Passage(text, speaker=speakers[place % len(speakers)], at=f"{day}T{place // 60:02}:{place % 60:02}:00")
            for place, text in enumerate(texts)
        )
        return MadeDocument(f"made-{number}", passages, _around(rng, self._topics[self._topics_of(number, size)]))

    def _topics_of(self, number: int, size: int) -> NDArray[np.int64]:
        """A document stays with a topic for some lines."""
        rng = np.random.default_rng((self._seed, 3, number))
        return np.repeat(rng.integers(0, len(self._topics), size // 5 + 1), 5)[:size]

    def _texts(self, rng: np.random.Generator, lengths: NDArray[np.int64]) -> list[str]:
        count = int(lengths.sum())
        telling = self._words[np.searchsorted(self._ranks, rng.random(count), side="right").clip(max=_WORDS - 1)]
        words = np.where(rng.random(count) < _GRAMMAR, rng.choice(self._grammar, count), telling).tolist()
        ends = np.cumsum(lengths).tolist()
        codes = np.where(rng.random(len(lengths)) < 0.05, rng.integers(100_000, 999_999, len(lengths)), 0).tolist()
        signs = np.where(rng.random(len(lengths)) < 0.15, "?", ".").tolist()
        return [
            " ".join(words[end - length : end]) + (f" POL-{code}" if code else "") + sign
            for end, length, code, sign in zip(ends, lengths.tolist(), codes, signs, strict=True)
        ]


def by_owner(documents: Iterator[MadeDocument], owners: Sequence[int]) -> Iterator[tuple[int, MadeDocument]]:
    """The documents dealt out to owners in turn; an owner past the last document gets none."""
    for number, document in enumerate(documents):
        yield owners[number % len(owners)], document


def _vocabulary(rng: np.random.Generator) -> NDArray[np.str_]:
    """Distinct made words of two to four syllables; common ones are short."""
    syllables = np.array([a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "il")])
    words: dict[str, None] = {}
    for length in (2, 3, 4):
        drawn = rng.choice(syllables, (_WORDS, length))
        words |= dict.fromkeys("".join(parts) for parts in drawn)
        if len(words) >= _WORDS:
            break
    return np.array(list(words)[:_WORDS])


def _units(rng: np.random.Generator, count: int) -> Vectors:
    rows = rng.standard_normal((count, DIMENSIONS), np.float32)
    unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def _around(rng: np.random.Generator, centres: Vectors) -> Vectors:
    rows = centres + np.sqrt(np.float32(_ENERGY["own"])) * _units(rng, len(centres))
    unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
