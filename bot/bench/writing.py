"""Turns stored by several processes at once: what SQLite's single writer lets through.

A module of its own with few imports, as each process imports it before it is timed.
"""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import numpy as np

from memory.records import Message, NewTurn, Passage, Timings
from memory.store import Store, utc_now
from memory.turns import Said, add_turn, open_conversation

_DIMENSIONS = 384


def seconds_of_write(home: Path, count: int, *, writers: int) -> float:
    """Seconds from turn to turn as ``writers`` processes store ``count`` each."""
    store = Store(home / "familiar.db")
    users = [store.add_user(f"writer {number}", role="member").id for number in range(writers)]
    store.close()
    if writers == 1:
        spans = [_store_turns(home, users[0], count)]
    else:
        with multiprocessing.get_context("spawn").Pool(writers) as pool:
            pool.map(_warm, range(writers), chunksize=1)
            spans = pool.starmap(_store_turns, [(home, user, count) for user in users], chunksize=1)
    return (max(end for _, end in spans) - min(start for start, _ in spans)) / (writers * count)


def _warm(number: int) -> int:
    """Have a process of the pool import what it needs before it is timed."""
    return number


def _store_turns(home: Path, user_id: int, count: int) -> tuple[float, float]:
    store = Store(home / "familiar.db")
    conversation = open_conversation(store, user_id=user_id, channel="terminal")
    vector = np.ones((1, _DIMENSIONS), np.float32) / np.sqrt(np.float32(_DIMENSIONS))
    start = time.time()  # of one clock for all processes
    for number in range(count):
        text = f"The boat lies in shed {number}, behind the mill."
        said = Said((Passage(text),), vector, "made")
        add_turn(store, _new_turn(text, conversation), user_id=user_id, said=said)
    end = time.time()
    store.close()
    return start, end


def _new_turn(text: str, conversation_id: int) -> NewTurn:
    prompt = (Message("system", "You are Familiar. " * 40), Message("user", text * 40))
    return NewTurn(
        conversation_id=conversation_id,
        user_text=text,
        reply=text,
        generated=text,
        prompt=prompt,
        citations=(),
        memories=(),
        engine="none",
        model="none",
        adapter=None,
        timings=Timings(0.0, 0.0, 0.0, 0, 0),
        asked_at=utc_now(),
    )
