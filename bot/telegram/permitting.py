"""Whether a visit may go on: the rule table is asked first, then what its person has used up."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from telegram.error import TelegramError

from bot.telegram.authority import ASKING, CASE, COMMANDS, FILE, OTHER, PRESSES, Option, Rule, Verdict, judge
from bot.telegram.command_list import options_of
from bot.telegram.customers import answers_case
from bot.telegram.desk import Visit
from bot.telegram.downloads import recording_of
from bot.telegram.group_rules import wrote_turn
from bot.telegram.limiting import is_over
from bot.telegram.logging_health import rest_of
from bot.telegram.storing import kept_of
from bot.telegram.talking import replied_turn
from bot.telegram.wording import Command, is_stop, pressed
from bot.threads import in_thread

_REFUSALS: dict[Verdict, str] = {
    "private only": "tg_private_only",
    "group only": "tg_group_only",
    "admins only": "tg_admins_only",
    "owner only": "tg_owner_only",
    "not for guests": "tg_not_for_guests",
}
_TELLING = ("storing", "timezone")
"""Alone these tell what holds, which everybody in a group may know."""


async def permitted(visit: Visit) -> bool:
    """Whether the person may have what the visit asks for, and has it left; they are told where not."""
    rule = rule_of(visit)
    verdict = judge(
        rule,
        visit.person.role,
        private=visit.place.private,
        admin=await _is_admin(visit, rule),
        author=await _is_author(visit, rule),
    )
    if verdict == "yes" and rule.keeps and kept_of(visit) == "nothing":
        await _refuse(visit, visit.phrase("tg_storing_off"))
        return False
    if verdict == "yes":
        return rule.uses is None or not await is_over(
            visit.desk, visit.person, visit.place, work=rule.uses, without=visit.update_ids
        )
    await _refuse(visit, visit.phrase(_REFUSALS[verdict]))
    return False


async def _refuse(visit: Visit, text: str) -> None:
    if visit.query is None:
        await visit.tell(text)
        return
    with contextlib.suppress(TelegramError):  # too old to be answered; nothing is done either way
        await visit.query.answer(text)


def rule_of(visit: Visit) -> Rule:
    """The row of the table that a visit falls under."""
    if visit.query is not None:
        return PRESSES.get(pressed(visit.query.data or "")[0], OTHER)
    if answers_case(visit):
        return CASE
    if is_stop(visit.message.text or ""):
        return COMMANDS["stop"]
    if visit.command is not None:
        return _of_command(visit.command, options_of(visit.services.settings), private=visit.place.private)
    if visit.message.document is not None and recording_of(visit.message) is None:
        return FILE
    if visit.message.forward_origin is not None and visit.message.text:
        return OTHER  # it is only offered to be kept
    if not (visit.message.text or visit.message.photo or recording_of(visit.message)):
        return OTHER
    if visit.logged is not None and not rest_of(visit):
        return COMMANDS["log"]
    return COMMANDS["remind"] if visit.wish is not None else ASKING


def _of_command(command: Command, options: Collection[Option], *, private: bool) -> Rule:
    rule = COMMANDS.get(command.name, OTHER)
    if rule.option is not None and rule.option not in options:
        return OTHER
    if command.name in _TELLING and not (command.argument or private):
        return Rule(COMMANDS[command.name].roles)
    return rule


def decided_by_admins(command: Command | None, data: str | None) -> bool:
    """Whether a command, or a button's data, is one that a group's admins have a say in, known to the bot or not."""
    rule = PRESSES.get(pressed(data)[0]) if data is not None else COMMANDS.get(command.name) if command else None
    return rule is not None and rule.in_group in ("admins", "author", "only")


async def _is_admin(visit: Visit, rule: Rule) -> bool:
    if visit.place.private or rule.in_group not in ("admins", "author", "only"):
        return False
    return await visit.desk.admins.wrote(visit.message, visit.telegram_id)


async def _is_author(visit: Visit, rule: Rule) -> bool:
    if visit.place.private or rule.in_group != "author":
        return False
    turn_id = _turn_to_forget(visit)
    if turn_id is None:
        return False
    return await in_thread(lambda: wrote_turn(visit.services.store, turn_id, person_id=visit.person.id))


def _turn_to_forget(visit: Visit) -> int | None:
    """The turn that /forget, or the button that confirms it, is about."""
    if visit.query is None:
        asked = visit.command.argument if visit.command is not None else ""
        return None if asked else replied_turn(visit)
    _, values = pressed(visit.query.data or "")
    return int(values[1]) if len(values) == 2 and values[0] == "turn" and values[1].isdecimal() else None
