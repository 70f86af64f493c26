"""A new version of a document takes the place of the old one: what both say stays what it was.

Passages of a document have ids in a row, by which neighbours are found, so a new version has new passages throughout.
Those with the same words take over the old ones' vectors, their facts (with what the user corrected or pinned), what
was decided about them as training examples, and their place in turns that recalled them and in answers to choose from,
without which a later forgetting would not find these turns.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from memory.chunking import embedded_text
from memory.records import Passage
from memory.under_way_table import EVERY_TURN

EMBEDDED = (
    "SELECT c.text, c.section, c.speaker, d.title, v.vector FROM documents d JOIN chunks c ON c.document_id = d.id"
    " JOIN vectors v ON v.chunk_id = c.id WHERE d.id IN (SELECT value FROM json_each(?)) AND v.embedder = ?"
)
"""Passages of documents by one embedder."""
_TURNS = (
    f"SELECT t.id, t.memories, t.citations FROM {EVERY_TURN} t, json_each(t.memories) m"
    " WHERE json_extract(m.value, '$.id') IN (SELECT value FROM json_each(:ids))"
    " UNION SELECT t.id, t.memories, t.citations FROM turns t, json_each(t.citations) c"
    " WHERE json_extract(c.value, '$.chunk_id') IN (SELECT value FROM json_each(:ids))"
)
_ANSWERS = ("first_citations", "second_citations")
"""Of two answers one was or may be chosen, and is the turn's reply then, with these."""


def carry_over(db: sqlite3.Connection, document_id: int, old: Collection[int]) -> None:
    """Hand on to a document's new passages what hangs on old ones of the same speaker, text and date.

    Called within the transaction that stores the new version, while both are stored.
    """
    rows = db.execute(
        "SELECT id, speaker, text, at FROM chunks WHERE document_id = ? ORDER BY position, id", (document_id,)
    ).fetchall()
    before = set(old)
    waiting: dict[tuple[str | None, ...], list[int]] = defaultdict(list)
    for id_, *words in reversed(rows):
        if id_ not in before:
            waiting[tuple(words)].append(id_)
    pairs: dict[int, int] = {}
    for id_, *words in rows:
        if id_ in before and (same := waiting[tuple(words)]):
            pairs[id_] = same.pop()
    if pairs:
        for table in ("fact_sources", "fact_readings", "example_choices"):
            db.executemany(f"UPDATE OR IGNORE {table} SET chunk_id = ? WHERE chunk_id = ?", _turned(pairs))
        _renumber_turns(db, pairs)


def _turned(pairs: dict[int, int]) -> Sequence[tuple[int, int]]:
    return [(new, old) for old, new in pairs.items()]


def _renumber_turns(db: sqlite3.Connection, pairs: dict[int, int]) -> None:
    for id_, memories, citations in db.execute(_TURNS, {"ids": json.dumps(list(pairs))}).fetchall():
        recalled = [item | {"id": pairs.get(item["id"], item["id"])} for item in json.loads(memories)]
        values = (json.dumps(recalled, ensure_ascii=False), _cited(citations, pairs))
        table = "turns" if id_ > 0 else "turns_under_way"
        db.execute(f"UPDATE {table} SET memories = ?, citations = ? WHERE id = ?", (*values, abs(id_)))
        for answers in db.execute(f"SELECT {', '.join(_ANSWERS)} FROM candidates WHERE turn_id = ?", (id_,)).fetchall():
            db.execute(
                f"UPDATE candidates SET {' = ?, '.join(_ANSWERS)} = ? WHERE turn_id = ?",
                (*(_cited(answer, pairs) for answer in answers), id_),
            )


def _cited(citations: str, pairs: dict[int, int]) -> str:
    items = [item | {"chunk_id": pairs.get(item["chunk_id"], item["chunk_id"])} for item in json.loads(citations)]
    return json.dumps(items, ensure_ascii=False)


def stored_vectors(rows: Sequence[sqlite3.Row]) -> dict[str, NDArray[np.float32]]:
    """The vectors of stored passages by the text that was embedded, from rows of ``EMBEDDED``."""
    vectors = {}
    for row in rows:
        passage = Passage(row["text"], section=row["section"], speaker=row["speaker"])
        vector = np.frombuffer(row["vector"], np.float16).astype(np.float32)
        vectors[embedded_text(passage, title=row["title"])] = vector
    return vectors
