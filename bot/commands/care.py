"""Looking after a home: its health, its models, and copies of what it holds."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot import models
from bot.app import App
from bot.commands.chat import turn_object
from bot.commands.output import Output, plain
from memory.errors import FamiliarError
from memory.store import Store
from memory.turns import feedback_of, turns_of


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, and what to do where it is not in order."""

    check: str
    ok: bool
    value: str
    remedy: str | None = None


def doctor(app: App, args: argparse.Namespace, out: Output) -> int:
    """Look at everything that can be wrong; status 1 where something is."""
    if args.reindex:
        _reindex(app, out)
    findings = list(_findings(app))
    for item in findings:
        remedy = f" -> {item.remedy}" if item.remedy else ""
        out.result(plain(item), f"{'ok' if item.ok else 'NOT OK':7} {item.check}: {item.value}{remedy}")
    return 0 if all(item.ok for item in findings) else 1


def _reindex(app: App, out: Output) -> None:
    """Embed again what another embedder has embedded, and make the indexes anew."""
    from memory.index import reembed

    for user in app.store.users():
        count = reembed(app.store, app.embedder, user_id=user.id)
        app.indexes.drop(user.id)
        app.indexes.sync(user.id)
        out.note(f"{user.name}: {count} passages embedded again")


def _findings(app: App) -> Iterator[Finding]:
    free = shutil.disk_usage(app.home if app.home.exists() else app.home.parent).free // 2**20
    yield Finding("free disk space", free > 500, f"{free} MB", None if free > 500 else "make room: 500 MB are needed")
    broken = app.store.rows("PRAGMA quick_check")[0][0]
    yield Finding("database", broken == "ok", broken, None if broken == "ok" else "familiar restore BACKUP")
    if os.name == "posix":
        mode = app.home.stat().st_mode & 0o077
        yield Finding("home is private", mode == 0, oct(app.home.stat().st_mode)[-3:], "chmod 700" if mode else None)
    for name in (app.settings.model.name, app.settings.embedder.name):
        there = models.is_ready(name, folder=app.model_folder)
        yield Finding(
            f"model {name}", there, "ready" if there else "missing", None if there else "it is fetched at first use"
        )
    missing = app.store.rows(
        "SELECT count(*) FROM chunks c LEFT JOIN vectors v ON v.chunk_id = c.id WHERE v.chunk_id IS NULL"
    )
    yield Finding("vectors", missing[0][0] == 0, f"{missing[0][0]} chunks without one", None)
    token = bool(app.settings.telegram.token)
    yield Finding("Telegram token", True, "set" if token else "not set", None if token else "ask @BotFather for one")


def list_models(app: App, args: argparse.Namespace, out: Output) -> int:
    """The catalogue."""
    del args
    for entry in models.catalogue():
        there = models.is_ready(entry.name, folder=app.model_folder)
        quality = "-" if entry.answer_quality is None else f"{entry.answer_quality:.3f}"
        line = f"{entry.name:14} {entry.kind:9} {entry.licence:11} quality {quality:6} {'ready' if there else ''}"
        record = plain(entry) | {"sources": [str(source) for source in entry.sources], "ready": there}
        out.result(record, f"{line}  {entry.licence_url}")
    return 0


def backup(app: App, args: argparse.Namespace, out: Output) -> int:
    """Copy the database while it may be in use.

    :raises FamiliarError: the file exists, or can't be written
    """
    target: Path = args.file
    if target.exists():
        raise FamiliarError(f"{target} exists already; name a new file")
    partial = target.with_name(target.name + ".partial")
    try:
        with contextlib.closing(sqlite3.connect(partial)) as copy:
            app.store.copy_to(copy)
        partial.replace(target)
    except (sqlite3.Error, OSError) as exc:
        partial.unlink(missing_ok=True)
        raise FamiliarError(f"{target} can't be written: {exc}") from exc
    out.result({"file": str(target), "bytes": target.stat().st_size}, f"backup in {target}")
    return 0


def restore(app: App, args: argparse.Namespace, out: Output) -> int:
    """Put a backup in the place of the database; what it replaces is kept beside it.

    :raises FamiliarError: the backup is damaged, newer, or no database
    """
    source: Path = args.file
    if not source.is_file():
        raise FamiliarError(f"{source}: no such file; name a backup made by `familiar backup`")
    with tempfile.TemporaryDirectory(dir=app.home.parent) as folder:
        trial = Path(folder) / "trial.db"
        shutil.copyfile(source, trial)
        checked = Store(trial)
        users = len(checked.users())
        checked.close()
        database = app.home / "familiar.db"
        kept = None
        if database.exists():
            app.store.close()
            kept = app.home / f"familiar.replaced-{int(database.stat().st_mtime)}.db"
            database.replace(kept)
            for suffix in ("-wal", "-shm"):
                database.with_name(database.name + suffix).unlink(missing_ok=True)
        app.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.rmtree(app.home / "index", ignore_errors=True)  # derived from the database that goes
        trial.replace(database)
    out.result({"users": users, "replaced": str(kept) if kept else None}, f"restored {users} users; kept {kept or '-'}")
    return 0


def export(app: App, args: argparse.Namespace, out: Output) -> int:
    """Write a user's documents, conversations and feedback as files that can be read and imported again.

    :raises FamiliarError: the folder exists and is not empty
    """
    user = app.user(args.user)
    folder: Path = args.folder
    if folder.exists() and any(folder.iterdir()):
        raise FamiliarError(f"{folder} is not empty; name a new folder")
    (folder / "documents").mkdir(parents=True, exist_ok=True)
    documents = app.store.documents(user_id=user.id)
    for item in documents:
        name = re.sub(r"[^\w.-]+", "_", Path(item.source).name)[:80]
        text = app.store.document_text(item.id, user_id=user.id)
        (folder / "documents" / f"{item.id}-{name}.txt").write_text(text, encoding="utf-8")
    turns = turns_of(app.store, user_id=user.id)
    feedback = {item.turn_id: plain(item) for item in feedback_of(app.store, user_id=user.id)}
    with (folder / "conversations.jsonl").open("w", encoding="utf-8") as file:
        for turn in turns:
            rows = [(user.name, turn.user_text), ("Familiar", turn.reply)]
            for speaker, text in rows:
                row = {"id": f"{turn.id}-{speaker}", "speaker": speaker, "text": text, "at": turn.asked_at}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    everything = {
        "user": plain(user),
        "documents": [plain(item) for item in documents],
        "turns": [turn_object(turn) | {"question": turn.user_text} for turn in turns],
        "feedback": list(feedback.values()),
    }
    (folder / "familiar.json").write_text(json.dumps(everything, ensure_ascii=False, indent=1), encoding="utf-8")
    record = {"folder": str(folder), "documents": len(documents), "turns": len(turns)}
    out.result(record, f"{len(documents)} documents and {len(turns)} turns in {folder}")
    return 0
