"""Turns that are being answered, and all turns together; for the schema, which may import nothing that opens a store.

What forgetting reads and redacts are all turns: one that is being answered has the number of its row here, below 0.
"""

from __future__ import annotations

STATEMENTS = (
    """CREATE TABLE turns_under_way (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    conversation_id INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    user_text TEXT NOT NULL,
    prompt TEXT NOT NULL,
    citations TEXT NOT NULL,
    memories TEXT NOT NULL,
    matched TEXT NOT NULL DEFAULT '[]',
    asked_at TEXT NOT NULL
)""",
    "CREATE INDEX turns_under_way_conversation ON turns_under_way(conversation_id)",
)
"""``citations``: what the message came with, as it would be cited. ``matched``: where forgotten texts stood, in numbers
(`memory.under_way`). ``asked_at``: rows that a killed process left are deleted after a day."""

EVERY_TURN = (
    "(SELECT id, user_id, conversation_id, user_text, reply, generated, prompt, citations, memories, engine, model,"
    " adapter, timings, asked_at, mean_logprob, unsupported FROM turns UNION ALL SELECT -id, user_id, conversation_id,"
    " user_text, '', '', prompt, citations, memories, '', '', NULL, '{}', asked_at, NULL, '[]' FROM turns_under_way)"
)
"""In the place of the table ``turns``: the stored ones and those that are being answered."""
