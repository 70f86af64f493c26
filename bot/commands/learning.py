"""Tunes and adapters from the terminal."""

from __future__ import annotations

import argparse

from bot.app import App
from bot.commands.output import Output, plain
from bot.learned import Shown, answering
from bot.locales import say
from bot.side_by_side import Asked, Means, Pair, compare, held_out, means
from memory.errors import UsageError
from memory.records import User


def tune(app: App, args: argparse.Namespace, out: Output) -> int:
    """Train an adapter if one is due, or now."""
    user = app.user(args.user)
    if not args.now and not app.tune_due(user):
        out.result(_skipped("no tune is due"), "skipped: no tune is due; `familiar tune --now` starts one all the same")
        return 0
    if not args.now and app.settings.tuning.ask_before:
        reason = "a tune is due, and [tuning] ask_before is set: read `familiar examples report`, then `tune --now`"
        out.result(_skipped(reason), f"skipped: {reason}")
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


def _skipped(reason: str) -> dict[str, object]:
    return {"adapter": None, "status": "skipped", "examples": 0, "gate": [], "reason": reason}


BASE = "base"
"""Stands for the base model where an adapter is named."""


def adapters(app: App, args: argparse.Namespace, out: Output) -> int:
    """List, show, promote, roll back, compare."""
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
    if not args.id:
        raise UsageError(f"familiar adapters {args.action} needs the id of an adapter; `familiar adapters` lists them")
    if args.action == "compare":
        return _compare(app, args, user, out)
    if args.action == "promote":
        app.registry.promote(args.id, user_id=user.id, base=app.base)
    shown = app.learned.show(args.id, user)
    out.result(_record(shown), f"{shown.line(language=user.profile.language)}\n{shown.adapter.gate_text()}")
    return 0


def _record(shown: Shown) -> dict[str, object]:
    """An adapter as scripts read it."""
    adapter = shown.adapter
    votes = {"votes": plain(shown.votes.adapter), "base_votes": plain(shown.votes.base)}
    return plain(adapter) | {"folder": str(adapter.folder)} | votes


def _compare(app: App, args: argparse.Namespace, user: User, out: Output) -> int:
    if not args.other:
        raise UsageError(f'familiar adapters compare needs two adapters; "{BASE}" stands for the base model')
    named = [name for name in (args.id, args.other) if name != BASE]
    a, b = (None if name == BASE else app.adapter_files(name, user_id=user.id) for name in (args.id, args.other))
    if args.text is not None:
        asked = [Asked(app.plain_prompt(args.text, user))]
    else:
        known = [app.registry.show(name, user_id=user.id) for name in named]
        asked = held_out(app.examples(user).examples, known, most=args.prompts)
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
