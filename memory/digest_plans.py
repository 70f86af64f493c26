"""When a user wants their digest, kept so that each is delivered once and one that was late covers all since the last.

A rule is a text that this package does not read. The next moment is computed on the clock of a zone, which is noted, so
that a user who moves is seen and the moment computed anew.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime

from memory.store import Store


@dataclass(frozen=True)
class DigestPlan:
    """A user's wish for digests."""

    user_id: int
    rule: str
    zone: str
    """The profile's when ``due`` was computed; empty is the machine's."""
    due: datetime
    """In UTC."""
    since: datetime
    """What came before this moment was told."""


def set_digest(store: Store, plan: DigestPlan) -> None:
    """Keep a wish in the place of an earlier one."""
    with store.transaction() as db:
        db.execute(
            "INSERT OR REPLACE INTO digests (user_id, rule, zone, due_at, since) VALUES (?, ?, ?, ?, ?)",
            (plan.user_id, plan.rule, plan.zone, _utc(plan.due), _utc(plan.since)),
        )


def end_digest(store: Store, *, user_id: int) -> bool:
    """Send no more; False where none were sent."""
    with store.transaction() as db:
        return db.execute("DELETE FROM digests WHERE user_id = ?", (user_id,)).rowcount > 0


def digest_of(store: Store, *, user_id: int) -> DigestPlan | None:
    """A user's wish."""
    rows = store.rows("SELECT * FROM digests WHERE user_id = ?", (user_id,))
    return _plan(rows[0]) if rows else None


def digests_to_look_at(store: Store, *, until: datetime) -> list[int]:
    """Users whose digest is due at a moment, or who have moved to another zone since it was planned."""
    rows = store.rows(
        "SELECT d.user_id FROM digests d JOIN users u ON u.id = d.user_id WHERE d.due_at <= ? OR d.zone <> u.zone"
        " ORDER BY d.due_at, d.user_id",
        (_utc(until),),
    )
    return [row["user_id"] for row in rows]


def move_on(store: Store, plan: DigestPlan, *, due: datetime, zone: str, since: datetime) -> bool:
    """Plan the next one; False, and nothing is changed, where this one was told or planned anew meanwhile."""
    with store.transaction() as db:
        cursor = db.execute(
            "UPDATE digests SET due_at = ?, zone = ?, since = ? WHERE user_id = ? AND rule = ? AND due_at = ?",
            (_utc(due), zone, _utc(since), plan.user_id, plan.rule, _utc(plan.due)),
        )
    return cursor.rowcount > 0


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _plan(row: sqlite3.Row) -> DigestPlan:
    values = dict(row)
    due, since = (datetime.fromisoformat(values.pop(name)) for name in ("due_at", "since"))
    return DigestPlan(**values, due=due, since=since)
