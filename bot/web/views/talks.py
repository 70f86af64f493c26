"""A user's conversations and turns as the page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.web.views.paging import Part, part_of
from memory.errors import FamiliarError
from memory.records import Feedback, Turn
from memory.store import Store
from memory.turns import turns_of

_LISTED = 30
_TURNS = 50


@dataclass(frozen=True)
class Talk:
    """A conversation in a list."""

    id: int
    channel: str
    started_at: str
    last_at: str
    turns: int
    first: str
    """What was said first."""
    up: int
    down: int
    corrected: int


@dataclass(frozen=True)
class Talks:
    """Conversations, the one last talked in first."""

    part: Part
    items: tuple[Talk, ...]


@dataclass(frozen=True)
class Judged:
    """A turn with what its user thinks of it."""

    turn: Turn
    feedback: Feedback | None


@dataclass(frozen=True)
class Conversation:
    """One conversation, oldest turn first."""

    id: int
    channel: str
    started_at: str
    part: Part
    turns: tuple[Judged, ...]


def talks_of(store: Store, *, user_id: int, page: int = 1) -> Talks:
    """A user's conversations in which something was said."""
    (count,) = store.rows("SELECT count(DISTINCT conversation_id) FROM turns WHERE user_id = ?", (user_id,))
    part = part_of(count[0], page=page, size=_LISTED)
    rows = store.rows(
        "SELECT c.id, c.channel, c.started_at, max(t.asked_at) AS last_at, count(*) AS turns,"
        " (SELECT user_text FROM turns s WHERE s.conversation_id = c.id AND s.user_id = c.user_id"
        " ORDER BY s.id LIMIT 1) AS first, count(*) FILTER (WHERE f.correction IS NULL AND f.vote = 'up') AS up,"
        " count(*) FILTER (WHERE f.correction IS NULL AND f.vote = 'down') AS down, count(f.correction) AS corrected"
        " FROM conversations c JOIN turns t ON t.conversation_id = c.id AND t.user_id = c.user_id"
        " LEFT JOIN feedback f ON f.turn_id = t.id WHERE c.user_id = ?"
        " GROUP BY c.id ORDER BY last_at DESC, c.id DESC LIMIT ? OFFSET ?",
        (user_id, part.size, part.start),
    )
    return Talks(part, tuple(Talk(**dict(row)) for row in rows))


def conversation_of(store: Store, conversation_id: int, *, user_id: int, page: int | None = None) -> Conversation:
    """One conversation; its newest turns where no page is named.

    :raises FamiliarError: the user has no such conversation
    """
    rows = store.rows(
        "SELECT c.channel, c.started_at, (SELECT count(*) FROM turns t WHERE t.conversation_id = c.id) AS turns"
        " FROM conversations c WHERE c.id = ? AND c.user_id = ?",
        (conversation_id, user_id),
    )
    if not rows:
        raise FamiliarError(f"there is no conversation {conversation_id} of yours")
    found = rows[0]
    part = part_of(found["turns"], page=page or 1_000_000, size=_TURNS)
    turns = turns_of(store, user_id=user_id, conversation_id=conversation_id)[part.start : part.start + part.size]
    return Conversation(
        *(conversation_id, found["channel"], found["started_at"], part), judged(store, turns, user_id=user_id)
    )


def judged(store: Store, turns: Sequence[Turn], *, user_id: int) -> tuple[Judged, ...]:
    """Turns with the newest judgement of each."""
    rows = store.rows(
        "SELECT turn_id, vote, correction, at FROM feedback WHERE user_id = ? AND turn_id BETWEEN ? AND ?",
        (user_id, *_ends([turn.id for turn in turns])),
    )
    given = {row["turn_id"]: Feedback(**dict(row)) for row in rows}
    return tuple(Judged(turn, given.get(turn.id)) for turn in turns)


def _ends(ids: Sequence[int]) -> tuple[int, int]:
    return (min(ids), max(ids)) if ids else (0, -1)
