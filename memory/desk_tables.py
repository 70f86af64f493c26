"""What a customer desk keeps, for the schema, which may import nothing that opens a store.

Examples and templates are the knowledge base's, whose ``user_id`` they have, and go with the file that they came from,
or with the customer's turn that a person answered. A case is its customer's and goes with the turn that was handed
over. An event is a figure and holds no text.
"""

from __future__ import annotations

STATEMENTS = (
    """CREATE TABLE desk_examples (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    document_id INTEGER REFERENCES documents(id) ON DELETE CASCADE,
    turn_id INTEGER REFERENCES turns(id) ON DELETE CASCADE,
    intent TEXT NOT NULL,
    language TEXT NOT NULL,
    question TEXT NOT NULL,
    reply TEXT NOT NULL,
    times INTEGER NOT NULL DEFAULT 1,
    added_at TEXT NOT NULL
)""",
    "CREATE INDEX desk_examples_user ON desk_examples(user_id)",
    "CREATE INDEX desk_examples_document ON desk_examples(document_id)",
    "CREATE INDEX desk_examples_turn ON desk_examples(turn_id)",
    """CREATE TABLE desk_vectors (
    example_id INTEGER NOT NULL REFERENCES desk_examples(id) ON DELETE CASCADE,
    embedder TEXT NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (example_id, embedder)
)""",
    """CREATE TABLE desk_templates (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    document_id INTEGER REFERENCES documents(id) ON DELETE CASCADE,
    intent TEXT NOT NULL,
    language TEXT NOT NULL,
    question TEXT NOT NULL,
    text TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('proposed', 'approved', 'dropped')),
    times INTEGER NOT NULL DEFAULT 1,
    added_at TEXT NOT NULL
)""",
    "CREATE INDEX desk_templates_user ON desk_templates(user_id, state)",
    "CREATE INDEX desk_templates_document ON desk_templates(document_id)",
    """CREATE TABLE desk_cases (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    turn_id INTEGER NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
    state TEXT NOT NULL CHECK (state IN ('open', 'answered')),
    reason TEXT NOT NULL,
    intent TEXT NOT NULL,
    suggestion TEXT,
    opened_at TEXT NOT NULL,
    answered_at TEXT
)""",
    "CREATE INDEX desk_cases_user ON desk_cases(user_id, state)",
    "CREATE INDEX desk_cases_turn ON desk_cases(turn_id)",
    """CREATE TABLE desk_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    intent TEXT NOT NULL,
    seconds REAL NOT NULL DEFAULT 0,
    at TEXT NOT NULL
)""",
    "CREATE INDEX desk_events_at ON desk_events(at)",
)
"""``times``: how many conversations said about the same. ``suggestion``: what an agent can send with one button; it is
dropped once the case is answered or a document is forgotten. ``seconds``: until the customer had a reply."""
