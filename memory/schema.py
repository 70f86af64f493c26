"""The database schema as append-only migrations: a home of any age opens, and a step that fails leaves it as it was.

A migration, once released, is never edited; a change is a new one at the end. Every table that holds a user's text
has user_id, so that no query can forget whose it is. ``generation`` in users counts changes to that user's chunks:
the vector index compares it to know whether it is stale. What a search must know of all passages (how many, how long,
who speaks) is counted as they come and go, so that opening a home reads none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from memory.api_tables import NUMBERED_ON, REVOKED
from memory.api_tables import STATEMENTS as API
from memory.candidates_table import STATEMENTS as CANDIDATES
from memory.counters_table import STATEMENTS as COUNTERS
from memory.desk_tables import STATEMENTS as DESK
from memory.errors import FamiliarError
from memory.facts.tables import BY_MODEL as FACTS_BY_MODEL
from memory.facts.tables import STATEMENTS as FACTS
from memory.logs_table import STATEMENTS as LOGS
from memory.moves_table import STATEMENTS as MOVES
from memory.people_tables import STATEMENTS as PEOPLE
from memory.reminders_table import STATEMENTS as REMINDERS
from memory.taste_tables import STATEMENTS as TASTE
from memory.telegram_tables import BLOCKED, REFERRING
from memory.telegram_tables import STATEMENTS as TELEGRAM
from memory.under_way_table import STATEMENTS as UNDER_WAY
from memory.wishes_tables import STATEMENTS as WISHES
from memory.words import owned_words

_INITIAL = """
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('owner', 'member', 'waiting', 'refused', 'shared')),
    telegram_id INTEGER UNIQUE,
    language TEXT NOT NULL DEFAULT 'en',
    form TEXT NOT NULL DEFAULT 'prose',
    length TEXT NOT NULL DEFAULT 'medium',
    generation INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL
);
CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    title TEXT NOT NULL,
    format TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    text TEXT NOT NULL,
    at TEXT,
    me TEXT,
    learn_from TEXT,
    imported_at TEXT NOT NULL,
    UNIQUE (user_id, sha256)
);
CREATE INDEX documents_source ON documents(user_id, source);
CREATE TABLE conversations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    channel TEXT NOT NULL,
    chat_id INTEGER,
    started_at TEXT NOT NULL
);
CREATE TABLE turns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    conversation_id INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    user_text TEXT NOT NULL,
    reply TEXT NOT NULL,
    generated TEXT NOT NULL,
    prompt TEXT NOT NULL,
    citations TEXT NOT NULL,
    memories TEXT NOT NULL,
    engine TEXT NOT NULL,
    model TEXT NOT NULL,
    adapter TEXT,
    timings TEXT NOT NULL,
    asked_at TEXT NOT NULL
);
CREATE INDEX turns_conversation ON turns(conversation_id);
CREATE INDEX turns_user ON turns(user_id, asked_at);
CREATE TABLE feedback (
    turn_id INTEGER PRIMARY KEY REFERENCES turns(id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    vote TEXT CHECK (vote IN ('up', 'down')),
    correction TEXT,
    at TEXT NOT NULL
);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    document_id INTEGER REFERENCES documents(id) ON DELETE CASCADE,
    turn_id INTEGER REFERENCES turns(id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    text TEXT NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    page INTEGER,
    section TEXT,
    speaker TEXT,
    at TEXT,
    external_ids TEXT NOT NULL DEFAULT '[]',
    CHECK ((document_id IS NULL) <> (turn_id IS NULL))
);
CREATE INDEX chunks_user ON chunks(user_id, id);
CREATE INDEX chunks_document ON chunks(document_id, position);
CREATE INDEX chunks_turn ON chunks(turn_id);
CREATE TABLE vectors (
    chunk_id INTEGER PRIMARY KEY REFERENCES chunks(id) ON DELETE CASCADE,
    embedder TEXT NOT NULL,
    vector BLOB NOT NULL
);
CREATE VIRTUAL TABLE chunks_fts USING fts5(words, tokenize = 'unicode61 remove_diacritics 2');
CREATE TABLE adapters (
    id TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    status TEXT NOT NULL
        CHECK (status IN ('training', 'rejected', 'live', 'retired', 'withdrawn', 'failed', 'skipped')),
    base_model TEXT NOT NULL,
    base_sha256 TEXT NOT NULL,
    template_sha256 TEXT NOT NULL,
    examples INTEGER NOT NULL DEFAULT 0,
    gate TEXT NOT NULL DEFAULT '[]',
    manifest TEXT NOT NULL DEFAULT '{}',
    reason TEXT,
    started_by TEXT NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    live_at TEXT
);
CREATE INDEX adapters_user ON adapters(user_id, status);
CREATE UNIQUE INDEX adapters_one_live ON adapters(user_id) WHERE status = 'live';
CREATE TABLE adapter_sources (
    adapter_id TEXT NOT NULL REFERENCES adapters(id) ON DELETE CASCADE,
    turn_id INTEGER,
    document_id INTEGER,
    CHECK ((document_id IS NULL) <> (turn_id IS NULL))
);
CREATE INDEX adapter_sources_turn ON adapter_sources(turn_id);
CREATE INDEX adapter_sources_document ON adapter_sources(document_id);
CREATE TABLE telegram_updates (
    update_id INTEGER PRIMARY KEY,
    received_at TEXT NOT NULL
);
CREATE TABLE telegram_messages (
    chat_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    turn_id INTEGER NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
    PRIMARY KEY (chat_id, message_id)
);
CREATE TABLE state (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
"""


_KEEPING = (
    """CREATE TABLE backups (
    id TEXT PRIMARY KEY,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    made_at TEXT NOT NULL,
    erased_to INTEGER NOT NULL
)""",
    """CREATE TABLE erasures (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('document', 'turn', 'text', 'everything')),
    salt TEXT NOT NULL,
    target TEXT NOT NULL,
    at TEXT NOT NULL
)""",
)


_SCALE = (
    """CREATE TABLE memory_sizes (
    user_id INTEGER PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE,
    chunks INTEGER NOT NULL,
    bytes INTEGER NOT NULL
)""",
    "INSERT INTO memory_sizes SELECT user_id, count(*), sum(length(CAST(text AS BLOB))) FROM chunks GROUP BY user_id",
    """CREATE TABLE vector_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    chunk_id INTEGER NOT NULL
)""",
    "CREATE INDEX vector_changes_user ON vector_changes(user_id, id)",
    """CREATE TRIGGER chunks_added AFTER INSERT ON chunks BEGIN
    INSERT INTO memory_sizes VALUES (new.user_id, 1, length(CAST(new.text AS BLOB)))
    ON CONFLICT (user_id) DO UPDATE SET chunks = chunks + 1, bytes = bytes + excluded.bytes;
END""",
    """CREATE TRIGGER chunks_changed AFTER UPDATE OF text ON chunks BEGIN
    UPDATE memory_sizes SET bytes = bytes + length(CAST(new.text AS BLOB)) - length(CAST(old.text AS BLOB))
    WHERE user_id = new.user_id;
END""",
    """CREATE TRIGGER chunks_removed AFTER DELETE ON chunks BEGIN
    UPDATE memory_sizes SET chunks = chunks - 1, bytes = bytes - length(CAST(old.text AS BLOB))
    WHERE user_id = old.user_id;
    INSERT INTO vector_changes (user_id, chunk_id)
    SELECT id, old.id FROM users WHERE id = old.user_id;
END""",
    """CREATE TRIGGER vectors_changed AFTER UPDATE ON vectors BEGIN
    INSERT INTO vector_changes (user_id, chunk_id) SELECT user_id, id FROM chunks WHERE id = new.chunk_id;
END""",
    "CREATE INDEX chunks_speaker ON chunks(user_id, speaker) WHERE speaker IS NOT NULL",
    "CREATE INDEX chunks_document_speaker ON chunks(document_id, speaker) WHERE speaker IS NOT NULL",
    "CREATE INDEX documents_me ON documents(user_id, me) WHERE me IS NOT NULL",
    "ALTER TABLE chunks_fts RENAME TO chunks_fts_unowned",
    "CREATE VIRTUAL TABLE chunks_fts USING fts5(words, tokenize = 'unicode61 remove_diacritics 2')",
)
"""``vector_changes`` notes removed and re-embedded chunks: what an index has to take out; new ones have higher ids."""


def _own_words(db: Database) -> None:
    """Words of passages are kept with their owner, so that neither cost nor rarity depends on what others store."""
    rows = db.execute("SELECT f.rowid, c.user_id, f.words FROM chunks_fts_unowned f JOIN chunks c ON c.id = f.rowid")
    owned = ((id_, owned_words(words.split(), user_id=user_id)) for id_, user_id, words in rows)
    db.conn.executemany("INSERT INTO chunks_fts (rowid, words) VALUES (?, ?)", owned)
    db.execute("DROP TABLE chunks_fts_unowned")


_VECTORS_BY_EMBEDDER = (
    """CREATE TABLE vectors_by_embedder (
    chunk_id INTEGER NOT NULL REFERENCES chunks(id) ON DELETE CASCADE,
    embedder TEXT NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (chunk_id, embedder)
)""",
    "INSERT INTO vectors_by_embedder SELECT chunk_id, embedder, vector FROM vectors ORDER BY chunk_id",
    "DROP TABLE vectors",
    "ALTER TABLE vectors_by_embedder RENAME TO vectors",
)
"""A passage may have vectors of two embedders: of the one that serves, and of the one that is to come."""


_FILES = (
    """CREATE TABLE files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    device INTEGER NOT NULL,
    seen_ns INTEGER NOT NULL,
    sha256 TEXT,
    status TEXT NOT NULL,
    reason TEXT,
    conversion TEXT NOT NULL,
    UNIQUE (user_id, path)
)""",
    "CREATE INDEX files_content ON files(user_id, sha256) WHERE sha256 IS NOT NULL",
    """CREATE TABLE file_documents (
    file_id INTEGER NOT NULL REFERENCES files(id) ON DELETE CASCADE,
    document_id INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    PRIMARY KEY (file_id, document_id)
) WITHOUT ROWID""",
    "CREATE INDEX file_documents_document ON file_documents(document_id)",
    """CREATE TRIGGER documents_leave_files BEFORE DELETE ON documents BEGIN
    UPDATE files SET sha256 = NULL, seen_ns = 0
    WHERE id IN (SELECT file_id FROM file_documents WHERE document_id = old.id);
    DELETE FROM files WHERE id IN (SELECT file_id FROM file_documents WHERE document_id = old.id)
    AND NOT EXISTS (SELECT 1 FROM file_documents WHERE file_id = files.id AND document_id <> old.id);
END""",
    "ALTER TABLE erasures ADD COLUMN kept_out INTEGER NOT NULL DEFAULT 0",
    "UPDATE erasures SET kept_out = 1 WHERE kind = 'document'",
)
"""``device`` tells a file that is gone from one whose disk is not there. ``conversion`` names what a failure depended
on: options, settings and version. ``kept_out``: the user forgot it, so that an import of its folder leaves it out.
"""


_AFTER_LIVE = (
    "ALTER TABLE adapters ADD COLUMN withdrawn_at TEXT",
    "ALTER TABLE adapters ADD COLUMN withdrawn_from TEXT",
    "ALTER TABLE adapters ADD COLUMN rolled_back_at TEXT",
)
"""``withdrawn_from``: the status before, as only one that answered or was being trained is missed. ``rolled_back_at``:
taken out of service as worse than the one before, so that it does not come back by itself.
"""


_EXAMPLES = (
    """CREATE TABLE example_choices (
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    turn_id INTEGER REFERENCES turns(id) ON DELETE CASCADE,
    chunk_id INTEGER REFERENCES chunks(id) ON DELETE CASCADE,
    choice TEXT NOT NULL CHECK (choice IN ('approved', 'struck')),
    at TEXT NOT NULL,
    CHECK ((turn_id IS NULL) <> (chunk_id IS NULL))
)""",
    "CREATE UNIQUE INDEX example_choices_turn ON example_choices(turn_id, user_id) WHERE turn_id IS NOT NULL",
    "CREATE UNIQUE INDEX example_choices_chunk ON example_choices(chunk_id, user_id) WHERE chunk_id IS NOT NULL",
)
"""What a user decided about training examples: of a turn, or of the passage that a dialogue's reply begins in."""


_LATER: tuple[tuple[str, Sequence[str]], ...] = (
    ("m0012_candidates", CANDIDATES),
    ("m0013_telegram_delivery", TELEGRAM),
    ("m0014_reminders", REMINDERS),
    ("m0020_telegram_referring", REFERRING),
    ("m0015_blocked", (BLOCKED,)),
    ("m0016_digests", WISHES),
    ("m0017_invitations", PEOPLE),
    ("m0025_counters", COUNTERS),
    ("m0030_unsupported", ("ALTER TABLE turns ADD COLUMN unsupported TEXT NOT NULL DEFAULT '[]'",)),
    ("m0031_moves", MOVES),
    ("m0032_api", API),
    ("m0033_turns_under_way", UNDER_WAY),
    ("m0034_revoked_tokens", REVOKED),
    ("m0035_logs", LOGS),
    ("m0036_desk", DESK),
    ("m0037_taste", TASTE),
    ("m0038_erasures_numbered_on", NUMBERED_ON),
)
"""Steps that are nothing but statements, in their order; the next is added at the end."""


def migrations() -> Migrations:
    """All schema changes in the order in which they are applied."""
    steps = Migrations("familiar")

    @steps()
    def m0001_initial(db: Database) -> None:
        for statement in _INITIAL.split(";\n"):
            if statement.strip():
                db.execute(statement)

    @steps()
    def m0005_keeping(db: Database) -> None:
        _execute(db, _KEEPING)

    @steps()
    def m0004_facts(db: Database) -> None:
        _execute(db, FACTS)

    @steps()
    def m0006_scale(db: Database) -> None:
        _execute(db, _SCALE)
        _own_words(db)

    @steps()
    def m0007_vectors_by_embedder(db: Database) -> None:
        triggers = db.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'vectors'"
        ).fetchall()
        _execute(db, _VECTORS_BY_EMBEDDER)
        for (trigger,) in triggers:  # they went with the table
            db.execute(trigger)

    @steps()
    def m0008_files(db: Database) -> None:
        _execute(db, _FILES)

    @steps()
    def m0009_facts_by_model(db: Database) -> None:
        _execute(db, FACTS_BY_MODEL)

    @steps()
    def m0011_after_live(db: Database) -> None:
        _execute(db, _AFTER_LIVE)

    @steps()
    def m0010_examples(db: Database) -> None:
        _execute(db, _EXAMPLES)

    for name, statements in _LATER:
        steps(name=name)(_all_of(statements))

    return steps


def check_age(db: Database, path: Path) -> None:
    """Refuse a database that a newer version has written.

    :raises FamiliarError: it knows steps that are not known here
    """
    known = {step.name for step in migrations().pending(Database(memory=True))}
    newer = [step.name for step in migrations().applied(db) if step.name not in known]
    if newer:
        raise FamiliarError(
            f"{path} was written by a newer version of Familiar (it has {newer[-1]}); update Familiar to open it"
        )


def _all_of(statements: Sequence[str]) -> Callable[[Database], None]:
    def step(db: Database) -> None:
        _execute(db, statements)

    return step


def _execute(db: Database, statements: Sequence[str]) -> None:
    for statement in statements:
        db.execute(statement)
