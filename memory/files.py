"""Which files were imported, as they were then: an unchanged one costs a look at its size and times, no reading.

A row goes with the last document of its file, so that what was forgotten leaves neither path nor hash here. It says
nothing of a file that could not be read, which may be readable the next time.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from memory.records import Status
from memory.store import Store

_RACY_NS = 2_000_000_000
"""File systems keep times to up to two seconds (FAT), so a file may change within the time that it already shows."""


@dataclass(frozen=True)
class FileState:
    """What a look at a file shows without opening it."""

    size: int
    mtime_ns: int
    inode: int
    device: int
    seen_ns: int
    """When it was looked at."""

    @property
    def identity(self) -> tuple[int, int, int]:
        """What changes when the content does; not the device, whose number may differ after a restart."""
        return self.size, self.mtime_ns, self.inode


def look(path: str) -> FileState | None:
    """The state of a file; None where there is none or it can't be looked at."""
    seen_ns = time.time_ns()
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return FileState(found.st_size, found.st_mtime_ns, _small(found.st_ino), _small(found.st_dev), seen_ns)


def _small(number: int) -> int:
    """As SQLite keeps numbers: in 64 bits with a sign."""
    return number & 0x7FFF_FFFF_FFFF_FFFF


def is_unchanged(before: FileState, now: FileState) -> bool:
    """Whether a file is as it was read, by all that a look can tell; not where it was read too soon after a change."""
    return before.identity == now.identity and before.mtime_ns < before.seen_ns - _RACY_NS


@dataclass(frozen=True)
class Seen:
    """A file that was looked at and, where it could be, read."""

    path: str
    state: FileState
    conversion: str
    sha256: str | None = None
    """None where nothing of it was stored."""


@dataclass(frozen=True)
class ImportedFile:
    """A file as it was when it was last imported."""

    id: int
    path: str
    state: FileState
    sha256: str | None
    status: Status
    reason: str | None
    conversion: str
    documents: tuple[int, ...]
    """What is stored of it: of an earlier version, where the last one failed."""


class Files:
    """The imported files of one home."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def at(self, path: str, *, user_id: int) -> ImportedFile | None:
        """The file that was imported from there."""
        return next(iter(self._where("path = ?", path, user_id=user_id)), None)

    def with_content(self, sha256: str, *, user_id: int) -> list[ImportedFile]:
        """Files that had this content."""
        return self._where("sha256 = ?", sha256, user_id=user_id)

    def of_document(self, document_id: int, *, user_id: int) -> list[ImportedFile]:
        """Files of which this document was made, or with whose content it is one."""
        linked = "id IN (SELECT file_id FROM file_documents WHERE document_id = ?)"
        return self._where(linked, document_id, user_id=user_id)

    def below(self, folder: str, *, user_id: int) -> list[ImportedFile]:
        """Files that were imported from somewhere below a folder."""
        inside = folder.rstrip(os.sep) + os.sep
        return self._where("path >= ? AND path < ?", inside, inside[:-1] + chr(ord(os.sep) + 1), user_id=user_id)

    def _where(self, condition: str, *values: str | int, user_id: int) -> list[ImportedFile]:
        rows = self._store.rows(
            "SELECT *, (SELECT group_concat(document_id) FROM file_documents WHERE file_id = id) AS documents"
            f" FROM files WHERE user_id = ? AND {condition} ORDER BY path",
            (user_id, *values),
        )
        return [_imported(row) for row in rows]

    def remember(
        self, seen: Seen, *, status: Status, reason: str | None, documents: Sequence[int] | None, user_id: int
    ) -> None:
        """Note what became of a file, within the transaction that stores it.

        :param documents: what is stored of it now; None: what was stored before
        """
        state = seen.state
        with self._store.transaction() as db:
            file_id = db.execute(
                "INSERT INTO files (user_id, path, size, mtime_ns, inode, device, seen_ns, sha256, status, reason,"
                " conversion) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (user_id, path) DO UPDATE SET"
                " size = excluded.size, mtime_ns = excluded.mtime_ns, inode = excluded.inode,"
                " device = excluded.device, seen_ns = excluded.seen_ns, sha256 = excluded.sha256,"
                " status = excluded.status, reason = excluded.reason, conversion = excluded.conversion RETURNING id",
                (
                    *(user_id, seen.path, state.size, state.mtime_ns, state.inode, state.device, state.seen_ns),
                    *(seen.sha256, status, reason, seen.conversion),
                ),
            ).fetchone()[0]
            if documents is not None:
                db.execute("DELETE FROM file_documents WHERE file_id = ?", (file_id,))
                links = [(file_id, document_id) for document_id in documents]
                db.executemany("INSERT OR IGNORE INTO file_documents VALUES (?, ?)", links)

    def looked_at(self, file: ImportedFile, state: FileState) -> None:
        """Note that an unchanged file lies on a disk with another number now."""
        with self._store.transaction() as db:
            db.execute("UPDATE files SET device = ? WHERE id = ?", (state.device, file.id))

    def drop(self, path: str, *, user_id: int) -> None:
        """No longer follow a file; its documents stay."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM files WHERE path = ? AND user_id = ?", (path, user_id))

    def unlink(self, path: str, document_id: int, *, user_id: int) -> None:
        """A file no longer holds a document."""
        with self._store.transaction() as db:
            db.execute(
                "DELETE FROM file_documents WHERE document_id = ? AND file_id IN"
                " (SELECT id FROM files WHERE path = ? AND user_id = ?)",
                (document_id, path, user_id),
            )


def _imported(row: sqlite3.Row) -> ImportedFile:
    state = FileState(row["size"], row["mtime_ns"], row["inode"], row["device"], row["seen_ns"])
    documents = tuple(sorted(int(each) for each in (row["documents"] or "").split(",") if each))
    return ImportedFile(
        id=row["id"],
        path=row["path"],
        state=state,
        sha256=row["sha256"],
        status=row["status"],
        reason=row["reason"],
        conversion=row["conversion"],
        documents=documents,
    )


def is_gone(path: str) -> bool:
    """Whether there is no file at a path: nothing, or a folder by now; a place that can't be looked at is not gone."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def is_respelled(before: str, now: str) -> bool:
    """Whether two paths are one file, renamed in upper and lower case or accents on a disk that takes these for equal:
    there the old path finds it still."""
    if before == now or _folded(before) != _folded(now):
        return False
    try:
        return os.path.samestat(os.lstat(before), os.lstat(now))
    except OSError:
        return False


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
