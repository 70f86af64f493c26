"""The tables of health and habits, for the schema, which may import nothing that opens a store.

Entries and goals are a user's own and go with the user. Nothing in them is a person's sentence: values, and words of
the program's own lists.
"""

from __future__ import annotations

STATEMENTS = (
    """CREATE TABLE log_entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    value REAL NOT NULL,
    second REAL,
    unit TEXT NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    at TEXT NOT NULL,
    source TEXT NOT NULL,
    created_at TEXT NOT NULL,
    UNIQUE (user_id, key)
)""",
    "CREATE INDEX log_entries_kind ON log_entries(user_id, kind, at)",
    """CREATE TABLE log_goals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    way TEXT NOT NULL CHECK (way IN ('least', 'most', 'reach')),
    value REAL NOT NULL,
    unit TEXT NOT NULL,
    since TEXT NOT NULL,
    UNIQUE (user_id, kind)
)""",
)
"""``value`` and ``second`` are in the kind's own unit, ``unit`` is the one in which it was said; ``at`` is UTC to the
second. ``key`` names what an entry was made from, so that the same message or file a second time adds nothing."""
