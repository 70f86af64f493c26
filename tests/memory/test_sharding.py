"""Rendezvous hashing: the same everywhere, even, and few people move when a home is added."""

from __future__ import annotations

from collections import Counter

from memory.sharding import home_for

PEOPLE = [str(number) for number in range(4000)]
HOMES = [f"/srv/familiar/{number}" for number in range(4)]


def test_a_home_is_the_same_everywhere() -> None:
    """On every machine, in every version, whatever the order in which homes are named."""
    assert [home_for(person, HOMES) for person in ("42", "ann", "8842771936")] == [HOMES[0], HOMES[0], HOMES[1]]
    assert all(home_for(person, HOMES) == home_for(person, HOMES[::-1]) for person in PEOPLE[:200])


def test_people_are_spread_evenly() -> None:
    """Of four homes none has more than a tenth above its share."""
    counts = Counter(home_for(person, HOMES) for person in PEOPLE)
    assert set(counts) == set(HOMES)
    assert max(counts.values()) < 1.1 * len(PEOPLE) / len(HOMES)


def test_a_new_home_takes_its_share_and_nobody_else_moves() -> None:
    """About a fifth goes to the fifth home, the others stay."""
    more = [*HOMES, "/srv/familiar/new"]
    moved = [person for person in PEOPLE if home_for(person, more) != home_for(person, HOMES)]
    assert {home_for(person, more) for person in moved} == {more[-1]}
    assert 0.17 < len(moved) / len(PEOPLE) < 0.23


def test_a_home_that_goes_leaves_the_others_people_alone() -> None:
    """Only its own are dealt out again."""
    for person in PEOPLE[:1000]:
        before = home_for(person, HOMES)
        if before != HOMES[0]:
            assert home_for(person, HOMES[1:]) == before
