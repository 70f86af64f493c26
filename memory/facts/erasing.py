"""The user's name, pinned facts and standing rules stand in the beginning of every prompt since they were said; those
lines go from all stored prompts with the message or document that they came from.

A line goes where it is that of a fact or rule which is erased with its source, or where it quotes or retells the
erased text: a fact that was unpinned or corrected since has left its older line in earlier prompts.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence

from memory.facts.profile import fact_line, rule_line
from memory.facts.store import FACT_ROWS, with_ends
from memory.records import ABOUT_USER
from memory.redaction import ERASED, Erasure, without_sentences


def lines_from(db: sqlite3.Connection, chunk_ids: Iterable[int], turn_ids: Iterable[int]) -> frozenset[str]:
    """How facts and standing rules that these passages and turns alone state stand in prompts."""
    rows = db.execute(
        f"{FACT_ROWS} WHERE f.id IN (SELECT fact_id FROM fact_sources WHERE chunk_id IN (SELECT value FROM"
        " json_each(?1))) AND NOT EXISTS (SELECT 1 FROM fact_sources s WHERE s.fact_id = f.id AND s.chunk_id NOT IN"
        " (SELECT value FROM json_each(?1))) ORDER BY f.user_id, f.subject_key, f.kind",
        (json.dumps(list(chunk_ids)),),
    ).fetchall()
    rules = db.execute(
        "SELECT text FROM standing_rules WHERE turn_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(turn_ids)),),
    )
    return frozenset([*map(fact_line, with_ends(rows)), *(rule_line(row["text"]) for row in rules)])


def without_lines(prompt: str, lines: frozenset[str], erasure: Erasure) -> str:
    """The beginning of a prompt without these lines about the user, and without those that tell the erased text."""
    head, mark, about = prompt.partition(f"\n{ABOUT_USER}\n")
    if not mark:
        return prompt
    return head + mark + "\n".join(_kept(about.split("\n"), lines, erasure))


def _kept(about: Sequence[str], lines: frozenset[str], erasure: Erasure) -> list[str]:
    return [f"- {ERASED}" if line in lines or without_sentences(line, erasure)[1] else line for line in about]
