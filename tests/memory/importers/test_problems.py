"""Problems are named up to a number and then counted."""

from __future__ import annotations

from memory.importers.problems import first_few


def test_the_first_are_named_and_the_others_counted() -> None:
    """A file with a thousand bad lines gets a message of a few."""
    assert first_few(["a", "b", "c"], most=2, what="lines") == ("a", "b", "and 1 more lines like these")
    assert first_few(["a", "b"], most=2) == ("a", "b")
    assert first_few([]) == ()
