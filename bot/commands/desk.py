"""The customer desk from the terminal: past conversations in, templates approved, a message tried, cases, figures."""

from __future__ import annotations

import argparse
from pathlib import Path

from bot.app import App
from bot.commands.output import Output, plain
from bot.desk.desk import Desk, open_desk
from bot.desk.figures import approve_entry, figures, figures_text, since_days, unanswered
from memory.desk import TemplateState, case_by_id, open_cases, set_template, templates_of
from memory.errors import FamiliarError, UsageError
from memory.records import User
from memory.turns import open_conversation, turn_by_id

CHANNEL = "desk"


def desk(app: App, args: argparse.Namespace, out: Output) -> int:
    """`familiar desk import | templates | ask | cases | figures`.

    :raises UsageError: the desk is not switched on, or something needed is missing
    """
    app.user(None)  # a new home gets its owner first
    made = open_desk(app)
    return {
        "import": _import,
        "templates": _templates,
        "ask": _ask,
        "cases": _cases,
        "figures": _figures,
    }[args.action](app, made, args, out)


def _import(app: App, made: Desk, args: argparse.Namespace, out: Output) -> int:
    del app
    for path in args.values or _missing("import", "FILE"):
        done = made.learn(Path(path), agents=args.agent)
        text = (
            f"{path}: {done.pairs} questions with a reply ({done.new} new, {done.merged} duplicates merged),"
            f" {done.intents} intents, {done.templates} templates proposed"
        )
        out.result({"file": path, **plain(done)}, text)
        for reason, count in done.left_out:
            out.note(f"{count} left out: {reason}")
        if done.templates:
            out.note("`familiar desk templates` shows them; none is sent before it is approved")
    return 0


def _templates(app: App, made: Desk, args: argparse.Namespace, out: Output) -> int:
    if not args.values:
        for item in templates_of(app.store, user_id=made.user.id):
            if item.state != "dropped":
                out.result(plain(item), f"{item.id:>4}  {item.state:8}  {item.intent}  {item.language}  {item.text}")
        return 0
    verb, *ids = args.values
    if verb not in ("approve", "drop", "from") or not ids:
        raise UsageError(
            "familiar desk templates: write `approve ID ...`, `approve all`, `drop ID`, or `from CASE INTENT`"
        )
    if verb == "from":
        return _from_case(app, made, ids, out)
    proposed = [item.id for item in templates_of(app.store, user_id=made.user.id, state="proposed")]
    for id_ in proposed if ids == ["all"] else [_number(item) for item in ids]:
        state: TemplateState = "approved" if verb == "approve" else "dropped"
        set_template(app.store, id_, state, user_id=made.user.id)
        out.result({"template": id_, "state": state}, f"template {id_} is {state}")
    return 0


def _from_case(app: App, made: Desk, values: list[str], out: Output) -> int:
    if len(values) != 2:
        raise UsageError("familiar desk templates from: write the case's number and the intent")
    template = approve_entry(app.store, made.knowledge, _number(values[0]), intent=values[1])
    out.result({"template": template, "intent": values[1]}, f"template {template} answers {values[1]}")
    return 0


def _ask(app: App, made: Desk, args: argparse.Namespace, out: Output) -> int:
    """Answer a message as a customer's; the same name is the same customer again."""
    text = " ".join(args.values or _missing("ask", "TEXT"))
    customer = customer_named(app, args.customer or _missing("ask", "--as CUSTOMER"))
    conversation = open_conversation(app.store, user_id=customer.id, channel=CHANNEL, chat_id=customer.id)
    turn = made.turn(text, user=customer, conversation_id=conversation)
    cases = open_cases(app.store, user_id=customer.id)
    record = {
        "turn": turn.id,
        "reply": turn.reply,
        "by": turn.model if turn.engine == "desk" else "retrieval",
        "case": cases[-1].id if cases else None,
        "reason": cases[-1].reason if cases else None,
        "sources": [plain(item) for item in turn.citations],
    }
    sources = "".join(f"\n[{item.n}] {item.title}" for item in turn.citations)
    case = f"\n(case {cases[-1].id}: {cases[-1].reason})" if cases else ""
    out.result(record, f"{turn.reply}{sources}{case}")
    return 0


def customer_named(app: App, name: str) -> User:
    """The customer of that name, made where there is none.

    :raises UsageError: it is the name of somebody who is no customer
    """
    user = app.store.user(name) or app.store.add_user(name, role="guest")
    if user.role != "guest":
        raise UsageError(f"--as {name}: that is a {user.role} of this home, and no customer; choose another name")
    return user


def _cases(app: App, made: Desk, args: argparse.Namespace, out: Output) -> int:
    """List what waits for a person; with a number and a text, answer it."""
    if args.values:
        return _answer(app, made, args, out)
    for case in open_cases(app.store):
        turn = turn_by_id(app.store, case.turn_id, user_id=case.user_id)
        name = app.store.user_by_id(case.user_id).name
        suggested = f"\n      suggested: {case.suggestion}" if case.suggestion else ""
        text = f"{case.id:>4}  {name} ({case.reason}): {turn.user_text}{suggested}"
        out.result({**plain(case), "customer": name, "question": turn.user_text}, text)
    return 0


def _answer(app: App, made: Desk, args: argparse.Namespace, out: Output) -> int:
    case = case_by_id(app.store, _number(args.values[0]))
    if app.store.user_by_id(case.user_id).telegram_id is not None:
        raise UsageError(
            f"case {case.id} came from Telegram; answer it there, in the agents' group ([desk] agents_chat)"
        )
    text = " ".join(args.values[1:]) or case.suggestion
    if not text:
        raise UsageError(f"familiar desk cases {case.id}: write the answer; there is no suggestion to send")
    if not made.answer(case, text):
        raise FamiliarError(f"case {case.id} is answered already")
    out.result({"case": case.id, "answer": text}, f"case {case.id} is answered")
    return 0


def _figures(app: App, made: Desk, args: argparse.Namespace, out: Output) -> int:
    since = since_days(app.now(), args.days)
    found = figures(app.store, since=since)
    open_ = unanswered(app.store, made.knowledge, since=since)
    language = app.user(None).profile.language
    record = {**plain(found), "days": args.days, "unanswered": [plain(item) for item in open_]}
    out.result(record, figures_text(found, open_, days=args.days, language=language))
    return 0


def _number(text: str) -> int:
    if not text.isdecimal():
        raise UsageError(f"{text!r} is no number of a template or case")
    return int(text)


def _missing(action: str, what: str) -> str:
    raise UsageError(f"familiar desk {action}: write {what}")
