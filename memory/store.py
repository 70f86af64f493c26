"""SQLite as the one source of truth: every write is a transaction, every read names the user whose rows it may see.

WAL lets the terminal import while the bot answers. One connection serves all threads of a process behind a lock:
SQLite has a single writer anyway, and reads here take microseconds. FAISS files are derived from the vectors here.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from memory.errors import FamiliarError, half_text
from memory.records import Chunk, Document, NewDocument, Passage, Profile, Role, User
from memory.schema import check_age, migrations
from memory.versions import carry_over
from memory.words import index_words, owned_words


def utc_now() -> str:
    """The present moment as ISO 8601 with offset, to the microsecond."""
    return datetime.now(UTC).isoformat()


class Store:
    """The database of one home.

    :raises FamiliarError: on opening, when the file is damaged, unreadable or written by a newer version
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            connection = sqlite3.connect(path, check_same_thread=False, timeout=30, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
            self._db = Database(connection)
            check_age(self._db, path)
            migrations().apply(self._db)
            for name, kind in (("word_counts", "row"), ("chunk_words", "instance")):
                connection.execute(f"CREATE VIRTUAL TABLE temp.{name} USING fts5vocab('main', 'chunks_fts', '{kind}')")
        except sqlite3.Error as exc:
            raise FamiliarError(f"{path} can't be opened: {exc}. Put a backup in its place, or move it away") from exc

    def close(self) -> None:
        """Close the connection; the write-ahead log is folded into the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the writer's lock; all or nothing of what happens inside is kept. Nests by joining the outer one.

        :raises FamiliarError: when SQLite can't write (disk full, read-only, damaged)
        """
        with self._lock:
            if self._depth:
                yield self._db.conn
                return
            self._depth += 1
            try:
                self._db.conn.execute("BEGIN IMMEDIATE")
                yield self._db.conn
                self._db.conn.execute("COMMIT")
            except BaseException as exc:
                self._db.rollback()
                if isinstance(exc, UnicodeEncodeError):
                    raise half_text() from exc
                if isinstance(exc, sqlite3.Error) and not isinstance(exc, sqlite3.IntegrityError):
                    text = f"{self.path} can't be written: {exc}. What was stored before is unchanged"
                    raise FamiliarError(text) from exc
                raise
            finally:
                self._depth -= 1

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Reads inside see one state, while other processes write on; nothing may be written inside."""
        with self._lock:
            self._db.conn.execute("BEGIN")
            try:
                yield
            finally:
                self._db.conn.execute("COMMIT")

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Inside, no other thread has a transaction open: the process can stand still without others waiting for it."""
        with self._lock:
            yield

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Rows of a query, read at once.

        :raises FamiliarError: when the file turns out to be damaged
        """
        with self._reading():
            return self._db.conn.execute(sql, values).fetchall()

    def tuples(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of a query as plain tuples, at half the cost: for thousands of them.

        :raises FamiliarError: when the file turns out to be damaged
        """
        with self._reading():
            cursor = self._db.conn.cursor()
            cursor.row_factory = None
            return cursor.execute(sql, values).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.DatabaseError as exc:
                raise FamiliarError(f"{self.path} can't be read: {exc}") from exc
            except UnicodeEncodeError as exc:
                raise half_text() from exc

    def copy_to(self, target: sqlite3.Connection) -> None:
        """Copy the whole database into another connection, consistent while others write."""
        with self._lock:
            self._db.conn.backup(target)

    # -- users

    def add_user(
        self, name: str, *, role: Role, telegram_id: int | None = None, profile: Profile | None = None
    ) -> User:
        """Make a user.

        :raises FamiliarError: the name or the Telegram id is taken
        """
        profile = profile or Profile()
        try:
            with self.transaction() as db:
                cursor = db.execute(
                    "INSERT INTO users (name, role, telegram_id, language, form, length, zone, created_at, role_since)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)",
                    (name, role, telegram_id, *_columns_of(profile), utc_now()),
                )
                _write_persona(db, cursor.lastrowid or 0, profile.persona)
        except sqlite3.IntegrityError as exc:
            raise FamiliarError(f"user {name!r} exists already; choose another name") from exc
        return User(cursor.lastrowid or 0, name, role, telegram_id, profile)

    def users(self) -> list[User]:
        """Everyone, oldest first."""
        return [_user(row) for row in self.rows(f"{_USERS} ORDER BY u.id")]

    def user(self, name: str) -> User | None:
        """The user of that name."""
        return self._user("u.name = ?", name)

    def user_by_telegram_id(self, telegram_id: int) -> User | None:
        """The user with this Telegram account."""
        return self._user("telegram_id = ?", telegram_id)

    def _user(self, condition: str, *values: object) -> User | None:
        """The oldest user of whom this holds; one row, as each message asks for its writer."""
        rows = self.rows(f"{_USERS} WHERE {condition} ORDER BY u.id LIMIT 1", values)
        return _user(rows[0]) if rows else None

    def user_by_id(self, user_id: int) -> User:
        """The user of that id, as stored now.

        :raises FamiliarError: there is none
        """
        found = self.rows(f"{_USERS} WHERE u.id = ?", (user_id,))
        if not found:
            raise FamiliarError(f"there is no user {user_id}")
        return _user(found[0])

    def owner(self) -> User | None:
        """The person to whom this home belongs."""
        return self._user("role = 'owner'")

    def update_user(self, user: User) -> None:
        """Store a user's name, role, Telegram id and profile."""
        with self.transaction() as db:
            db.execute(
                "UPDATE users SET name = ?, role_since = CASE WHEN role = ? THEN role_since ELSE ? END, role = ?,"
                " telegram_id = ? WHERE id = ?",
                (user.name, user.role, utc_now(), user.role, user.telegram_id, user.id),
            )
            self.update_profile(user.id, user.profile)

    def update_profile(self, user_id: int, profile: Profile) -> None:
        """Store a user's profile alone: what they are may have changed since it was read."""
        with self.transaction() as db:
            values = (*_columns_of(profile), user_id)
            db.execute("UPDATE users SET language = ?, form = ?, length = ?, zone = ? WHERE id = ?", values)
            _write_persona(db, user_id, profile.persona)

    def readable_by(self, user_id: int) -> tuple[int, ...]:
        """Owners of memory that a user may read: themselves, unless a guest, and the shared knowledge bases."""
        rows = self.rows(
            "SELECT id FROM users WHERE (id = ? AND role <> 'guest') OR role = 'shared' ORDER BY id", (user_id,)
        )
        return tuple(row["id"] for row in rows)

    # -- documents and chunks

    def add_document(
        self,
        document: NewDocument,
        passages: Sequence[Passage],
        vectors: NDArray[np.float32],
        *,
        user_id: int,
        embedder: str,
    ) -> Document:
        """Store a document with its passages, their words and their vectors (n, d), whole or not at all.

        A new version takes the older one's number, and what hung on passages that both have stays with them.

        :raises sqlite3.IntegrityError: the user has a document with the same content
        """
        with self.transaction() as db:
            document_id = self._renew(document, user_id=user_id)
            old = [row[0] for row in db.execute("SELECT id FROM chunks WHERE document_id = ?", (document_id,))]
            if document_id is None:
                document_id = self._insert(document, user_id=user_id)
            self._add_chunks(passages, vectors, user_id=user_id, embedder=embedder, document_id=document_id)
            if old:
                carry_over(db, document_id, old)
                self.delete_chunks(old, user_id=user_id)
        return self.document(document_id, user_id=user_id)

    def _insert(self, document: NewDocument, *, user_id: int) -> int:
        columns = ", ".join(_DOCUMENT_COLUMNS)
        with self.transaction() as db:
            cursor = db.execute(
                f"INSERT INTO documents (user_id, imported_at, {columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (user_id, utc_now(), *(getattr(document, name) for name in _DOCUMENT_COLUMNS)),
            )
        return cursor.lastrowid or 0

    def _renew(self, document: NewDocument, *, user_id: int) -> int | None:
        """Write a new version over the row of the older one; None where there is no older one."""
        columns = ", ".join(f"{name} = ?" for name in _DOCUMENT_COLUMNS)
        values = [getattr(document, name) for name in _DOCUMENT_COLUMNS]
        with self.transaction() as db:
            cursor = db.execute(
                f"UPDATE documents SET imported_at = ?, {columns} WHERE id = ? AND user_id = ?",
                (utc_now(), *values, document.replaces, user_id),
            )
        return document.replaces if cursor.rowcount else None

    def move_document(self, document_id: int, *, user_id: int, source: str) -> None:
        """Note that the file of a document lies elsewhere now; nothing else of it changes."""
        with self.transaction() as db:
            db.execute("UPDATE documents SET source = ? WHERE id = ? AND user_id = ?", (source, document_id, user_id))
            self._touch(user_id)

    def add_turn_chunks(
        self,
        passages: Sequence[Passage],
        vectors: NDArray[np.float32],
        *,
        user_id: int,
        embedder: str,
        turn_id: int,
    ) -> None:
        """Make what the user said in a turn findable; called within the turn's transaction."""
        self._add_chunks(passages, vectors, user_id=user_id, embedder=embedder, turn_id=turn_id)

    def _add_chunks(
        self,
        passages: Sequence[Passage],
        vectors: NDArray[np.float32],
        *,
        user_id: int,
        embedder: str,
        document_id: int | None = None,
        turn_id: int | None = None,
    ) -> None:
        if not np.isfinite(vectors).all():
            raise FamiliarError(f"the embedder {embedder} gave numbers that are not finite; nothing was stored")
        with self.transaction() as db:
            last = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'chunks'").fetchone()
            first = (last[0] if last else 0) + 1
            # the writer's lock is held: passages of a document get ids in a row, by which neighbours are found
            ids = range(first, first + len(passages))
            db.executemany(
                'INSERT INTO chunks (id, user_id, document_id, turn_id, position, text, start, "end", page, section,'
                " speaker, at, external_ids) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (id_, user_id, document_id, turn_id, position, *_columns(passage))
                    for position, (id_, passage) in enumerate(zip(ids, passages, strict=True))
                ),
            )
            db.executemany(
                "INSERT INTO chunks_fts (rowid, words) VALUES (?, ?)",
                ((id_, _words(passage, user_id)) for id_, passage in zip(ids, passages, strict=True)),
            )
            rows = zip(ids, vectors.astype(np.float16), strict=True)
            db.executemany(
                "INSERT INTO vectors (chunk_id, embedder, vector) VALUES (?, ?, ?)",
                ((id_, embedder, vector.tobytes()) for id_, vector in rows),
            )
            self._touch(user_id)

    def _touch(self, user_id: int) -> None:
        with self.transaction() as db:
            db.execute("UPDATE users SET generation = generation + 1 WHERE id = ?", (user_id,))

    def delete_document(self, document_id: int, *, user_id: int) -> bool:
        """Remove a document, its chunks, words and vectors; False where the user has no such document."""
        with self.transaction() as db:
            self._delete_words("document_id", document_id, user_id=user_id)
            cursor = db.execute("DELETE FROM documents WHERE id = ? AND user_id = ?", (document_id, user_id))
            self._touch(user_id)
        return cursor.rowcount > 0

    def delete_turn(self, turn_id: int, *, user_id: int) -> bool:
        """Remove a turn, its feedback, chunks, words and vectors; False where the user has no such turn."""
        with self.transaction() as db:
            self._delete_words("turn_id", turn_id, user_id=user_id)
            cursor = db.execute("DELETE FROM turns WHERE id = ? AND user_id = ?", (turn_id, user_id))
            self._touch(user_id)
        return cursor.rowcount > 0

    def delete_chunks(self, chunk_ids: Sequence[int], *, user_id: int) -> None:
        """Remove passages with their words and vectors; their document stays."""
        values = (json.dumps(list(chunk_ids)), user_id)
        mine = "SELECT id FROM chunks WHERE id IN (SELECT value FROM json_each(?)) AND user_id = ?"
        with self.transaction() as db:
            db.execute(f"DELETE FROM chunks_fts WHERE rowid IN ({mine})", values)
            db.execute(f"DELETE FROM chunks WHERE id IN ({mine})", values)
            self._touch(user_id)

    def scrub(self) -> None:
        """Rewrite the file and empty the write-ahead log, so that no byte of a deleted row is left on disk.

        :raises FamiliarError: another process keeps reading; what was deleted stays deleted
        """
        with self._lock:
            self.rows("VACUUM")
            busy = self.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]
        if busy:
            raise FamiliarError(
                f"{self.path.name}-wal can't be emptied while another Familiar is reading: what was deleted is gone"
                " from memory, but its bytes may stay on disk until the other one is closed"
            )

    def _delete_words(self, column: str, value: int, *, user_id: int) -> None:
        with self.transaction() as db:
            db.execute(
                f"DELETE FROM chunks_fts WHERE rowid IN (SELECT id FROM chunks WHERE {column} = ? AND user_id = ?)",
                (value, user_id),
            )

    def document(self, document_id: int, *, user_id: int) -> Document:
        """One document.

        :raises FamiliarError: the user has no document of that id
        """
        found = self._documents("d.id = ?", document_id, user_id=user_id)
        if not found:
            raise FamiliarError(f"there is no document {document_id}; `familiar export` lists yours")
        return found[0]

    def documents(self, *, user_id: int) -> list[Document]:
        """A user's documents, oldest first."""
        return self._documents("true", user_id=user_id)

    def documents_by_id(self, ids: Iterable[int], *, user_id: int) -> list[Document]:
        """Those of these documents that the user has, oldest first."""
        return self._documents("d.id IN (SELECT value FROM json_each(?))", json.dumps(list(ids)), user_id=user_id)

    def _documents(self, condition: str, *values: Any, user_id: int) -> list[Document]:
        rows = self.rows(
            "SELECT d.id, d.user_id, d.source, d.title, d.format, d.sha256, d.at, d.me, d.learn_from, d.imported_at,"
            " (SELECT count(*) FROM chunks c WHERE c.document_id = d.id) AS chunks"
            f" FROM documents d WHERE d.user_id = ? AND {condition} ORDER BY d.id",
            (user_id, *values),
        )
        return [Document(**dict(row)) for row in rows]

    def set_speakers(self, document_id: int, *, user_id: int, me: str | None, learn_from: str | None) -> None:
        """Say who of a stored dialogue's speakers is the user and whose replies become training examples."""
        with self.transaction() as db:
            db.execute(
                "UPDATE documents SET me = ?, learn_from = ? WHERE id = ? AND user_id = ?",
                (me, learn_from, document_id, user_id),
            )
            self._touch(user_id)

    def document_text(self, document_id: int, *, user_id: int) -> str:
        """The whole extracted text, into which chunk offsets point; empty where the user has no such document."""
        rows = self.rows("SELECT text FROM documents WHERE id = ? AND user_id = ?", (document_id, user_id))
        return str(rows[0]["text"]) if rows else ""

    def document_by(self, *, user_id: int, sha256: str | None = None, source: str | None = None) -> Document | None:
        """The user's document with that content or of that source."""
        asked = {"d.sha256": sha256, "d.source": source}  # each by its index: with OR, SQLite reads all documents
        rows = [
            self._documents(f"{column} = ?", value, user_id=user_id)
            for column, value in asked.items()
            if value is not None
        ]
        return min((item for found in rows for item in found), key=lambda item: item.id, default=None)

    def chunks(self, ids: Iterable[int], *, owners: Sequence[int]) -> list[Chunk]:
        """Chunks by id, in the order asked for; those of other owners are left out."""
        wanted = list(ids)
        rows = self.rows(
            f"{CHUNK_COLUMNS} WHERE c.id IN (SELECT value FROM json_each(?))"
            " AND c.user_id IN (SELECT value FROM json_each(?))",
            (json.dumps(wanted), json.dumps(list(owners))),
        )
        by_id = {row["id"]: chunk_of(row) for row in rows}
        return [by_id[id_] for id_ in wanted if id_ in by_id]

    def generation(self, user_id: int) -> int:
        """How often the user's chunks have changed."""
        rows = self.rows("SELECT generation FROM users WHERE id = ?", (user_id,))
        return int(rows[0]["generation"]) if rows else 0

    # -- small facts about the home itself

    def state(self, key: str) -> str | None:
        """A value that the program keeps for itself (pairing code, last tune)."""
        rows = self.rows("SELECT value FROM state WHERE key = ?", (key,))
        return str(rows[0]["value"]) if rows else None

    def set_state(self, key: str, value: str | None) -> None:
        """Keep or drop such a value."""
        with self.transaction() as db:
            db.execute("DELETE FROM state WHERE key = ?", (key,))
            if value is not None:
                db.execute("INSERT INTO state (key, value) VALUES (?, ?)", (key, value))


_USERS = "SELECT u.*, coalesce(p.text, '') AS persona FROM users u LEFT JOIN personas p ON p.user_id = u.id"
_DOCUMENT_COLUMNS = ("source", "title", "format", "sha256", "text", "at", "me", "learn_from")

CHUNK_COLUMNS = (
    'SELECT c.id, c.user_id, c.document_id, c.turn_id, c.position, c.text, c.start, c."end", c.page, c.section,'
    " c.speaker, c.at, c.external_ids, coalesce(d.source, 'conversation') AS source,"
    " coalesce(d.title, 'conversation') AS title"
    " FROM chunks c LEFT JOIN documents d ON d.id = c.document_id"
)


def chunk_of(row: sqlite3.Row) -> Chunk:
    """A row of CHUNK_COLUMNS as a record."""
    values = dict(row)
    values["external_ids"] = tuple(json.loads(values["external_ids"]))
    return Chunk(**values)


def _columns(passage: Passage) -> tuple[Any, ...]:
    return (
        passage.text,
        passage.start,
        passage.end,
        passage.page,
        passage.section,
        passage.speaker,
        passage.at,
        json.dumps(passage.external_ids, ensure_ascii=False),
    )


def _words(passage: Passage, user_id: int) -> str:
    words = index_words(passage.text, speaker=passage.speaker, section=passage.section)
    return owned_words(words.split(), user_id=user_id)


def _columns_of(profile: Profile) -> tuple[str, str, str, str]:
    return profile.language, profile.form, profile.length, profile.zone


def _write_persona(db: sqlite3.Connection, user_id: int, text: str) -> None:
    db.execute("DELETE FROM personas WHERE user_id = ?", (user_id,))
    if text:
        db.execute("INSERT INTO personas (user_id, text) VALUES (?, ?)", (user_id, text))


def _user(row: sqlite3.Row) -> User:
    profile = Profile(row["language"], row["form"], row["length"], row["zone"], row["persona"])
    return User(row["id"], row["name"], row["role"], row["telegram_id"], profile)
