"""When a tune starts by itself: enough is new, the last one is long enough ago, and the machine is free.

Or, whatever is new, where an adapter is missed: what it had learned besides what was forgotten is to be learned again.
Pure: the clock and what is known of the machine are arguments (`tuning.surroundings` looks).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from memory.errors import UsageError
from tuning.config import TuneConfig

_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True)
class Due:
    """Whether to start a tune now, and why or why not in words."""

    due: bool
    reason: str


@dataclass(frozen=True)
class Missed:
    """An adapter that answered, or was being trained, until something that it learned from was forgotten."""

    withdrawn_at: datetime
    examples: int
    """All that there is to learn from now."""


@dataclass(frozen=True)
class Surroundings:
    """What the machine is about."""

    on_battery: bool = False
    """False also where there is no battery."""
    load: float = 0.0
    """Share of the processors that were busy over the last five minutes; above 1 where work had to wait."""


def due(
    now: datetime,
    last_tune_at: datetime | None,
    new_examples: int,
    config: TuneConfig,
    surroundings: Surroundings = Surroundings(),
    *,
    missed: Missed | None = None,
) -> Due:
    """Decide for one user.

    :param now: the present moment, with offset; its own offset is the local time that ``hours`` are about
    :param last_tune_at: when the user's last tune started, whatever came of it
    :param new_examples: examples given since then
    :param missed: an adapter that was withdrawn and that no tune has replaced
    :raises UsageError: ``[tuning] hours`` is no span of hours
    """
    if not config.enabled:
        return Due(False, "tunes are switched off ([tuning] enabled)")
    if missed is not None:
        return _due_again(now, last_tune_at, missed, config, surroundings)
    if new_examples < config.min_examples:
        return Due(False, f"too few new examples: {new_examples}; need {config.min_examples} ([tuning] min_examples)")
    waiting = _waiting(now, last_tune_at, config) or _not_now(now, config, surroundings)
    return Due(False, waiting) if waiting else Due(True, f"{new_examples} new examples")


def _due_again(
    now: datetime, last_tune_at: datetime | None, missed: Missed, config: TuneConfig, surroundings: Surroundings
) -> Due:
    """At the next free moment, but no second time at once: a tune that failed would fail again all day."""
    if missed.examples < config.min_pairs:
        return Due(False, f"too few pairs: {missed.examples}; need {config.min_pairs} ([tuning] min_pairs)")
    tried = last_tune_at is not None and last_tune_at > missed.withdrawn_at
    waiting = (_waiting(now, last_tune_at, config) if tried else None) or _not_now(now, config, surroundings)
    since = f"{missed.withdrawn_at:%Y-%m-%d %H:%M}"
    again = f"the adapter withdrawn at {since} is trained again without what was forgotten"
    return Due(False, waiting) if waiting else Due(True, again)


def _waiting(now: datetime, last_tune_at: datetime | None, config: TuneConfig) -> str | None:
    """That the last tune is not long enough ago, if so."""
    wait = timedelta(0) if last_tune_at is None else last_tune_at + timedelta(hours=config.min_hours) - now
    if last_tune_at is None or wait <= timedelta(0):
        return None
    return f"the last tune was at {last_tune_at:%Y-%m-%d %H:%M}; wait {wait.total_seconds() / 3600:.1f} h"


def _not_now(now: datetime, config: TuneConfig, surroundings: Surroundings) -> str | None:
    """What speaks against the moment, if anything does."""
    if config.hours and not within(now.time(), config.hours):
        return f"it is {now:%H:%M}; tunes start within {config.hours} ([tuning] hours)"
    if surroundings.on_battery and not config.on_battery:
        return "the machine runs on its battery ([tuning] on_battery)"
    if surroundings.load > config.max_load:
        return f"the machine is busy: {surroundings.load:.0%}, at most {config.max_load:.0%} ([tuning] max_load)"
    return None


def within(moment: time, hours: str) -> bool:
    """Whether a time of day lies in a span of hours, which may go over midnight; its end is outside.

    :raises UsageError: the span is not written as 22:00-07:00
    """
    found = _HOURS.fullmatch(hours.strip())
    if found is None:
        raise UsageError(f"[tuning] hours is {hours!r}; it must be a span such as 22:00-07:00, or empty")
    start, end = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
    if start <= end:
        return start <= moment < end
    return moment >= start or moment < end
