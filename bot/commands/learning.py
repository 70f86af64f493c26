"""Tunes and adapters from the terminal."""

from __future__ import annotations

import argparse

from bot.app import App
from bot.commands.output import Output, plain
from memory.errors import UsageError


def tune(app: App, args: argparse.Namespace, out: Output) -> int:
    """Train an adapter if one is due, or now."""
    user = app.user(args.user)
    if not args.now and not (found := app.due(user)).due:
        text = f"skipped: no tune is due: {found.reason}; `familiar tune --now` starts one all the same"
        out.result(_NOT_DUE | {"reason": f"no tune is due: {found.reason}"}, text)
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
    }
    lines = [f"{result.status}: {result.adapter or '-'} ({result.examples} examples) {result.reason or ''}".rstrip()]
    lines += [f"  {'ok    ' if item.passed else 'FAILED'}  {item.sentence}" for item in result.gate]
    out.result(record, "\n".join(lines))
    return 1 if result.status == "rejected" else 0


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
