"""What ranking must know of a question's candidates and the passages around them, as arrays, read by primary key.

A search reads as many rows as it has candidates, however large memory is. What it must know of all passages (how many,
how long, who speaks) is counted as they come and go (``memory.schema``). Passages of a document have ids in a row, so
that those around one are found by its id; rows here are ordered by place and then by id, so that neighbours are the
rows beside each other. Texts stay in SQLite; only those that are shown are read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory.passages import MOST, Ids, Passages
from memory.query import understand
from memory.store import Store

REACH = 2
"""Neighbours on each side that count as a passage's surroundings."""
_ALIKE = 100
"""While a memory has changed by less than one passage in so many, its common words are taken to be the same."""

_NAMES = (
    "WITH RECURSIVE named(owner, name) AS ("
    " SELECT value, (SELECT min(speaker) FROM chunks WHERE user_id = value AND speaker IS NOT NULL) FROM json_each(?)"
    " UNION ALL"
    " SELECT owner, (SELECT min(speaker) FROM chunks WHERE user_id = owner AND speaker > name)"
    " FROM named WHERE name IS NOT NULL"
    ") SELECT DISTINCT name FROM named WHERE name IS NOT NULL ORDER BY name"
)
"""Steps from one name to the next in an index, where DISTINCT would read a row for each passage."""
_SPEAKERS = (
    "SELECT value AS document,"
    " (SELECT min(speaker) FROM chunks WHERE document_id = value AND speaker IS NOT NULL) AS first,"
    " (SELECT max(speaker) FROM chunks WHERE document_id = value AND speaker IS NOT NULL) AS last FROM json_each(?)"
)


@dataclass(frozen=True)
class Readable:
    """All passages that a user may read, as far as it is known without reading them."""

    owners: tuple[int, ...]
    total: int
    """Passages of all owners."""
    mean_bytes: float
    """Mean length of their texts; at least 1."""
    names: frozenset[str]
    """Words of the names of all who speak in them."""
    mine: Mapping[int, str]
    """By document: which of its speakers is its owner, where that is known."""
    change: int
    """The last removal."""
    passages: Passages
    """Rows that were read since then."""
    talks: dict[int, bool]
    """Documents met since then: whether at least two speak in them. A document gains no lines."""
    common: set[str]
    """Words found to be too common to lead from one passage to another; grows as searches meet them."""


@dataclass(frozen=True)
class Corpus:
    """Passages and those around them; every array has one entry a passage."""

    ids: Ids
    owners: NDArray[np.int64]
    places: NDArray[np.int64]
    """Document id, or minus the turn's id: passages of one document are neighbours."""
    days: NDArray[np.datetime64]
    """When it was said or written; NaT where that is not known."""
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
    sorted_ids: Ids

    def rows_of(self, ids: Ids) -> NDArray[np.int64]:
        """Rows of chunk ids; -1 for those that are not here."""
        if not len(self.ids):
            return np.full(len(ids), -1, np.int64)
        places = np.minimum(np.searchsorted(self.sorted_ids, ids), len(self.sorted_ids) - 1)
        return np.where(self.sorted_ids[places] == ids, self.by_id[places], -1)

    def neighbours(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows (m, 2 * REACH + 1) around each of ``rows`` (m,) in order of place; -1 where there is none.

        Complete for lines of a dialogue that were asked for, or stand around those that were asked for widely.
        """
        around = rows[:, None] + np.arange(-REACH, REACH + 1)
        inside = (around >= 0) & (around < len(self.ids))
        around = np.where(inside, around, 0)
        near = np.abs(self.ids[around] - self.ids[rows][:, None]) <= REACH
        same = inside & near & (self.places[around] == self.places[rows][:, None])
        return np.where(same, around, -1)


def readable(store: Store, owners: Sequence[int], *, before: Readable | None = None) -> Readable:
    """What is known of all passages of these owners.

    :param before: what was known until the last change; a word does not become rare by one passage more or less
    """
    values = (json.dumps(list(owners)),)
    counted = "SELECT sum(chunks) AS chunks, sum(bytes) AS bytes FROM memory_sizes"
    size = store.rows(f"{counted} WHERE user_id IN (SELECT value FROM json_each(?))", values)[0]
    mine = "SELECT id, me FROM documents INDEXED BY documents_me WHERE me IS NOT NULL AND user_id"
    removed = "SELECT coalesce(max(id), 0) FROM vector_changes WHERE user_id IN (SELECT value FROM json_each(?))"
    total, change = size["chunks"] or 0, int(store.tuples(removed, values)[0][0])
    small = total <= MOST
    most = MOST if small else 0
    same = before is not None and before.change == change
    alike = before is not None and abs(before.total - total) * _ALIKE <= total
    return Readable(
        owners=tuple(owners),
        total=total,
        mean_bytes=max(1.0, (size["bytes"] or 0) / max(total, 1)),
        names=frozenset(word for row in store.rows(_NAMES, values) for word in understand(row["name"]).words),
        mine={row["id"]: row["me"] for row in store.rows(f"{mine} IN (SELECT value FROM json_each(?))", values)},
        change=change,
        passages=before.passages if before is not None and same and small else Passages(owners, most=most),
        talks=before.talks if before is not None and same else {},
        common=before.common if before is not None and alike else set(),
    )


def ids_around(ids: Ids) -> Ids:
    """The ids with those of their neighbours, whether or not they exist, each once and in order."""
    found: Ids = np.unique(ids[:, None] + np.arange(-REACH, REACH + 1))
    return found


def load_corpus(store: Store, memory: Readable, ids: Ids, *, widely: Ids | None = None) -> Corpus:
    """Read those of the passages that the memory's owners have, and the lines around those of a dialogue.

    :param ids: each once, in order
    :param widely: those of the ids whose neighbours are wanted with what stands around them in turn
    """
    rows = memory.passages.rows(store, ids)
    places = np.unique(rows["place"])
    talks = _talks(store, memory, places[places > 0].tolist())
    spoken = rows["id"][np.isin(rows["place"], talks)]
    if len(spoken):
        wide = ids_around(np.intersect1d(spoken, widely)) if widely is not None else spoken[:0]
        rows = memory.passages.rows(store, np.union1d(rows["id"], ids_around(np.union1d(spoken, wide))))
    rows = rows[np.lexsort((rows["id"], rows["place"]))]
    codes, speakers = np.unique(rows["speaker"], return_inverse=True)
    names = memory.passages.names(codes)
    own = (rows["place"] < 0) | (speakers == _owners_voice(memory, rows["place"], names))
    return Corpus(
        ids=rows["id"],
        owners=rows["owner"],
        places=rows["place"],
        days=rows["day"],
        speakers=speakers,
        names=names,
        own=own,
        bytes=rows["bytes"].astype(np.float32),
        asks=rows["asks"],
        dialogue=np.isin(rows["place"], talks),
        by_id=np.argsort(rows["id"]),
        sorted_ids=np.sort(rows["id"]),
    )


def _owners_voice(memory: Readable, places: NDArray[np.int64], names: Sequence[str]) -> NDArray[np.int64]:
    """The speaker (n,) who is the owner of each passage's document, as a place in ``names``; -1 for none of them."""
    documents, inverse = np.unique(places, return_inverse=True)
    codes: dict[str | None, int] = {name: code for code, name in enumerate(names)}
    mine = [codes.get(memory.mine.get(document), -1) for document in documents.tolist()]
    return np.array(mine, np.int64)[inverse]


def _talks(store: Store, memory: Readable, documents: Sequence[int]) -> list[int]:
    """Those of the documents in which at least two speak."""
    new = [document for document in documents if document not in memory.talks]
    if new:
        found = dialogues(store, new)
        memory.talks.update({document: document in found for document in new})
    return [document for document in documents if memory.talks[document]]


def dialogues(store: Store, documents: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """Those of the documents in which at least two speak: the first and the last of them by name."""
    found = store.rows(_SPEAKERS, (json.dumps(list(documents)),))
    talks = {row["document"]: (row["first"], row["last"]) for row in found if row["first"] is not None}
    return {
        document: (first, last)
        for document, (first, last) in talks.items()
        if first != last or _has_unnamed(store, document)
    }


def _has_unnamed(store: Store, document: int) -> bool:
    """Whether nobody is said to have spoken some lines of a document; both counts are read from indexes alone."""
    count = "SELECT count(*) FROM chunks WHERE document_id = ?1"
    return bool(store.tuples(f"SELECT ({count} AND speaker IS NOT NULL) < ({count})", (document,))[0][0])


def moment(at: str | None) -> str:
    """A date or time that sorts as text; a date alone stands for the end of its day, and unknown for empty."""
    if not at:
        return ""
    return f"{at}T24" if len(at) == len("2026-05-08") else at[:26]
