"""What was done for one person lately, wherever they asked for it, so that no second way in doubles their limits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.limits import Used
from memory.store import Store


def history_of(store: Store, person_id: int, *, since: datetime, without: Sequence[int] = ()) -> tuple[Used, ...]:
    """What was done for a person since a moment, in Telegram and over the API, oldest first.

    :param without: updates of Telegram that are being handled, perhaps not for the first time
    """
    moment = since.astimezone(UTC).isoformat()
    rows = store.rows(
        "SELECT update_id, received_at AS at, work, tokens FROM telegram_inbox"
        " WHERE author_id = ?1 AND work IS NOT NULL AND received_at > ?2"
        " UNION ALL SELECT NULL, at, work, tokens FROM api_uses WHERE user_id = ?1 AND at > ?2"
        " ORDER BY at, update_id",
        (person_id, moment),
    )
    return tuple(
        Used(datetime.fromisoformat(row["at"]), row["work"], row["tokens"])
        for row in rows
        if row["update_id"] is None or row["update_id"] not in without
    )
