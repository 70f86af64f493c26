"""Signals become a score and a confidence by pure arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from memory.days import Day
from memory.ranking import (
    EVIDENCE,
    SCALED,
    SIGNALS,
    Weights,
    confidence,
    coverage,
    date_match,
    load_weights,
    scale,
    scores,
)


def days(*texts: str) -> np.ndarray[tuple[int, ...], np.dtype[np.datetime64]]:
    return np.array(texts, "datetime64[D]")


def test_shipped_weights_fit_the_signals() -> None:
    """The file that ships names each signal and each piece of evidence once."""
    weights = load_weights()
    assert tuple(weights.score) == SIGNALS
    assert tuple(weights.confidence) == EVIDENCE
    assert np.isfinite(weights.vector).all()


def test_signals_without_a_unit_are_scaled_over_the_candidates() -> None:
    """The lowest becomes 0 and the highest 1; what is the same everywhere says nothing; flags stay as they are."""
    signals = np.ones((3, len(SIGNALS)), np.float32)
    signals[:, 0] = (0.80, 0.85, 0.90)
    signals[:, 3] = (2.0, 4.0, 8.0)
    scaled = scale(signals, covered=0.15)
    assert scaled[:, 0] == pytest.approx([0.0, 0.5, 1.0], abs=1e-5)
    assert scaled[:, 3] == pytest.approx([0.0, 1 / 6, 0.5], abs=1e-5), "half of the share that counts in full"
    assert scale(signals, covered=0.3)[:, 3] == pytest.approx([0.0, 1 / 3, 1.0], abs=1e-5)
    assert not scaled[:, [1, 2, 4, 5]].any()
    assert (scaled[:, SCALED:] == 1.0).all()
    assert scale(signals[:0], covered=0.5).shape == (0, len(SIGNALS))


def test_score_is_the_weighted_sum() -> None:
    """Each signal counts by its weight."""
    weights = Weights({name: float(place) for place, name in enumerate(SIGNALS)}, {}, 0.0)
    rows = np.eye(len(SIGNALS), dtype=np.float32)
    assert scores(rows, weights) == pytest.approx(range(len(SIGNALS)))


def test_confidence_is_a_probability() -> None:
    """A logistic of the evidence: one half at zero, never out of range."""
    weights = Weights({}, dict.fromkeys(EVIDENCE, 1.0), 0.0)
    assert confidence([0.0] * len(EVIDENCE), weights) == 0.5
    assert 0.0 < confidence([-1e9] * len(EVIDENCE), weights) < confidence([1e9] * len(EVIDENCE), weights) <= 1.0


def test_shipped_confidence_grows_with_what_is_covered() -> None:
    """A passage that holds all of the question's words is surer than one that holds none."""
    weights = load_weights()
    name = dict.fromkeys(EVIDENCE, 0.0) | {"cosine_near": 0.85}
    covered = name | {item: 1.0 for item in EVIDENCE if item.startswith("coverage")}
    assert confidence(list(covered.values()), weights) > confidence(list(name.values()), weights)


def test_coverage_weighs_words_by_rarity() -> None:
    """A rare word counts more than a common one; without words nothing is covered."""
    present = np.array([[True, False], [False, True]])
    assert coverage(present, np.array([3.0, 1.0], np.float32)) == pytest.approx([0.75, 0.25])
    assert list(coverage(present[:0], np.zeros(0, np.float32))) == [0.0, 0.0]


def test_date_is_nearest_on_the_day_and_after() -> None:
    """People tell of a day afterwards; a passage without a date matches none."""
    said = days("2023-05-03", "2023-05-06", "2023-04-30", "2024-05-03", "NaT")
    assert date_match([Day(5, 3, 2023)], said) == pytest.approx([1.0, 0.5, 0.25, 0.0, 0.0])
    assert date_match([Day(5, 3)], said)[3] == 1.0
    assert not date_match([], said).any()


def test_month_counts_as_a_whole() -> None:
    """All of the month, the first week of the next by half; of any year where none is named."""
    said = days("2023-05-01", "2023-05-31", "2023-06-07", "2023-06-20", "2024-05-10")
    assert date_match([Day(5, None, 2023)], said) == pytest.approx([1.0, 1.0, 0.5, 0.0, 0.0])
    assert date_match([Day(5)], said) == pytest.approx([1.0, 1.0, 0.5, 0.0, 1.0])
