"""Which commands are offered where: menus and /help follow from the table that decides who may (`authority`).

The order is that of the table. What is said of a command is the phrase ``tg_menu_NAME``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from bot.config import Settings
from bot.telegram.authority import COMMANDS, Option, Rule
from memory.records import Role

Scope = Literal["private", "groups", "guest", "owner"]
"""Private chats, groups, a guest's own chat, and the owner's."""
_ROLES: Mapping[Scope, Role] = {"private": "member", "groups": "member", "guest": "guest", "owner": "owner"}


def offered(scope: Scope, commands: Mapping[str, Rule] = COMMANDS, *, options: Collection[Option] = ()) -> list[str]:
    """The names of the commands that work in a scope, in order.

    :param options: what the settings enable
    """
    nowhere = "no" if scope == "groups" else "only"
    return [
        name
        for name, rule in commands.items()
        if rule.in_group != nowhere and _ROLES[scope] in rule.roles and (rule.option is None or rule.option in options)
    ]


def options_of(settings: Settings) -> tuple[Option, ...]:
    """What the settings enable."""
    enabled: dict[Option, bool] = {"logs": settings.logs.enabled, "taste": settings.taste.enabled}
    return tuple(option for option, on in enabled.items() if on)


def scope_of(role: Role, *, private: bool) -> Scope:
    """The scope of somebody's chat."""
    if not private:
        return "groups"
    return "owner" if role == "owner" else "guest" if role == "guest" else "private"
