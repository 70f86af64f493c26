"""Items that a user may be recommended, what they did with them, and which adapters rank: for the schema alone.

An item is a document with a row here, so that it is found, exported, moved and forgotten as documents are.
"""

from __future__ import annotations

STATEMENTS = (
    """CREATE TABLE taste_items (
    document_id INTEGER PRIMARY KEY REFERENCES documents(id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    tags TEXT NOT NULL,
    added_at TEXT NOT NULL
)""",
    "CREATE INDEX taste_items_user ON taste_items(user_id)",
    """CREATE TABLE taste_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    document_id INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    action TEXT NOT NULL
        CHECK (action IN ('shown', 'opened', 'liked', 'skipped', 'rated', 'bought', 'wrote', 'more')),
    rating REAL,
    at TEXT NOT NULL,
    UNIQUE (user_id, document_id, action, at)
)""",
    "CREATE INDEX taste_events_document ON taste_events(document_id)",
    "ALTER TABLE adapters ADD COLUMN kind TEXT NOT NULL DEFAULT 'reply' CHECK (kind IN ('reply', 'taste'))",
    "DROP INDEX adapters_one_live",
    "CREATE UNIQUE INDEX adapters_one_live ON adapters(user_id, kind) WHERE status = 'live'",
)
"""``tags``: joined by commas. ``rating``: 1 to 5, of the action "rated" alone. ``adapters.kind``: one answers, and one
ranks; each kind has its own live one."""
