"""Updates that were received, kept until they are handled: each once, whatever restarts and repeats come between.

An update is written before Telegram is told that it arrived, and done in the transaction that holds its answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from memory.store import Store, utc_now

MOST_TRIES = 5
"""An update whose handling ended the process so often is not handled again. Ends that others caused count too, as many
wait for the model at a time: of ten kills within three minutes, on a busy machine, three met the same update."""


@dataclass(frozen=True)
class Received:
    """An update as it waits to be handled."""

    update_id: int
    payload: str
    """The update as Telegram's JSON."""
    tries: int


@dataclass(frozen=True)
class Origin:
    """Where an update is from."""

    chat_id: int | None = None
    message_id: int | None = None
    """The message that was written or changed."""
    user_id: int | None = None
    """Whose message it is, where known, so that it is forgotten with all that is theirs."""
    author_id: int | None = None
    """Who wrote it, which in a group is somebody else, so that it counts towards their limits."""


def keep(store: Store, update_id: int, payload: str, origin: Origin) -> bool:
    """Write an update down; False where it was seen before."""
    with store.transaction() as db:
        cursor = db.execute(
            "INSERT INTO telegram_inbox (update_id, payload, state, received_at,"
            " chat_id, message_id, user_id, author_id)"
            " VALUES (?, ?, 'waiting', ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (update_id, payload, utc_now(), origin.chat_id, origin.message_id, origin.user_id, origin.author_id),
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


def put_back(store: Store, update_ids: Sequence[int]) -> None:
    """These wait again, and nothing went wrong: that their handling was begun is no try."""
    with store.transaction() as db:
        db.executemany(
            "UPDATE telegram_inbox SET tries = max(0, tries - 1) WHERE update_id = ?", [(id_,) for id_ in update_ids]
        )


def tries_of(store: Store, update_id: int) -> int:
    """How often the handling of an update was begun."""
    rows = store.rows("SELECT tries FROM telegram_inbox WHERE update_id = ?", (update_id,))
    return int(rows[0]["tries"]) if rows else 0


def is_known(store: Store, chat_id: int, message_id: int, *, besides: Sequence[int]) -> bool:
    """Whether another update than these brought a version of this message that is handled, or was answered.

    What a group's members say to each other is received too, but was not acted on.
    """
    rows = store.rows(
        "SELECT update_id FROM telegram_inbox WHERE chat_id = ? AND message_id = ?"
        " AND (reply_id IS NOT NULL OR work IS NOT NULL OR state = 'waiting')",
        (chat_id, message_id),
    )
    return any(row["update_id"] not in besides for row in rows)


def changed_meanwhile(store: Store, chat_id: int, message_ids: Sequence[int], *, besides: Sequence[int]) -> bool:
    """Whether a later version of one of these messages waits than the one among these updates.

    An earlier one may wait too, since updates may come in disorder.
    """
    rows = store.rows(
        "SELECT update_id, message_id FROM telegram_inbox WHERE chat_id = ? AND state = 'waiting' ORDER BY update_id",
        (chat_id,),
    )
    newest = {row["message_id"]: row["update_id"] for row in rows if row["message_id"] in message_ids}
    return any(id_ not in besides for id_ in newest.values())


def settled(store: Store, update_ids: Sequence[int]) -> list[int]:
    """Those that are handled already, as where only that could not be noted at once."""
    marks = ", ".join("?" * len(update_ids))
    rows = store.rows(
        f"SELECT update_id FROM telegram_inbox WHERE state <> 'waiting' AND update_id IN ({marks})", tuple(update_ids)
    )
    return [row["update_id"] for row in rows]


def overtaken(store: Store, update_ids: Sequence[int]) -> list[int]:
    """Those of which a later version was answered already; from now on that reply is theirs too.

    Updates may come in disorder: an edit before its message.
    """
    found = []
    with store.transaction() as db:
        for id_ in update_ids:
            later = db.execute(
                "SELECT max(l.reply_id) FROM telegram_inbox l JOIN telegram_inbox e ON e.update_id = ?1"
                " WHERE l.chat_id = e.chat_id AND l.message_id = e.message_id AND l.update_id > ?1",
                (id_,),
            ).fetchone()[0]
            if later is not None:
                done(store, [id_], reply_id=later)
                found.append(id_)
    return found


def note_places(store: Store, chat_id: int, places: Mapping[int, tuple[int, int]]) -> None:
    """Where each of these messages stands in what its turn says, as characters from and to."""
    with store.transaction() as db:
        db.executemany(
            'UPDATE telegram_inbox SET start = ?, "end" = ? WHERE chat_id = ? AND message_id = ?',
            [(*place, chat_id, message_id) for message_id, place in places.items()],
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
