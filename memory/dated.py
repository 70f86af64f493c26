"""Everything that a user may read, or what of it is new since a day: for summaries, which ask for no passage by name.

A passage's day is when it was said or written, else its document's day, else the day of its import.
"""

from __future__ import annotations

import json

from memory.records import Chunk
from memory.store import CHUNK_COLUMNS, Store, chunk_of

_DAY = "substr(coalesce(c.at, d.at, t.asked_at, d.imported_at), 1, 10)"


def chunks_since(store: Store, day: str | None, *, user_id: int) -> list[Chunk]:
    """Passages of the user and of the shared knowledge bases, oldest document or turn first, each in its order.

    :param day: an ISO date, included; None takes all
    """
    rows = store.rows(
        f"{CHUNK_COLUMNS} LEFT JOIN turns t ON t.id = c.turn_id"
        f" WHERE c.user_id IN (SELECT value FROM json_each(?)) AND (? IS NULL OR {_DAY} >= ?)"
        " ORDER BY coalesce(d.imported_at, t.asked_at), c.document_id, c.turn_id, c.position",
        (json.dumps(list(store.readable_by(user_id))), day, day),
    )
    return [chunk_of(row) for row in rows]
