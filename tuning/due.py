"""Whether a user's tune should start by itself now, read from what the database knows of tunes and of what is new.

New is what no adapter that was trained to its end has learned: examples, and votes and choices where there are enough
of them to be learned. A tune that a crash ended is gone on with at once, but a second crash waits as any tune does,
since the tune itself may be the cause.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from memory.store import Store, utc_now
from tuning.config import TuneConfig
from tuning.dataset import learned_after, own_turns
from tuning.pair_sources import read_preferences
from tuning.pairs import Preferences
from tuning.preparing import read
from tuning.resume import INTERRUPTED
from tuning.schedule import Due, Missed, Surroundings, due

_MISSED = ("live", "training")
"""An adapter that was withdrawn while it was one of these leaves something to be done."""
_SKIPPED = "tune_skipped:"


def note_skipped(store: Store, *, user_id: int) -> None:
    """Keep that a tune found too little to learn, so that the next look does not filter all of it again."""
    store.set_state(f"{_SKIPPED}{user_id}", utc_now())


def tune_due(
    store: Store,
    *,
    user_id: int,
    persona: str,
    config: TuneConfig,
    now: datetime,
    surroundings: Surroundings = Surroundings(),  # noqa: B008 - frozen, so that it can be shared
) -> Due:
    """Whether a tune for this user should start by itself now.

    :param now: with the offset of the local time that ``[tuning] hours`` are about
    """
    rows = store.rows(
        "SELECT status, reason, started_at, withdrawn_at, withdrawn_from FROM adapters WHERE user_id = ?"
        " AND kind = 'reply' ORDER BY started_at",
        (user_id,),
    )
    # What an interrupted or withdrawn adapter had learned is not learned.
    learned = [row["started_at"] for row in rows if row["status"] in ("live", "retired", "rejected")]
    examples = read(store, user_id=user_id, persona=persona, config=config, now=now).examples
    withdrawn = max((row["withdrawn_at"] for row in rows if row["withdrawn_from"] in _MISSED), default=None)
    missed = None
    if withdrawn is not None and not any(started > withdrawn for started in learned):
        missed = Missed(datetime.fromisoformat(withdrawn), len(examples))
    since = learned[-1] if learned else None
    preferred = read_preferences(store, user_id=user_id)
    new = learned_after(examples, since) + preferred_after(
        preferred, since, config=config, examples=own_turns(examples)
    )
    last = last_try(rows, skipped_at=store.state(f"{_SKIPPED}{user_id}"))
    return due(now, last, new, config, surroundings, missed=missed)


def last_try(rows: Sequence[Any], *, skipped_at: str | None) -> datetime | None:
    """The start of the last tune from which the next is counted.

    :param rows: ``status``, ``reason`` and ``started_at`` of a user's tunes, oldest first
    :param skipped_at: when a tune last found too little to learn, of which there is no row
    """
    crashed = [row["status"] == "failed" and (row["reason"] or "").startswith(INTERRUPTED) for row in rows]
    counted = rows[:-1] if crashed[-1:] == [True] and crashed[-2:-1] != [True] else rows
    moments = [counted[-1]["started_at"]] if counted else []
    found = max([*moments, *([skipped_at] if skipped_at else [])], default=None)
    return datetime.fromisoformat(found) if found else None


def preferred_after(
    preferences: Preferences, since: str | None, *, config: TuneConfig, examples: Collection[int]
) -> int:
    """How many turns were voted on or chosen from since then, of those that are no examples; see `TuneConfig`.

    :param examples: turns whose replies are examples, which are counted as such
    """
    if config.preference == "off":
        return 0
    of_a_kind = (preferences.pairs, preferences.votes)
    items = [item for kind in of_a_kind if len(kind) >= config.preference_min_pairs for item in kind]
    moment = datetime.fromisoformat(since) if since else None
    new = [item for item in items if moment is None or datetime.fromisoformat(item.learned_at) > moment]
    return len({turn for item in new for turn in item.own_turns if turn not in examples})
