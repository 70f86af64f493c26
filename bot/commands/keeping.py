"""Copies of what a home holds: backups that restore it as it was, exports that people and other programs can read."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from bot.app import App
from bot.commands.output import Output, plain
from memory import backup as backups
from memory.exporting import write_export
from memory.restoring import restore as put_back


def backup(app: App, args: argparse.Namespace, out: Output) -> int:
    """Copy the memory while it may be in use; earlier backups are made to forget what was forgotten meanwhile.

    :raises FamiliarError: the file exists, or can't be written
    """
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}{backups.SUFFIX}"
    target: Path = args.file or app.home / backups.FOLDER / name
    if target.is_dir():
        target = target / name
    done = backups.make_backup(app.store, app.home, target.absolute())
    for path in app.catch_up().unreached:
        out.note(f"{path} can't be reached and may hold what was forgotten since it was made")
    record = {"file": str(target), "bytes": done.bytes, "sha256": done.sha256, **dict(done.counts)}
    out.result(record, f"backup in {target}")
    return 0


def restore(app: App, args: argparse.Namespace, out: Output) -> int:
    """Put a backup in the place of the memory; what it replaces is kept as a backup.

    :raises FamiliarError: the backup is damaged, newer or foreign, or another Familiar has the home open
    """
    done = put_back(app.home, args.file, erasers_of=app.erasers_of)
    kept = str(done.kept) if done.kept else None
    record = {"users": done.users, "documents": done.documents, "turns": done.turns, "replaced": kept}
    text = f"restored {done.users} users, {done.documents} documents, {done.turns} turns; kept {kept or '-'}"
    out.result(record, text)
    return 0


def export(app: App, args: argparse.Namespace, out: Output) -> int:
    """Write everything about a user as files that can be read and imported again.

    :raises FamiliarError: the folder exists and is not empty
    """
    done = write_export(app.store, args.folder, user=app.user(args.user))
    out.result(
        plain(done) | {"folder": str(args.folder)},
        f"{done.documents} documents and {done.turns} turns in {args.folder}; `familiar import` takes it in again",
    )
    return 0
