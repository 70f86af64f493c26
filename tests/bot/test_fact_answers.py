"""A fact is told in the words that state it, with dates and a source, and what it replaced after it."""

from __future__ import annotations

from bot.fact_answers import quote_facts, stating
from memory.facts.records import Fact, Source
from memory.records import Hit
from tests.bot.test_answers import hit

NEW = Fact(2, 1, "user", "home", "Ghent", "2026-01-01T09:00", "2025-12", None, False, False, (Source(2, "2026-01-01"),))
OLD = Fact(1, 1, "user", "home", "Utrecht", "2025-01-01", "2025-01-01", "2025-12", False, False, (Source(1, "2025"),))


def hits() -> tuple[Hit, ...]:
    """The passages of both."""
    told = {"document_id": None, "speaker": "ann"}
    return (
        hit("Hi there. I moved to Ghent last month.", id=2, turn_id=2, at="2026-01-01T09:00", **told),
        hit("I live in Utrecht.", id=1, turn_id=1, at="2025-01-01T09:00", **told),
    )


def test_newer_value_with_its_date_then_the_older_with_its_end() -> None:
    """Each line cites its own passage, and only the sentence that states it is quoted."""
    quoted = quote_facts([NEW, OLD], hits(), language="en")
    assert quoted is not None
    assert quoted.text.splitlines() == [
        "I moved to Ghent last month. (2026-01-01; so since 2025-12) [1]",
        "Before that, until 2025-12: I live in Utrecht. (2025-01-01) [2]",
    ]
    assert [(item.n, item.chunk_id) for item in quoted.citations] == [(1, 2), (2, 1)]


def test_in_chinese() -> None:
    """What the assistant adds is in the user's language."""
    quoted = quote_facts([NEW, OLD], hits(), language="zh")
    assert quoted is not None
    assert "在此之前，直到 2025-12" in quoted.text


def test_correction_is_told_as_one() -> None:
    """The passage says something else, so the value is the user's and the passage is what was said."""
    fixed = Fact(1, 1, "user", "home", "Gent", "2025-01-01", "2025-01-01", None, False, True, OLD.sources)
    quoted = quote_facts([fixed], hits(), language="en")
    assert quoted is not None
    assert quoted.text == "home: Gent (corrected by you; what was said: I live in Utrecht.) [1]"


def test_what_is_over_is_not_told_as_before() -> None:
    """Nothing took its place."""
    quoted = quote_facts([OLD], hits(), language="en")
    assert quoted is not None
    assert quoted.text.startswith("That is over since 2025-12: I live in Utrecht.")


def test_without_passages_nothing_is_told() -> None:
    """A fact whose passage is not among the hits has no source here."""
    assert quote_facts([NEW], hits()[1:], language="en") is None
    assert quote_facts([], hits(), language="en") is None


def test_the_sentence_that_states_it() -> None:
    """Also where the value is a date that stands there in other words."""
    due = Fact(3, 1, "passport", "expiry", "2027-03-01", "2026", "2026", None, False, False, ())
    assert stating("I was in Rome. My passport expires on 1 March 2027.", due) == "My passport expires on 1 March 2027."
