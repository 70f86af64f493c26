"""Two answers to one message and which of them the user preferred: kept with the turn, gone with it.

The first answer is the turn's reply from the beginning. Choosing the second puts it in the reply's place, so that what
follows in the conversation goes on from what the user wanted; both texts stay, because only together they are a pair
to learn from. Once chosen, a choice can be changed; the newest counts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from memory.errors import FamiliarError
from memory.records import Citation
from memory.store import Store, utc_now

Choice = Literal["first", "second", "neither"]
CHOICES: tuple[Choice, ...] = ("first", "second", "neither")


@dataclass(frozen=True)
class Answer:
    """One of two answers."""

    text: str
    """What is shown."""
    generated: str
    """What the model wrote, before its citations were checked."""
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True)
class Candidates:
    """Two answers to the message of a turn."""

    turn_id: int
    first: str
    second: str
    chosen: Choice | None
    offered_at: str
    chosen_at: str | None


def keep_candidates(store: Store, turn_id: int, first: Answer, second: Answer, *, user_id: int) -> Candidates:
    """Store two answers of which none is chosen yet.

    :raises FamiliarError: the user has no such turn (any more)
    """
    with store.transaction() as db:
        if not db.execute("SELECT 1 FROM turns WHERE id = ? AND user_id = ?", (turn_id, user_id)).fetchone():
            raise FamiliarError(f"there is no turn {turn_id} of yours; it may have been forgotten")
        db.execute(
            "INSERT OR REPLACE INTO candidates (turn_id, user_id, first, second, first_generated, second_generated,"
            " first_citations, second_citations, offered_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(turn_id, user_id, first.text, second.text, first.generated, second.generated),
                *(_json(first.citations), _json(second.citations), utc_now()),
            ),
        )
    return candidates_of_turn(store, turn_id, user_id=user_id)


def choose(store: Store, turn_id: int, choice: Choice, *, user_id: int) -> Candidates:
    """Note what the user preferred; the preferred answer, else the first, is the turn's reply from now on.

    :raises FamiliarError: the user was offered nothing at that turn
    """
    candidates_of_turn(store, turn_id, user_id=user_id)
    which = "second" if choice == "second" else "first"
    with store.transaction() as db:
        db.execute(
            "UPDATE candidates SET chosen = ?, chosen_at = ? WHERE turn_id = ? AND user_id = ?",
            (choice, utc_now(), turn_id, user_id),
        )
        db.execute(
            f"UPDATE turns SET (reply, generated, citations) = (SELECT {which}, {which}_generated, {which}_citations"
            " FROM candidates WHERE turn_id = turns.id) WHERE id = ? AND user_id = ?",
            (turn_id, user_id),
        )
        if which == "second":  # what was marked is not said any more
            db.execute("UPDATE turns SET unsupported = '[]' WHERE id = ? AND user_id = ?", (turn_id, user_id))
    return candidates_of_turn(store, turn_id, user_id=user_id)


def candidates_of_turn(store: Store, turn_id: int, *, user_id: int) -> Candidates:
    """The two answers of one turn.

    :raises FamiliarError: the user was offered nothing at that turn
    """
    found = [item for item in candidates_of(store, user_id=user_id) if item.turn_id == turn_id]
    if not found:
        raise FamiliarError(f"at turn {turn_id} of yours no two answers were offered")
    return found[0]


def candidates_of(store: Store, *, user_id: int) -> list[Candidates]:
    """All that was offered to a user, oldest first."""
    rows = store.rows(
        "SELECT turn_id, first, second, chosen, offered_at, chosen_at FROM candidates WHERE user_id = ?"
        " ORDER BY turn_id",
        (user_id,),
    )
    return [Candidates(**dict(row)) for row in rows]


@dataclass(frozen=True)
class Doubt:
    """How unsure the model was of a reply, and whether a second one was offered."""

    doubt: float
    """Mean negative log-likelihood of the reply's tokens, in nats."""
    offered: bool


def doubts_of(store: Store, *, user_id: int, before: int, last: int) -> list[Doubt]:
    """Of a user's last measured replies before a turn, newest first."""
    rows = store.rows(
        "SELECT -t.mean_logprob AS doubt, c.turn_id IS NOT NULL AS offered FROM turns t"
        " LEFT JOIN candidates c ON c.turn_id = t.id WHERE t.user_id = ? AND t.id < ? AND t.mean_logprob IS NOT NULL"
        " ORDER BY t.id DESC LIMIT ?",
        (user_id, before, last),
    )
    return [Doubt(row["doubt"], bool(row["offered"])) for row in rows]


def _json(citations: Sequence[Citation]) -> str:
    return json.dumps([asdict(item) for item in citations], ensure_ascii=False)
