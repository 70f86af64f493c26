"""A question leads to the passages that state what it asks for, over up to two links, and to no other's."""

from __future__ import annotations

import time

import pytest

from memory.facts.recall import ENDED, LINK, fact_chunks, related
from tests.memory.facts.home import Home


def strengths(home: Home, question: str) -> dict[str, float]:
    """The found passages by their text."""
    found = fact_chunks(home.store, question, owners=[home.user_id])
    chunks = home.store.chunks(found, owners=[home.user_id])
    return {chunk.text: round(found[chunk.id], 3) for chunk in chunks}


def test_newer_counts_more(home: Home) -> None:
    """The passage of an ended fact gets less than the one that ended it."""
    home.told(("2025-01-01", "I live in Utrecht."), ("2026-01-01", "I live in Ghent."))
    assert strengths(home, "Where do I live?") == {"I live in Ghent.": 1.0, "I live in Utrecht.": ENDED}


@pytest.mark.parametrize(
    ("lines", "question"),
    [
        (["My sister Ottilie is a vet.", "Ottilie lives in Bremen."], "Where does my sister live?"),
        (["Tomas is Ingrid's husband.", "Tomas is allergic to walnuts."], "What is Ingrid's husband allergic to?"),
        (["Yusuf is Clara's brother.", "Clara lives in Izmir."], "Where does the sister of Yusuf live?"),
        (["我妹妹叫小雨。", "小雨住在昆明。"], "我妹妹住在哪里？"),
        (["我妹妹叫小雨。", "我妹妹住在昆明。"], "小雨住在哪里？"),
    ],
)
def test_two_hops(home: Home, lines: list[str], question: str) -> None:
    """Over a relation, in either direction, or under the relation's own name."""
    home.told(*[(f"2026-01-0{n}", line) for n, line in enumerate(lines, 1)])
    assert strengths(home, question) in ({lines[0]: LINK, lines[1]: 1.0}, {lines[1]: 1.0})
    assert max(strengths(home, question), key=strengths(home, question).__getitem__) == lines[1]


def test_nothing_named_nothing_found(home: Home) -> None:
    """Also for questions without words."""
    home.told(("2026-01-01", "I live in Ghent."))
    for question in ("Where does Ottilie live?", "", "?!", "🎉", "What is the capital of Peru?", "x" * 10_000):
        assert strengths(home, question) == {}


def test_attribute_that_was_not_asked_is_not_found(home: Home) -> None:
    """Being about the user is not enough."""
    home.told(("2026-01-01", "I live in Ghent."), ("2026-01-01", "The door code of the garage is 4711."))
    assert strengths(home, "What is my phone number?") == {}
    assert strengths(home, "What is the door code of the garage?") == {"The door code of the garage is 4711.": 1.0}


def test_others_facts_are_never_found(home: Home) -> None:
    """Owners are asked for by name."""
    other = home.other("bo")
    home.told(("2026-01-01", "My sister Ann lives in Ghent."), user_id=other)
    assert related(home.store, "Where does Ann live?", owners=[home.user_id]) == []
    assert related(home.store, "Where does my sister live?", owners=[home.user_id]) == []
    assert related(home.store, "Where does my sister live?", owners=[other]) != []


def test_cost_does_not_grow_with_memory(home: Home) -> None:
    """A search among two thousand facts reads a handful of rows: well below 50 ms of this process's own time."""
    lines = [("Ann", f"2025-01-{n % 28 + 1:02}", f"The door code of house{n} is {n}.") for n in range(2000)]
    home.dialogue(lines, me="Ann")
    started = time.thread_time()
    assert list(strengths(home, "What is the door code of house77?").values()) == [1.0]
    assert time.thread_time() - started < 0.05
