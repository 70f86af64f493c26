"""Conversations, turns and what users think of them: a turn is stored whole, with everything that explains it.

What the user said becomes findable in the same transaction. What the assistant said does not: a retrieved or
generated text stored as if the user had said it is how memories fill with junk.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from memory.errors import FamiliarError
from memory.facts.profile import learn_rules
from memory.facts.store import learn_turn
from memory.records import (
    Citation,
    Feedback,
    Message,
    NewTurn,
    Passage,
    RecalledMemory,
    Timings,
    Turn,
    UnsupportedSentence,
)
from memory.store import Store, utc_now
from memory.under_way_table import EVERY_TURN


@dataclass(frozen=True)
class Said:
    """What the user said in a turn, ready for search: passages and their vectors (n, d) by ``embedder``."""

    passages: tuple[Passage, ...]
    vectors: NDArray[np.float32]
    embedder: str


def open_conversation(store: Store, *, user_id: int, channel: str, chat_id: int | None = None) -> int:
    """Id of the conversation of a Telegram chat (the same again), or of a new one in the terminal."""
    with store.transaction() as db:
        if chat_id is not None:
            rows = db.execute(
                "SELECT id FROM conversations WHERE user_id = ? AND channel = ? AND chat_id = ?",
                (user_id, channel, chat_id),
            ).fetchall()
            if rows:
                return int(rows[0]["id"])
        cursor = db.execute(
            "INSERT INTO conversations (user_id, channel, chat_id, started_at) VALUES (?, ?, ?, ?)",
            (user_id, channel, chat_id, utc_now()),
        )
    return cursor.lastrowid or 0


def add_turn(store: Store, turn: NewTurn, *, user_id: int, said: Said | None, learn: bool = True) -> Turn:
    """Store a turn, make what the user said findable and learn its facts and standing rules, in one transaction.

    :param learn: False for a turn of an export, which brings what was learned from it
    """
    fields = _fields(turn)
    row = {key: as_json(value) if key in _AS_JSON else value for key, value in fields.items()}
    with store.transaction() as db:
        columns = ", ".join(row)
        marks = ", ".join("?" * (len(row) + 1))
        cursor = db.execute(f"INSERT INTO turns (user_id, {columns}) VALUES ({marks})", (user_id, *row.values()))
        turn_id = cursor.lastrowid or 0
        if said is not None and said.passages:
            store.add_turn_chunks(said.passages, said.vectors, user_id=user_id, embedder=said.embedder, turn_id=turn_id)
        if learn:
            learn_turn(store, turn_id, user_id=user_id)
            learn_rules(store, turn.user_text, user_id=user_id, turn_id=turn_id, at=turn.asked_at)
    return turn_of(turn, turn_id, user_id=user_id)


def turn_of(turn: NewTurn, turn_id: int, *, user_id: int) -> Turn:
    """A finished turn under its number; 0 for one that is not stored."""
    return Turn(id=turn_id, user_id=user_id, **_fields(turn))


def _fields(turn: NewTurn) -> dict[str, Any]:
    return {item.name: getattr(turn, item.name) for item in dataclasses.fields(turn)}


def unsupported_of(rows: Sequence[dict[str, Any]]) -> tuple[UnsupportedSentence, ...]:
    """The sentences as they are kept in JSON."""
    return tuple(UnsupportedSentence(**row | {"missing": tuple(row["missing"])}) for row in rows)


def still_said(found: Sequence[UnsupportedSentence], reply: str) -> tuple[UnsupportedSentence, ...]:
    """Those that stand in a reply, which may be another since: chosen instead, or with something of it forgotten."""
    flat = " ".join(reply.split())
    return tuple(item for item in found if " ".join(item.text.split()) in flat)


def turn_by_id(store: Store, turn_id: int, *, user_id: int) -> Turn:
    """One turn.

    :raises FamiliarError: the user has no turn of that id
    """
    rows = store.rows("SELECT * FROM turns WHERE id = ? AND user_id = ?", (turn_id, user_id))
    if not rows:
        raise FamiliarError(f"there is no turn {turn_id} of yours; each reply names its number")
    return _turn(rows[0])


def turns_of(store: Store, *, user_id: int, conversation_id: int | None = None, last: int | None = None) -> list[Turn]:
    """A user's turns, oldest first: all, those of one conversation, or the last few."""
    rows = store.rows(
        "SELECT * FROM turns WHERE user_id = ? AND (? IS NULL OR conversation_id = ?) ORDER BY id DESC LIMIT ?",
        (user_id, conversation_id, conversation_id, -1 if last is None else last),
    )
    return [_turn(row) for row in reversed(rows)]


def every_turn(store: Store, condition: str, values: Sequence[Any]) -> list[Turn]:
    """Turns of which an SQL condition holds, whoever's, oldest first; last those that are being answered now.

    These have numbers below 0 and no reply yet: what forgets must not pass over them.
    """
    rows = store.rows(f"SELECT * FROM {EVERY_TURN} t WHERE {condition} ORDER BY t.id < 0, abs(t.id)", values)
    return [_turn(row) for row in rows]


def rewrite_turn(db: sqlite3.Connection, turn: Turn) -> None:
    """Write the texts of a stored turn that erasure has changed."""
    prompt, citations, memories, unsupported = (
        as_json(items)
        for items in (turn.prompt, turn.citations, turn.memories, still_said(turn.unsupported, turn.reply))
    )
    db.execute(
        "UPDATE turns SET reply = ?, generated = ?, prompt = ?, citations = ?, memories = ?, unsupported = ?"
        " WHERE id = ?",
        (turn.reply, turn.generated, prompt, citations, memories, unsupported, turn.id),
    )


def count_turns(store: Store, *, user_id: int, conversation_id: int) -> int:
    """How many turns a conversation of the user has."""
    rows = store.rows(
        "SELECT count(*) FROM turns WHERE user_id = ? AND conversation_id = ?", (user_id, conversation_id)
    )
    return int(rows[0][0])


def give_feedback(
    store: Store,
    turn_id: int,
    *,
    user_id: int,
    vote: Literal["up", "down"] | None = None,
    correction: str | None = None,
) -> Feedback:
    """Store a vote or a corrected text with its reply; the newest counts.

    :raises FamiliarError: the user has no turn of that id, or the correction is empty
    """
    turn_by_id(store, turn_id, user_id=user_id)
    if correction is not None and not correction.strip():
        raise FamiliarError("the corrected text is empty; write what the reply should have been")
    given = Feedback(turn_id, vote, correction, utc_now())
    with store.transaction() as db:
        db.execute(
            "INSERT INTO feedback (turn_id, user_id, vote, correction, at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (turn_id) DO UPDATE SET vote = excluded.vote, correction = excluded.correction,"
            " at = excluded.at",
            (turn_id, user_id, vote, correction, given.at),
        )
    return given


def withdraw_vote(store: Store, turn_id: int, vote: Literal["up", "down"], *, user_id: int) -> bool:
    """Take a vote back, as if the reply had not been judged; False where another judgement holds by now."""
    with store.transaction() as db:
        cursor = db.execute(
            "DELETE FROM feedback WHERE turn_id = ? AND user_id = ? AND vote = ? AND correction IS NULL",
            (turn_id, user_id, vote),
        )
    return cursor.rowcount > 0


def feedback_of(store: Store, *, user_id: int) -> list[Feedback]:
    """All judgements of a user, oldest first."""
    rows = store.rows("SELECT turn_id, vote, correction, at FROM feedback WHERE user_id = ? ORDER BY at", (user_id,))
    return [Feedback(**dict(row)) for row in rows]


_AS_JSON: Sequence[str] = ("prompt", "citations", "memories", "timings", "unsupported")


def as_json(value: Any) -> str:
    """Records as they are kept in a turn's columns."""
    plain = dataclasses.asdict(value) if isinstance(value, Timings) else [dataclasses.asdict(item) for item in value]
    return json.dumps(plain, ensure_ascii=False)


def _turn(row: sqlite3.Row) -> Turn:
    values = dict(row)
    values["prompt"] = tuple(Message(**item) for item in json.loads(values["prompt"]))
    values["citations"] = tuple(Citation(**item) for item in json.loads(values["citations"]))
    values["memories"] = tuple(RecalledMemory(**item) for item in json.loads(values["memories"]))
    values["timings"] = Timings(**json.loads(values["timings"]))
    marked = unsupported_of(json.loads(values["unsupported"]))
    values["unsupported"] = still_said(marked, values["reply"])
    return Turn(**values)
