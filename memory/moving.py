"""A user moves from one home to another: a whole copy there, verified, then served there, then erased here.

Both homes are closed to others while a user moves (`memory.home_lock`), so that whoever opens one knows that no move
is under way. The step that decides is one transaction of the home that is left, which notes that the user has gone:
before it they are served there, and the copy in the other home is dropped when that is next opened; after it the copy
is served, and what is left behind is erased. A kill at any moment falls on one side of it (`settle`).

What is copied follows from the schema: every row of `memory.places.TABLES` that is the user's, with all its columns.
Numbers are shifted, each table's by one distance, so that passages of a document stay in a row.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import re
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memory.digest import sha256_of
from memory.errors import FamiliarError
from memory.records import User
from memory.reembedding import embedded, serving
from memory.store import Store, utc_now
from memory.words import index_words, owned_words

DATABASE, ADAPTERS = "familiar.db", "adapters"
_NOBODY = ""
"""The embedder of a home that has embedded nothing."""
_PAGE = 500

Step = Callable[[str], None]
"""Told of each step before it is taken."""


@dataclass(frozen=True)
class _Part:
    """A table whose rows move, and by which condition they are the user's (``?`` is the user's number)."""

    table: str
    whose: str = "user_id = ?"
    fixed: tuple[tuple[str, str], ...] = ()
    """Columns that refer to a table without saying so in the schema."""
    drop: tuple[str, ...] = ()
    """Columns that mean nothing in another home, and become NULL."""
    needs: tuple[str, ...] = ()
    """Columns that may be NULL; but a row says nothing any more once what it named there does not come along."""


_OF_CHUNKS = "chunk_id IN (SELECT id FROM chunks WHERE user_id = ?)"
_OF_REPLIES = "user_id = ? AND kind = 'reply'"
"""One that ranks may have learned from shared items, which stay; it is trained anew in minutes."""
PARTS = (
    _Part("documents"),
    _Part("conversations"),
    _Part("turns"),
    _Part("candidates"),
    _Part("feedback"),
    _Part("chunks"),
    _Part("vectors", _OF_CHUNKS),
    _Part("adapters", _OF_REPLIES),
    _Part(
        "adapter_sources",
        f"adapter_id IN (SELECT id FROM adapters WHERE {_OF_REPLIES})",
        fixed=(("turn_id", "turns"), ("document_id", "documents")),
        needs=("turn_id", "document_id"),
    ),
    # Numbers of updates and messages are another bot's: here they would name what this home's bot has sent or got.
    _Part("telegram_replies", drop=("key", "reply_to", "preview_id")),
    _Part("telegram_outbox", drop=("message_id",)),
    _Part("telegram_inbox", drop=("message_id",)),
    _Part("telegram_forwards"),
    _Part("facts"),
    _Part("fact_sources", _OF_CHUNKS),
    _Part("fact_names"),
    _Part("fact_readings", _OF_CHUNKS),
    _Part("standing_rules"),
    _Part("files"),
    _Part("file_documents", "file_id IN (SELECT id FROM files WHERE user_id = ?)"),
    _Part("reminders"),
    _Part("example_choices", needs=("turn_id", "chunk_id")),
    _Part("taste_items"),
    _Part("taste_events"),
    _Part("personas"),
    _Part("digests"),
    _Part("timeless_reminders"),
    _Part("log_entries"),
    _Part("log_goals"),
    _Part("desk_cases"),
    _Part("desk_events"),
    _Part("erasures", "user_id = ? AND kept_out"),  # the others are about copies that were made of this home
)
LEFT = (
    *("users", "chunks_fts", "moves"),  # written by code of their own
    "turns_under_way",  # none while a home is closed to others
    *("memory_sizes", "vector_changes"),  # kept by triggers
    *("state", "backups", "counters", "telegram_blocked", "invitations", "arrivals"),  # of the home or its bot
    *("group_rules", "turn_authors", "business_connections"),  # of groups and of the owner, who stay
    "telegram_messages",  # which of its bot's messages shows which turn
    *("api_tokens", "api_uses"),  # of the address at which the home is served
    *("desk_examples", "desk_vectors", "desk_templates"),  # of its knowledge base
)
"""Every other table."""
_CITING = ("citations", "memories", "first_citations", "second_citations")
_EXAMPLE = re.compile(r"(turn|corrected|choice|neither|vote|votes|document):(\d+)(?::(\d+))?")


@dataclass(frozen=True)
class Moved:
    """A user who has moved."""

    name: str
    source: Path
    target: Path
    rows: int
    adapters: int


@dataclass(frozen=True)
class Gone:
    """Where somebody of this home is served now."""

    user_id: int
    home: Path
    erased: bool
    """Nothing of theirs is left here."""


# -- who is where


def gone(store: Store, user: User) -> Gone | None:
    """Where a user of this home has moved; None for one who has not."""
    rows = store.rows(
        "SELECT user_id, other_home, state FROM moves WHERE user_id = ? ORDER BY id DESC LIMIT 1", (user.id,)
    )
    if not rows or rows[0]["state"] not in ("left", "erased"):
        return None
    return Gone(rows[0]["user_id"], Path(rows[0]["other_home"]), rows[0]["state"] == "erased")


def settle(store: Store) -> None:
    """Serve those whose copy arrived and whose old home has let go, drop copies whose old home has not.

    Call it with the home's lock held, when it is opened. A copy whose old home can't be read stays as it is.
    """
    for row in store.rows("SELECT id, token, user_id, role, other_home FROM moves WHERE state = 'arriving'"):
        let_go = _has_let_go(Path(row["other_home"]), row["token"])
        if let_go is None:
            continue
        with store.transaction() as db:
            if let_go:
                _serve(db, row["user_id"], row["role"])
            else:
                _drop(db, row["user_id"])


def _has_let_go(home: Path, token: str) -> bool | None:
    database = home / DATABASE
    if not database.is_file():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=5)) as db:
            sql = "SELECT 1 FROM moves WHERE token = ? AND state IN ('left', 'erased')"
            return db.execute(sql, (token,)).fetchone() is not None
    except sqlite3.Error:
        return None


def _serve(db: sqlite3.Connection, user_id: int, role: str) -> None:
    db.execute("UPDATE users SET role = ? WHERE id = ?", (role, user_id))
    db.execute("UPDATE moves SET state = 'arrived' WHERE user_id = ? AND state = 'arriving'", (user_id,))


def _drop(db: sqlite3.Connection, user_id: int) -> None:
    db.execute("DELETE FROM chunks_fts WHERE rowid IN (SELECT id FROM chunks WHERE user_id = ?)", (user_id,))
    db.execute("DELETE FROM users WHERE id = ?", (user_id,))  # all else goes with it; folders with the next sweep


def keep_gone(old: Store, new: sqlite3.Connection) -> None:
    """Note in an older copy of a home who has left it since, or they would be served in two homes.

    Who came back since has another row now, and stays as the copy has them.
    """
    for row in old.rows(
        "SELECT m.token, m.state, m.user_id, m.role, m.other_home, m.at, u.name, u.telegram_id, u.created_at"
        " FROM moves m JOIN users u ON u.id = m.user_id WHERE m.state IN ('left', 'erased') ORDER BY m.id"
    ):
        *move, name, account, since = row
        same = "id = ? AND name = ? AND telegram_id IS ? AND created_at = ?"
        known = new.execute("SELECT 1 FROM moves WHERE token = ?", (row["token"],)).fetchone()
        left = f"UPDATE users SET role = 'refused', role_since = ? WHERE {same}"
        if not known and new.execute(left, (row["at"], row["user_id"], name, account, since)).rowcount:
            new.execute(
                "INSERT INTO moves (token, state, user_id, role, other_home, at) VALUES (?, ?, ?, ?, ?, ?)", tuple(move)
            )


# -- moving


def check(source: Store, target: Store, user: User) -> None:
    """Whether a user can move.

    :raises FamiliarError: they are no person, messages wait, the target has them or another embedder, or an adapter
        learned from what stays
    """
    if user.role in ("owner", "shared") or (user.telegram_id or 0) < 0:
        what = {"owner": "the owner of this home", "shared": "a knowledge base"}.get(user.role, "a group")
        raise FamiliarError(f"{user.name} is {what}, which stays with its home; members and guests can move")
    same = {"name": target.user(user.name), "Telegram account": target.user_by_telegram_id(user.telegram_id or 0)}
    for column, known in same.items():
        if known is not None and gone(target, known) is None:
            raise FamiliarError(
                f"{target.path.parent} has a user with the {column} of {user.name}; rename or remove it"
            )
    _check_embedders(source, target)
    waiting = source.rows(
        "SELECT (SELECT count(*) FROM telegram_inbox WHERE user_id = ?1 AND state = 'waiting')"
        " + (SELECT count(*) FROM telegram_outbox WHERE user_id = ?1 AND state IN ('waiting', 'sending'))",
        (user.id,),
    )[0][0]
    if waiting:
        raise FamiliarError(
            f"{waiting} messages of {user.name} are not answered or delivered yet; let `familiar run` do that first"
        )
    foreign = source.rows(
        "SELECT DISTINCT a.id FROM adapters a JOIN adapter_sources s ON s.adapter_id = a.id WHERE a.user_id = ?1"
        " AND a.kind = 'reply' AND a.status IN ('live', 'retired')"
        " AND s.document_id IN (SELECT id FROM documents WHERE user_id <> ?1)",
        (user.id,),
    )
    if foreign:
        raise FamiliarError(
            f"adapter {foreign[0]['id']} of {user.name} learned from a shared knowledge base of this home, and could"
            " not be taken back where that is forgotten; tune again with [tuning] recalled_share = 0, then move"
        )


def _check_embedders(source: Store, target: Store) -> None:
    here, there = serving(source, _NOBODY), serving(target, _NOBODY)
    if here == there or _NOBODY in (here, there):
        return
    count = embedded(source, here).passages
    raise FamiliarError(
        f"{source.path.parent} is embedded by {here}, {target.path.parent} by {there}; set [embedder] of the first to"
        f" that of the second and run `familiar doctor --reindex` there ({count} passages), then move"
    )


def copy_user(source: Store, target: Store, user: User, *, step: Step = lambda _: None) -> tuple[str, int, int]:
    """Write a whole copy of a user into the target, not served yet, in one transaction, and read it again.

    :returns: the move's token, and how many rows and adapters were copied
    :raises FamiliarError: what was written is not what was read; then nothing of it stays
    """
    token = secrets.token_hex(16)
    try:
        with _reading(source) as here, target.transaction() as db:
            new_id = _add_user(db, target, user, token, source.path.parent)
            (since,) = here.execute("SELECT role_since FROM users WHERE id = ?", (user.id,)).fetchone()
            db.execute("UPDATE users SET role_since = ? WHERE id = ?", (since, new_id))
            shift = _shifts(here, db, user.id, new_id)
            rows = 0
            for part in PARTS:
                step(f"copy {part.table}")
                rows += _copy(here, db, part, shift)
            _index_words(db, new_id)
            step("copy files")
            adapters = _copy_folders(source, target, user.id)
            step("commit the copy")
    except sqlite3.IntegrityError as exc:
        raise FamiliarError(f"{user.name} can't be copied: {exc}; nothing was changed") from exc
    return token, rows, adapters


def let_go(source: Store, target: Path, user: User, token: str) -> None:
    """The step that decides: from here on the user is served in the other home."""
    with source.transaction() as db:
        db.execute("UPDATE users SET role = 'refused', role_since = ? WHERE id = ?", (utc_now(), user.id))
        db.execute(
            "INSERT INTO moves (token, state, user_id, role, other_home, at) VALUES (?, 'left', ?, ?, ?, ?)",
            (token, user.id, user.role, str(target), utc_now()),
        )


def note_erased(source: Store, user_id: int) -> None:
    """Nothing of a user who has left is here any more."""
    with source.transaction() as db:
        db.execute("UPDATE moves SET state = 'erased' WHERE user_id = ? AND state = 'left'", (user_id,))


@contextlib.contextmanager
def _reading(source: Store) -> Iterator[sqlite3.Connection]:
    """Rows of the home that is left, one after the other: its memory may be larger than the computer's."""
    with contextlib.closing(sqlite3.connect(f"{source.path.as_uri()}?mode=ro", uri=True, timeout=30)) as here:
        here.execute("BEGIN")
        yield here


def _add_user(db: sqlite3.Connection, target: Store, user: User, token: str, source: Path) -> int:
    """The user's row, refused until they are served; one who was here before leaves name and account to it."""
    for old in (target.user(user.name), target.user_by_telegram_id(user.telegram_id or 0)):
        if old is not None:
            db.execute("UPDATE users SET name = ?, telegram_id = NULL WHERE id = ?", (f"moved {old.id}", old.id))
    profile = dataclasses.replace(user.profile, persona="")  # it has a table of its own
    moved = target.add_user(user.name, role="refused", telegram_id=user.telegram_id, profile=profile)
    db.execute(
        "INSERT INTO moves (token, state, user_id, role, other_home, at) VALUES (?, 'arriving', ?, ?, ?, ?)",
        (token, moved.id, user.role, str(source), utc_now()),
    )
    return moved.id


@dataclass
class _Shift:
    """What the user's rows are called in the target: each table's numbers lie a distance further."""

    user: tuple[int, int]
    distances: dict[str, int] = field(default_factory=dict)
    known: dict[str, frozenset[int]] = field(default_factory=dict)
    """The user's numbers of each table."""

    def of(self, table: str, number: Any) -> int | None:
        """A row's number there; None for one that does not come along."""
        if number is None or table == "users":
            return self.user[1] if number == self.user[0] else None
        return number + self.distances[table] if number in self.known[table] else None


def _shifts(here: sqlite3.Connection, db: sqlite3.Connection, user_id: int, new_id: int) -> _Shift:
    shift = _Shift((user_id, new_id))
    for part in PARTS:
        if "id" not in _columns(db, part.table) or part.table == "adapters":
            continue
        rows = here.execute(f"SELECT id FROM {part.table} WHERE {part.whose}", (user_id,))
        numbers = frozenset(row[0] for row in rows)
        used = db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (part.table,)).fetchone()
        shift.known[part.table] = numbers
        shift.distances[part.table] = (used[0] if used else 0) + 1 - min(numbers, default=0)
    return shift


def _columns(db: sqlite3.Connection, table: str) -> list[str]:
    return [row["name"] for row in db.execute(f"PRAGMA table_info({table})")]


def _references(db: sqlite3.Connection, part: _Part) -> dict[str, str]:
    """Which table a column's numbers are of; an adapter's id is the same everywhere."""
    keys = db.execute(f"PRAGMA foreign_key_list({part.table})").fetchall()
    return {row["from"]: row["table"] for row in keys if row["table"] != "adapters"} | dict(part.fixed)


def _copy(here: sqlite3.Connection, db: sqlite3.Connection, part: _Part, shift: _Shift) -> int:
    columns, references = _columns(db, part.table), _references(db, part)
    needed = {row["name"] for row in db.execute(f"PRAGMA table_info({part.table})") if row["notnull"]}
    needed |= set(part.needs)
    free = _free_updates(db) if part.table == "telegram_inbox" else iter(())
    names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
    written, count = _Sum(), 0
    cursor = here.execute(f"SELECT {names} FROM {part.table} WHERE {part.whose}", (shift.user[0],))
    while rows := cursor.fetchmany(_PAGE):
        moved = []
        for row in rows:
            before = dict(zip(columns, row, strict=True))
            values = _moved(part, dict(before), references, shift, free)
            lost = [key for key in references if key in needed and values[key] is None is not before[key]]
            if not lost:  # else it is about somebody else's, such as a shared passage, or about what was forgotten
                moved.append(tuple(values.values()))
        db.executemany(f"INSERT INTO {part.table} ({names}) VALUES ({marks})", moved)
        written.add(moved)
        count += len(moved)
    read = _Sum()
    read.add(db.execute(f"SELECT {names} FROM {part.table} WHERE {part.whose}", (shift.user[1],)))
    if read.total != written.total:
        raise FamiliarError(
            f"what was written to {part.table} reads otherwise; nothing was changed. Is the disk sound?"
        )
    return count


class _Sum:
    """A digest of rows in any order."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            self.total += int.from_bytes(hashlib.sha256(repr(tuple(row)).encode()).digest())


def _moved(
    part: _Part, row: dict[str, Any], references: Mapping[str, str], shift: _Shift, free: Iterator[int]
) -> dict[str, Any]:
    """A row as it stands in the target."""
    for key, table in references.items():
        row[key] = shift.of(table, row[key])
    for key in part.drop:
        row[key] = None
    if part.table in shift.distances:
        row["id"] = shift.of(part.table, row["id"])
    if part.table == "telegram_inbox":
        row["update_id"] = next(free)
    for key in _CITING:
        if key in row:
            row[key] = _cited(row[key], "id" if key == "memories" else "chunk_id", shift)
    if part.table == "adapters":
        row["manifest"] = json.dumps(_renamed(json.loads(row["manifest"]), shift), ensure_ascii=False, indent=1)
    return row


def _free_updates(db: sqlite3.Connection) -> Iterator[int]:
    """Numbers that no bot gives an update: the target's may be another bot, and counts from elsewhere."""
    least = db.execute("SELECT min(0, coalesce(min(update_id), 0)) FROM telegram_inbox").fetchone()[0]
    while True:
        least -= 1
        yield least


def _cited(items: str, key: str, shift: _Shift) -> str:
    """Citations or memories with the passages' numbers there; 0 for one of somebody else's, as after an import."""
    values = json.loads(items)
    moved = [item | {key: item[key] if item[key] < 0 else shift.of("chunks", item[key]) or 0} for item in values]
    return json.dumps(moved, ensure_ascii=False)


def _renamed(value: Any, shift: _Shift) -> Any:
    """A manifest with the names that its examples have there."""
    if isinstance(value, dict):
        return {key: _renamed(item, shift) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, shift) for item in value]
    found = _EXAMPLE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    kind, one, two = found.groups()
    first = shift.of("documents" if kind == "document" else "turns", int(one)) or 0
    second = f":{shift.of('turns', int(two)) or 0 if kind == 'votes' else two}" if two else ""
    return f"{kind}:{first}{second}"


def _index_words(db: sqlite3.Connection, user_id: int) -> None:
    """The words of the passages, which are kept with their owner's number."""
    for row in db.execute("SELECT id, text, speaker, section FROM chunks WHERE user_id = ?", (user_id,)).fetchall():
        words = index_words(row["text"], speaker=row["speaker"], section=row["section"])
        db.execute(
            "INSERT INTO chunks_fts (rowid, words) VALUES (?, ?)",
            (row["id"], owned_words(words.split(), user_id=user_id)),
        )
    db.execute("UPDATE users SET generation = generation + 1 WHERE id = ?", (user_id,))


def _copy_folders(source: Store, target: Store, user_id: int) -> int:
    """The folders of the user's adapters, whole and compared, before their rows are to be seen."""
    count = 0
    for row in source.rows(
        "SELECT id FROM adapters a WHERE user_id = ?1 AND kind = 'reply'"
        " AND NOT EXISTS (SELECT 1 FROM adapter_sources WHERE adapter_id = a.id AND document_id IN"
        " (SELECT id FROM documents WHERE user_id <> ?1))",  # what a tune left half done
        (user_id,),
    ):
        here, there = (store.path.parent / ADAPTERS / row["id"] for store in (source, target))
        if not here.is_dir():
            continue
        shutil.rmtree(there, ignore_errors=True)  # of a move that did not end
        shutil.copytree(here, there)
        files = sorted(path.relative_to(here) for path in here.rglob("*") if path.is_file())
        if any(sha256_of(here / name) != sha256_of(there / name) for name in files):
            raise FamiliarError(f"{there} reads otherwise than it was written; nothing was changed: check the disk")
        count += 1
    return count


def parts_named() -> Sequence[str]:
    """Every table that is accounted for."""
    return (*(part.table for part in PARTS), *LEFT)
