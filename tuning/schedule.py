"""When a tune starts by itself: enough was learned since the last one, and that one is long enough ago."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tuning.config import TuneConfig


@dataclass(frozen=True)
class Due:
    """Whether to start a tune now, and why or why not in words."""

    due: bool
    reason: str


def due(now: datetime, last_tune_at: datetime | None, new_examples: int, config: TuneConfig) -> Due:
    """Decide for one user.

    :param now: the present moment, with offset
    :param last_tune_at: when the user's last tune started, whatever came of it
    :param new_examples: examples given since then
    """
    if not config.enabled:
        return Due(False, "tunes are switched off ([tuning] enabled)")
    if new_examples < config.min_examples:
        return Due(False, f"too few new examples: {new_examples}; need {config.min_examples} ([tuning] min_examples)")
    if last_tune_at is not None:
        wait = last_tune_at + timedelta(hours=config.min_hours) - now
        if wait > timedelta(0):
            return Due(
                False, f"the last tune was at {last_tune_at:%Y-%m-%d %H:%M}; wait {wait.total_seconds() / 3600:.1f} h"
            )
    return Due(True, f"{new_examples} new examples")
