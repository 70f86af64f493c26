"""How much one person may use: messages in a minute, replies, tokens and files in 24 hours. Pure.

Windows slide: what was used a day ago is free again, so that a limit opens bit by bit and no time zone matters.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Literal

from bot.config import PeopleConfig
from memory.records import Role

Work = Literal["message", "reply", "import"]
What = Literal["messages", "replies", "tokens", "imports"]
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass(frozen=True)
class Used:
    """One thing that was done for a person, and when it was asked for."""

    at: datetime
    work: Work
    tokens: int = 0


@dataclass(frozen=True)
class Limits:
    """Most of each; 0 is any amount."""

    messages_per_minute: int = 0
    replies_per_day: int = 0
    tokens_per_day: int = 0
    imports_per_day: int = 0


@dataclass(frozen=True)
class Over:
    """A limit is reached, and when there is room again."""

    what: What
    limit: int
    opens: datetime


def limits_of(role: Role, config: PeopleConfig) -> Limits:
    """What somebody of that role may use; a guest imports nothing anyway."""
    if role == "owner":
        return Limits()
    guest = role == "guest"
    return Limits(
        config.messages_per_minute,
        config.guest_replies_per_day if guest else config.member_replies_per_day,
        config.guest_tokens_per_day if guest else config.member_tokens_per_day,
        config.imports_per_day,
    )


def decide(history: tuple[Used, ...], now: datetime, limits: Limits, *, wanted: Work) -> Over | None:
    """Whether one thing more is too much; None where it is not.

    :param history: what was done for the person before, oldest first; each is also a message
    """
    if wanted == "message":
        times = [used.at for used in history if used.at > now - MINUTE]
        return _counted("messages", times, limits.messages_per_minute, MINUTE)
    today = [used for used in history if used.work == wanted and used.at > now - DAY]
    if wanted == "import":
        return _counted("imports", [used.at for used in today], limits.imports_per_day, DAY)
    over = _counted("replies", [used.at for used in today], limits.replies_per_day, DAY)
    return over or _spent(today, limits.tokens_per_day)


def _counted(what: What, times: list[datetime], limit: int, window: timedelta) -> Over | None:
    if limit <= 0 or len(times) < limit:
        return None
    return Over(what, limit, times[len(times) - limit] + window)


def _spent(today: list[Used], limit: int) -> Over | None:
    """A reply may begin while any token is left; how long it gets nobody knows before."""
    total = sum(used.tokens for used in today)
    if limit <= 0 or total < limit:
        return None
    freed = accumulate(used.tokens for used in today)
    last = next(used for used, so_far in zip(today, freed, strict=True) if total - so_far < limit)
    return Over("tokens", limit, last.at + DAY)
