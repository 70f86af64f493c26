"""Which commands are offered where: menus and /help follow from the table that decides who may (`authority`).

The order is that of the table. What is said of a command is the phrase ``tg_menu_NAME``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from bot.config import Settings
from bot.telegram.authority import COMMANDS, Rule
from memory.records import Role

Scope = Literal["private", "groups", "guest", "owner"]
"""Private chats, groups, a guest's own chat, and the owner's."""
_ROLES: Mapping[Scope, Role] = {"private": "member", "groups": "member", "guest": "guest", "owner": "owner"}


def switched_on(settings: Settings) -> frozenset[str]:
    """The switches of rules that are on."""
    return frozenset({"taste"} if settings.taste.enabled else ())


def offered(scope: Scope, commands: Mapping[str, Rule] = COMMANDS, *, on: Collection[str] = ()) -> list[str]:
    """The names of the commands that work in a scope, in order.

    :param on: switches that are on; what needs another one is not offered
    """
    nowhere = "no" if scope == "groups" else "only"
    there = {name: rule for name, rule in commands.items() if not rule.switch or rule.switch in on}
    return [name for name, rule in there.items() if rule.in_group != nowhere and _ROLES[scope] in rule.roles]


def scope_of(role: Role, *, private: bool) -> Scope:
    """The scope of somebody's chat."""
    if not private:
        return "groups"
    return "owner" if role == "owner" else "guest" if role == "guest" else "private"
