"""The table of reminders and the user's time zone, for the schema, which may import nothing that opens a store."""

from __future__ import annotations

STATEMENTS = (
    "ALTER TABLE users ADD COLUMN zone TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE reminders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    turn_id INTEGER REFERENCES turns(id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    text TEXT NOT NULL,
    due_at TEXT NOT NULL,
    zone TEXT NOT NULL,
    rule TEXT,
    channel TEXT NOT NULL,
    chat_id INTEGER,
    thread_id INTEGER,
    created_at TEXT NOT NULL,
    delivered_at TEXT,
    ended_at TEXT,
    UNIQUE (user_id, key)
)""",
    "CREATE INDEX reminders_due ON reminders(due_at) WHERE ended_at IS NULL",
    "CREATE INDEX reminders_turn ON reminders(turn_id)",
)
"""``due_at`` is UTC to the second, so that texts compare as moments do. ``ended_at``: cancelled, or delivered last."""
