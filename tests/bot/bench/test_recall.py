"""The retrieval task of the examples: what counts as found, and that it is made of all of them."""

from __future__ import annotations

import numpy as np
import pytest

from bot.bench.embedding import interleaved
from bot.bench.recall import RecallSet, read_recall_set, share
from memory.words import split_words
from tests.embedder import WordEmbedder


def test_a_share_counts_the_first_ten() -> None:
    """Of so many pieces of evidence as fit there."""
    scores = np.linspace(1, 0, 30).astype(np.float32)
    assert share(scores, frozenset({0, 9})) == 1.0
    assert share(scores, frozenset({0, 10})) == 0.5
    assert share(scores, frozenset(range(20))) == 1.0
    assert share(scores, frozenset({29})) == 0.0


def test_a_passage_does_not_find_itself() -> None:
    """It is asked for the others that belong to it."""
    texts = ("the red boat", "the red boat key", "a dentist", *(f"filler {n}" for n in range(20)))
    made = RecallSet(texts, ("dentist",), (frozenset({2}),), (0,), (frozenset({1}),))
    assert made.recall(WordEmbedder()) == pytest.approx(1.0)
    assert made.questions == 2


def test_the_examples_give_questions_of_each_kind() -> None:
    """Notes, titles and passages; each has evidence that is not itself."""
    made = read_recall_set(count_tokens=lambda text: len(split_words(text)) + 2)
    assert len(made.texts) > 300
    assert len(made.asked) > 40 + 20
    assert len(made.like) > 200
    assert all(made.asked_evidence)
    assert all(
        evidence and place not in evidence for place, evidence in zip(made.like, made.like_evidence, strict=True)
    )
    assert 0.1 < made.recall(WordEmbedder()) < 1.0


def test_rounds_are_interleaved() -> None:
    """Each call once a round, in order."""
    called: list[str] = []
    seconds = interleaved({name: lambda name=name: called.append(name) for name in "ab"}, rounds=3)  # type: ignore[misc]
    assert called == ["a", "b"] * 3
    assert [len(each) for each in seconds.values()] == [3, 3]
