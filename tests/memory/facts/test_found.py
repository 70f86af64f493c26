"""A search that a fact answers exactly begins with its passage; any other search is left as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from memory.config import SearchConfig
from memory.facts.found import SURE, answering
from memory.index import Indexes
from memory.records import Found
from memory.search import Searcher
from tests.embedder import WordEmbedder
from tests.memory.facts.home import Home

Search = Callable[..., Found]


@pytest.fixture
def search(home: Home, tmp_path: Path) -> Search:
    """A real search over the home, with an index that follows it."""
    embedder = WordEmbedder()

    def found(query: str, **limits: object) -> Found:
        vectors = embedder.embed_passages(
            [row["text"] for row in home.store.rows("SELECT text FROM chunks ORDER BY id")]
        )
        with home.store.transaction() as db:
            db.execute("UPDATE users SET generation = generation + 1")
            ids = [row["id"] for row in home.store.rows("SELECT id FROM chunks ORDER BY id")]
            for id_, vector in zip(ids, vectors, strict=True):
                value = vector.astype(np.float16).tobytes()
                db.execute("UPDATE vectors SET vector = ?, embedder = ? WHERE chunk_id = ?", (value, embedder.key, id_))
        folder = tmp_path / f"index-{home.store.generation(home.user_id)}"
        indexes = Indexes(folder, home.store, embedder_key=embedder.key, dimensions=embedder.dimensions)
        searcher = Searcher(home.store, indexes, embedder, SearchConfig())
        return searcher.search(query, user_id=home.user_id, k=5, **limits)  # type: ignore[arg-type]

    return found


MOVED = (("2025-01-01", "I live in Utrecht."), ("2026-01-01", "I moved to Ghent last week."))
NOISE = tuple(("2026-02-01", f"Where people live in town number {n} matters to me.") for n in range(8))


def test_newer_first_with_what_became_of_the_older(home: Home, search: Search) -> None:
    """Though other passages share more words with the question."""
    home.told(*MOVED, *NOISE)
    found = search("Where do I live?")
    assert [hit.chunk.text for hit in found.hits[:2]] == ["I moved to Ghent last week.", "I live in Utrecht."]
    assert [hit.remark for hit in found.hits[:2]] == [
        "so since 2025-12-22/2025-12-28",
        "no longer so since 2025-12-22/2025-12-28",
    ]
    assert [fact.value for fact in found.facts] == ["Ghent", "Utrecht"]
    assert (found.answerable, found.confidence, len(found.hits)) == (True, SURE, 5)


def test_two_hops_put_the_answer_before_the_link(home: Home, search: Search) -> None:
    """And leave out where the user lives, whom the question names too."""
    home.told(("2026-01-01", "My sister Ottilie is a vet."), ("2026-01-02", "Ottilie lives in Bremen."), *MOVED)
    found = search("Where does my sister live?")
    assert [fact.value for fact in found.facts] == ["Bremen", "Ottilie"]
    assert found.hits[0].chunk.text == "Ottilie lives in Bremen."


def test_limits_hold_for_facts_too(home: Home, search: Search) -> None:
    """What was said later, or in a turn that the model is given anyway, is not found through its fact."""
    (first, _) = home.told(*MOVED)
    early = search("Where do I live?", before="2025-06-01")
    assert [hit.chunk.text for hit in early.hits] == ["I live in Utrecht."]
    without = search("Where do I live?", exclude_turns=[first])
    assert [hit.chunk.text for hit in without.hits] == ["I moved to Ghent last week."]


def test_others_facts_are_not_found(home: Home, search: Search) -> None:
    """A fact of another user changes nothing."""
    home.told(*MOVED, user_id=home.other("bo"))
    home.told(("2026-01-01", "I like tea."))
    assert search("Where do I live?").facts == ()


@pytest.mark.parametrize("question", ["", "?!", "Where does Zoe live?", "Tell me about tea", "x" * 5000])
def test_questions_that_no_fact_answers(home: Home, search: Search, question: str) -> None:
    """The ranking stands as it is."""
    home.told(*MOVED)
    assert search(question).facts == ()


def test_many_values_are_a_topic_not_an_answer(home: Home) -> None:
    """Nine things that somebody likes are not put before what the ranking finds."""
    home.told(*[("2026-01-01", f"I like thing{n}.") for n in range(9)])
    assert answering(home.store, ["What do I like?"], owners=[home.user_id]) == ()
    assert answering(home.store, [], owners=[home.user_id]) == ()
