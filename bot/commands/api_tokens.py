"""`familiar serve token`: the tokens by which further people use the API, made, listed and revoked."""

from __future__ import annotations

import argparse

from bot.api.tokens import add_token, person_named, revoke_token, tokens
from bot.app import App
from bot.commands.output import Output
from memory.errors import UsageError


def token(app: App, args: argparse.Namespace, out: Output) -> int:
    """`familiar serve token [list | add NAME | revoke ID]`.

    :raises UsageError: a name or number is missing, is none, or is too much
    """
    app.user(args.user)  # a new home gets its owner first
    if args.action == "add":
        return _add(app, _given(args, "a NAME that `familiar people` lists, or the owner's"), out)
    if args.action == "revoke":
        return _revoke(app, _given(args, "the ID that `familiar serve token list` shows"), out)
    if args.name is not None:
        raise UsageError(f"familiar serve token list takes no NAME, but got {args.name}")
    found = tokens(app.store)
    for item in found:
        record = {"token": item.id, "user": item.user_id, "name": item.name, "role": item.role}
        out.result({**record, "created_at": item.created_at}, f"{item.id:>4}  {item.name} ({item.role})")
    if not found:
        out.note("there are no tokens but that of `familiar serve` itself; `familiar serve token add NAME` makes one")
    return 0


def _given(args: argparse.Namespace, wanted: str) -> str:
    if args.name is None:
        raise UsageError(f"familiar serve token {args.action}: write {wanted}")
    return str(args.name)


def _add(app: App, name: str, out: Output) -> int:
    made, text = add_token(app.store, person_named(app.store, name))
    out.note(f"token {made.id} of {made.name}; it is shown this once:")
    out.result({"token": made.id, "user": made.user_id, "name": made.name, "text": text}, text)
    return 0


def _revoke(app: App, given: str, out: Output) -> int:
    if not (given.isascii() and given.isdecimal() and len(given) < 19):
        raise UsageError(f"familiar serve token revoke {given}: write the ID that `familiar serve token list` shows")
    gone = revoke_token(app.store, int(given))
    out.result(
        {"token": gone.id, "user": gone.user_id, "name": gone.name}, f"token {gone.id} of {gone.name} is revoked"
    )
    return 0
