"""Facts and standing rules in an export: they come back as they were, with what was corrected, pinned and deleted.

They are not read out of the passages again, which would bring back what the user deleted and lose what they
corrected. Passages and turns have other numbers in another home, so each row is written with what it stands on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from memory.facts.records import Claim
from memory.facts.store import add_names
from memory.store import Store

_COLUMNS = (
    *("subject", "attribute", "value", "subject_key", "kind", "value_key", "said_at", "valid_from"),
    *("ended", "pinned", "corrected", "was", "by_model"),
)


def exported_facts(store: Store, *, user_id: int) -> Iterator[dict[str, Any]]:
    """The user's facts, each with its sources as [chunk id, time]."""
    rows = store.rows(
        f"SELECT {', '.join(_COLUMNS)}, (SELECT json_group_array(json_array(s.chunk_id, s.said_at))"
        " FROM fact_sources s WHERE s.fact_id = f.id) AS sources FROM facts f WHERE user_id = ? ORDER BY id",
        (user_id,),
    )
    for row in rows:
        yield dict(row) | {"sources": json.loads(row["sources"])}


def exported_rules(store: Store, *, user_id: int) -> Iterator[dict[str, Any]]:
    """The user's standing rules."""
    for row in store.rows("SELECT turn_id, text, at FROM standing_rules WHERE user_id = ? ORDER BY id", (user_id,)):
        yield dict(row)


def take_facts(store: Store, rows: Iterable[Mapping[str, Any]], *, user_id: int, chunks: Mapping[int, int]) -> int:
    """Store facts of an export, those that are here already with what was exported; how many were new.

    :param chunks: the exported ids of passages with those that they have here; a fact without any is left out
    """
    new = 0
    with store.transaction() as db:
        for row in rows:
            sources = [(chunks[chunk_id], at) for chunk_id, at in row["sources"] if chunk_id in chunks]
            values = [row.get(name, 0) for name in _COLUMNS]  # an older export knows of no model
            known = db.execute(
                "SELECT id FROM facts WHERE user_id = ? AND subject_key = ? AND kind = ? AND value_key = ?"
                " AND valid_from = ? AND ended = ?",
                (user_id, *(row[name] for name in ("subject_key", "kind", "value_key", "valid_from", "ended"))),
            ).fetchone()
            if known is None and sources:
                marks = ", ".join("?" * len(values))
                cursor = db.execute(
                    f"INSERT INTO facts (user_id, {', '.join(_COLUMNS)}) VALUES (?, {marks})", (user_id, *values)
                )
                fact_id, new = cursor.lastrowid or 0, new + 1
                add_names(db, fact_id, Claim(row["subject"], row["attribute"], row["value"]), user_id=user_id)
                db.executemany("INSERT INTO fact_sources VALUES (?, ?, ?)", [(fact_id, *item) for item in sources])
    return new


def exported_readings(store: Store, *, user_id: int) -> Iterator[dict[str, Any]]:
    """Which of the user's passages a model was asked about, so that it is not asked again."""
    for row in store.rows(
        "SELECT r.* FROM fact_readings r JOIN chunks c ON c.id = r.chunk_id WHERE c.user_id = ? ORDER BY r.chunk_id",
        (user_id,),
    ):
        yield dict(row)


def take_readings(store: Store, rows: Iterable[Mapping[str, Any]], *, chunks: Mapping[int, int]) -> int:
    """Store which passages a model was asked about; how many are here.

    :param chunks: the exported ids of passages with those that they have here
    """
    known = [
        (chunks[row["chunk_id"]], *(row[name] for name in ("model", "kept", "dropped")))
        for row in rows
        if row["chunk_id"] in chunks
    ]
    with store.transaction() as db:
        db.executemany("INSERT OR IGNORE INTO fact_readings VALUES (?, ?, ?, ?)", known)
    return len(known)


def take_rules(store: Store, rows: Iterable[Mapping[str, Any]], *, user_id: int, turns: Mapping[int, int]) -> int:
    """Store standing rules of an export that are not here yet; how many were new."""
    new = 0
    with store.transaction() as db:
        for row in rows:
            values = (user_id, turns.get(row["turn_id"]), row["text"], row["at"])
            new += db.execute(
                "INSERT INTO standing_rules (user_id, turn_id, text, at) SELECT ?, ?, ?, ?"
                " WHERE NOT EXISTS (SELECT 1 FROM standing_rules WHERE user_id = ?1 AND text = ?3 AND at = ?4)",
                values,
            ).rowcount
    return new
