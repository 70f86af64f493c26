"""Who waits is served in turn, each one's in order."""

from __future__ import annotations

import pytest

from bot.round_robin import RoundRobin


def filled(*items: str) -> RoundRobin[str]:
    """Each item waits under its first letter."""
    made: RoundRobin[str] = RoundRobin()
    for item in items:
        made.add(item[0], item)
    return made


def drained(waiting: RoundRobin[str]) -> list[str]:
    """All, in the order in which they are served."""
    return [waiting.take() for _ in range(len(waiting))]


def test_each_has_a_turn_before_anyone_has_a_second() -> None:
    """And each one's own stay in order."""
    assert drained(filled("a1", "a2", "a3", "b1", "c1", "c2")) == ["a1", "b1", "c1", "a2", "c2", "a3"]


def test_who_comes_later_waits_for_one_of_each() -> None:
    """Not for all that they asked for."""
    waiting = filled("a1", "a2", "a3", "b1", "b2")
    assert waiting.take() == "a1"
    waiting.add("d", "d1")
    assert drained(waiting) == ["b1", "a2", "d1", "b2", "a3"]


def test_what_is_given_up_is_not_served() -> None:
    """Whoever has nothing left is out of the round; what does not wait can be given up too."""
    waiting = filled("a1", "b1", "b2")
    waiting.discard("a", "a1")
    waiting.discard("a", "a1")
    waiting.discard("b", "b2")
    assert drained(waiting) == ["b1"]
    assert not waiting
    with pytest.raises(StopIteration):
        waiting.take()
