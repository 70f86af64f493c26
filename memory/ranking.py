"""How signals become a score and a confidence: pure functions over arrays, with the weights as data.

``ranking.json`` holds the weights and says from what they were fitted; ``python -m memory.fit`` writes it anew. The
score orders the passages of one question. The confidence says whether memory holds an answer at all, and for that uses
only what is comparable between questions and memories of any size.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from memory.days import Day

Floats = NDArray[np.float32]

SIGNALS = (
    "dense",
    "dense_near",
    "dense_around",
    "words",
    "words_near",
    "words_around",
    "words_linked",
    "speaker_named",
    "long",
    "question",
    "date",
    "coverage",
)
"""dense: cosine of question and passage; words: BM25; near, around: with one and two neighbours on each side;
speaker_named: who said it is named in the question; long: over 60 bytes; question: it asks itself; date: said about a
day that the question names; words_linked: holds rare words of the three best passages that the question lacks, as a
person's name leads from "my boss" to what else is known of them; coverage: share of the question's words, weighed by
rarity, that it holds."""
SCALED = 7
"""The first signals have no common unit: they are brought to 0..1 over the candidates of a question."""
LONG_BYTES = 60

EVIDENCE = ("cosine_near", "coverage", "coverage_around", "date", "han")
"""What confidence is made of, all of the best hit, so that it means the same in a memory of any size. cosine_near: of
the question with it and its neighbours in a talk; coverage: the share of the question's words, weighed by rarity, that
it holds; coverage_around: that it holds together with its neighbours; date: how near it is to a day that the question
names; han: the question is written in Chinese, in which any two short texts have higher cosines."""
_COVERED = 0.3
"""Share of a question's words from which on words count in full; chosen with conversations left out of the fit."""


@dataclass(frozen=True)
class Weights:
    """The fitted weights: of the score by signal, of the confidence by piece of evidence and its intercept."""

    score: dict[str, float]
    confidence: dict[str, float]
    intercept: float

    @cached_property
    def vector(self) -> Floats:
        """The score's weights in the order of SIGNALS."""
        return np.array([self.score[name] for name in SIGNALS], np.float32)


def load_weights() -> Weights:
    """The weights that ship with the program."""
    data = json.loads(resources.files("memory").joinpath("ranking.json").read_text(encoding="utf-8"))
    return Weights(data["score"], data["confidence"], data["intercept"])


def scale(signals: Floats, *, covered: float) -> Floats:
    """Signals (m, len(SIGNALS)) with the first SCALED columns brought to 0..1; one that is the same everywhere is 0.

    Words count less where no candidate covers even `_COVERED` of the question's: where memory is in another language
    than the question, one common word would otherwise outweigh meaning.

    :param covered: the highest coverage_around of a candidate, 0..1
    """
    scaled = signals.copy()
    scaled[:, :SCALED] = to_unit(signals[:, :SCALED])
    scaled[:, SIGNALS.index("words") : SIGNALS.index("words_linked")] *= min(1.0, covered / _COVERED)
    return scaled


def to_unit(signals: Floats) -> Floats:
    """Each column of signals (m, n) brought to 0..1 over its rows; one that is the same everywhere is 0."""
    low, high = signals.min(axis=0, initial=np.inf), signals.max(axis=0, initial=-np.inf)
    spread = np.where(high - low > 1e-6, high - low, 1.0)
    unit: Floats = np.where(high - low > 1e-6, (signals - low) / spread, 0.0).astype(np.float32)
    return unit


def scores(scaled: Floats, weights: Weights) -> Floats:
    """Scores (m,) of candidates: the weighted sum of their scaled signals."""
    summed: Floats = scaled @ weights.vector
    return summed


def confidence(evidence: Sequence[float], weights: Weights) -> float:
    """How likely memory holds the answer (0..1): a logistic of ``evidence``, in the order of EVIDENCE."""
    total = weights.intercept
    total += sum(weights.confidence[name] * value for name, value in zip(EVIDENCE, evidence, strict=True))
    return float(1.0 / (1.0 + np.exp(-np.clip(total, -30.0, 30.0))))


def coverage(present: NDArray[np.bool_], idf: Floats) -> Floats:
    """Share (m,) of a question's words, weighed by their rarity, that each text holds; present is (words, m)."""
    total = float(idf.sum())
    shares: Floats = (idf @ present / total if total > 0 else np.zeros(present.shape[1])).astype(np.float32)
    return shares


def date_match(days: Sequence[Day], said: NDArray[np.datetime64]) -> Floats:
    """How near (m,) each passage's day is to one that the question names: 1 on it, half after three days.

    People tell of a day afterwards more often than before, so that days before it count half. A month counts as a
    whole, and the first week of the next one half.
    """
    best = np.zeros(len(said), np.float32)
    known = ~np.isnat(said)
    months = said.astype("datetime64[M]")
    years = said.astype("datetime64[Y]").astype(int) + 1970
    for day in days:
        year = np.where(known, day.year or years, 1970)
        start = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (day.month - 1)
        if day.day is None:
            week_after = (months == start + 1) & ((said - (start + 1).astype("datetime64[D]")).astype(int) < 7)
            match = np.where(months == start, 1.0, np.where(week_after, 0.5, 0.0))
        else:
            away = (said - (start.astype("datetime64[D]") + (day.day - 1))).astype(float)
            match = np.exp2(-np.abs(away) / 3.0) * np.where(away < 0, 0.5, 1.0)
        best = np.maximum(best, np.where(known, match, 0.0)).astype(np.float32)
    return best
