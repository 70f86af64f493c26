"""Updates that were received, kept until they are handled: each once, whatever restarts and repeats come between.

An update is written before Telegram is told that it arrived, and done in the transaction that holds its answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from memory.store import Store, utc_now

MOST_TRIES = 3
"""An update whose handling ended the process so often is not handled again."""


@dataclass(frozen=True)
class Received:
    """An update as it waits to be handled."""

    update_id: int
    payload: str
    """The update as Telegram's JSON."""
    tries: int


def keep(
    store: Store,
    update_id: int,
    payload: str,
    *,
    chat_id: int | None,
    user_id: int | None,
    author_id: int | None = None,
) -> bool:
    """Write an update down; False where it was seen before.

    :param user_id: whose message it is, where known, so that it is forgotten with all that is theirs
    :param author_id: who wrote it, which in a group is somebody else, so that it counts towards their limits
    """
    with store.transaction() as db:
        cursor = db.execute(
            "INSERT INTO telegram_inbox (update_id, chat_id, user_id, author_id, payload, state, received_at)"
            " VALUES (?, ?, ?, ?, ?, 'waiting', ?) ON CONFLICT DO NOTHING",
            (update_id, chat_id, user_id, author_id, payload, utc_now()),
        )
    return cursor.rowcount > 0


def waiting(store: Store) -> list[Received]:
    """What is not handled yet, oldest first."""
    rows = store.rows("SELECT update_id, payload, tries FROM telegram_inbox WHERE state = 'waiting' ORDER BY update_id")
    return [Received(row["update_id"], row["payload"], row["tries"]) for row in rows]


def begin(store: Store, update_ids: Sequence[int]) -> None:
    """Count a try of handling these."""
    with store.transaction() as db:
        db.executemany(
            "UPDATE telegram_inbox SET tries = tries + 1 WHERE update_id = ?", [(id_,) for id_ in update_ids]
        )


def forget_tries(store: Store) -> None:
    """At an orderly end: what is not handled has ended nothing; that its handling was begun is kept."""
    with store.transaction() as db:
        db.execute("UPDATE telegram_inbox SET tries = min(tries, 1) WHERE state = 'waiting'")


def done(store: Store, update_ids: Sequence[int], *, reply_id: int | None = None, failed: bool = False) -> None:
    """These are handled; what they said is kept here no longer.

    :param reply_id: what answers them; None: the first reply that was sent while they were handled, if any was
    """
    state = "failed" if failed else "done"
    with store.transaction() as db:
        db.executemany(
            "UPDATE telegram_inbox SET state = ?1, payload = NULL, reply_id = coalesce(?2, reply_id,"
            " (SELECT min(id) FROM telegram_replies WHERE \"key\" LIKE ?3 || ':%')) WHERE update_id = ?3",
            [(state, reply_id, id_) for id_ in update_ids],
        )


def drop_old(store: Store, *, before: datetime) -> int:
    """Remove what was handled and delivered before a moment; gives the number of updates.

    Telegram keeps an update for a day at most, so that none of these can come again.
    """
    moment = before.astimezone(UTC).isoformat()
    with store.transaction() as db:
        count = db.execute(
            "DELETE FROM telegram_inbox WHERE state <> 'waiting' AND received_at < ?", (moment,)
        ).rowcount
        db.execute(
            "DELETE FROM telegram_replies WHERE at < ? AND id NOT IN"
            " (SELECT reply_id FROM telegram_outbox WHERE state IN ('waiting', 'sending'))",
            (moment,),
        )
    return count
