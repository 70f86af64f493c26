"""When the owner is told that something is amiss: once when a limit is reached, once when it is over.

Over is not just below the limit but a fifth away from it, so that a figure that wavers is not told of every minute.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

from bot.config import AlertsConfig
from bot.metrics.readings import MEGABYTE, Readings
from tuning.votes import Votes

Kind = Literal["queue", "sends", "disk", "votes", "tunes"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_MARGIN = 0.8


@dataclass(frozen=True)
class Figure:
    """A figure beside its limit."""

    kind: Kind
    value: float
    limit: float
    """0: nobody wants to know."""
    least: bool = False
    """Less is worse."""

    @property
    def reached(self) -> bool:
        """Whether it is amiss."""
        return self.limit > 0 and (self.value < self.limit if self.least else self.value >= self.limit)

    @property
    def over(self) -> bool:
        """Whether it is well again, by a margin."""
        if self.limit <= 0:
            return True
        return self.value * _MARGIN >= self.limit if self.least else self.value < self.limit * _MARGIN


@dataclass(frozen=True)
class Change:
    """What the owner is to be told."""

    kind: Kind
    over: bool
    value: float
    limit: float


def figures(readings: Readings, votes: Votes, config: AlertsConfig) -> tuple[Figure, ...]:
    """All figures beside their limits.

    :param votes: the last judgements on the adapter whose are worst; none where too few were given
    """
    share = votes.bad / votes.all if votes.all else 0.0
    return (
        Figure("queue", readings.waiting_s, config.queue_wait_seconds),
        Figure("sends", readings.failed_sends, config.failed_sends),
        Figure("disk", readings.disk_free_bytes / MEGABYTE, config.disk_free_mb, least=True),
        Figure("votes", share, config.bad_share if config.votes else 0.0),
        Figure("tunes", readings.failed_tunes, config.failed_tunes),
    )


def changes(before: Collection[str], now: Collection[Figure]) -> tuple[Change, ...]:
    """What has begun and what is over.

    :param before: kinds that the owner was told of and that were not over
    """
    told = set(before)
    return tuple(
        Change(figure.kind, over=figure.kind in told, value=figure.value, limit=figure.limit)
        for figure in now
        if (figure.over if figure.kind in told else figure.reached)
    )


def active(before: Collection[str], changed: Collection[Change]) -> tuple[str, ...]:
    """The kinds that the owner then knows of, in a fixed order."""
    begun = {change.kind for change in changed if not change.over}
    ended = {change.kind for change in changed if change.over}
    return tuple(kind for kind in KINDS if kind in (set(before) | begun) - ended)
