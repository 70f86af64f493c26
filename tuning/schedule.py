"""When a tune starts by itself: enough was learned since the last one, and that one is long enough ago.

Or at once, where an adapter is missed: what it had learned besides what was forgotten is to be learned again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tuning.config import TuneConfig


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


def due(
    now: datetime, last_tune_at: datetime | None, new_examples: int, config: TuneConfig, *, missed: Missed | None = None
) -> Due:
    """Decide for one user.

    :param now: the present moment, with offset
    :param last_tune_at: when the user's last tune started, whatever came of it
    :param new_examples: examples given since then
    :param missed: an adapter that was withdrawn and that no tune has replaced
    """
    if not config.enabled:
        return Due(False, "tunes are switched off ([tuning] enabled)")
    if missed is not None:
        return _due_again(now, last_tune_at, missed, config)
    if new_examples < config.min_examples:
        return Due(False, f"too few new examples: {new_examples}; need {config.min_examples} ([tuning] min_examples)")
    return _waiting(now, last_tune_at, config) or Due(True, f"{new_examples} new examples")


def _due_again(now: datetime, last_tune_at: datetime | None, missed: Missed, config: TuneConfig) -> Due:
    """At once, but no second time at once: a tune that failed would fail again all day."""
    if missed.examples < config.min_pairs:
        return Due(False, f"too few pairs: {missed.examples}; need {config.min_pairs} ([tuning] min_pairs)")
    tried = last_tune_at is not None and last_tune_at > missed.withdrawn_at
    waiting = _waiting(now, last_tune_at, config) if tried else None
    since = f"{missed.withdrawn_at:%Y-%m-%d %H:%M}"
    return waiting or Due(True, f"the adapter withdrawn at {since} is trained again without what was forgotten")


def _waiting(now: datetime, last_tune_at: datetime | None, config: TuneConfig) -> Due | None:
    wait = timedelta(0) if last_tune_at is None else last_tune_at + timedelta(hours=config.min_hours) - now
    if last_tune_at is None or wait <= timedelta(0):
        return None
    hours = wait.total_seconds() / 3600
    return Due(False, f"the last tune was at {last_tune_at:%Y-%m-%d %H:%M}; wait {hours:.1f} h")
