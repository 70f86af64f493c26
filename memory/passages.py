"""Rows of passages as ranking needs them, read by primary key and kept for the next search.

A passage never changes: it is added or removed. So what was read stays right while nothing is removed, however much is
added, and a talk that goes on reads only what no search before it had met.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory.store import Store

Ids = NDArray[np.int64]
Rows = NDArray[Any]
"""Of ROW, in order of id."""

ROW = np.dtype(
    [
        ("id", np.int64),
        ("owner", np.int64),
        ("place", np.int64),
        ("bytes", np.int64),
        ("asks", np.bool_),
        ("speaker", np.int64),
        ("day", "datetime64[D]"),
    ],
    align=True,
)
"""place: document, or minus the turn; bytes: of the text; asks: it ends in a question mark; speaker: code of a name;
day: when it was said, NaT where that is not known."""
MOST = 32_768
"""Passages of a memory that is kept: two megabytes. In a larger one hardly any is met again."""

_COLUMNS = (
    "SELECT group_concat(c.id), group_concat(c.user_id), group_concat(coalesce(c.document_id, -c.turn_id)),"
    " group_concat(length(CAST(c.text AS BLOB))),"
    " group_concat(substr(CAST(rtrim(c.text) AS BLOB), -1) = x'3F'"
    " OR substr(CAST(rtrim(c.text) AS BLOB), -3) = x'EFBC9F'),"
    " json_group_array(coalesce(c.speaker, '')), json_group_array(substr(c.at, 1, 10))"
    " FROM json_each(?) j CROSS JOIN chunks c ON c.id = j.value"
    " WHERE c.user_id IN (SELECT value FROM json_each(?))"
)
"""One row with a list for each column: thousands of rows would cost more as Python objects than they do in SQLite.
A question ends in "?" or "？", compared as bytes: the last letter of a text is found by counting all of them."""


class Passages:
    """The rows of some owners that were read so far; safe to use from several threads."""

    def __init__(self, owners: Sequence[int], *, most: int = MOST) -> None:
        self._most = most
        self._owners = json.dumps(list(owners))
        self._rows: Rows = np.zeros(0, ROW)
        self._codes: dict[str, int] = {}
        self._days: dict[str | None, int] = {}
        self._lock = threading.Lock()

    def rows(self, store: Store, ids: Ids) -> Rows:
        """The rows of those of the ids (each once, in order) that the owners have."""
        with self._lock:
            missing = ids[~self._known(ids)]
            if len(missing):
                self._add(self._read(store, missing))
            there = ids[self._known(ids)] if len(missing) else ids
            found = self._rows[np.searchsorted(self._rows["id"], there)]
            if len(self._rows) > self._most:
                self._rows = found
            return found

    def _known(self, ids: Ids) -> NDArray[np.bool_]:
        kept = self._rows["id"]
        return kept[np.searchsorted(kept, ids).clip(max=len(kept) - 1)] == ids if len(kept) else ids < 0

    def names(self, speakers: NDArray[np.int64]) -> tuple[str, ...]:
        """The names of codes of speakers."""
        with self._lock:
            known = list(self._codes)
        return tuple(known[code] for code in speakers.tolist())

    def _add(self, new: Rows) -> None:
        self._rows = np.insert(self._rows, np.searchsorted(self._rows["id"], new["id"]), new)

    def _read(self, store: Store, ids: Ids) -> Rows:
        *numbers, speakers, days = store.tuples(_COLUMNS, (json.dumps(ids.tolist()), self._owners))[0]
        columns = [np.fromstring(text or "", np.int64, sep=",") for text in numbers]
        rows = np.zeros(len(columns[0]), ROW)
        for name, column in zip(("id", "owner", "place", "bytes", "asks"), columns, strict=True):
            rows[name] = column
        rows["speaker"] = [self._codes.setdefault(name, len(self._codes)) for name in json.loads(speakers)]
        told = json.loads(days)
        self._days |= {text: int(day_of(text).astype(np.int64)) for text in set(told) - self._days.keys()}
        rows["day"] = np.array([self._days[text] for text in told], np.int64).view("datetime64[D]")
        return rows[np.argsort(rows["id"])]


def day_of(at: str | None) -> np.datetime64:
    """The day on which something was said; NaT where it is not known.

    >>> day_of("2026-05-08T10:00:00")
    np.datetime64('2026-05-08')
    """
    try:
        return np.datetime64(date.fromisoformat((at or "")[:10]), "D")
    except ValueError:
        return np.datetime64("NaT", "D")
