"""Who may use the API, and how much they did: for the schema, which may import nothing that opens a store.

A token is kept as a salted hash, so that whoever reads a backup can't come in by it.
"""

from __future__ import annotations

STATEMENTS = (
    """CREATE TABLE api_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    salt TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    created_at TEXT NOT NULL
)""",
    "CREATE INDEX api_tokens_user ON api_tokens(user_id)",
    """CREATE TABLE api_uses (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    work TEXT NOT NULL CHECK (work IN ('message', 'reply')),
    tokens INTEGER NOT NULL DEFAULT 0,
    at TEXT NOT NULL
)""",
    "CREATE INDEX api_uses_user ON api_uses(user_id, at)",
)
"""``sha256``: of salt and token, one after the other. ``api_uses``: of the last day, for limits; no text."""

REVOKED = (
    """CREATE TABLE erasures_and_revocations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('document', 'turn', 'text', 'everything', 'token')),
    salt TEXT NOT NULL,
    target TEXT NOT NULL,
    at TEXT NOT NULL,
    kept_out INTEGER NOT NULL DEFAULT 0
)""",
    "INSERT INTO erasures_and_revocations (id, user_id, kind, salt, target, at, kept_out)"
    " SELECT id, user_id, kind, salt, target, at, kept_out FROM erasures",
    "DROP TABLE erasures",
    "ALTER TABLE erasures_and_revocations RENAME TO erasures",
    "DELETE FROM api_tokens WHERE user_id IN (SELECT id FROM users WHERE role = 'refused')",
)
"""A token that was revoked is noted by its salt, so that it is revoked in a restored backup too (`memory.ledger`)."""

NUMBERED_ON = (
    "DELETE FROM sqlite_sequence WHERE name = 'erasures'",
    "INSERT INTO sqlite_sequence (name, seq) SELECT 'erasures', max(id) FROM"
    " (SELECT coalesce(max(id), 0) AS id FROM erasures UNION ALL SELECT coalesce(max(erased_to), 0) FROM backups)",
)
"""`REVOKED` made the table anew, which forgot the numbers of rows that had gone: a backup that has forgotten up to such
a number would count an erasure under a lower one as done."""
