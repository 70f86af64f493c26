"""Figures of a home, read from its database when somebody asks: they survive restarts, and no code has to report them.

They hold numbers and names of states; nobody's name, chat or words.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from memory.counters import Counter, counters
from memory.store import Store
from tuning.votes import Votes

MEGABYTE = 2**20
_FAILED = timedelta(hours=1)


@dataclass(frozen=True)
class Readings:
    """A home at one moment."""

    waiting: int
    """Messages that are not handled."""
    waiting_s: float
    """How long the oldest has waited whose handling has not begun."""
    outbox: tuple[tuple[str, int], ...]
    """The bot's messages by state; "sent", "refused" and "unknown" ones as long as they are kept."""
    failed_sends: int
    """Messages of the last hour that were refused or may not have arrived."""
    failed_tunes: int
    """Tunes in a row that failed, up to the last."""
    votes: Votes
    """On replies of all adapters that answer."""
    database_bytes: int
    disk_free_bytes: int
    counters: tuple[Counter, ...]


def read(store: Store, *, now: datetime) -> Readings:
    """Look at everything.

    :raises FamiliarError: the database is damaged
    """
    (queue,) = store.rows(
        "SELECT count(*) AS n, min(CASE tries WHEN 0 THEN received_at END) AS since"
        " FROM telegram_inbox WHERE state = 'waiting'"
    )
    since = datetime.fromisoformat(queue["since"]) if queue["since"] else now
    states = store.tuples("SELECT state, count(*) FROM telegram_outbox GROUP BY state ORDER BY state")
    return Readings(
        waiting=queue["n"],
        waiting_s=max(0.0, (now - since).total_seconds()),
        outbox=tuple((str(state), int(n)) for state, n in states),
        failed_sends=_failed_sends(store, since=now - _FAILED),
        failed_tunes=_failed_tunes(store),
        votes=_votes(store),
        database_bytes=_size(store.path),
        disk_free_bytes=shutil.disk_usage(store.path.parent).free,
        counters=counters(store),
    )


def _failed_sends(store: Store, *, since: datetime) -> int:
    rows = store.rows(
        "SELECT count(*) FROM telegram_outbox WHERE state IN ('refused', 'unknown') AND at >= ?", (since.isoformat(),)
    )
    return int(rows[0][0])


def _failed_tunes(store: Store) -> int:
    """An interrupted tune goes on with the next, and is no failure."""
    ended = store.tuples(
        "SELECT status FROM adapters WHERE status NOT IN ('training', 'skipped')"
        " AND coalesce(reason, '') NOT LIKE 'interrupted%' ORDER BY started_at DESC LIMIT 100"
    )
    statuses = [status for (status,) in ended]
    return next((place for place, status in enumerate(statuses) if status != "failed"), len(statuses))


def _votes(store: Store) -> Votes:
    (row,) = store.rows(
        "SELECT count(*) FILTER (WHERE f.correction IS NOT NULL) AS corrected,"
        " count(*) FILTER (WHERE f.correction IS NULL AND f.vote = 'down') AS down,"
        " count(*) FILTER (WHERE f.correction IS NULL AND f.vote = 'up') AS up"
        " FROM adapters a JOIN turns t ON t.adapter = a.id AND t.user_id = a.user_id"
        " JOIN feedback f ON f.turn_id = t.id WHERE a.status = 'live'"
    )
    return Votes(row["up"], row["down"], row["corrected"])


def worst_votes(store: Store, *, last: int) -> Votes:
    """Of the adapters that answer: the last judgements on the one whose last are worst.

    An adapter with fewer judgements than ``last`` is left out.
    """
    worst = Votes()
    for adapter, user_id in store.tuples("SELECT id, user_id FROM adapters WHERE status = 'live'"):
        rows = store.tuples(
            "SELECT f.vote = 'up' AND f.correction IS NULL FROM feedback f JOIN turns t ON t.id = f.turn_id"
            " WHERE t.adapter = ? AND t.user_id = ? ORDER BY f.at DESC LIMIT ?",
            (adapter, user_id, last),
        )
        up = sum(bool(good) for (good,) in rows)
        if len(rows) == last and last - up >= worst.bad:
            worst = Votes(up, last - up)
    return worst


def _size(path: Path) -> int:
    """Bytes of the database with what SQLite keeps beside it."""
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
