"""Embedding a home again with another model, while searches go on with the vectors that there are.

A search ranks a user's memory and the shared ones together by their cosines, and cosines of two models can't be
compared: so one embedder serves a whole home at a time. The new one's vectors are stored beside the old ones, a batch
a transaction, until no passage lacks one; then one transaction switches. A process that is killed in between loses
one batch, and passages that come and go meanwhile are caught up with or gone in both.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from memory.chunking import embedded_text
from memory.embedding import Embedder
from memory.errors import FamiliarError
from memory.records import Passage
from memory.store import Store

_SERVING = "embedder"
"""The state under which the serving embedder's key is kept, once it was not the configured one."""
_AT_ONCE = 64
"""Passages a transaction: a kill loses so many, and a chat turn waits no longer than for their rows."""
_DROPPED_AT_ONCE = 1000
_NICE = 10

OnProgress = Callable[[int, int], None]
"""Passages that have the new embedder's vector, and passages in all."""


@dataclass(frozen=True)
class Embedded:
    """How far a home is embedded by one embedder."""

    embedder: str
    passages: int
    """That have its vector."""
    dimensions: int | None
    """None where there is no such vector."""
    lacking: int
    """Passages without its vector."""


def serving(store: Store, configured: str) -> str:
    """The key of the embedder whose vectors are searched; ``configured`` where none are stored yet."""
    kept = store.state(_SERVING)
    if kept is not None:
        return kept
    rows = store.rows("SELECT embedder FROM vectors LIMIT 1")
    return str(rows[0]["embedder"]) if rows else configured


def dimensions_of(store: Store, embedder: str) -> int | None:
    """The length of an embedder's stored vectors; None where there are none."""
    rows = store.rows("SELECT length(vector) / 2 AS dimensions FROM vectors WHERE embedder = ? LIMIT 1", (embedder,))
    return int(rows[0]["dimensions"]) if rows else None


def embedded(store: Store, embedder: str) -> Embedded:
    """How far the home is embedded by this embedder."""
    counts = store.rows(
        "SELECT count(v.chunk_id) AS done, count(*) AS passages FROM chunks c"
        " LEFT JOIN vectors v ON v.chunk_id = c.id AND v.embedder = ?",
        (embedder,),
    )[0]
    done = counts["done"]
    return Embedded(embedder, done, dimensions_of(store, embedder) if done else None, counts["passages"] - done)


def reembed(
    store: Store, embedder: Embedder, *, cancel: threading.Event | None = None, on_progress: OnProgress | None = None
) -> int:
    """Give every passage this embedder's vector, then have it serve and drop the others'; returns how many were given.

    Can be stopped and called again at any time; where nothing lacks it only looks.

    :param cancel: once set, it stops after the batch in hand; the old vectors go on serving
    :raises FamiliarError: the database can't be written
    """
    _hold(store, embedder.key)
    run = _Run(store, embedder, cancel or threading.Event(), on_progress or _ignore)
    while not run.cancel.is_set():
        for user in store.users():
            run.fill(user.id)
        if not run.cancel.is_set() and _switch(store, embedder.key):
            _drop_others(store, embedder.key)
            break
    return run.done


def lower_priority() -> None:
    """Have this thread, and those it starts, run when nobody else wants to; on Linux alone a thread can."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def _hold(store: Store, configured: str) -> None:
    """Write down which embedder serves before another's vectors are stored beside its own."""
    with store.transaction():
        current = serving(store, configured)
        if current != configured:
            store.set_state(_SERVING, current)


class _Run:
    """One call of `reembed`."""

    def __init__(self, store: Store, embedder: Embedder, cancel: threading.Event, on_progress: OnProgress) -> None:
        self.store = store
        self.embedder = embedder
        self.cancel = cancel
        self.done = 0
        self._on_progress = on_progress
        self._at_start = embedded(store, embedder.key)

    def fill(self, user_id: int) -> None:
        """Embed what lacks a vector of one user's, oldest first."""
        last = 0
        while not self.cancel.is_set():
            rows = self.store.rows(
                "SELECT c.id, c.text, c.section, c.speaker, coalesce(d.title, '') AS title"
                " FROM chunks c LEFT JOIN documents d ON d.id = c.document_id WHERE c.user_id = ? AND c.id > ?"
                " AND NOT EXISTS (SELECT 1 FROM vectors v WHERE v.chunk_id = c.id AND v.embedder = ?)"
                " ORDER BY c.id LIMIT ?",
                (user_id, last, self.embedder.key, _AT_ONCE),
            )
            if not rows:
                return
            self._embed(rows, user_id=user_id)
            last, self.done = rows[-1]["id"], self.done + len(rows)
            now = self._at_start.passages + self.done
            self._on_progress(now, max(now, self._at_start.passages + self._at_start.lacking))

    def _embed(self, rows: Sequence[sqlite3.Row], *, user_id: int) -> None:
        passages = [Passage(row["text"], section=row["section"], speaker=row["speaker"]) for row in rows]
        texts = [embedded_text(passage, title=row["title"]) for passage, row in zip(passages, rows, strict=True)]
        key, vectors = self.embedder.key, self.embedder.embed_passages(texts)
        if not np.isfinite(vectors).all():
            raise FamiliarError(f"the embedder {key} gave numbers that are not finite; nothing was stored")
        made = zip(vectors.astype(np.float16), rows, strict=True)
        with self.store.transaction() as db:
            db.executemany(  # from chunks: what was forgotten while it was embedded stays forgotten
                "INSERT OR IGNORE INTO vectors (chunk_id, embedder, vector)"
                " SELECT id, ?, ? FROM chunks WHERE id = ? AND user_id = ?",
                [(key, vector.tobytes(), row["id"], user_id) for vector, row in made],
            )
            if serving(self.store, key) == key:  # its index has taken in these passages already, without a vector
                changed = [(user_id, row["id"]) for row in rows]
                db.executemany("INSERT INTO vector_changes (user_id, chunk_id) VALUES (?, ?)", changed)
                db.execute("UPDATE users SET generation = generation + 1 WHERE id = ?", (user_id,))


def _ignore(done: int, total: int) -> None:
    del done, total


def _switch(store: Store, embedder: str) -> bool:
    """Have the embedder serve, if no passage lacks its vector: looked at under the writer's lock."""
    with store.transaction() as db:
        lacking = db.execute(
            "SELECT 1 FROM chunks c WHERE NOT EXISTS"
            " (SELECT 1 FROM vectors v WHERE v.chunk_id = c.id AND v.embedder = ?) LIMIT 1",
            (embedder,),
        ).fetchone()
        if lacking:
            return False
        if serving(store, embedder) != embedder:
            store.set_state(_SERVING, embedder)  # no new generation: a search under way ends with the index it has
    return True


def _drop_others(store: Store, embedder: str) -> None:
    """Delete the vectors that serve nobody any more, not all in one transaction: writers would wait for it."""
    while True:
        with store.transaction() as db:
            gone = db.execute(
                "DELETE FROM vectors WHERE rowid IN (SELECT rowid FROM vectors WHERE embedder <> ? LIMIT ?)",
                (embedder, _DROPPED_AT_ONCE),
            ).rowcount
        if gone < _DROPPED_AT_ONCE:
            return
