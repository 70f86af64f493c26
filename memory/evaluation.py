"""Retrieval measured on dialogues with questions whose evidence is known: the same search as in a chat turn.

Each row's "user" is its own user, where given; turns without one belong to one user. The turns come in as any dialogue
that is imported does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory.config import ImportConfig, SearchConfig
from memory.embedding import Embedder
from memory.errors import FamiliarError
from memory.index import Indexes
from memory.ingest import ImportOptions, Ingestor
from memory.records import Found
from memory.search import Searcher
from memory.store import Store

NOBODY = "owner"
"""The user of rows that name none."""


@dataclass(frozen=True)
class Line:
    """One turn of a dialogue file."""

    id: str
    speaker: str
    text: str
    at: str | None
    user: str


@dataclass(frozen=True)
class Question:
    """A question with the ids of the turns that answer it."""

    id: str
    text: str
    user: str
    evidence: tuple[str, ...]


def evaluate_retrieval(
    turns_path: Path, questions_path: Path, *, embedder: Embedder, config: SearchConfig, home: Path, k: int
) -> Iterator[dict[str, Any]]:
    """Import turns into ``home`` (empty, thrown away by the caller) and yield one row a question as score.py reads it.

    :raises FamiliarError: a file can't be read or has a row without the needed fields
    """
    questions = read_questions(questions_path)
    store = Store(home / "familiar.db")
    try:
        indexes = Indexes(home / "index", store, embedder_key=embedder.key, dimensions=embedder.dimensions)
        users = remember(turns_path, store=store, embedder=embedder)
        searcher = Searcher(store, indexes, embedder, config)
        for question in questions:
            user_id = users.get(question.user)
            found = Found((), 0.0, False) if user_id is None else searcher.search(question.text, user_id=user_id, k=k)
            yield _row(question, found)
    finally:
        store.close()


def remember(turns_path: Path, *, store: Store, embedder: Embedder) -> dict[str, int]:
    """Import a dialogue into an empty store, each "user" a user of its own; returns the user ids by name.

    :raises FamiliarError: the file can't be imported
    """
    owner = store.add_user(NOBODY, role="owner").id
    users = {NOBODY: owner}

    def user_of(name: str) -> int:
        if name not in users:
            users[name] = store.add_user(name, role="member").id
        return users[name]

    ingestor = Ingestor(store, embedder, ImportConfig())
    for receipt in ingestor.import_paths([turns_path], user_id=owner, options=ImportOptions(user_of=user_of)):
        if receipt.status != "indexed":
            raise FamiliarError(f"{receipt.path} was not imported: {receipt.reason}")
    return users


def read_lines(path: Path) -> list[Line]:
    """The turns of a JSONL dialogue.

    :raises FamiliarError: names the line that is wrong
    """
    return [
        Line(
            id=str(row["id"]),
            speaker=str(row.get("speaker") or ""),
            text=str(row["text"]),
            at=row.get("at"),
            user=str(row.get("user") or NOBODY),
        )
        for row in read_rows(path, ("id", "text"))
    ]


def read_questions(path: Path) -> list[Question]:
    """The questions of a JSONL file.

    :raises FamiliarError: names the line that is wrong
    """
    return [
        Question(
            id=str(row["id"]),
            text=str(row["text"]),
            user=str(row.get("user") or NOBODY),
            evidence=tuple(str(id_) for id_ in row.get("evidence") or ()),
        )
        for row in read_rows(path, ("id", "text"))
    ]


def read_rows(path: Path, needed: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The objects of a JSON-lines file, each of which has the ``needed`` keys; empty lines are passed over.

    :raises FamiliarError: the file can't be read, or names the line that is wrong
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise FamiliarError(f"{path} can't be read: {exc}") from exc
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as exc:
            raise FamiliarError(f"{path}, line {number} is not JSON: {exc}") from exc
        missing = [name for name in needed if not isinstance(row, dict) or name not in row]
        if missing:
            raise FamiliarError(f"{path}, line {number} lacks {', '.join(missing)}; each row needs {', '.join(needed)}")
        yield row


def _row(question: Question, found: Found) -> dict[str, Any]:
    hits = [
        {"id": hit.chunk.id, "score": round(hit.score, 4), "ids": list(hit.chunk.external_ids)} for hit in found.hits
    ]
    return {"id": question.id, "confidence": round(found.confidence, 4), "answerable": found.answerable, "hits": hits}
