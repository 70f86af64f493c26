"""Looking after a home: its health and its models."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from bot import models
from bot.app import App
from bot.commands.output import Output, plain
from memory.reembedding import embedded, serving


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
    findings = list(findings_of(app))
    for item in findings:
        remedy = f" -> {item.remedy}" if item.remedy else ""
        out.result(plain(item), f"{'ok' if item.ok else 'NOT OK':7} {item.check}: {item.value}{remedy}")
    return 0 if all(item.ok for item in findings) else 1


def _reindex(app: App, out: Output) -> None:
    """Embed again what another embedder has embedded, and make the indexes anew; can be broken off and called again."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("embedding again", total=None)
        count = app.reembed(on_progress=lambda done, total: bar.update(task, completed=done, total=total))
    for user in app.store.users():
        app.indexes.drop(user.id)
        app.indexes.sync(user.id)
    out.note(f"{count} passages embedded again by {app.embedder.key}")


def findings_of(app: App) -> Iterator[Finding]:
    """What there is to say of a home, in order; reads the whole database file once."""
    free = shutil.disk_usage(app.home if app.home.exists() else app.home.parent).free // 2**20
    yield Finding("free disk space", free > 500, f"{free} MB", None if free > 500 else "make room: 500 MB are needed")
    broken = app.store.rows("PRAGMA quick_check")[0][0]
    yield Finding("database", broken == "ok", broken, None if broken == "ok" else "familiar restore BACKUP")
    if os.name == "posix":
        mode = app.home.stat().st_mode & 0o077
        yield Finding("home is private", mode == 0, oct(app.home.stat().st_mode)[-3:], "chmod 700" if mode else None)
    for name in (app.settings.model.name, app.settings.embedder.name):
        yield _model(name, app)
    yield _vectors(app)
    behind = app.store.rows(
        "SELECT count(*) FROM backups WHERE erased_to < (SELECT coalesce(max(id), 0) FROM erasures)"
    )[0][0]
    remedy = "put them back where they were made and run `familiar backup`, or delete them"
    yield Finding("backups", behind == 0, f"{behind} hold what was forgotten", remedy if behind else None)
    token = bool(app.settings.telegram.token)
    yield Finding("Telegram token", True, "set" if token else "not set", None if token else "ask @BotFather for one")


def _model(name: str, app: App) -> Finding:
    """Whether a model is there, or comes by itself: a machine that has not needed it yet has nothing wrong with it."""
    if models.is_ready(name, folder=app.model_folder):
        return Finding(f"model {name}", True, "ready")
    if app.settings.model.offline:
        remedy = f"set [model] offline to false once, or copy it into {app.model_folder}"
        return Finding(f"model {name}", False, "missing, and [model] offline is true", remedy)
    return Finding(f"model {name}", True, "not fetched yet", "it is fetched at first use")


def _vectors(app: App) -> Finding:
    """Whether the configured embedder has embedded everything, and what serves until then."""
    name = app.settings.embedder.name
    if not models.is_ready(name, folder=app.model_folder):
        count = app.store.rows("SELECT count(*) FROM chunks")[0][0]
        return Finding("vectors", count == 0, f"{name} is missing, so {count} passages can't be searched by meaning")
    wanted, key = embedded(app.store, app.embedder.key), serving(app.store, app.embedder.key)
    if key == wanted.embedder and not wanted.lacking:
        return Finding("vectors", True, f"all {wanted.passages} passages are embedded by {key}")
    value = f"{wanted.passages} of {wanted.passages + wanted.lacking} passages are embedded by {wanted.embedder}"
    if key != wanted.embedder:
        old = embedded(app.store, key)
        value += f" ({app.embedder.dimensions} dimensions); until all are, {key} ({old.dimensions}) serves searches"
    return Finding("vectors", False, value, "familiar doctor --reindex; `familiar run` does it beside the chat")


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
