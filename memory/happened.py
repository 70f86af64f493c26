"""What became of a user's memory between two moments: documents, notes, facts, adapters and judgements. Their own only.

Nothing here is stored: a digest is made of it when it is due, so that what was forgotten is in no later one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from memory.facts.records import Fact
from memory.facts.store import facts_of
from memory.notes import FORMATS
from memory.records import Document
from memory.store import Store

Change = Literal["live", "rejected", "withdrawn", "rolled back"]


@dataclass(frozen=True)
class NewFact:
    """A fact that was learned."""

    fact: Fact
    before: str | None
    """The value whose place it took."""


@dataclass(frozen=True)
class AdapterChange:
    """What became of an adapter, the last of several."""

    id: str
    change: Change


@dataclass(frozen=True)
class Judged:
    """How many replies were judged."""

    up: int = 0
    down: int = 0
    corrected: int = 0


@dataclass(frozen=True)
class Happened:
    """All of it, oldest first."""

    documents: tuple[Document, ...] = ()
    notes: tuple[Document, ...] = ()
    facts: tuple[NewFact, ...] = ()
    adapters: tuple[AdapterChange, ...] = ()
    judged: Judged = Judged()


def happened(store: Store, *, user_id: int, since: datetime, until: datetime) -> Happened:
    """What came after one moment and not after the other, both aware."""
    first, last = _utc(since), _utc(until)
    imported = [item for item in store.documents(user_id=user_id) if first < item.imported_at <= last]
    return Happened(
        tuple(item for item in imported if item.format not in FORMATS),
        tuple(item for item in imported if item.format in FORMATS),
        tuple(_facts(store, user_id, first, last)),
        tuple(_adapters(store, user_id, first, last)),
        _judged(store, user_id, first, last),
    )


def _facts(store: Store, user_id: int, first: str, last: str) -> Sequence[NewFact]:
    rows = store.rows(
        "SELECT c.id FROM chunks c LEFT JOIN turns t ON t.id = c.turn_id LEFT JOIN documents d ON d.id = c.document_id"
        " WHERE c.user_id = ? AND coalesce(t.asked_at, d.imported_at) > ? AND coalesce(t.asked_at, d.imported_at) <= ?",
        (user_id, first, last),
    )
    if not rows:
        return []
    new = {row["id"] for row in rows}
    known = facts_of(store, owners=[user_id])
    return [NewFact(fact, _before(fact, known)) for fact in known if fact.current and _is_new(fact, new)]


def _is_new(fact: Fact, chunk_ids: Collection[int]) -> bool:
    return all(source.chunk_id in chunk_ids for source in fact.sources)


def _before(fact: Fact, known: Sequence[Fact]) -> str | None:
    """The value that held last of what this one took the place of."""
    same = [item for item in known if (item.subject, item.attribute) == (fact.subject, fact.attribute)]
    ended = [item for item in same if item.valid_to is not None and item.id != fact.id]
    newest = max(ended, key=lambda item: item.valid_to or "", default=None)
    return newest.value if newest is not None else None


_ADAPTER_TIMES: dict[str, Change] = {
    "live_at": "live",
    "finished_at": "rejected",
    "withdrawn_at": "withdrawn",
    "rolled_back_at": "rolled back",
}


def _adapters(store: Store, user_id: int, first: str, last: str) -> Sequence[AdapterChange]:
    rows = store.rows("SELECT * FROM adapters WHERE user_id = ? AND kind = 'reply' ORDER BY started_at", (user_id,))
    found: list[AdapterChange] = []
    for row in rows:
        times = {
            change: row[column]
            for column, change in _ADAPTER_TIMES.items()
            if row[column] and first < row[column] <= last and (change != "rejected" or row["status"] == "rejected")
        }
        if times:
            found.append(AdapterChange(row["id"], max(times, key=lambda change: times[change])))
    return found


def _judged(store: Store, user_id: int, first: str, last: str) -> Judged:
    (row,) = store.rows(
        "SELECT count(*) FILTER (WHERE vote = 'up') AS up, count(*) FILTER (WHERE vote = 'down') AS down,"
        " count(correction) AS corrected FROM feedback WHERE user_id = ? AND at > ? AND at <= ?",
        (user_id, first, last),
    )
    return Judged(row["up"], row["down"], row["corrected"])


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
