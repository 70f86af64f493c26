"""Tables of what a user wishes for themselves: how the bot speaks, when a digest comes, a reminder that lacks its time.

For the schema, which may import nothing that opens a store.
"""

from __future__ import annotations

STATEMENTS = (
    """CREATE TABLE personas (
    user_id INTEGER PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE,
    text TEXT NOT NULL
)""",
    """CREATE TABLE digests (
    user_id INTEGER PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE,
    rule TEXT NOT NULL,
    zone TEXT NOT NULL,
    due_at TEXT NOT NULL,
    since TEXT NOT NULL
)""",
    "CREATE INDEX digests_due ON digests(due_at)",
    """CREATE TABLE timeless_reminders (
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    chat_id INTEGER NOT NULL,
    author INTEGER NOT NULL,
    text TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    PRIMARY KEY (user_id, chat_id, author)
)""",
)
"""A persona is a row of its own, so that it is erased as every text is. ``due_at``, ``since`` and ``asked_at`` are UTC
to the second; ``zone`` is the profile's when ``due_at`` was computed. ``author``: the Telegram id of who was asked."""
