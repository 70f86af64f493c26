"""What was forgotten or revoked, so that an older copy of memory can be made to forget it too; it holds no text.

A document is named by a salted hash of its content's sha256, a turn by its number and time. A text is named by where
it stood (document, turn or reminder, and offsets), from which an older copy itself gives the text again, and by a
salted scrypt hash that says whether it is the one. Such a hash hides a sentence, not a number of four digits from
someone who tries all of them.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from memory.records import Document, Turn
from memory.store import Store, utc_now
from memory.turns import every_turn

Kind = Literal["document", "turn", "text", "everything", "token"]
_PLACES = 50
"""Places kept of a text: an older copy that has none of them is unlikely to have another."""


@dataclass(frozen=True)
class Entry:
    """One erasure."""

    id: int
    user_id: int
    user_since: str
    """When the user was made, by which the same user is known in another copy."""
    kind: Kind
    salt: str
    target: Any
    """document: a hash; turn: [id, asked_at]; text: {"hash", "places"}; everything: None; token: None, as its salt
    names it."""
    at: str
    kept_out: bool = False
    """The user forgot this content, so that an import of its folder leaves it out."""


def record(
    db: sqlite3.Connection, kind: Kind, target: Any, *, user_id: int, salt: str = "", at: str | None = None
) -> None:
    """Note an erasure within its transaction; ``at`` is now where it is not given."""
    db.execute(
        "INSERT INTO erasures (user_id, kind, salt, target, at) VALUES (?, ?, ?, ?, ?)",
        (user_id, kind, salt, json.dumps(target), at or utc_now()),
    )


def keep(db: sqlite3.Connection, entry: Entry) -> None:
    """Note in another copy an erasure that was noted in this one."""
    record(db, entry.kind, entry.target, user_id=entry.user_id, salt=entry.salt, at=entry.at)
    if entry.kept_out:
        _keep_out_last(db)


def record_document(db: sqlite3.Connection, document: Document, *, keep_out: bool = True) -> None:
    """Note that a document was erased.

    :param keep_out: by the user, not because its file is gone: a file with this content then stays out when the folder
        around it is imported, until it is imported by its own name
    """
    salt = secrets.token_hex(16)
    record(db, "document", sealed(document.sha256, salt), user_id=document.user_id, salt=salt)
    if keep_out:
        _keep_out_last(db)


def _keep_out_last(db: sqlite3.Connection) -> None:
    db.execute("UPDATE erasures SET kept_out = 1 WHERE id = last_insert_rowid()")


def is_kept_out(store: Store, sha256: str, *, user_id: int) -> bool:
    """Whether the user forgot a document with this content and has not imported it again by name."""
    return bool(_kept_out(store, sha256, user_id))


def let_in(store: Store, sha256: str, *, user_id: int) -> None:
    """Content that the user imports by name is kept out no longer; that it was erased stays noted."""
    with store.transaction() as db:
        for id_ in _kept_out(store, sha256, user_id):
            db.execute("UPDATE erasures SET kept_out = 0 WHERE id = ?", (id_,))


def _kept_out(store: Store, sha256: str, user_id: int) -> list[int]:
    rows = store.rows("SELECT id, salt, target FROM erasures WHERE user_id = ? AND kept_out", (user_id,))
    return [row["id"] for row in rows if json.loads(row["target"]) == sealed(sha256, row["salt"])]


def record_text(db: sqlite3.Connection, text: str, places: list[list[Any]], *, user_id: int) -> None:
    """Note that a text was erased, which stood at ``places`` (see `places_of`)."""
    salt = secrets.token_hex(16)
    target = {"hash": _text_hash(text, salt), "places": places}
    record(db, "text", target, user_id=user_id, salt=salt)


def revoke_tokens(store: Store, *, user_id: int, token_id: int | None = None) -> int:
    """Let a user's tokens for the API, or one of them, be used no more, here and in older copies; returns how many."""
    chosen = "user_id = ?1 AND (?2 IS NULL OR id = ?2)"
    with store.transaction() as db:
        salts = [row[0] for row in db.execute(f"SELECT salt FROM api_tokens WHERE {chosen}", (user_id, token_id))]
        for salt in salts:
            record(db, "token", None, user_id=user_id, salt=salt)
        db.execute(f"DELETE FROM api_tokens WHERE {chosen}", (user_id, token_id))
    return len(salts)


def entries(store: Store, *, after: int = 0) -> list[Entry]:
    """Erasures with a number above ``after``, oldest first."""
    rows = store.rows(
        "SELECT e.id, e.user_id, u.created_at AS user_since, e.kind, e.salt, e.target, e.at, e.kept_out FROM erasures e"
        " JOIN users u ON u.id = e.user_id WHERE e.id > ? ORDER BY e.id",
        (after,),
    )
    decoded = ({"target": json.loads(row["target"]), "kept_out": bool(row["kept_out"])} for row in rows)
    return [Entry(**dict(row) | values) for row, values in zip(rows, decoded, strict=True)]


def last_entry(store: Store) -> int:
    """Number of the newest erasure; 0 where nothing was forgotten yet."""
    return int(store.rows("SELECT coalesce(max(id), 0) FROM erasures")[0][0])


def sealed(value: str, salt: str) -> str:
    """A salted hash of something that can't be guessed."""
    return hashlib.sha256(f"{salt}{value}".encode()).hexdigest()


def places_of(store: Store, pattern: re.Pattern[str], *, user_id: int) -> list[list[Any]]:
    """Where a text stands first in each document, turn and reminder: [kind, name, field, start, end]."""
    found: list[list[Any]] = []
    for kind, name, field, text in _texts(store, user_id):
        match = pattern.search(text)
        if match is not None:
            found.append([kind, name, field, *match.span()])
        if len(found) == _PLACES:
            break
    return found


def text_of(entry: Entry, store: Store, *, user_id: int) -> str | None:
    """The text of an erasure, read from where it stood in a copy that still has it; None where it has not."""
    wanted = {(kind, name, field): (start, end) for kind, name, field, start, end in entry.target["places"]}
    for kind, name, field, text in _texts(store, user_id):
        start, end = wanted.get((kind, name, field), (0, 0))
        if end and _text_hash(text[start:end], entry.salt) == entry.target["hash"]:
            return text[start:end]
    return None


def _texts(store: Store, user_id: int) -> Iterator[tuple[str, str, str, str]]:
    for item in store.documents(user_id=user_id):
        name = hashlib.sha256(f"{item.imported_at}{item.sha256}".encode()).hexdigest()
        yield "document", name, "text", store.document_text(item.id, user_id=user_id)
        yield "document", name, "title", item.title
        yield "document", name, "source", item.source
    yield from _said(every_turn(store, "user_id = ?", (user_id,)))
    for row in store.rows("SELECT id, created_at, text FROM reminders WHERE user_id = ? ORDER BY id", (user_id,)):
        yield "reminder", f"{row['id']} {row['created_at']}", "text", row["text"]


def _said(turns: Iterable[Turn]) -> Iterator[tuple[str, str, str, str]]:
    for turn in turns:
        name = f"{turn.id} {turn.asked_at}"
        yield "turn", name, "user_text", turn.user_text
        yield "turn", name, "reply", turn.reply
        yield "turn", name, "generated", turn.generated


def _text_hash(text: str, salt: str) -> str:
    plain = " ".join(text.split()).casefold()
    return hashlib.scrypt(plain.encode(), salt=bytes.fromhex(salt), n=2**14, r=8, p=1, dklen=32).hex()
