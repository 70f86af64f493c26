"""Tunes and adapters from the terminal."""

from __future__ import annotations

import argparse

from bot.app import App
from bot.commands.output import Output, plain
from memory.errors import UsageError


def tune(app: App, args: argparse.Namespace, out: Output) -> int:
    """Train an adapter if one is due, or now."""
    user = app.user(args.user)
    if not args.now and not app.tune_due(user):
        out.result(_NOT_DUE, "skipped: no tune is due; `familiar tune --now` starts one all the same")
        return 0
    result = app.tune(user, started_by="hand" if args.now else "schedule", on_progress=out.note)
    record = {
        "adapter": result.adapter,
        "status": result.status,
        "examples": result.examples,
        "gate": [
            {"check": item.check, "value": item.value, "limit": item.limit, "passed": item.passed}
            for item in result.gate
        ],
        "reason": result.reason,
        "notes": list(result.notes),
    }
    lines = [f"{result.status}: {result.adapter or '-'} ({result.examples} examples) {result.reason or ''}".rstrip()]
    lines += [f"  {'ok    ' if item.passed else 'FAILED'}  {item.sentence}" for item in result.gate]
    lines += [f"  {note}" for note in result.notes]
    out.result(record, "\n".join(lines))
    return 1 if result.status == "rejected" else 0


_NOT_DUE: dict[str, object] = {
    "adapter": None,
    "status": "skipped",
    "examples": 0,
    "gate": [],
    "reason": "no tune is due",
    "notes": [],
}


def adapters(app: App, args: argparse.Namespace, out: Output) -> int:
    """List, show, promote, roll back."""
    user = app.user(args.user)
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
    out.result(plain(shown) | {"folder": str(shown.folder)}, f"{shown.id}  {shown.status}\n{shown.gate_text()}")
    return 0
