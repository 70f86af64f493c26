"""Who may talk to the bot and how: guests, invitations, and what the admins of a group decided about storing.

For the schema, which may import nothing that opens a store. An invitation is kept as a hash, so that whoever reads a
backup can't come in by it. What a person used up is noted with the update that it was used for.
"""

from __future__ import annotations

STATEMENTS = (
    # A column whose check names its values can't be changed in place, and a table that others refer to can't be
    # replaced without losing their rows.
    "ALTER TABLE users ADD COLUMN wider_role TEXT NOT NULL DEFAULT 'waiting'"
    " CHECK (wider_role IN ('owner', 'member', 'guest', 'waiting', 'refused', 'shared'))",
    "UPDATE users SET wider_role = role",
    "ALTER TABLE users DROP COLUMN role",
    "ALTER TABLE users RENAME COLUMN wider_role TO role",
    "ALTER TABLE users ADD COLUMN role_since TEXT",
    """CREATE TABLE invitations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code_sha256 TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('member', 'guest')),
    uses_left INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    revoked_at TEXT
)""",
    """CREATE TABLE arrivals (
    invitation_id INTEGER NOT NULL REFERENCES invitations(id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    at TEXT NOT NULL,
    PRIMARY KEY (invitation_id, user_id)
) WITHOUT ROWID""",
    "CREATE INDEX arrivals_user ON arrivals(user_id)",
    """CREATE TABLE group_rules (
    user_id INTEGER PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE,
    storing INTEGER NOT NULL DEFAULT 1,
    decided_by INTEGER,
    decided_at TEXT,
    told_at TEXT
)""",
    """CREATE TABLE turn_authors (
    turn_id INTEGER PRIMARY KEY REFERENCES turns(id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE
)""",
    "CREATE INDEX turn_authors_user ON turn_authors(user_id)",
    """CREATE TABLE business_connections (
    id TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    may_reply INTEGER NOT NULL,
    at TEXT NOT NULL
) WITHOUT ROWID""",
    "CREATE INDEX business_connections_user ON business_connections(user_id)",
    "ALTER TABLE telegram_replies ADD COLUMN business_id TEXT",
    "ALTER TABLE telegram_inbox ADD COLUMN author_id INTEGER REFERENCES users(id) ON DELETE SET NULL",
    "ALTER TABLE telegram_inbox ADD COLUMN work TEXT CHECK (work IN ('message', 'reply', 'import'))",
    "ALTER TABLE telegram_inbox ADD COLUMN tokens INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX telegram_inbox_author ON telegram_inbox(author_id, received_at) WHERE work IS NOT NULL",
)
"""``role_since``: a guest's turns from then on are erased after a while, what they told as a member is not.
``decided_by``: a Telegram id, NULL for an admin who is anonymous. ``turn_authors``: who of a group wrote a turn.
``work``: what an update was; NULL while it is not handled, and for one that was over a limit.
"""
