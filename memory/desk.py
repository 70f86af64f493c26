"""What a customer desk has learned and what waits for a person: examples, answer templates, cases and events.

Examples and templates belong to the desk's knowledge base; cases and events to the customer whom they are about, and
every read of them names that customer or is the agents' own list. What a case is about stands in its turn alone, so
that forgetting the turn leaves nothing of it here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from memory.errors import FamiliarError
from memory.store import Store, utc_now

TemplateState = Literal["proposed", "approved", "dropped"]
EventKind = Literal["alone", "handed over", "answered by a person", "rule"]


@dataclass(frozen=True)
class NewExample:
    """A question and an agent's reply, without personal data."""

    intent: str
    """Empty: not known."""
    language: str
    question: str
    reply: str
    times: int = 1


@dataclass(frozen=True)
class DeskExample:
    """A stored one."""

    id: int
    intent: str
    language: str
    question: str
    reply: str
    times: int
    document_id: int | None
    turn_id: int | None
    added_at: str


@dataclass(frozen=True)
class Template:
    """A reply with slots."""

    id: int
    intent: str
    language: str
    question: str
    """A question that it answers."""
    text: str
    state: TemplateState
    times: int
    """How many conversations it comes from."""


@dataclass(frozen=True)
class Case:
    """A message that was handed over to a person."""

    id: int
    user_id: int
    turn_id: int
    state: Literal["open", "answered"]
    reason: str
    intent: str
    suggestion: str | None
    opened_at: str
    answered_at: str | None


@dataclass(frozen=True)
class Event:
    """Something that happened at the desk; no text."""

    kind: EventKind
    reason: str
    """Why it was handed over, or which rule was broken."""
    intent: str
    seconds: float
    """Until the customer had a reply."""
    at: str = ""


_EXAMPLE = "SELECT id, intent, language, question, reply, times, document_id, turn_id, added_at FROM desk_examples"
_TEMPLATE = "SELECT id, intent, language, question, text, state, times FROM desk_templates"
_CASE = "SELECT id, user_id, turn_id, state, reason, intent, suggestion, opened_at, answered_at FROM desk_cases"


# -- examples


def add_examples(
    store: Store,
    new: Sequence[NewExample],
    *,
    user_id: int,
    document_id: int | None = None,
    turn_id: int | None = None,
) -> int:
    """Keep examples of a knowledge base; a question with the same reply that is there already counts once more.

    :param document_id: what they came from, or
    :param turn_id: the customer's turn that a person answered; they go with either
    :returns: how many are new
    """
    added = 0
    with store.transaction() as db:
        for item in new:
            same = "user_id = ? AND question = ? AND reply = ?"
            values = (item.times, user_id, item.question, item.reply)
            if db.execute(f"UPDATE desk_examples SET times = times + ? WHERE {same}", values).rowcount:
                continue
            db.execute(
                "INSERT INTO desk_examples (user_id, document_id, turn_id, intent, language, question, reply, times,"
                " added_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (user_id, document_id, turn_id, item.intent, item.language, *values[2:], item.times, utc_now()),
            )
            added += 1
    return added


def examples_of(store: Store, *, user_id: int) -> list[DeskExample]:
    """All examples of a knowledge base, oldest first."""
    return [DeskExample(**dict(row)) for row in store.rows(f"{_EXAMPLE} WHERE user_id = ? ORDER BY id", (user_id,))]


def vectors_of(store: Store, *, user_id: int, embedder: str) -> dict[int, NDArray[np.float32]]:
    """The embeddings of its questions by example, as far as this embedder has made them."""
    rows = store.rows(
        "SELECT v.example_id, v.vector FROM desk_vectors v JOIN desk_examples e ON e.id = v.example_id"
        " WHERE e.user_id = ? AND v.embedder = ?",
        (user_id, embedder),
    )
    return {row["example_id"]: np.frombuffer(row["vector"], np.float16).astype(np.float32) for row in rows}


def keep_vectors(store: Store, ids: Sequence[int], vectors: NDArray[np.float32], *, embedder: str) -> None:
    """Keep embeddings (n, d) of examples; those of other embedders go, and of examples that are gone none is kept."""
    with store.transaction() as db:
        for id_, vector in zip(ids, vectors.astype(np.float16), strict=True):
            db.execute("DELETE FROM desk_vectors WHERE example_id = ?", (id_,))
            db.execute(
                "INSERT INTO desk_vectors (example_id, embedder, vector) SELECT id, ?, ? FROM desk_examples"
                " WHERE id = ?",
                (embedder, vector.tobytes(), id_),
            )


# -- templates


def add_template(
    store: Store, new: NewExample, *, user_id: int, document_id: int | None = None, state: TemplateState = "proposed"
) -> int | None:
    """Keep a template, ``new.reply`` being its text; None where the knowledge base has one of the same words."""
    with store.transaction() as db:
        if db.execute("SELECT 1 FROM desk_templates WHERE user_id = ? AND text = ?", (user_id, new.reply)).fetchone():
            return None
        values = (user_id, document_id, new.intent, new.language, new.question, new.reply, state, new.times, utc_now())
        return db.execute(
            "INSERT INTO desk_templates (user_id, document_id, intent, language, question, text, state, times,"
            " added_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        ).lastrowid


def templates_of(store: Store, *, user_id: int, state: TemplateState | None = None) -> list[Template]:
    """The templates of a knowledge base, or those of one state, by intent."""
    rows = store.rows(
        f"{_TEMPLATE} WHERE user_id = ? AND (?2 IS NULL OR state = ?2) ORDER BY intent, language, id", (user_id, state)
    )
    return [Template(**dict(row)) for row in rows]


def set_template(store: Store, template_id: int, state: TemplateState, *, user_id: int) -> None:
    """Approve or drop a template.

    :raises FamiliarError: the knowledge base has none of that number
    """
    with store.transaction() as db:
        sql = "UPDATE desk_templates SET state = ? WHERE id = ? AND user_id = ?"
        if not db.execute(sql, (state, template_id, user_id)).rowcount:
            raise FamiliarError(f"there is no template {template_id}; `familiar desk templates` lists them")


# -- cases


def open_case(
    store: Store, *, user_id: int, turn_id: int, reason: str, intent: str, suggestion: str | None, at: str
) -> Case:
    """Hand a turn over to a person."""
    with store.transaction() as db:
        cursor = db.execute(
            "INSERT INTO desk_cases (user_id, turn_id, state, reason, intent, suggestion, opened_at)"
            " VALUES (?, ?, 'open', ?, ?, ?, ?)",
            (user_id, turn_id, reason, intent, suggestion, at),
        )
    return case_by_id(store, cursor.lastrowid or 0)


def case_by_id(store: Store, case_id: int) -> Case:
    """One case, for the agents.

    :raises FamiliarError: there is none of that number
    """
    rows = store.rows(f"{_CASE} WHERE id = ?", (case_id,))
    if not rows:
        raise FamiliarError(f"there is no case {case_id}; `familiar desk cases` lists those that are open")
    return _case(rows[0])


def open_cases(store: Store, *, user_id: int | None = None, since: str = "") -> list[Case]:
    """Cases that nobody has answered, of all customers or of one, opened since a moment, oldest first."""
    rows = store.rows(
        f"{_CASE} WHERE state = 'open' AND (?1 IS NULL OR user_id = ?1) AND opened_at >= ?2 ORDER BY id",
        (user_id, since),
    )
    return [_case(row) for row in rows]


def close_case(store: Store, case: Case, text: str, *, at: str) -> int | None:
    """Note that a person has answered, and put the text under the customer's newest turn, whose number it gives.

    None where another person was faster.
    """
    with store.transaction() as db:
        answered = "UPDATE desk_cases SET state = 'answered', answered_at = ?, suggestion = NULL"
        if not db.execute(f"{answered} WHERE id = ? AND state = 'open'", (at, case.id)).rowcount:
            return None
        turn: int = db.execute(
            "SELECT max(t.id) FROM turns t WHERE t.user_id = ?1 AND t.conversation_id ="
            " (SELECT conversation_id FROM turns WHERE id = ?2)",
            (case.user_id, case.turn_id),
        ).fetchone()[0]
        db.execute("UPDATE turns SET reply = reply || ? WHERE id = ?", (f"\n\n{text}", turn))
    return turn


def _case(row: sqlite3.Row) -> Case:
    return Case(**dict(row))


# -- events


def add_event(store: Store, event: Event, *, user_id: int) -> None:
    """Count something that happened with a customer."""
    with store.transaction() as db:
        db.execute(
            "INSERT INTO desk_events (user_id, kind, reason, intent, seconds, at) VALUES (?, ?, ?, ?, ?, ?)",
            (user_id, event.kind, event.reason, event.intent, round(event.seconds, 3), event.at or utc_now()),
        )


def events_since(store: Store, since: str) -> list[Event]:
    """What happened since a moment, with all customers, oldest first."""
    rows = store.rows("SELECT kind, reason, intent, seconds, at FROM desk_events WHERE at >= ? ORDER BY id", (since,))
    return [Event(**dict(row)) for row in rows]
