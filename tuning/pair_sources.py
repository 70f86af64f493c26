"""Preferences read from the store: only rows of one user, each with every source it rests on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from memory.candidates import candidates_of
from memory.store import Store
from memory.turns import turns_of
from tuning.pairs import ComparedTurn, Fault, Preferences, build_preferences, no_fault
from tuning.sources import judged_turns, rests_on


def read_preferences(
    store: Store, *, user_id: int, fault: Fault = no_fault, struck: Collection[int] = ()
) -> Preferences:
    """All pairs and single votes that the user's feedback and choices give today; see `build_preferences`."""
    judged = judged_turns(store, user_id=user_id)
    return build_preferences(judged, compared_turns(store, user_id=user_id), fault=fault, struck=struck)


def still_there(store: Store, preferences: Preferences, *, user_id: int) -> Preferences:
    """What was filtered before and is still as it was: what was forgotten or changed meanwhile waits for the next tune.

    Filters take too long for a transaction; this does not, and belongs into the one that names the sources.
    """
    now = read_preferences(store, user_id=user_id)
    pairs, votes = set(now.pairs), set(now.votes)
    return replace(
        preferences,
        pairs=tuple(pair for pair in preferences.pairs if pair in pairs),
        votes=tuple(vote for vote in preferences.votes if vote in votes),
    )


def compared_turns(store: Store, *, user_id: int) -> list[ComparedTurn]:
    """The user's turns at which two answers were offered, oldest first."""
    turns = {turn.id: turn for turn in turns_of(store, user_id=user_id)}
    return [
        ComparedTurn(turns[item.turn_id], item, *rests_on(store, turns[item.turn_id], turns.values(), user_id=user_id))
        for item in candidates_of(store, user_id=user_id)
        if item.turn_id in turns
    ]
