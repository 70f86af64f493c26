"""Every command once: where it works and for whom. Routes, menus and /help follow from this list.

The order is that of the menus. What a command does stands in `handlers`; what is said of it is the phrase
``tg_menu_NAME``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Scope = Literal["private", "groups", "owner"]
"""Private chats, groups, and the owner's own chat."""


@dataclass(frozen=True)
class CommandInfo:
    """What is the same of a command for routes, menus and help."""

    name: str
    in_groups: bool = False
    """What is about one person's files or preferences is refused there."""
    owner_only: bool = False


COMMANDS: tuple[CommandInfo, ...] = (
    CommandInfo("start", in_groups=True),
    CommandInfo("help", in_groups=True),
    CommandInfo("note", in_groups=True),
    CommandInfo("remember", in_groups=True),
    CommandInfo("search", in_groups=True),
    CommandInfo("import"),
    CommandInfo("summary", in_groups=True),
    CommandInfo("digest"),
    CommandInfo("why", in_groups=True),
    CommandInfo("forget", in_groups=True),
    CommandInfo("facts"),
    CommandInfo("correct", in_groups=True),
    CommandInfo("feedback"),
    CommandInfo("examples"),
    CommandInfo("tune"),
    CommandInfo("adapters"),
    CommandInfo("persona"),
    CommandInfo("settings"),
    CommandInfo("remind", in_groups=True),
    CommandInfo("reminders", in_groups=True),
    CommandInfo("timezone", in_groups=True),
    CommandInfo("export"),
    CommandInfo("stop", in_groups=True),
)


def offered(scope: Scope, commands: Sequence[CommandInfo] = COMMANDS) -> list[CommandInfo]:
    """The commands that work in a scope, in order."""
    if scope == "groups":
        return [item for item in commands if item.in_groups and not item.owner_only]
    return [item for item in commands if scope == "owner" or not item.owner_only]
