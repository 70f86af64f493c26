"""Tunes and adapters from the terminal."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.app import App
from bot.commands.output import Output, plain
from bot.settings_file import apply
from memory.errors import UsageError
from memory.records import User


def tune(app: App, args: argparse.Namespace, out: Output) -> int:
    """Train an adapter if one is due, or now."""
    user = app.user(args.user)
    if args.search:
        return _search(app, user, args, out)
    if args.apply or args.budget_minutes:
        raise UsageError("--apply and --budget-minutes are about a search: `familiar tune --search`")
    if not args.now and not (found := app.due(user)).due:
        text = f"skipped: no tune is due: {found.reason}; `familiar tune --now` starts one all the same"
        out.result(_NOT_DUE | {"reason": f"no tune is due: {found.reason}"}, text)
        return 0
    with progress(out) as show:
        result = app.tune(user, started_by="hand" if args.now else "schedule", on_progress=show)
    record = {
        "adapter": result.adapter,
        "status": result.status,
        "examples": result.examples,
        "gate": [
            {"check": item.check, "value": item.value, "limit": item.limit, "passed": item.passed}
            for item in result.gate
        ],
        "reason": result.reason,
    }
    lines = [f"{result.status}: {result.adapter or '-'} ({result.examples} examples) {result.reason or ''}".rstrip()]
    lines += [f"  {'ok    ' if item.passed else 'FAILED'}  {item.sentence}" for item in result.gate]
    out.result(record, "\n".join(lines))
    return 1 if result.status == "rejected" else 0


@contextmanager
def progress(out: Output) -> Iterator[Callable[[str], None]]:
    """A bar that follows the steps on a terminal, a line each elsewhere."""
    if not sys.stderr.isatty():
        yield out.note
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(line: str) -> None:
            found = _STEP.search(line)
            done, total = (int(found[1]), int(found[2])) if found else (0, None)
            bar.update(task, description=line, completed=done, total=total)

        yield show


def _search(app: App, user: User, args: argparse.Namespace, out: Output) -> int:
    """What was tried, best first; with --apply the best becomes the home's setting."""
    minutes = args.budget_minutes or _SEARCH_MINUTES
    with progress(out) as show:
        tried = app.search_recipe(user, budget_minutes=minutes, on_progress=show)
    for item in tried:
        out.result(plain(item), item.line())
    best = tried[0]
    values = {"learning_rate": best.learning_rate, "rank": best.rank, "epochs": best.epochs}
    if args.apply:
        apply(app.home / "config.toml", "tuning", values)
        out.note(f"written into {app.home / 'config.toml'}")
    else:
        words = ", ".join(f"{key} = {value}" for key, value in values.items())
        out.note(f"suggested: [tuning] {words} (`--apply` writes it into {app.home / 'config.toml'})")
    return 0


_STEP = re.compile(r"step (\d+) of (\d+)")
_SEARCH_MINUTES = 60
_NOT_DUE: dict[str, object] = {
    "adapter": None,
    "status": "skipped",
    "examples": 0,
    "gate": [],
}


def adapters(app: App, args: argparse.Namespace, out: Output) -> int:
    """List, show, promote, roll back."""
    user = app.user(args.user)
    if args.plot and args.action != "show":
        raise UsageError("--plot FILE is about one adapter: `familiar adapters show ID --plot FILE`")
    if args.action in ("show", "promote") and not args.id:
        raise UsageError(f"familiar adapters {args.action} needs the id of an adapter; `familiar adapters` lists them")
    if args.action == "list":
        for item in app.registry.list(user_id=user.id):
            out.result(plain(item) | {"folder": str(item.folder)}, f"{item.id}  {item.status:9}  {item.reason or ''}")
        return 0
    if args.action == "rollback":
        now = app.registry.rollback(user_id=user.id)
        out.result({"adapter": now.id if now else None}, f"answers now: {now.id if now else 'the base model'}")
        return 0
    if args.action == "promote":
        app.registry.promote(args.id, user_id=user.id, base=app.base)
    shown = app.registry.show(args.id, user_id=user.id)
    if args.plot:
        from tuning.curves import draw, read_curves

        draw(read_curves(shown.folder.parent), args.plot, title=shown.id)
        out.note(f"losses and learning rate in {args.plot}")
    out.result(plain(shown) | {"folder": str(shown.folder)}, f"{shown.id}  {shown.status}\n{shown.gate_text()}")
    return 0
