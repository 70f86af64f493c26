"""Looking after a home: its health and its models."""

from __future__ import annotations

import argparse
import sys

from bot import models
from bot.app import App
from bot.commands.output import Output, plain
from bot.doctor.examine import examine


def doctor(app: App, args: argparse.Namespace, out: Output) -> int:
    """Look at everything that can be wrong; status 1 where something is."""
    if args.reindex:
        _reindex(app, out)
    findings = examine(app, online=not args.offline)
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
