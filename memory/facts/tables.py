"""The tables of facts. When a fact ends is not stored but follows from the others, so that forgetting one never
leaves a date that only it could have given; and a fact goes with the last passage that states it, by a trigger.

Columns of a WITHOUT ROWID table's key stand first: SQLite 3.40 reports others between them as NULL in quick_check.
"""

STATEMENTS = (
    """CREATE TABLE facts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    subject TEXT NOT NULL,
    attribute TEXT NOT NULL,
    value TEXT NOT NULL,
    subject_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    value_key TEXT NOT NULL,
    said_at TEXT NOT NULL,
    valid_from TEXT NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0,
    pinned INTEGER NOT NULL DEFAULT 0,
    corrected INTEGER NOT NULL DEFAULT 0,
    was TEXT
)""",
    "CREATE INDEX facts_subject ON facts(user_id, subject_key, kind, corrected, said_at)",
    "CREATE INDEX facts_statement ON facts(user_id, subject_key, kind, value_key)",
    "CREATE INDEX facts_value ON facts(user_id, value_key)",
    """CREATE TABLE fact_sources (
    fact_id INTEGER NOT NULL REFERENCES facts(id) ON DELETE CASCADE,
    chunk_id INTEGER NOT NULL REFERENCES chunks(id) ON DELETE CASCADE,
    said_at TEXT,
    PRIMARY KEY (fact_id, chunk_id)
) WITHOUT ROWID""",
    "CREATE INDEX fact_sources_chunk ON fact_sources(chunk_id)",
    """CREATE TABLE fact_names (
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    word TEXT NOT NULL,
    name_key TEXT NOT NULL,
    fact_id INTEGER NOT NULL REFERENCES facts(id) ON DELETE CASCADE,
    size INTEGER NOT NULL,
    PRIMARY KEY (user_id, word, name_key, fact_id)
) WITHOUT ROWID""",
    "CREATE INDEX fact_names_fact ON fact_names(fact_id)",
    """CREATE TRIGGER fact_sources_removed AFTER DELETE ON fact_sources BEGIN
    DELETE FROM facts WHERE id = old.fact_id
    AND NOT EXISTS (SELECT 1 FROM fact_sources WHERE fact_id = old.fact_id);
END""",
    """CREATE TABLE standing_rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    turn_id INTEGER REFERENCES turns(id) ON DELETE CASCADE,
    text TEXT NOT NULL,
    at TEXT NOT NULL
)""",
    "CREATE INDEX standing_rules_turn ON standing_rules(turn_id)",
)

BY_MODEL = (
    "ALTER TABLE facts ADD COLUMN by_model INTEGER NOT NULL DEFAULT 0",
    """CREATE TABLE fact_readings (
    chunk_id INTEGER PRIMARY KEY REFERENCES chunks(id) ON DELETE CASCADE,
    model TEXT NOT NULL,
    kept INTEGER NOT NULL,
    dropped INTEGER NOT NULL
)""",
)
"""Passages that a model was asked about, with how many of its claims were kept and not: each is asked about once."""
