"""What a desk did, for its owner: answered alone, handed over, how fast, how it was judged, what it could not answer.

Unanswered questions are put together by meaning, so that twenty ways to ask for a bill are one line, with the question
in the middle and what a person answered to it as an entry to approve. Nothing of it is stored: it follows from events
and cases, so that what is forgotten is gone from here too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

import numpy as np
from numpy.typing import NDArray

from bot.desk.knowing import Knowledge
from bot.desk.pairs import language_of_text
from bot.locales import say
from memory.desk import Event, NewExample, add_template, events_since
from memory.errors import FamiliarError
from memory.store import Store

_SAME = 0.55
"""Cosine, with the common part of all embeddings taken off, from which on two questions count as the same."""
_COMPARED = 2000
"""Newest unanswered questions that are put together."""


@dataclass(frozen=True)
class DeskFigures:
    """Figures since a moment."""

    messages: int
    alone: int
    handed_over: int
    alone_share: float | None
    """Of all messages that were answered or handed over."""
    first_reply_s: float | None
    """Median seconds until the desk answered alone."""
    person_reply_s: float | None
    """Median seconds until a person had answered a case."""
    waiting: int
    """Cases that nobody has answered."""
    votes_up: int
    votes_down: int
    rules: tuple[tuple[str, int], ...]
    """Rules that were about to be broken, with how often."""
    reasons: tuple[tuple[str, int], ...]
    """Why messages were handed over."""


@dataclass(frozen=True)
class Unanswered:
    """Questions that went to a person and mean about the same."""

    count: int
    question: str
    """The one in the middle."""
    case: int
    """Its case's number, by which the entry is approved."""
    reply: str | None
    """What a person answered to one of them: the entry to approve; None while nobody has."""


def figures(store: Store, *, since: str) -> DeskFigures:
    """The desk's figures of all customers."""
    events = events_since(store, since)
    kinds = Counter(event.kind for event in events)
    alone, handed = kinds["alone"], kinds["handed over"]
    votes = Counter(row["vote"] for row in store.rows(_VOTES, (since,)))
    return DeskFigures(
        messages=alone + handed,
        alone=alone,
        handed_over=handed,
        alone_share=round(alone / (alone + handed), 3) if alone + handed else None,
        first_reply_s=_median(events, "alone"),
        person_reply_s=_median(events, "answered by a person"),
        waiting=int(store.rows("SELECT count(*) FROM desk_cases WHERE state = 'open'")[0][0]),
        votes_up=votes["up"],
        votes_down=votes["down"],
        rules=_counted(events, "rule"),
        reasons=_counted(events, "handed over"),
    )


_VOTES = (
    "SELECT f.vote FROM feedback f JOIN users u ON u.id = f.user_id WHERE u.role = 'guest' AND f.vote IS NOT NULL"
    " AND f.at >= ?"
)
_CASES = (
    "SELECT c.id, t.user_text, t.reply, c.state, e.reply AS answer FROM desk_cases c JOIN turns t ON t.id = c.turn_id"
    " LEFT JOIN desk_examples e ON e.turn_id = c.turn_id WHERE c.opened_at >= ? AND c.reason IN ('nothing found',"
    " 'no source', 'not supported by its sources') ORDER BY c.id DESC LIMIT ?"
)


def _median(events: Sequence[Event], kind: str) -> float | None:
    seconds = [event.seconds for event in events if event.kind == kind]
    return round(median(seconds), 2) if seconds else None


def _counted(events: Sequence[Event], kind: str) -> tuple[tuple[str, int], ...]:
    return tuple(Counter(event.reason for event in events if event.kind == kind).most_common())


def unanswered(store: Store, knowledge: Knowledge, *, since: str, most: int = 10) -> list[Unanswered]:
    """The most frequent questions that the desk could not answer, with an entry to approve where a person has."""
    rows = store.rows(_CASES, (since, _COMPARED))
    groups = clusters(knowledge.embed([row["user_text"] for row in rows]))
    found = []
    for middle, members in groups:
        answers = [rows[place]["answer"] for place in (middle, *members) if rows[place]["answer"]]
        row = rows[middle]
        found.append(Unanswered(len(members), row["user_text"], row["id"], answers[0] if answers else None))
    return sorted(found, key=lambda item: -item.count)[:most]


def clusters(vectors: NDArray[np.float32]) -> list[tuple[int, list[int]]]:
    """Rows (n, d) that mean about the same: the one in the middle and all of them, the largest group first.

    Greedy: the row with the most near ones takes them, then the next of what is left.
    """
    if not len(vectors):
        return []
    rows = vectors - vectors.mean(axis=0) if len(vectors) > 2 else vectors
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    near = rows @ rows.T >= _SAME
    np.fill_diagonal(near, val=True)
    left = np.ones(len(rows), np.bool_)
    groups = []
    while left.any():
        counts = np.where(left, (near & left).sum(axis=1), -1)
        middle = int(counts.argmax())
        members = np.flatnonzero(near[middle] & left)
        groups.append((middle, members.tolist()))
        left[members] = False
    return groups


def approve_entry(store: Store, knowledge: Knowledge, case_id: int, *, intent: str) -> int:
    """Make what a person answered to a case a template of an intent; its number.

    :raises FamiliarError: nobody has answered it, or what was answered may not be kept
    """
    rows = store.rows(
        "SELECT question, reply FROM desk_examples WHERE turn_id = (SELECT turn_id FROM desk_cases WHERE id = ?)",
        (case_id,),
    )
    if not rows:
        raise FamiliarError(f"case {case_id} has no answer of a person that could be kept; `familiar desk figures`")
    question, reply = rows[0]["question"], rows[0]["reply"]
    new = NewExample(intent, language_of_text(question), question, reply)
    with store.transaction() as db:
        db.execute(
            "UPDATE desk_examples SET intent = ? WHERE turn_id = (SELECT turn_id FROM desk_cases WHERE id = ?)",
            (intent, case_id),
        )
        made = add_template(store, new, user_id=knowledge.desk.id, state="approved")
    if made is None:
        raise FamiliarError(f"there is a template of the same words as the answer to case {case_id} already")
    return made


def since_days(now: datetime, days: int) -> str:
    """The moment so many days before another."""
    return (now - timedelta(days=days)).isoformat()


def figures_text(found: DeskFigures, open_: list[Unanswered], *, days: int, language: str) -> str:
    """The figures for a person."""

    def seconds(value: float | None) -> str:
        return "-" if value is None else f"{value:.1f} s" if value < 120 else f"{value / 60:.0f} min"

    text = say(
        language,
        "desk_figures",
        days=days,
        messages=found.messages,
        alone=found.alone,
        share="-" if found.alone_share is None else f"{found.alone_share:.0%}",
        handed=found.handed_over,
        waiting=found.waiting,
        first=seconds(found.first_reply_s),
        person=seconds(found.person_reply_s),
        up=found.votes_up,
        down=found.votes_down,
    )
    lines = [text]
    if found.rules:
        rules = ", ".join(f"{name} × {count}" for name, count in found.rules)
        lines.append(say(language, "desk_figures_rules", rules=rules))
    if open_:
        lines.append(say(language, "desk_figures_unanswered"))
        lines += [
            f"{item.count} × {item.question} [{item.case}]" + (f" → {item.reply}" if item.reply else "")
            for item in open_
        ]
    return "\n".join(lines)
