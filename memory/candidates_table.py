"""The table of candidates, for the schema, which may import nothing that opens a store."""

from __future__ import annotations

STATEMENTS = (
    """CREATE TABLE candidates (
    turn_id INTEGER PRIMARY KEY REFERENCES turns(id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    first TEXT NOT NULL,
    second TEXT NOT NULL,
    first_generated TEXT NOT NULL,
    second_generated TEXT NOT NULL,
    first_citations TEXT NOT NULL,
    second_citations TEXT NOT NULL,
    chosen TEXT CHECK (chosen IN ('first', 'second', 'neither')),
    offered_at TEXT NOT NULL,
    chosen_at TEXT
)""",
    "CREATE INDEX candidates_user ON candidates(user_id, turn_id)",
    "ALTER TABLE turns ADD COLUMN mean_logprob REAL",
)
"""The table, whose citations are JSON, and how sure the model was of a turn's reply."""
