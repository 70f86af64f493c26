"""Who may do what: one table of everything that a message or a button can ask for, looked at before any handler.

Telegram lets a client press buttons that it was never shown, so a button has its row as a command has. What has no row
here is a question to the assistant, or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bot.limits import Work
from memory.records import Role

InGroup = Literal["all", "admins", "author", "no", "only"]
"""all: owner and members; admins: the group's; author: they, or who wrote the turn; no: in private only; only: nowhere
else than in groups, its admins."""
Option = Literal["logs", "taste"]
Verdict = Literal["yes", "private only", "group only", "admins only", "owner only", "not for guests"]

_PEOPLE: frozenset[Role] = frozenset({"owner", "member"})
_EVERYONE: frozenset[Role] = _PEOPLE | {"guest"}
_OWNER: frozenset[Role] = frozenset({"owner"})


@dataclass(frozen=True)
class Rule:
    """Who may do something."""

    roles: frozenset[Role] = _PEOPLE
    in_group: InGroup = "all"
    uses: Work | None = None
    """What a limit counts it as, besides a message."""
    keeps: bool = False
    """Whether it is of no use in a group of which nothing is stored."""
    option: Option | None = None
    """The section of the settings that must be enabled; else there is no such command."""


COMMANDS: Mapping[str, Rule] = {
    "start": Rule(_EVERYONE),
    "help": Rule(_EVERYONE),
    "note": Rule(keeps=True),
    "remember": Rule(keeps=True),
    "search": Rule(_EVERYONE),
    "import": Rule(in_group="no"),
    "summary": Rule(uses="reply"),
    "digest": Rule(in_group="no"),
    "recommend": Rule(in_group="no", option="taste"),
    "why": Rule(_EVERYONE),
    "forget": Rule(_EVERYONE, "author"),
    "facts": Rule(in_group="no"),
    "correct": Rule(keeps=True),
    "feedback": Rule(in_group="no"),
    "examples": Rule(in_group="no"),
    "tune": Rule(in_group="no"),
    "adapters": Rule(in_group="no"),
    "persona": Rule(in_group="no"),
    "settings": Rule(_EVERYONE, "admins"),
    "remind": Rule(keeps=True),
    "reminders": Rule(),
    "timezone": Rule(in_group="admins"),
    "log": Rule(in_group="no", option="logs"),
    "trend": Rule(in_group="no", option="logs"),
    "export": Rule(_EVERYONE, "no"),
    "storing": Rule(_EVERYONE, "only"),
    "people": Rule(_OWNER, "no"),
    "invite": Rule(_OWNER, "no"),
    "stop": Rule(_EVERYONE),
}
"""By the command's name, in the order of the menus. /storing alone, which only tells, is for all of a group
(`group_rules`)."""

PRESSES: Mapping[str, Rule] = {
    "stop": Rule(_EVERYONE),
    "again": Rule(_EVERYONE),
    "why": Rule(_EVERYONE),
    "set": Rule(_EVERYONE, "admins"),
    "choose": Rule(_EVERYONE, "admins"),
    "forget": Rule(_EVERYONE, "author"),
    "keep": Rule(_EVERYONE),
    "rate": Rule(_EVERYONE, "no"),
    "case": Rule(),
    "up": Rule(keeps=True),
    "down": Rule(keeps=True),
    "note": Rule(keeps=True),
    "read": Rule(in_group="no"),
    "forwarded": Rule(in_group="no"),
    "page": Rule(_EVERYONE),
    "noremind": Rule(),
    "unremind": Rule(),
    "snooze": Rule(),
    "unlog": Rule(in_group="no"),
    "keeplog": Rule(in_group="no"),
    "fact": Rule(in_group="no"),
    "example": Rule(in_group="no"),
    "tune": Rule(in_group="no"),
    "rollback": Rule(in_group="no"),
    "pick": Rule(in_group="no"),
    "taste": Rule(in_group="no"),
    "allow": Rule(_OWNER, "no"),
    "guest": Rule(_OWNER, "no"),
    "refuse": Rule(_OWNER, "no"),
    "people": Rule(_OWNER, "no"),
    "person": Rule(_OWNER, "no"),
    "make": Rule(_OWNER, "no"),
    "remove": Rule(_OWNER, "no"),
    "removed": Rule(_OWNER, "no"),
    "uninvite": Rule(_OWNER, "no"),
}
"""By the first word of the button's data."""

ASKING = Rule(_EVERYONE, uses="reply")
FILE = Rule(in_group="no", uses="import")
CASE = Rule()
"""An agent's answer to a customer, in the agents' group."""
OTHER = Rule(_EVERYONE)
"""What is none of these, such as a sticker: it is said that it can't be read."""


def judge(rule: Rule, role: Role, *, private: bool, admin: bool = False, author: bool = False) -> Verdict:
    """Whether somebody may do what a rule is about, and if not, what to tell them.

    :param admin: of the group; an admin need not be known to the bot
    :param author: they wrote the turn that it is about
    """
    if private:
        if rule.in_group == "only":
            return "group only"
        if role in rule.roles:
            return "yes"
        return "not for guests" if rule.roles == _PEOPLE else "owner only"
    if rule.in_group == "no":
        return "private only" if role in rule.roles else "owner only"
    if rule.in_group == "all":
        return "yes"
    return "yes" if admin or (author and rule.in_group == "author") else "admins only"
