"""Facts read by a model: a passage at a time, each once, the newest first, beside whatever else happens in the home.

A passage may be forgotten, or come in a new version, while the model reads it; what was read is stored only where the
passage still stands as it was. A reading that is interrupted leaves nothing, and its passage is read later.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from memory.facts.extract import Told, claims_of, with_relations
from memory.facts.missed import missed
from memory.facts.reading import Believed, Reader, believed, says_again
from memory.facts.records import Claim, Source
from memory.facts.store import PASSAGES, add, told_in
from memory.facts.vocabulary import key_of, kind_of
from memory.store import Store

_AT_ONCE = 200
"""Passages looked at in one query; a look takes a fifth of a millisecond each."""

Choose = Callable[[Told], tuple[str, ...]]


@dataclass(frozen=True)
class Unread:
    """A passage that a model should be asked about."""

    source: Source
    told: Told
    sentences: tuple[str, ...]
    """Those of its sentences that it is asked about."""


class Backlog:
    """A user's passages that no model was asked about yet, newest first; what was told meanwhile comes before them.

    :param choose: the sentences of a text to be asked about; a passage without any is passed over
    """

    def __init__(self, store: Store, *, user_id: int, choose: Choose = missed) -> None:
        self.user_id = user_id
        self._store = store
        self._choose = choose
        self._seen = 0
        self._ranges: list[tuple[int, int]] = []
        self._waiting: deque[Unread] = deque()

    def next(self) -> Unread | None:
        """The passage to ask about now, until it is `done`; None where there is none."""
        newest = self._store.rows("SELECT max(id) AS id FROM chunks WHERE user_id = ?", (self.user_id,))[0]["id"] or 0
        if newest > self._seen:
            above, self._seen = self._seen, newest
            self._take(above, newest + 1)
        while not self._waiting and self._ranges:
            self._take(*self._ranges.pop())
        return self._waiting[0] if self._waiting else None

    def done(self, passage: Unread) -> None:
        """It was read, or is there no more."""
        self._waiting.remove(passage)

    def _take(self, above: int, below: int) -> None:
        """Put the newest between two ids first in the line, and leave the others for later."""
        rows = self._store.rows(
            f"{PASSAGES} WHERE c.id > ? AND c.id < ? AND c.user_id = ? AND NOT EXISTS"
            " (SELECT 1 FROM fact_readings r WHERE r.chunk_id = c.id) ORDER BY c.id DESC LIMIT ?",
            (above, below, self.user_id, _AT_ONCE),
        )
        if len(rows) == _AT_ONCE:
            self._ranges.append((above, rows[-1]["id"]))
        for row in reversed(rows):
            if sentences := self._choose(told_in(row)):
                self._waiting.appendleft(Unread(Source(row["id"], row["at"]), told_in(row), sentences))


def read_passage(store: Store, reader: Reader, passage: Unread, *, user_id: int) -> Believed | None:
    """Ask about a passage and store what is believed, in one transaction; None where the model was interrupted.

    :raises FamiliarError: the model can't be run, or the database can't be written
    """
    if not _stands(store, passage, user_id=user_id):
        return Believed((), 0)
    reading = reader.read(passage.sentences)
    if reading is None:
        return None
    found = believed(reading, passage.sentences, passage.told)
    chunk_id = passage.source.chunk_id
    with store.transaction() as db:
        if not _stands(store, passage, user_id=user_id):  # it may have been forgotten meanwhile
            return Believed((), found.dropped)
        kept = tuple(claim for claim in _linked(found.claims, passage.told) if not _known(db, claim, user_id=user_id))
        dropped = found.dropped + len(found.claims) - len(kept)
        for claim in kept:
            add(db, claim, passage.source, user_id=user_id, by_model=True)
        row = (chunk_id, reader.name, len(kept), dropped)
        db.execute("INSERT OR REPLACE INTO fact_readings VALUES (?, ?, ?, ?)", row)
    return Believed(kept, dropped)


def _stands(store: Store, passage: Unread, *, user_id: int) -> bool:
    """Whether the passage is there as it was."""
    values = (passage.source.chunk_id, user_id, passage.told.text)
    return bool(store.rows("SELECT 1 FROM chunks WHERE id = ? AND user_id = ? AND text = ?", values))


def _linked(claims: tuple[Claim, ...], told: Told) -> tuple[Claim, ...]:
    """The claims, those about "user's sister" moved to her name where the passage gives it."""
    rules = claims_of(told)
    return with_relations((*rules, *claims))[len(rules) :]


def _known(db: sqlite3.Connection, claim: Claim, *, user_id: int) -> bool:
    """Whether a fact says the same in more or fewer words."""
    rows = db.execute(
        "SELECT value_key FROM facts WHERE user_id = ? AND subject_key = ? AND kind = ?",
        (user_id, key_of(claim.subject), kind_of(claim.attribute)),
    )
    return says_again(claim.value, [row["value_key"] for row in rows])
