"""A backup: one file with the database and the adapters that answer, which says itself whether it is whole.

It is a ZIP archive with a manifest that names every member with its sha256, so that a flipped byte, a missing end or
somebody else's file is refused before anything is touched. The database in it is a snapshot taken while others write.
Settings stay out, as they may hold the bot's token; models are fetched again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import lzma
import os
import secrets
import shutil
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from memory import ledger
from memory.digest import sha256_of
from memory.errors import FamiliarError, first_line
from memory.store import Store, utc_now

FORMAT = "familiar-backup"
VERSION = 1
FOLDER = "backups"
"""In the home: where backups go that are given no other place."""
SUFFIX = ".familiar"
_MANIFEST = "familiar-backup.json"
_DATABASE = "familiar.db"
_ADAPTERS = "adapters"
_PARTIAL = ".partial-"
_BLOCK = 1 << 20
_UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, RuntimeError, NotImplementedError, ValueError, OverflowError),
)
"""What zipfile raises for damaged archives, each at another byte."""
_COUNTED = ("users", "documents", "chunks", "vectors", "conversations", "turns", "feedback", "adapters")


@dataclass(frozen=True)
class Manifest:
    """What a backup says about itself."""

    id: str
    made_at: str
    members: tuple[tuple[str, int, str], ...]
    """Name, bytes and sha256 of each member."""
    counts: tuple[tuple[str, int], ...]
    """Rows of the tables that matter."""
    format: str = FORMAT
    version: int = VERSION


@dataclass(frozen=True)
class Backup:
    """A backup that was written."""

    id: str
    path: Path
    sha256: str
    bytes: int
    counts: tuple[tuple[str, int], ...]


def make_backup(store: Store, home: Path, target: Path) -> Backup:
    """Write a backup, read it again, and note where it is, so that what is forgotten later is forgotten there too.

    :raises FamiliarError: the file exists or can't be written, or what was written can't be read again
    """
    if target.exists():
        raise FamiliarError(f"{target} exists already; name a new file")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with working_folder(target.parent) as work, _writing(target):
        _snapshot(store, work / _DATABASE)
        _copy_adapters(work / _DATABASE, home / _ADAPTERS, work / _ADAPTERS)
        erased_to = _erased_to(work / _DATABASE)
        backup = pack(work, target, id_=secrets.token_hex(8))
    register(store, home, backup, erased_to=erased_to)
    return backup


def register(store: Store, home: Path, backup: Backup, *, erased_to: int) -> None:
    """Note a backup (again), and up to which erasure it has forgotten."""
    kept = path_from(home, backup.path)
    with store.transaction() as db:
        db.execute(
            "INSERT OR REPLACE INTO backups (id, path, sha256, made_at, erased_to) VALUES (?, ?, ?, ?, ?)",
            (backup.id, kept, backup.sha256, utc_now(), erased_to),
        )


def path_from(home: Path, path: Path) -> str:
    """A backup's path as it is kept: from the home where it lies in it, so that a home can be moved."""
    path = path.absolute()
    return path.relative_to(home).as_posix() if path.is_relative_to(home) else str(path)


def pack(work: Path, target: Path, *, id_: str) -> Backup:
    """Make the archive of a working folder, check it, and put it in its place, whatever was there."""
    files = [work / _DATABASE, *sorted(path for path in (work / _ADAPTERS).rglob("*") if path.is_file())]
    members = tuple((path.relative_to(work).as_posix(), path.stat().st_size, sha256_of(path)) for path in files)
    manifest = Manifest(id_, utc_now(), members, _counts(work / _DATABASE))
    archive = work / "archive"
    with archive.open("wb") as raw:
        with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            packed.writestr(_MANIFEST, json.dumps(asdict(manifest)))
            for path, (name, *_) in zip(files, members, strict=True):
                packed.write(path, name)
        raw.flush()
        os.fsync(raw.fileno())
    proof = work / "proof"
    proof.mkdir()
    unpack(archive, proof)
    digest, size = sha256_of(archive), archive.stat().st_size
    archive.replace(target)
    return Backup(id_, target, digest, size, manifest.counts)


def unpack(source: Path, into: Path) -> Manifest:
    """Take a backup apart into a folder, every byte checked.

    :raises FamiliarError: it is no backup, damaged, or was written by a newer version
    """
    try:
        with zipfile.ZipFile(source) as packed:
            manifest = _manifest(packed, source)
            if sorted(packed.namelist()) != sorted([_MANIFEST, *(name for name, *_ in manifest.members)]):
                raise _damaged(source, "its list of members does not fit")
            for name, size, digest in manifest.members:
                _extract(packed, name, into, size=size, digest=digest, source=source)
    except _UNREADABLE as exc:
        raise _damaged(source, first_line(exc)) from exc
    _check_database(into / _DATABASE, manifest, source)
    return manifest


@contextlib.contextmanager
def working_folder(parent: Path) -> Iterator[Path]:
    """A private folder for unpacked copies; those that a killed process left beside it go too."""
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in parent.glob(f"{_PARTIAL}*"):
        if not _alive(left.name.removeprefix(_PARTIAL).partition("-")[0]):
            shutil.rmtree(left, ignore_errors=True)
    work = parent / f"{_PARTIAL}{os.getpid()}-{secrets.token_hex(4)}"
    work.mkdir(mode=0o700)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def adapters_needed(db: sqlite3.Connection) -> set[str]:
    """Ids of the adapters whose weights belong to a copy: those that answer or can be asked back."""
    return {row[0] for row in db.execute("SELECT id FROM adapters WHERE status IN ('live', 'retired')")}


def as_one_file(database: Path) -> None:
    """Fold a closed database's write-ahead log into it for good."""
    with contextlib.closing(sqlite3.connect(database)) as db:
        db.execute("PRAGMA journal_mode = DELETE")


def _alive(pid: str) -> bool:
    import psutil

    return pid.isdigit() and psutil.pid_exists(int(pid))


@contextlib.contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, zipfile.BadZipFile) as exc:
        raise FamiliarError(f"{target} can't be written: {exc}; nothing was left there") from exc


def _snapshot(store: Store, path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as copy:
        store.copy_to(copy)
    as_one_file(path)


def _copy_adapters(database: Path, source: Path, target: Path) -> None:
    """The weights that the snapshot names; an adapter that was withdrawn meanwhile is missing, as it should be."""
    with contextlib.closing(sqlite3.connect(database)) as db:
        needed = adapters_needed(db)
    target.mkdir()
    for name in needed:
        with contextlib.suppress(FileNotFoundError):
            shutil.copytree(source / name, target / name)


def _erased_to(database: Path) -> int:
    with contextlib.closing(Store(database)) as snapshot:
        done = ledger.last_entry(snapshot)
    as_one_file(database)
    return done


def _manifest(packed: zipfile.ZipFile, source: Path) -> Manifest:
    try:
        values = json.loads(packed.read(_MANIFEST))
        found, version = values["format"], values["version"]
    except (KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError) as exc:
        raise FamiliarError(f"{source} is no backup of Familiar; name a file made by `familiar backup`") from exc
    if found != FORMAT:
        raise FamiliarError(f"{source} is no backup of Familiar; name a file made by `familiar backup`")
    if not isinstance(version, int) or version > VERSION:
        raise FamiliarError(f"{source} was written by a newer version of Familiar (format {version}); update Familiar")
    try:
        members = tuple((str(name), int(size), str(digest)) for name, size, digest in values["members"])
        counts = tuple((str(name), int(count)) for name, count in values["counts"])
        return Manifest(str(values["id"]), str(values["made_at"]), members, counts)
    except (KeyError, TypeError, ValueError) as exc:
        raise _damaged(source, "its manifest can't be read") from exc


def _extract(packed: zipfile.ZipFile, name: str, into: Path, *, size: int, digest: str, source: Path) -> None:
    parts = PurePosixPath(name).parts
    if name != _DATABASE and (len(parts) < 3 or parts[0] != _ADAPTERS or ".." in parts or "\\" in name or ":" in name):
        raise _damaged(source, f"it holds {name!r}")
    if packed.getinfo(name).file_size != size or shutil.disk_usage(into).free < size:
        raise _damaged(source, f"{name} has not the size that it should, or there is no room for its {size} bytes")
    target = into.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    seen = hashlib.sha256()
    with packed.open(name) as member, target.open("wb") as file:
        for block in _blocks(member):
            seen.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    if seen.hexdigest() != digest:
        raise _damaged(source, f"{name} has changed since it was written")


def _check_database(path: Path, manifest: Manifest, source: Path) -> None:
    """Openable by this version, sound, and with as many rows as the manifest says."""
    try:
        with contextlib.closing(Store(path)) as copy:
            sound = copy.rows("PRAGMA quick_check")[0][0]
        as_one_file(path)
        counts = _counts(path)
    except (FamiliarError, sqlite3.Error) as exc:
        raise FamiliarError(f"{source} can't be used: {exc}") from exc
    if sound != "ok" or counts != manifest.counts:
        raise _damaged(source, f"its database is not whole ({sound})")


def _counts(database: Path) -> tuple[tuple[str, int], ...]:
    with contextlib.closing(sqlite3.connect(database)) as db:
        return tuple((name, db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]) for name in _COUNTED)


def _damaged(source: Path, why: str) -> FamiliarError:
    return FamiliarError(f"{source} is damaged or no backup ({why}); nothing was changed. Use another backup")


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block
