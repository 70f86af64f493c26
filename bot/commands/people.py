"""Who may talk to the Telegram bot, from the terminal: listed, invited, sent away."""

from __future__ import annotations

import argparse

from bot.app import App
from bot.commands.output import Output
from bot.invitations import BOT_NAME, MOST_DAYS, MOST_USES, Terms, came_by, invite, link
from bot.people import named, remove
from bot.people import people as everyone
from memory.errors import UsageError
from memory.records import User


def people(app: App, args: argparse.Namespace, out: Output) -> int:
    """`familiar people [list | invite | remove NAME]`.

    :raises UsageError: `remove` without a name, or without whether what is theirs is kept or erased
    """
    app.user(args.user)  # a new home gets its owner first
    if args.action == "invite":
        return _invite(app, args, out)
    if args.action == "remove":
        return _remove(app, args, out)
    found = everyone(app.store)
    for user in found:
        out.result(_record(app, user), f"{user.role:>8}  {user.name}  (account {user.telegram_id})")
    if not found:
        out.note("nobody has come yet; `familiar people invite` makes a link that lets somebody in")
    return 0


def _invite(app: App, args: argparse.Namespace, out: Output) -> int:
    if args.days > MOST_DAYS or args.uses > MOST_USES:
        raise UsageError(f"--days {args.days} --uses {args.uses}: at most {MOST_DAYS} days and {MOST_USES} uses")
    made, code = invite(app.store, Terms("guest" if args.guest else "member", args.days, args.uses), now=app.now())
    bot = app.store.state(BOT_NAME)
    address = link(code, bot=bot) if bot else None
    record = {"id": made.id, "role": made.role, "uses": made.uses_left, "expires": made.expires_at}
    text = address or f"/start {code}  (send this to the bot; once it has run, a link is shown here)"
    out.result({**record, "code": code, "link": address}, text)
    return 0


def _remove(app: App, args: argparse.Namespace, out: Output) -> int:
    if args.name is None or not (args.erase or args.keep):
        raise UsageError("familiar people remove: write a NAME that `familiar people` lists, and --keep or --erase")
    found = named(app.store, args.name)
    erase = (lambda user: app.forget(user_id=user.id, everything=True)) if args.erase else None
    remove(app.store, found.id, erase=erase)
    text = f"{found.name} is removed; what was theirs is {'erased' if args.erase else 'kept'}"
    out.result({"user": found.id, "name": found.name, "erased": bool(args.erase)}, text)
    return 0


def _record(app: App, user: User) -> dict[str, object]:
    return {
        "user": user.id,
        "name": user.name,
        "role": user.role,
        "account": user.telegram_id,
        "invitation": came_by(app.store, user.id),
    }
