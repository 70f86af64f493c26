"""Preferences read from the store: only rows of one user, each with every source it rests on."""

from __future__ import annotations

from memory.candidates import candidates_of
from memory.store import Store
from memory.turns import turns_of
from tuning.pairs import ComparedTurn, Fault, Preferences, build_preferences, no_fault
from tuning.sources import judged_turns, rests_on


def read_preferences(store: Store, *, user_id: int, fault: Fault = no_fault) -> Preferences:
    """All pairs and single votes that the user's feedback and choices give today."""
    judged = judged_turns(store, user_id=user_id)
    return build_preferences(judged, compared_turns(store, user_id=user_id), fault=fault)


def compared_turns(store: Store, *, user_id: int) -> list[ComparedTurn]:
    """The user's turns at which two answers were offered, oldest first."""
    turns = {turn.id: turn for turn in turns_of(store, user_id=user_id)}
    return [
        ComparedTurn(turns[item.turn_id], item, *rests_on(store, turns[item.turn_id], turns.values(), user_id=user_id))
        for item in candidates_of(store, user_id=user_id)
        if item.turn_id in turns
    ]
