"""Reminders as they are kept: each is added once, moved on once for each delivery, and seen by its own user only.

Moments are stored in UTC, with the zone whose clock the user meant beside them; a rule is a text that this package
does not read. What is handled twice (a message that comes again, a delivery that two jobs see) changes nothing the
second time: a key names what a reminder was made from, and a delivery names the moment that it was due.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from memory.errors import FamiliarError
from memory.store import Store, utc_now

_COLUMNS = (
    "id, user_id, turn_id, key, text, due_at, zone, rule, channel, chat_id, thread_id,"
    " created_at, delivered_at, ended_at"
)


@dataclass(frozen=True)
class Destination:
    """Where a reminder is to be delivered."""

    channel: str
    """Such as "telegram" or "terminal"."""
    chat_id: int | None = None
    thread_id: int | None = None
    """A topic of that chat."""


@dataclass(frozen=True)
class NewReminder:
    """A reminder about to be stored."""

    key: str
    """What it is made from, such as "telegram:4711": the same key a second time adds nothing."""
    text: str
    due: datetime
    """Aware."""
    zone: str
    """IANA name of the zone on whose clock it was meant."""
    to: Destination
    rule: str | None = None
    """How it repeats; None is once."""
    turn_id: int | None = None
    """The turn that asked for it, with which it is forgotten."""


@dataclass(frozen=True)
class Reminder:
    """A stored reminder."""

    id: int
    user_id: int
    turn_id: int | None
    key: str
    text: str
    due: datetime
    """The next delivery, in UTC."""
    zone: str
    rule: str | None
    to: Destination
    created_at: str
    delivered_at: str | None
    """The last delivery."""
    ended_at: str | None
    """Cancelled, or delivered for the last time."""


def add_reminder(store: Store, new: NewReminder, *, user_id: int) -> Reminder:
    """Store a reminder, or give back the one of the same key as it is now.

    :raises FamiliarError: its moment has no zone, or the database can't be written
    """
    to = new.to
    values = (user_id, new.turn_id, new.key, new.text, _utc(new.due), new.zone, new.rule)
    with store.transaction() as db:
        db.execute(
            "INSERT INTO reminders (user_id, turn_id, key, text, due_at, zone, rule, channel, chat_id, thread_id,"
            " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (user_id, key) DO NOTHING",
            (*values, to.channel, to.chat_id, to.thread_id, utc_now()),
        )
        row = db.execute(
            f"SELECT {_COLUMNS} FROM reminders WHERE user_id = ? AND key = ?", (user_id, new.key)
        ).fetchone()
    return _reminder(row)


def reminders_of(store: Store, *, user_id: int) -> list[Reminder]:
    """A user's reminders that are still to come, the next one first."""
    rows = store.rows(
        f"SELECT {_COLUMNS} FROM reminders WHERE user_id = ? AND ended_at IS NULL ORDER BY due_at, id", (user_id,)
    )
    return [_reminder(row) for row in rows]


def reminder_by_id(store: Store, reminder_id: int, *, user_id: int) -> Reminder:
    """One reminder, ended ones too.

    :raises FamiliarError: the user has no reminder of that id
    """
    rows = store.rows(f"SELECT {_COLUMNS} FROM reminders WHERE id = ? AND user_id = ?", (reminder_id, user_id))
    if not rows:
        raise FamiliarError(f"there is no reminder {reminder_id} of yours; `familiar reminders` lists them")
    return _reminder(rows[0])


def cancel_reminder(store: Store, reminder_id: int, *, user_id: int) -> Reminder:
    """End a reminder and all its repetitions; one that has ended stays so.

    :raises FamiliarError: the user has no reminder of that id
    """
    with store.transaction() as db:
        db.execute(
            "UPDATE reminders SET ended_at = ? WHERE id = ? AND user_id = ? AND ended_at IS NULL",
            (utc_now(), reminder_id, user_id),
        )
        return reminder_by_id(store, reminder_id, user_id=user_id)


def snooze_reminder(store: Store, reminder_id: int, *, user_id: int, until: datetime) -> Reminder:
    """Put a reminder off, one too that was just delivered for the last time; repetitions go on after it by their rule.

    :raises FamiliarError: the user has no reminder of that id, or the moment has no zone
    """
    with store.transaction() as db:
        db.execute(
            "UPDATE reminders SET due_at = ?, ended_at = NULL WHERE id = ? AND user_id = ?",
            (_utc(until), reminder_id, user_id),
        )
        return reminder_by_id(store, reminder_id, user_id=user_id)


def due_reminders(store: Store, *, until: datetime) -> list[Reminder]:
    """All users' reminders that are due at a moment, the earliest first: for the job that delivers them.

    :raises FamiliarError: the moment has no zone
    """
    rows = store.rows(
        f"SELECT {_COLUMNS} FROM reminders WHERE ended_at IS NULL AND due_at <= ? ORDER BY due_at, id", (_utc(until),)
    )
    return [_reminder(row) for row in rows]


def is_readable(row: Mapping[str, Any]) -> bool:
    """Whether a row that comes from a file can be delivered: its moments are moments, its chat a number."""
    try:
        due = datetime.fromisoformat(row["due_at"])
    except (KeyError, TypeError, ValueError):
        return False
    chat = (row.get("chat_id"), row.get("thread_id"))
    words = (row.get("text"), row.get("zone"), row.get("channel"))
    return (
        due.tzinfo is not None
        and all(isinstance(value, int | None) for value in chat)
        and all(isinstance(value, str) for value in words)
    )


def next_due(store: Store) -> datetime | None:
    """When the earliest reminder of all users is due, in UTC: how long a job can sleep. None where there is none."""
    (row,) = store.rows("SELECT min(due_at) AS due_at FROM reminders WHERE ended_at IS NULL")
    return datetime.fromisoformat(row["due_at"]) if row["due_at"] else None


def mark_delivered(store: Store, delivered: Reminder, *, user_id: int, following: datetime | None) -> bool:
    """Note a delivery and when the next one is; False, and nothing is changed, where it was cancelled or put off since.

    :param delivered: as `due_reminders` gave it
    :param following: None ends it
    :raises FamiliarError: the next moment has no zone, or the database can't be written
    """
    now = utc_now()
    with store.transaction() as db:
        cursor = db.execute(
            "UPDATE reminders SET delivered_at = ?, due_at = coalesce(?, due_at), ended_at = ?"
            " WHERE id = ? AND user_id = ? AND due_at = ? AND ended_at IS NULL",
            (
                *(now, _utc(following) if following else None, None if following else now),
                *(delivered.id, user_id, _utc(delivered.due)),
            ),
        )
    return cursor.rowcount > 0


def _utc(moment: datetime) -> str:
    if moment.utcoffset() is None:
        raise FamiliarError(f"a reminder's time {moment.isoformat()} has no time zone; give one with an offset")
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _reminder(row: sqlite3.Row) -> Reminder:
    values = dict(row)
    to = Destination(values.pop("channel"), values.pop("chat_id"), values.pop("thread_id"))
    due = datetime.fromisoformat(values.pop("due_at"))
    return Reminder(**values, due=due, to=to)
