"""Entries of health and habits as they are kept: each once, seen by its own user only, put right or taken back.

Moments are stored in UTC. What is handled twice (a message that comes again, a file that is imported again) changes
nothing the second time: a key names what an entry was made from. What a kind is, and what a value means, this package
does not know.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from memory.errors import FamiliarError
from memory.store import Store, utc_now

Way = Literal["least", "most", "reach"]
"""Of a goal: at least so much a day, at most so much a day, or to come to a value."""
_COLUMNS = "id, user_id, key, kind, value, second, unit, note, at, source"


@dataclass(frozen=True)
class NewLogEntry:
    """An entry about to be stored."""

    key: str
    """What it is made from, such as "telegram:4711:0": the same key a second time adds nothing."""
    kind: str
    value: float
    """In the kind's own unit."""
    at: datetime
    """Aware."""
    source: str
    """Such as "telegram", "terminal", "apple"."""
    second: float | None = None
    unit: str = ""
    """In which it was said."""
    note: str = ""
    grows: bool = False
    """A day's sum of another program, of which a later export may hold more: of two values the larger one stays."""


@dataclass(frozen=True)
class LogEntry:
    """A stored entry."""

    id: int
    user_id: int
    key: str
    kind: str
    value: float
    second: float | None
    unit: str
    note: str
    at: datetime
    """In UTC."""
    source: str


@dataclass(frozen=True)
class LogGoal:
    """What somebody has set themselves for a kind."""

    kind: str
    way: Way
    value: float
    """In the kind's own unit."""
    unit: str
    """In which it was said."""
    since: datetime
    """In UTC."""


def add_entries(store: Store, new: Sequence[NewLogEntry], *, user_id: int) -> list[LogEntry]:
    """Store entries, all or none; gives each as it is now, also one whose key was there before.

    :raises FamiliarError: a moment has no zone, a value is no number, or the database can't be written
    """
    with store.transaction() as db:
        _insert(db, new, user_id)
        keys = json.dumps([item.key for item in new])
        rows = db.execute(
            f"SELECT {_COLUMNS} FROM log_entries WHERE user_id = ? AND key IN (SELECT value FROM json_each(?))"
            " ORDER BY id",
            (user_id, keys),
        ).fetchall()
    return [_entry(row) for row in rows]


def import_entries(store: Store, new: Sequence[NewLogEntry], *, user_id: int) -> int:
    """Store the entries of a file, all or none, and give how many are new.

    :raises FamiliarError: as `add_entries`
    """
    with store.transaction() as db:
        (before,) = db.execute("SELECT count(*) FROM log_entries WHERE user_id = ?", (user_id,)).fetchone()
        _insert(db, new, user_id)
        (after,) = db.execute("SELECT count(*) FROM log_entries WHERE user_id = ?", (user_id,)).fetchone()
    return int(after - before)


def entries_of(
    store: Store,
    *,
    user_id: int,
    kind: str | None = None,
    since: datetime | None = None,
    last: int | None = None,
) -> list[LogEntry]:
    """A user's entries, the oldest first.

    :param since: an aware moment, included
    :param last: only so many of the newest
    """
    rows = store.rows(
        f"SELECT {_COLUMNS} FROM log_entries WHERE user_id = ? AND (? IS NULL OR kind = ?) AND (? IS NULL OR at >= ?)"
        " ORDER BY at DESC, id DESC LIMIT ?",
        (user_id, kind, kind, *([_utc(since) if since else None] * 2), -1 if last is None else last),
    )
    return [_entry(row) for row in reversed(rows)]


def entry_by_id(store: Store, entry_id: int, *, user_id: int) -> LogEntry:
    """One entry.

    :raises FamiliarError: the user has none of that id
    """
    rows = store.rows(f"SELECT {_COLUMNS} FROM log_entries WHERE id = ? AND user_id = ?", (entry_id, user_id))
    if not rows:
        raise FamiliarError(f"there is no entry {entry_id} of yours; `familiar log` lists them")
    return _entry(rows[0])


def correct_entry(
    store: Store, entry_id: int, *, user_id: int, value: float, second: float | None, unit: str
) -> LogEntry:
    """Give an entry another value; kind and moment stay.

    :raises FamiliarError: the user has none of that id, or the value is no number
    """
    _check(value, second)
    with store.transaction() as db:
        db.execute(
            "UPDATE log_entries SET value = ?, second = ?, unit = ? WHERE id = ? AND user_id = ?",
            (value, second, unit, entry_id, user_id),
        )
        return entry_by_id(store, entry_id, user_id=user_id)


def delete_entries(store: Store, ids: Sequence[int], *, user_id: int) -> list[LogEntry]:
    """Take entries back, those that are still there; gives them."""
    with store.transaction() as db:
        listed = json.dumps(list(ids))
        chosen = "user_id = ? AND id IN (SELECT value FROM json_each(?))"
        rows = db.execute(f"SELECT {_COLUMNS} FROM log_entries WHERE {chosen} ORDER BY id", (user_id, listed))
        gone = [_entry(row) for row in rows.fetchall()]
        db.execute(f"DELETE FROM log_entries WHERE {chosen}", (user_id, listed))
    return gone


def counts_of(store: Store, *, user_id: int) -> dict[str, int]:
    """How many entries a user has of each kind, the most first."""
    rows = store.rows(
        "SELECT kind, count(*) AS n FROM log_entries WHERE user_id = ? GROUP BY kind ORDER BY n DESC, kind", (user_id,)
    )
    return {row["kind"]: row["n"] for row in rows}


def units_of(store: Store, *, user_id: int) -> dict[str, str]:
    """The unit in which a user last gave each kind."""
    rows = store.rows(
        "SELECT kind, unit FROM log_entries WHERE id IN (SELECT max(id) FROM log_entries WHERE user_id = ?"
        " AND unit <> '' GROUP BY kind)",
        (user_id,),
    )
    return {row["kind"]: row["unit"] for row in rows}


def set_goal(store: Store, goal: LogGoal, *, user_id: int) -> None:
    """Keep a goal, in the place of an earlier one for the same kind.

    :raises FamiliarError: its moment has no zone, its value is no number, or the database can't be written
    """
    _check(goal.value, None)
    with store.transaction() as db:
        db.execute(
            "INSERT INTO log_goals (user_id, kind, way, value, unit, since) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (user_id, kind) DO UPDATE SET way = excluded.way, value = excluded.value,"
            " unit = excluded.unit, since = excluded.since",
            (user_id, goal.kind, goal.way, goal.value, goal.unit, _utc(goal.since)),
        )


def goals_of(store: Store, *, user_id: int) -> list[LogGoal]:
    """A user's goals, by kind."""
    rows = store.rows("SELECT kind, way, value, unit, since FROM log_goals WHERE user_id = ? ORDER BY kind", (user_id,))
    return [LogGoal(**dict(row) | {"since": datetime.fromisoformat(row["since"])}) for row in rows]


def end_goal(store: Store, kind: str, *, user_id: int) -> bool:
    """Drop a goal; False where there was none."""
    with store.transaction() as db:
        return db.execute("DELETE FROM log_goals WHERE user_id = ? AND kind = ?", (user_id, kind)).rowcount > 0


def is_readable_log(table: str, row: Mapping[str, Any]) -> bool:
    """Whether a row that comes from a file can be shown: its numbers are numbers, its moment is a moment."""
    moment = row.get("since" if table == "log_goals" else "at")
    numbers = [row.get("value")] + ([row["second"]] if row.get("second") is not None else [])
    try:
        aware = isinstance(moment, str) and datetime.fromisoformat(moment).tzinfo is not None
    except ValueError:
        return False
    return aware and all(isinstance(item, int | float) and math.isfinite(item) for item in numbers)


def _insert(db: sqlite3.Connection, new: Sequence[NewLogEntry], user_id: int) -> None:
    for item in new:
        _check(item.value, item.second)
    now = utc_now()
    db.executemany(
        "INSERT INTO log_entries (user_id, key, kind, value, second, unit, note, at, source, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (user_id, key)"
        " DO UPDATE SET value = excluded.value WHERE ? AND excluded.value > log_entries.value",
        [
            (
                *(user_id, item.key, item.kind, item.value, item.second, item.unit, item.note),
                *(_utc(item.at), item.source, now, item.grows),
            )
            for item in new
        ],
    )


def _check(value: float, second: float | None) -> None:
    if not math.isfinite(value) or (second is not None and not math.isfinite(second)):
        raise FamiliarError(f"{value} is no value that can be kept; give a number")


def _utc(moment: datetime) -> str:
    if moment.utcoffset() is None:
        raise FamiliarError(f"an entry's time {moment.isoformat()} has no time zone; give one with an offset")
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _entry(row: sqlite3.Row) -> LogEntry:
    values = dict(row)
    return LogEntry(**values | {"at": datetime.fromisoformat(values["at"])})
