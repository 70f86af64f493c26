"""A user's documents, their passages, and what became of each file that was imported."""

from __future__ import annotations

from dataclasses import dataclass

from bot.web.views.paging import Part, part_of
from memory.files import Files, ImportedFile
from memory.records import Chunk, Document
from memory.store import CHUNK_COLUMNS, Store, chunk_of

_LISTED = 50
_PASSAGES = 100


@dataclass(frozen=True)
class Shelf:
    """Documents, newest first."""

    part: Part
    items: tuple[Document, ...]
    left_out: int
    """Files that could not be taken in, or only in an earlier version."""


@dataclass(frozen=True)
class FileReceipt:
    """What became of a file at its last import."""

    path: str
    status: str
    reason: str | None
    documents: tuple[int, ...]
    chunks: int
    seen: float
    """When it was looked at, in seconds since 1970."""


@dataclass(frozen=True)
class FileReceipts:
    """Files of imports, the one looked at last first."""

    part: Part
    items: tuple[FileReceipt, ...]


@dataclass(frozen=True)
class Opened:
    """One document with its passages."""

    document: Document
    files: tuple[ImportedFile, ...]
    part: Part
    chunks: tuple[Chunk, ...]


_MATCHES = "user_id = ? AND (title LIKE ? ESCAPE '\\' OR source LIKE ? ESCAPE '\\')"
_LEFT_OUT = "status IN ('failed', 'skipped')"


def shelf_of(store: Store, *, user_id: int, text: str = "", page: int = 1) -> Shelf:
    """A user's documents whose title or source holds a text."""
    pattern = f"%{_escaped(text.strip())}%"
    values = (user_id, pattern, pattern)
    (count,) = store.rows(f"SELECT count(*) FROM documents WHERE {_MATCHES}", values)
    part = part_of(count[0], page=page, size=_LISTED)
    rows = store.rows(
        f"SELECT id FROM documents WHERE {_MATCHES} ORDER BY imported_at DESC, id DESC LIMIT ? OFFSET ?",
        (*values, part.size, part.start),
    )
    ids = [row["id"] for row in rows]
    found = {item.id: item for item in store.documents_by_id(ids, user_id=user_id)}
    (left,) = store.rows(f"SELECT count(*) FROM files WHERE user_id = ? AND {_LEFT_OUT}", (user_id,))
    return Shelf(part, tuple(found[id_] for id_ in ids if id_ in found), left[0])


def _escaped(text: str) -> str:
    for sign in "\\%_":
        text = text.replace(sign, f"\\{sign}")
    return text


def receipts_of(store: Store, *, user_id: int, left_out: bool = False, page: int = 1) -> FileReceipts:
    """What became of the files that a user imported.

    :param left_out: only those that could not be taken in
    """
    wanted = f"user_id = ? AND {_LEFT_OUT}" if left_out else "user_id = ?"
    (count,) = store.rows(f"SELECT count(*) FROM files WHERE {wanted}", (user_id,))
    part = part_of(count[0], page=page, size=_LISTED)
    rows = store.rows(
        "SELECT path, status, reason, seen_ns,"
        " (SELECT group_concat(d.document_id) FROM file_documents d WHERE d.file_id = files.id) AS documents,"
        " (SELECT count(*) FROM file_documents d JOIN chunks c ON c.document_id = d.document_id"
        " WHERE d.file_id = files.id AND c.user_id = files.user_id) AS chunks"
        f" FROM files WHERE {wanted} ORDER BY seen_ns DESC, path LIMIT ? OFFSET ?",
        (user_id, part.size, part.start),
    )
    return FileReceipts(
        part,
        tuple(
            FileReceipt(
                *(row["path"], row["status"], row["reason"]),
                documents=tuple(int(id_) for id_ in (row["documents"] or "").split(",") if id_),
                chunks=row["chunks"],
                seen=row["seen_ns"] / 1e9,
            )
            for row in rows
        ),
    )


def opened(store: Store, document_id: int, *, user_id: int, page: int = 1) -> Opened:
    """One document.

    :raises FamiliarError: the user has none of that id
    """
    document = store.document(document_id, user_id=user_id)
    part = part_of(document.chunks, page=page, size=_PASSAGES)
    rows = store.rows(
        f"{CHUNK_COLUMNS} WHERE c.document_id = ? AND c.user_id = ? ORDER BY c.position LIMIT ? OFFSET ?",
        (document_id, user_id, part.size, part.start),
    )
    files = Files(store).of_document(document_id, user_id=user_id)
    return Opened(document, tuple(files), part, tuple(chunk_of(row) for row in rows))


def quoting_turns(store: Store, document_id: int, *, user_id: int) -> int:
    """How many of the user's turns recalled a passage of a document, out of which forgetting would take it."""
    rows = store.rows(
        "SELECT count(DISTINCT t.id) FROM turns t, json_each(t.memories) m WHERE t.user_id = ?"
        " AND json_extract(m.value, '$.id') IN (SELECT id FROM chunks WHERE document_id = ? AND user_id = ?)",
        (user_id, document_id, user_id),
    )
    return int(rows[0][0])


def learned_adapters(
    store: Store, *, user_id: int, document_id: int | None = None, turn_id: int | None = None
) -> tuple[str, ...]:
    """The user's adapters that learned from a document or a turn, and would be taken out of service."""
    rows = store.rows(
        "SELECT DISTINCT a.id FROM adapters a JOIN adapter_sources s ON s.adapter_id = a.id WHERE a.user_id = ?"
        " AND a.status IN ('live', 'retired', 'training') AND (s.document_id = ? OR s.turn_id = ?) ORDER BY a.id",
        (user_id, document_id, turn_id),
    )
    return tuple(row["id"] for row in rows)
