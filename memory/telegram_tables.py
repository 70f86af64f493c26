"""What must survive a restart of the bot: messages not answered yet and replies not delivered yet.

For the schema, which may import nothing that opens a store. Texts stay only until they have served: an update's until
it is handled, a message's until it has been sent.
"""

from __future__ import annotations

STATEMENTS = (
    """CREATE TABLE telegram_replies (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    "key" TEXT UNIQUE,
    chat_id INTEGER NOT NULL,
    private INTEGER NOT NULL,
    thread_id INTEGER,
    reply_to INTEGER,
    user_id INTEGER REFERENCES users(id) ON DELETE CASCADE,
    turn_id INTEGER REFERENCES turns(id) ON DELETE CASCADE,
    preview_id INTEGER,
    at TEXT NOT NULL
)""",
    "CREATE INDEX telegram_replies_turn ON telegram_replies(turn_id)",
    "CREATE INDEX telegram_replies_user ON telegram_replies(user_id)",
    """CREATE TABLE telegram_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    reply_id INTEGER NOT NULL REFERENCES telegram_replies(id) ON DELETE CASCADE,
    user_id INTEGER REFERENCES users(id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    text TEXT,
    spans TEXT,
    buttons TEXT,
    file_name TEXT,
    file_text TEXT,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sending', 'sent', 'unknown', 'refused')),
    message_id INTEGER,
    at TEXT NOT NULL,
    UNIQUE (reply_id, position)
)""",
    "CREATE INDEX telegram_outbox_open ON telegram_outbox(state) WHERE state IN ('waiting', 'sending', 'unknown')",
    "CREATE INDEX telegram_outbox_user ON telegram_outbox(user_id)",
    """CREATE TABLE telegram_inbox (
    update_id INTEGER PRIMARY KEY,
    chat_id INTEGER,
    user_id INTEGER REFERENCES users(id) ON DELETE CASCADE,
    payload TEXT,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'failed')),
    tries INTEGER NOT NULL DEFAULT 0,
    received_at TEXT NOT NULL,
    reply_id INTEGER REFERENCES telegram_replies(id) ON DELETE SET NULL
)""",
    "CREATE INDEX telegram_inbox_open ON telegram_inbox(state) WHERE state = 'waiting'",
    "CREATE INDEX telegram_inbox_user ON telegram_inbox(user_id)",
    "CREATE INDEX telegram_inbox_reply ON telegram_inbox(reply_id)",
    "INSERT INTO telegram_inbox (update_id, state, received_at) SELECT update_id, 'done', received_at"
    " FROM telegram_updates",
    "DROP TABLE telegram_updates",
)
"""Updates that were seen before are done. A number is never given again, so that what is under way for a row that was
forgotten meets no other's."""

REFERRING = (
    "ALTER TABLE telegram_inbox ADD COLUMN message_id INTEGER",
    "ALTER TABLE telegram_inbox ADD COLUMN start INTEGER",
    'ALTER TABLE telegram_inbox ADD COLUMN "end" INTEGER',
    "CREATE INDEX telegram_inbox_message ON telegram_inbox(chat_id, message_id)",
    """CREATE TABLE telegram_forwards (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    reply_id INTEGER NOT NULL REFERENCES telegram_replies(id) ON DELETE CASCADE,
    said TEXT,
    decided TEXT CHECK (decided IN ('kept', 'left')),
    asked_at TEXT
)""",
    "CREATE INDEX telegram_forwards_user ON telegram_forwards(user_id)",
    "CREATE INDEX telegram_forwards_reply ON telegram_forwards(reply_id)",
)
"""``start`` and ``end``: where the message stands in what its turn says, since several may be one turn. ``said``: what
was forwarded, as JSON, until its user has decided; ``reply_id``: the message that offers to keep it."""

BLOCKED = "CREATE TABLE telegram_blocked (chat_id INTEGER PRIMARY KEY, at TEXT NOT NULL)"
"""Chats that take no message of the bot: its user blocked it, or it was removed from the group."""
