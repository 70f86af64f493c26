"""Other names of people, from how the talk uses them."""

from __future__ import annotations

from memory.aliases import known_as

_SPEAKERS = ("Emi", "elise")


def test_an_introduction_and_addresses_make_an_alias() -> None:
    """The account called Emi says she is Kate, and the other writes to Kate."""
    lines = [("Emi", "Hi, I’m Kate."), ("elise", "Hey Kate!"), ("elise", "That is so true Kate!")]
    assert known_as("kate", lines, _SPEAKERS) == "Emi"


def test_somebody_who_is_talked_about_is_no_speaker() -> None:
    """A common friend's name is used by both and in the middle of sentences."""
    lines = [("Emi", f"Kate told me about it {day}") for day in range(9)] + [("elise", "Hey Kate!")] * 3
    assert known_as("kate", lines, _SPEAKERS) is None


def test_twice_is_too_little() -> None:
    """A wrong alias puts another person's words first, so it takes three uses."""
    assert known_as("kate", [("elise", "Hey Kate!")] * 2, _SPEAKERS) is None


def test_a_group_has_no_other_one() -> None:
    """Among three it is unclear who is addressed."""
    assert known_as("kate", [("elise", "Hey Kate!")] * 5, ("a", "b", "elise")) is None
