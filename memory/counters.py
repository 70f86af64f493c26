"""The counts of a home's work, which only ever grow; most are made by the database (`memory.counters_table`)."""

from __future__ import annotations

from dataclasses import dataclass

from memory.store import Store


@dataclass(frozen=True)
class Counter:
    """How often something happened."""

    name: str
    """What: "updates", "sends", "imports", "reminders", "tunes", or "seconds:" and a phase of a turn."""
    label: str
    """Of which kind; of durations, the upper end of the range."""
    n: int
    seconds: float
    """All durations together; 0 for what has none."""


def counters(store: Store) -> tuple[Counter, ...]:
    """Everything that was counted since the home was made."""
    rows = store.rows("SELECT name, label, n, seconds FROM counters ORDER BY name, label")
    return tuple(Counter(row["name"], row["label"], row["n"], row["seconds"]) for row in rows)


def count(store: Store, name: str, label: str) -> None:
    """Count what leaves no row of its own."""
    with store.transaction() as db:
        db.execute(
            "INSERT INTO counters VALUES (?, ?, 1, 0) ON CONFLICT (name, label) DO UPDATE SET n = n + 1", (name, label)
        )
