"""Copies forget too: what was erased from a home is erased from its backups, at once or when they come into reach.

Each backup is noted with the number of the last erasure it has forgotten. So one on a disk that is unplugged today is
caught up with the next time, and one that is restored forgets before it takes the home's place.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from memory import backup, erasure, ledger
from memory.errors import FamiliarError
from memory.store import Store
from memory.turns import turns_of

ErasersOf = Callable[[Store], Sequence[erasure.Eraser]]
"""Those who learned from what a copy holds, for that copy."""


@dataclass(frozen=True)
class CaughtUp:
    """What became of the backups that a home knows."""

    erased: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()
    """Not there, not writable or no longer the file that was made: they hold on to what was forgotten."""


def erase_in_backups(store: Store, home: Path, *, erasers_of: ErasersOf) -> CaughtUp:
    """Erase from every known backup what was forgotten since it was made."""
    last = ledger.last_entry(store)
    erased, unreached = list[str](), [str(path) for path in sorted((home / backup.FOLDER).glob("*.db"))]
    rows = store.rows("SELECT id, path, erased_to FROM backups WHERE erased_to < ? ORDER BY made_at", (last,))
    for row in rows:
        path = home / row["path"]
        try:
            done = _erase_in(path, row["id"], ledger.entries(store, after=row["erased_to"]), erasers_of)
        except (FamiliarError, OSError, sqlite3.Error):
            unreached.append(str(path))
            continue
        backup.register(store, home, done, erased_to=last)
        erased.append(str(path))
    return CaughtUp(tuple(erased), tuple(unreached))


def _erase_in(path: Path, id_: str, entries: Sequence[ledger.Entry], erasers_of: ErasersOf) -> backup.Backup:
    if not path.is_file():
        raise FamiliarError(f"{path} is not there")
    with backup.working_folder(path.parent) as work:
        if backup.unpack(path, work).id != id_:
            raise FamiliarError(f"{path} is another backup than the one that was made there")
        forget_again(work, entries, erasers_of=erasers_of)
        return backup.pack(work, path, id_=id_)


def forget_again(work: Path, entries: Sequence[ledger.Entry], *, erasers_of: ErasersOf) -> None:
    """Erase from the unpacked copy in a folder what these erasures took; its ledger holds them afterwards."""
    with contextlib.closing(Store(work / "familiar.db")) as copy:
        known = {(entry.kind, entry.salt, entry.at) for entry in ledger.entries(copy)}
        new = [entry for entry in entries if (entry.kind, entry.salt, entry.at) not in known]
        since = {row["id"]: row["created_at"] for row in copy.rows("SELECT id, created_at FROM users")}
        with copy.transaction() as db:
            last = ledger.last_entry(copy)
            for entry in new:
                if since.get(entry.user_id) == entry.user_since:
                    _again(copy, entry, erasers_of(copy))
            db.execute("DELETE FROM erasures WHERE id > ?", (last,))  # noted anew by what was just done
            for entry in new:
                if since.get(entry.user_id) == entry.user_since:
                    ledger.keep(db, entry)
            kept = backup.adapters_needed(db)
        copy.scrub()
    for folder in (work / "adapters").iterdir() if (work / "adapters").is_dir() else ():
        if folder.name not in kept:
            shutil.rmtree(folder)
    backup.as_one_file(work / "familiar.db")


def _again(copy: Store, entry: ledger.Entry, erasers: Sequence[erasure.Eraser]) -> None:
    user = entry.user_id
    if entry.kind == "document":
        for item in copy.documents(user_id=user):
            if ledger.sealed(item.sha256, entry.salt) == entry.target and item.imported_at <= entry.at:
                erasure.forget_document(copy, None, user_id=user, document_id=item.id, erasers=erasers)
    elif entry.kind == "turn":
        turn_id, asked_at = entry.target
        if any((turn.id, turn.asked_at) == (turn_id, asked_at) for turn in turns_of(copy, user_id=user)):
            erasure.forget_turn(copy, None, user_id=user, turn_id=turn_id, erasers=erasers)
    elif entry.kind == "text":
        text = ledger.text_of(entry, copy, user_id=user)
        if text is not None:
            erasure.forget_text(copy, None, user_id=user, text=text, erasers=erasers)
    elif entry.kind == "token":
        with copy.transaction() as db:
            db.execute("DELETE FROM api_tokens WHERE user_id = ? AND salt = ?", (user, entry.salt))
    else:
        erasure.forget_everything(copy, None, user_id=user, erasers=erasers)
