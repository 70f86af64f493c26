"""A backup takes the place of a home's memory, and until the very last step what it replaces is untouched.

The backup is unpacked, checked and made to forget what was forgotten since; the old memory is kept as a backup; then
one rename puts the new database in place. Killed at any moment, the home opens with the old memory or the new, never
with half. Adapters come before the database that names them: a folder without a row is swept at the next start.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from memory import backup, ledger
from memory.digest import sha256_of
from memory.errors import FamiliarError
from memory.home_lock import HomeLock
from memory.reapply import ErasersOf, forget_again
from memory.store import Store

DATABASE = "familiar.db"


@dataclass(frozen=True)
class Restored:
    """A home after a backup has taken its place."""

    users: int
    turns: int
    documents: int
    kept: Path | None
    """Where what it replaced is."""


def restore(home: Path, source: Path, *, erasers_of: ErasersOf) -> Restored:
    """Put a backup in the place of a home's memory.

    :raises FamiliarError: the backup is damaged, foreign or newer, or another Familiar has the home open
    """
    if not source.is_file():
        raise FamiliarError(f"{source}: no such file; name a backup made by `familiar backup`")
    lock = HomeLock(home, alone=True)
    try:
        with backup.working_folder(home) as work:
            manifest = backup.unpack(source, work)
            kept = _keep(home, work, erasers_of)
            _adopt_source(home, work, source, manifest)
            _switch(home, work)
    finally:
        lock.release()
    counts = dict(manifest.counts)
    return Restored(counts["users"], counts["turns"], counts["documents"], kept)


def _keep(home: Path, work: Path, erasers_of: ErasersOf) -> Path | None:
    """Back up what is replaced, and take over what it knows: what was forgotten, and where other backups are."""
    database = home / DATABASE
    if not database.exists():
        return None
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
    old = _readable(database)
    if old is None:
        return _put_aside(database, home / backup.FOLDER / f"replaced-{stamp}.db")
    with contextlib.closing(old):
        kept = backup.make_backup(old, home, home / backup.FOLDER / f"replaced-{stamp}{backup.SUFFIX}").path
        forget_again(work, ledger.entries(old), erasers_of=erasers_of)
        rows = old.rows("SELECT id, path, sha256, made_at FROM backups")
    with contextlib.closing(sqlite3.connect(work / DATABASE)) as new, new:
        new.executemany("INSERT OR REPLACE INTO backups VALUES (?, ?, ?, ?, 0)", [tuple(row) for row in rows])
    return kept


def _readable(database: Path) -> Store | None:
    try:
        store = Store(database)
    except FamiliarError:
        return None
    with contextlib.suppress(FamiliarError):
        if store.rows("PRAGMA quick_check")[0][0] == "ok":
            return store
    store.close()
    return None


def _put_aside(database: Path, kept: Path) -> Path:
    """A database that can't be read is kept as it is."""
    kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for suffix in ("", "-wal"):
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(f"{database}{suffix}", f"{kept}{suffix}")
    return kept


def _adopt_source(home: Path, work: Path, source: Path, manifest: backup.Manifest) -> None:
    """Know the file that is restored as a backup, and none that lay in the home it came from."""
    with contextlib.closing(sqlite3.connect(work / DATABASE)) as new, new:
        new.execute("UPDATE backups SET erased_to = 0")  # numbers of another ledger
        values = (manifest.id, backup.path_from(home, source), sha256_of(source), manifest.made_at)
        new.execute("INSERT OR REPLACE INTO backups VALUES (?, ?, ?, ?, 0)", values)
        for id_, known in new.execute("SELECT id, path FROM backups").fetchall():
            if not Path(known).is_absolute() and not (home / known).exists():
                new.execute("DELETE FROM backups WHERE id = ?", (id_,))


def _switch(home: Path, work: Path) -> None:
    database = home / DATABASE
    for folder in (work / "adapters").iterdir() if (work / "adapters").is_dir() else ():
        if not (home / "adapters" / folder.name).exists():
            (home / "adapters").mkdir(exist_ok=True, mode=0o700)
            folder.rename(home / "adapters" / folder.name)
    # derived from the database that goes; its counter might by chance be that of the one that comes
    shutil.rmtree(home / "index", ignore_errors=True)
    # prompts that held what the database that goes knew
    shutil.rmtree(home / "beginnings", ignore_errors=True)
    if database.exists():
        _fold(database)
    (work / DATABASE).replace(database)
    if os.name == "posix":
        descriptor = os.open(home, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _fold(database: Path) -> None:
    """Empty the write-ahead log of the database that goes: the new one must not be taken for its owner.

    :raises FamiliarError: something else has the database open
    """
    try:
        backup.as_one_file(database)
    except sqlite3.OperationalError as exc:
        raise FamiliarError(f"{database} is open elsewhere ({exc}); end what uses it and try again") from exc
    except sqlite3.DatabaseError:  # not readable: it was put aside with its log
        for suffix in ("-wal", "-shm"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)
