"""Who came from and went to other homes, for the schema, which may import nothing that opens a store.

A row holds what tells people where somebody is: a name, an account, a folder. Nothing that they wrote.
"""

from __future__ import annotations

STATEMENTS = (
    """CREATE TABLE moves (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('arriving', 'arrived', 'left', 'erased')),
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    other_home TEXT NOT NULL,
    at TEXT NOT NULL
)""",
    "CREATE INDEX moves_user ON moves(user_id)",
)
"""``token`` is the same in both homes. ``role``: what the user is where they are served. arriving: a whole copy that is
not served before the other home has let go; left: no longer served here, but not erased yet."""
