"""What a user gave to learn from, read from the store: only rows of that user, and with every source they rest on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from memory.candidates import candidates_of
from memory.desk import DeskExample, examples_of
from memory.records import Feedback, Turn
from memory.store import Store
from memory.turns import feedback_of, turn_by_id, turns_of
from tuning.accepted import accepted_turns
from tuning.dataset import Dataset, Dialogue, JudgedTurn, Line, build_dataset

_AGENT = "agent"
_BLANKS = re.compile(r"\[(?:name|number|date)\]")
"""What was taken out of a reply: learning from it would teach the model to write blanks."""


def read_dataset(
    store: Store, *, user_id: int, persona: str, accepted_weight: float = 0.0, now: datetime | None = None
) -> Dataset:
    """All examples that the user's feedback and dialogues give today, and their unjudged replies where they weigh."""
    turns = judged_turns(store, user_id=user_id)
    if accepted_weight > 0:
        turns += unjudged_turns(store, user_id=user_id, now=now or datetime.now(UTC))
    found = dialogues(store, user_id=user_id) + desk_dialogues(store, user_id=user_id)
    turns += answered_cases(store, user_id=user_id)
    return build_dataset(turns, found, persona=persona, accepted_weight=accepted_weight)


def judged_turns(store: Store, *, user_id: int) -> list[JudgedTurn]:
    """The user's turns that have feedback, oldest judgement first."""
    turns = {turn.id: turn for turn in turns_of(store, user_id=user_id)}
    return [
        _judged(store, turns[item.turn_id], item, turns.values(), user_id=user_id)
        for item in feedback_of(store, user_id=user_id)
        if item.turn_id in turns
    ]


def unjudged_turns(store: Store, *, user_id: int, now: datetime) -> list[JudgedTurn]:
    """The user's turns that were accepted without complaint (`tuning.accepted`), oldest first."""
    turns = turns_of(store, user_id=user_id)
    judged = {item.turn_id for item in feedback_of(store, user_id=user_id)}
    judged |= {item.turn_id for item in candidates_of(store, user_id=user_id) if item.chosen == "neither"}
    accepted = accepted_turns(turns, judged=judged, now=now)
    return [_judged(store, turn, None, turns, user_id=user_id) for turn in accepted]


def _judged(store: Store, turn: Turn, feedback: Feedback | None, turns: Iterable[Turn], *, user_id: int) -> JudgedTurn:
    return JudgedTurn(turn, feedback, *rests_on(store, turn, turns, user_id=user_id))


def rests_on(
    store: Store, turn: Turn, turns: Iterable[Turn], *, user_id: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The turns and documents of the user whose text stands in a turn or its prompt."""
    rows = store.rows(
        "SELECT id, document_id, turn_id FROM chunks WHERE id IN (SELECT value FROM json_each(?))"
        " AND user_id IN (SELECT value FROM json_each(?))",
        (json.dumps([memory.id for memory in turn.memories]), json.dumps(store.readable_by(user_id))),
    )
    given = {message.content for message in turn.prompt}
    earlier = {
        other.id
        for other in turns
        if other.conversation_id == turn.conversation_id
        and other.id < turn.id
        and {other.user_text, other.reply} & given
    }
    return (
        tuple(sorted({turn.id} | earlier | {row["turn_id"] for row in rows if row["turn_id"] is not None})),
        tuple(sorted({row["document_id"] for row in rows if row["document_id"] is not None})),
    )


def dialogues(store: Store, *, user_id: int) -> list[Dialogue]:
    """The user's imported dialogues that name a speaker to learn from."""
    return [
        Dialogue(
            document_id=document.id,
            speaker=document.learn_from,
            lines=_lines(store, document.id, user_id=user_id),
            imported_at=document.imported_at,
        )
        for document in store.documents(user_id=user_id)
        if document.learn_from is not None
    ]


def desk_dialogues(store: Store, *, user_id: int) -> list[Dialogue]:
    """What agents replied to customers, of a desk's knowledge base: by the file that it was imported from."""
    by_document: dict[int, list[DeskExample]] = {}
    for example in examples_of(store, user_id=user_id):
        if example.document_id is not None and not _BLANKS.search(example.reply):
            by_document.setdefault(example.document_id, []).append(example)
    return [
        Dialogue(
            document_id=document_id,
            speaker=_AGENT,
            lines=tuple(line for example in found for line in _exchange(example)),
            imported_at=found[-1].added_at,
            apart=True,
        )
        for document_id, found in by_document.items()
    ]


def _exchange(example: DeskExample) -> tuple[Line, Line]:
    return Line("", example.question), Line(_AGENT, example.reply)


def answered_cases(store: Store, *, user_id: int) -> list[JudgedTurn]:
    """What people answered to customers whose message was handed over, as if it had corrected the desk's reply."""
    found = []
    for example in examples_of(store, user_id=user_id):
        if example.turn_id is None:
            continue
        (row,) = store.rows("SELECT user_id FROM turns WHERE id = ?", (example.turn_id,))
        turn = turn_by_id(store, example.turn_id, user_id=row["user_id"])
        plain = replace(turn, user_text=example.question, prompt=(), memories=())  # without personal data
        given = Feedback(turn.id, None, example.reply, example.added_at)
        found.append(JudgedTurn(plain, given, (turn.id,), ()))
    return found


def _lines(store: Store, document_id: int, *, user_id: int) -> tuple[Line, ...]:
    """The rows of a dialogue; one that was cut into several chunks is whole again."""
    text = store.document_text(document_id, user_id=user_id)
    rows = store.rows(
        'SELECT speaker, min(start) AS start, max("end") AS "end", min(at) AS at, min(id) AS id FROM chunks'
        " WHERE document_id = ? AND user_id = ? AND speaker IS NOT NULL"
        " GROUP BY CASE external_ids WHEN '[]' THEN 'chunk ' || id ELSE external_ids END, speaker"
        " ORDER BY min(position)",
        (document_id, user_id),
    )
    return tuple(Line(row["speaker"], text[row["start"] : row["end"]], row["at"], row["id"]) for row in rows)
