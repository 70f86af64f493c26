"""What the user decided about single examples: approved or struck out, until they decide otherwise.

Kept by the turn or the passage that the reply begins in, so a decision goes when its source is forgotten, follows a
document's new version, and names no text. An approval is of what was seen: a reply that is judged anew after it has to
be approved again, while what was struck out stays out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from memory.store import Store, utc_now
from tuning.dataset import Example
from tuning.filters import Choices

Choice = Literal["approved", "struck"]


def choose(store: Store, example: Example, choice: Choice, *, user_id: int) -> None:
    """Remember a decision about one of the user's examples; the newest counts."""
    turn_id, chunk_id = _source(example)
    with store.transaction() as db:
        db.execute(
            "DELETE FROM example_choices WHERE user_id = ? AND turn_id IS ? AND chunk_id IS ?",
            (user_id, turn_id, chunk_id),
        )
        db.execute(
            "INSERT INTO example_choices (user_id, turn_id, chunk_id, choice, at) VALUES (?, ?, ?, ?, ?)",
            (user_id, turn_id, chunk_id, choice, utc_now()),
        )


def choices_of(store: Store, examples: Sequence[Example], *, user_id: int) -> Choices:
    """The user's decisions that hold for these examples."""
    rows = store.rows("SELECT turn_id, chunk_id, choice, at FROM example_choices WHERE user_id = ?", (user_id,))
    made = {(row["turn_id"], row["chunk_id"]): (row["choice"], row["at"]) for row in rows}
    approved, struck = set[str](), set[str]()
    for example in examples:
        choice, at = made.get(_source(example), (None, ""))
        if choice == "struck":
            struck.add(example.id)
        elif choice == "approved" and _moment(at) >= _moment(example.learned_at):
            approved.add(example.id)
    return Choices(frozenset(approved), frozenset(struck))


def struck_turns(store: Store, *, user_id: int) -> frozenset[int]:
    """Turns that the user struck out, whose preferences are not learned either."""
    rows = store.rows(
        "SELECT turn_id FROM example_choices WHERE user_id = ? AND choice = 'struck' AND turn_id IS NOT NULL",
        (user_id,),
    )
    return frozenset(row["turn_id"] for row in rows)


def _source(example: Example) -> tuple[int | None, int | None]:
    """The turn or the passage that an example's reply is from."""
    kind, number, *_ = example.id.split(":")
    return (int(number), None) if kind == "turn" else (None, example.chunk_id)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
