"""What ranking must know of every passage a user may read, as arrays: so that no search loops over chunks in Python.

Rows are ordered by conversation or document and then by position, so that a passage's neighbours are the rows beside
it. Texts stay in SQLite; only those that are shown are read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from memory.store import Store

REACH = 2
"""Neighbours on each side that count as a passage's surroundings."""

_ROWS = (
    "SELECT c.id, c.user_id, coalesce(c.document_id, -t.conversation_id) AS place, c.turn_id, c.at,"
    " coalesce(c.speaker, '') AS speaker, coalesce(c.speaker = d.me, c.turn_id IS NOT NULL) AS own,"
    " length(CAST(c.text AS BLOB)) AS bytes, substr(rtrim(c.text), -1) IN ('?', '？') AS asks"
    " FROM chunks c LEFT JOIN documents d ON d.id = c.document_id LEFT JOIN turns t ON t.id = c.turn_id"
    " WHERE c.user_id IN (SELECT value FROM json_each(?)) ORDER BY c.id"
)


@dataclass(frozen=True)
class Corpus:
    """All passages of some owners; every array has one entry a passage."""

    ids: NDArray[np.int64]
    owners: NDArray[np.int64]
    places: NDArray[np.int64]
    """Document id, or minus the conversation's id: passages of one place are neighbours."""
    turns: NDArray[np.int64]
    """The turn in which it was said; 0 for documents."""
    at: NDArray[np.str_]
    """When it was said or written, comparable as text: a date without a time stands for the end of that day."""
    days: NDArray[np.datetime64]
    """The day of ``at``; NaT where it is not known."""
    speakers: NDArray[np.int64]
    """Index into ``names``."""
    names: tuple[str, ...]
    own: NDArray[np.bool_]
    """The user said or wrote it: a chat turn, or a dialogue's line by the speaker who is the user."""
    bytes: NDArray[np.float32]
    asks: NDArray[np.bool_]
    dialogue: NDArray[np.bool_]
    """It is a line of a talk between at least two speakers, so that its neighbours are its context."""
    by_id: NDArray[np.int64]
    """Rows in ascending order of chunk id."""
    sorted_ids: NDArray[np.int64]
    owner_ids: tuple[int, ...]
    """Each owner of a passage once."""
    mean_bytes: float

    def rows_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of chunk ids; -1 for those of other owners."""
        if not len(self.ids):
            return np.full(len(ids), -1, np.int64)
        places = np.minimum(np.searchsorted(self.sorted_ids, ids), len(self.sorted_ids) - 1)
        return np.where(self.sorted_ids[places] == ids, self.by_id[places], -1)

    def neighbours(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows (m, 2 * REACH + 1) around each of ``rows`` (m,) in order of place; -1 beyond the place's ends."""
        around = rows[:, None] + np.arange(-REACH, REACH + 1)
        inside = (around >= 0) & (around < len(self.ids))
        around = np.where(inside, around, 0)
        same = inside & (self.places[around] == self.places[rows][:, None])
        return np.where(same, around, -1)


def load_corpus(store: Store, owners: Sequence[int]) -> Corpus:
    """Read the passages of these owners from the store."""
    rows = store.rows(_ROWS, (json.dumps(list(owners)),))
    places = np.array([row["place"] for row in rows], np.int64)
    order = np.lexsort((np.arange(len(rows)), places))
    rows = [rows[i] for i in order]
    names = tuple(dict.fromkeys(row["speaker"] for row in rows))
    codes = {name: code for code, name in enumerate(names)}
    ids = np.array([row["id"] for row in rows], np.int64)
    places, speakers = places[order], np.array([codes[row["speaker"]] for row in rows], np.int64)
    return Corpus(
        ids=ids,
        owners=np.array([row["user_id"] for row in rows], np.int64),
        places=places,
        turns=np.array([row["turn_id"] or 0 for row in rows], np.int64),
        at=np.array([moment(row["at"]) for row in rows], np.str_),
        days=np.array([_day(row["at"]) for row in rows], "datetime64[D]"),
        speakers=speakers,
        names=names,
        own=np.array([bool(row["own"]) for row in rows], np.bool_),
        bytes=np.array([row["bytes"] for row in rows], np.float32),
        asks=np.array([bool(row["asks"]) for row in rows], np.bool_),
        dialogue=_talks(places, speakers),
        by_id=np.argsort(ids),
        sorted_ids=np.sort(ids),
        owner_ids=tuple(sorted({row["user_id"] for row in rows})),
        mean_bytes=max(1.0, sum(row["bytes"] for row in rows) / max(len(rows), 1)),
    )


def moment(at: str | None) -> str:
    """A date or time that sorts as text; a date alone stands for the end of its day, and unknown for empty."""
    if not at:
        return ""
    return f"{at}T24" if len(at) == len("2026-05-08") else at[:26]


def _day(at: str | None) -> np.datetime64:
    try:
        return np.datetime64(date.fromisoformat((at or "")[:10]), "D")
    except ValueError:
        return np.datetime64("NaT", "D")


def _talks(places: NDArray[np.int64], speakers: NDArray[np.int64]) -> NDArray[np.bool_]:
    pairs = np.unique(np.stack([places, speakers], axis=1), axis=0) if len(places) else np.zeros((0, 2), np.int64)
    found, counts = np.unique(pairs[:, 0], return_counts=True)
    return np.isin(places, found[counts > 1])
