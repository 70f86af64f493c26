"""Reminders from the terminal: made from a sentence, listed, cancelled. A running bot delivers them."""

from __future__ import annotations

import argparse
import secrets

from bot.app import App
from bot.commands.output import Output
from bot.commands.wrong_use import refuse_id
from bot.locales import say
from bot.reminders.parsing import Missing, parse_reminder
from bot.reminders.telling import kept_words, reminder_from, when_words
from bot.reminders.zones import named_zone, zone_of
from memory.errors import FamiliarError, UsageError
from memory.records import User
from memory.reminders import Destination, Reminder, add_reminder, cancel_reminder, reminders_of


def remind(app: App, args: argparse.Namespace, out: Output) -> int:
    """`familiar remind TEXT`.

    :raises FamiliarError: the text names no time that is still to come
    """
    user = app.user(args.user)
    zone = zone_of(user.profile)
    wish = parse_reminder(args.text, now=app.now(), zone=zone, asked=True)
    if wish is None or isinstance(wish, Missing):
        over = wish is not None and wish.what == "future"
        why = "names a time that is over" if over else "names no time that can be read"
        raise FamiliarError(f'{args.text!r} {why}; write it as in "call Mum on Friday at 9"')
    new = reminder_from(wish, key=f"terminal:{secrets.token_hex(8)}", zone=zone, to=destination_of(user))
    kept = add_reminder(app.store, new, user_id=user.id)
    out.result(_record(kept), kept_words(kept, now=app.now(), language=user.profile.language))
    return 0


def reminders(app: App, args: argparse.Namespace, out: Output) -> int:
    """`familiar reminders [list | cancel ID]`."""
    user = app.user(args.user)
    language = user.profile.language
    if args.action == "cancel":
        if args.id is None or not args.id.isdecimal():
            raise UsageError(f"familiar reminders cancel {args.id or ''}: write the id that `familiar reminders` lists")
        done = cancel_reminder(app.store, int(args.id), user_id=user.id)
        out.result(_record(done), say(language, "reminder_cancelled", id=done.id))
        return 0
    refuse_id(args, command="reminders")
    found = reminders_of(app.store, user_id=user.id)
    for item in found:
        when = when_words(item, now=app.now(), language=language)
        out.result(_record(item), f"{item.id:>5}  {when}  {item.text}".rstrip())
    if not found:
        out.note(say(language, "reminder_none"))
    return 0


def destination_of(user: User) -> Destination:
    """The user's own chat with the bot, where there is one."""
    if user.telegram_id is None:
        return Destination("terminal")
    return Destination("telegram", user.telegram_id)


def _record(item: Reminder) -> dict[str, object]:
    there = item.due.astimezone(named_zone(item.zone))
    return {
        "id": item.id,
        "text": item.text,
        "due": there.isoformat(),
        "zone": item.zone,
        "rule": item.rule,
        "channel": item.to.channel,
        "chat_id": item.to.chat_id,
        "thread_id": item.to.thread_id,
        "ended": item.ended_at,
    }
