"""What tunes learn from, for its owner to look through: list, show, approve, strike out, report."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from bot.app import App
from bot.commands.output import Output, plain
from bot.commands.wrong_use import refuse_id
from memory.errors import UsageError
from tuning.choices import Choice
from tuning.dataset import Example
from tuning.preparing import Prepared, decide, find

_SHOWN_CHARACTERS = 70


def examples(app: App, args: argparse.Namespace, out: Output) -> int:
    """`familiar examples [list | show ID | approve ID | strike ID | report]`."""
    if args.action in ("list", "report"):
        refuse_id(args, command="examples")
    elif not args.id:
        raise UsageError(f"familiar examples {args.action} needs an id; `familiar examples` lists them")
    user = app.user(args.user)
    prepared = app.tunes.examples(user)
    if args.action == "report":
        out.result(prepared.report.record(), "\n".join(prepared.report.lines()))
    elif args.action == "list":
        for example, state in states(prepared):
            out.result(_record(example, state), line_of(example, state))
        if not prepared.report.found:
            out.note("no examples yet: rate replies, correct them, or import a dialogue with --learn-from NAME")
    elif args.action == "show":
        example = find(args.id, examples=[item for item, _ in states(prepared)])
        state = {item.id: state for item, state in states(prepared)}[example.id]
        messages = "\n".join(f"{message.role}: {message.content}" for message in example.prompt)
        shown = f"{line_of(example, state)}\n\n{messages}\n\nto learn: {example.reply}"
        out.result(_record(example, state) | {"prompt": plain(example)["prompt"]}, shown)
    else:
        known = [item for item, _ in states(prepared)]
        choice: Choice = "approved" if args.action == "approve" else "struck"
        example = decide(app.store, args.id, choice, examples=known, user_id=user.id)
        (now,) = [state for item, state in states(app.tunes.examples(user)) if item.id == example.id]
        out.result(_record(example, now), line_of(example, now))
    return 0


def states(prepared: Prepared) -> Iterator[tuple[Example, str]]:
    """Every example, newest first, with "approved", "to learn", or why it is left out."""
    found = [(item, "approved" if item.id in prepared.choices.approved else "to learn") for item in prepared.examples]
    found += [
        (item.example, f"{item.reason} ({item.detail})" if item.detail else item.reason) for item in prepared.left_out
    ]
    yield from sorted(found, key=lambda row: (row[0].at or "", row[0].id), reverse=True)


def line_of(example: Example, state: str) -> str:
    """One line of the list."""
    return f"{example.id:18}  {(example.at or '')[:10]:10}  {example.source:9}  {state:24}  {short(example.reply)}"


def short(reply: str) -> str:
    """The beginning of a reply on one line."""
    line = " ".join(reply.split())
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]}…"


def _record(example: Example, state: str) -> dict[str, object]:
    return {
        "id": example.id,
        "at": example.at,
        "source": example.source,
        "weight": example.weight,
        "state": state,
        "asked": example.prompt[-1].content,
        "reply": example.reply,
    }
