"""Tunes and adapters from the terminal."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bot.app import App
from bot.commands.output import Output, plain
from bot.commands.wrong_use import refuse
from bot.learned import Shown, answering
from bot.locales import say
from bot.settings_file import apply
from bot.side_by_side import Asked, Means, Pair, compare, held_out, means
from bot.tunes import NOT_USED
from memory.errors import UsageError
from memory.records import User

if TYPE_CHECKING:
    from tuning.tune import TuneResult


def tune(app: App, args: argparse.Namespace, out: Output) -> int:
    """Train an adapter if one is due, or now."""
    user = app.user(args.user)
    if args.search:
        refuse(args, "now", about="a tune, and a search begins at once")
        return _search(app, user, args, out)
    refuse(args, "apply", "budget_minutes", about="a search: `familiar tune --search`")
    if args.export is not None:
        refuse(args, "now", about="a tune here, and --export writes one for another machine")
        return _export(app, user, args, out)
    if not args.now and not (found := app.tunes.due(user)).due:
        text = f"skipped: no tune is due: {found.reason}; `familiar tune --now` starts one all the same"
        out.result(_skipped(f"no tune is due: {found.reason}"), text)
        return 0
    if not args.now and app.settings.tuning.ask_before:
        reason = "a tune is due, and [tuning] ask_before is set: read `familiar examples report`, then `tune --now`"
        out.result(_skipped(reason), f"skipped: {reason}")
        return 0
    if not app.answering.uses_adapters:
        out.note(f"what is learned will not answer for now: {NOT_USED}")
    with progress(out) as show:
        result = app.tunes.tune(user, started_by="hand" if args.now else "schedule", on_progress=show)
    return _tuned(result, out)


def _export(app: App, user: User, args: argparse.Namespace, out: Output) -> int:
    done = app.tunes.export(user, args.export, on_progress=out.note)
    out.note(
        f"{done.file} holds what {user.name} wrote, and `familiar forget` can't reach it: delete it when it is done"
    )
    text = (
        f"{done.examples} examples in {done.file}; on the other machine: familiar train-remote {done.file} --out FILE"
    )
    out.result({"file": str(done.file), "sha256": done.sha256, "examples": done.examples}, text)
    return 0


def train_remote(app: App, args: argparse.Namespace, out: Output) -> int:
    """Train the adapter of a file that `familiar tune --export` wrote on another machine; needs no home.

    :raises FamiliarError: the file was changed, another base is here, or training failed
    """
    from tuning.remote import train_remote as train

    with progress(out) as show:
        train(app.base, args.file, args.out, on_progress=show, accelerate=app.settings.tuning.accelerate)
    out.result({"file": str(args.out)}, f"adapter in {args.out}; at home: familiar adapters import {args.out}")
    return 0


def _tuned(result: TuneResult, out: Output) -> int:
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


def _skipped(reason: str) -> dict[str, object]:
    return {"adapter": None, "status": "skipped", "examples": 0, "gate": [], "reason": reason, "notes": []}


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
    """What was tried, best first; with --apply the best becomes the setting."""
    minutes = args.budget_minutes or _SEARCH_MINUTES
    with progress(out) as show:
        tried = app.tunes.search(user, budget_minutes=minutes, on_progress=show)
    for item in tried:
        out.result(plain(item), item.line())
    best = tried[0]
    values = {"learning_rate": best.learning_rate, "rank": best.rank, "epochs": best.epochs}
    file = args.config or app.home / "config.toml"
    if args.apply:
        apply(file, "tuning", values)
        out.note(f"written into {file}")
    else:
        words = ", ".join(f"{key} = {value}" for key, value in values.items())
        out.note(f"suggested: [tuning] {words} (`--apply` writes it into {file})")
    return 0


_STEP = re.compile(r"step (\d+) of (\d+)")
_SEARCH_MINUTES = 60
_PROMPTS = 4
"""Newest examples that two adapters are compared on."""
BASE = "base"
"""Stands for the base model where an adapter is named."""


def adapters(app: App, args: argparse.Namespace, out: Output) -> int:
    """List, show, promote, roll back, compare, import."""
    _check_use(args)
    user = app.user(args.user)
    if args.action == "list":
        for item in app.learned.adapters(user):
            out.result(_record(item), item.line(language=user.profile.language))
        return 0
    if args.action == "rollback":
        now = app.registry.rollback(user_id=user.id)
        name = answering(now.id if now else None, language=user.profile.language)
        out.result({"adapter": now.id if now else None}, say(user.profile.language, "tg_answers_now", now=name))
        return 0
    if args.action == "compare":
        return _compare(app, args, user, out)
    if args.action == "import":
        with progress(out) as show:
            return _tuned(app.tunes.import_(user, Path(args.id), on_progress=show), out)
    if args.action == "promote":
        app.registry.promote(args.id, user_id=user.id, base=app.base)
    shown = app.learned.show(args.id, user)
    if args.plot:
        from tuning.curves import draw, read_curves

        draw(read_curves(shown.adapter.folder.parent), args.plot, title=shown.adapter.id)
        out.note(f"losses and learning rate in {args.plot}")
    out.result(_record(shown), f"{shown.line(language=user.profile.language)}\n{shown.adapter.gate_text()}")
    return 0


def _check_use(args: argparse.Namespace) -> None:
    """What is given must be of use to the action: silently it would be left out."""
    action = args.action
    if action != "show":
        refuse(args, "plot", about="one adapter: `familiar adapters show ID --plot FILE`")
    if action != "compare":
        refuse(args, "prompts", "text", about="a comparison: `familiar adapters compare A B`")
    takes = {"list": 0, "rollback": 0, "compare": 2}.get(action, 1)
    given = [name for name in (args.id, args.other) if name]
    if len(given) > takes:
        raise UsageError(f"familiar adapters {action} takes {takes or 'no'} ID, but got {' '.join(given)}")
    if len(given) < takes and action == "compare":
        raise UsageError(f'familiar adapters compare needs two adapters; "{BASE}" stands for the base model')
    if len(given) < takes:
        raise UsageError(f"familiar adapters {action} needs the id of an adapter; `familiar adapters` lists them")


def _record(shown: Shown) -> dict[str, object]:
    """An adapter as scripts read it."""
    adapter = shown.adapter
    votes = {"votes": plain(shown.votes.adapter), "base_votes": plain(shown.votes.base)}
    return plain(adapter) | {"folder": str(adapter.folder)} | votes


def _compare(app: App, args: argparse.Namespace, user: User, out: Output) -> int:
    named = [name for name in (args.id, args.other) if name != BASE]
    a, b = (None if name == BASE else app.adapter_files(name, user_id=user.id) for name in (args.id, args.other))
    if args.text is not None:
        asked = [Asked(app.plain_prompt(args.text, user))]
    else:
        known = [app.registry.show(name, user_id=user.id) for name in named]
        asked = held_out(app.tunes.examples(user).examples, known, most=args.prompts or _PROMPTS)
    pairs = []
    for pair in compare(app.engine, asked, a=a, b=b, max_tokens=app.settings.model.max_reply_tokens):
        pairs.append(pair)
        out.result(*_pair_result(pair, args.id, args.other))
    total = means(pairs)
    if total.a is not None and total.b is not None:
        text = (
            f"mean log-likelihood per token of {total.prompts} true replies ({total.tokens} tokens):"
            f" {args.id} {total.a:.3f}, {args.other} {total.b:.3f}"
        )
        out.result({"a": args.id, "b": args.other, **_means(total)}, text)
    elif args.text is None:
        out.note("this engine does not say how likely a text is, so the true replies are not compared")
    return 0


def _means(total: Means) -> dict[str, object]:
    figures = {"a": total.a, "b": total.b}
    return {"prompts": total.prompts, "tokens": total.tokens, "log_likelihood_per_token": figures}


def _pair_result(pair: Pair, a: str, b: str) -> tuple[dict[str, object], str]:
    """Both answers as an object and as a text."""
    asked, question = pair.asked, pair.asked.messages[-1].content
    sides: dict[str, object] = {
        key: {
            "adapter": name,
            "reply": side.reply,
            "log_likelihood_per_token": side.likelihood.per_token if side.likelihood else None,
        }
        for key, name, side in (("a", a, pair.a), ("b", b, pair.b))
    }
    lines = [f"> {question}", f"{a}: {pair.a.reply}", f"{b}: {pair.b.reply}"]
    if asked.true is not None:
        lines.append(f"true: {asked.true}")
    record = {"example": asked.example, "prompt": question, "true": asked.true, **sides}
    return record, "\n".join([*lines, ""])
