"""Retrieval measured on dialogues with questions whose evidence is known: the same search as in a chat turn.

Each row's "user" is its own user, where given; turns without one belong to one user. The turns come in as any dialogue
that is imported does. Beside the search stand, on the same memory, what meaning alone and words alone would find.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from memory import ranking
from memory.config import ImportConfig, SearchConfig
from memory.embedding import Embedder
from memory.errors import FamiliarError
from memory.index import Indexes
from memory.ingest import ImportOptions, Ingestor
from memory.query import understand
from memory.records import Found
from memory.search import Limits, Searcher
from memory.second_stage import SecondStage
from memory.store import Store

NOBODY = "owner"
"""The user of rows that name none."""
BARE = {"embedding": "dense", "bm25": "words"}
"""What stands beside the search, and the one signal that it ranks by."""

Ids = tuple[str, ...]
"""Of the turns that a passage covers."""


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


@dataclass(frozen=True)
class Asked:
    """A question and what was found."""

    question: Question
    found: Found
    bare: dict[str, tuple[Ids, ...]]
    """The same by each of BARE, best first."""
    seconds: float
    """That the search took."""

    def row(self) -> dict[str, Any]:
        """The hits as score.py reads them."""
        hits = [
            {"id": hit.chunk.id, "score": round(hit.score, 4), "ids": list(hit.chunk.external_ids)}
            for hit in self.found.hits
        ]
        confidence = round(self.found.confidence, 4)
        return {"id": self.question.id, "confidence": confidence, "answerable": self.found.answerable, "hits": hits}


@dataclass(frozen=True)
class Figures:
    """How a way to search fared over all questions that have evidence."""

    by: str
    """ "search", or one of BARE."""
    questions: int
    recall_at_5: float
    """Mean share of a question's evidence among the first five turns found."""
    recall_at_10: float
    p50_ms: float | None = None
    """Of a search, the embedding of the question included; None for what is not timed by itself."""
    p95_ms: float | None = None


def evaluate_retrieval(
    turns_path: Path,
    questions_path: Path,
    *,
    embedder: Embedder,
    config: SearchConfig,
    home: Path,
    second_stage: SecondStage | None = None,
) -> Iterator[Asked]:
    """Import turns into ``home`` (empty, thrown away by the caller) and ask each question for [search] k passages.

    :raises FamiliarError: a file can't be read or has a row without the needed fields
    """
    questions = read_questions(questions_path)
    store = Store(home / "familiar.db")
    try:
        indexes = Indexes(home / "index", store, embedder_key=embedder.key, dimensions=embedder.dimensions)
        users = remember(turns_path, store=store, embedder=embedder)
        searcher = Searcher(store, indexes, embedder, config, second_stage=second_stage)
        for question in questions:
            user_id = users.get(question.user)
            if user_id is None:
                yield Asked(question, Found((), 0.0, False), dict.fromkeys(BARE, ()), 0.0)
                continue
            start = time.perf_counter()
            found = searcher.search(question.text, user_id=user_id)
            seconds = time.perf_counter() - start
            yield Asked(question, found, _bare(searcher, store, question.text, user_id=user_id, k=config.k), seconds)
    finally:
        store.close()


def _bare(searcher: Searcher, store: Store, text: str, *, user_id: int, k: int) -> dict[str, tuple[Ids, ...]]:
    """The first k passages by one signal alone: its best are among the candidates of a search, which it nominates."""
    found = searcher.candidates(understand(text), user_id=user_id, limits=Limits())
    best = {}
    for name, signal in BARE.items():
        order = np.argsort(-found.signals[:, ranking.SIGNALS.index(signal)], kind="stable")[:k]
        ids = found.corpus.ids[found.rows[order]].tolist()
        chunks = {chunk.id: chunk for chunk in store.chunks(ids, owners=store.readable_by(user_id))}
        best[name] = tuple(chunks[id_].external_ids for id_ in ids)
    return best


def figures(asked: Sequence[Asked]) -> list[Figures]:
    """The search and what stands beside it; questions without evidence count for the times alone."""
    scored = [item for item in asked if item.question.evidence]
    times = np.array([item.seconds for item in asked]) * 1000.0 if asked else np.zeros(1)
    p50, p95 = (round(float(value), 1) for value in np.percentile(times, (50, 95)))
    hits = {"search": [tuple(hit.chunk.external_ids for hit in item.found.hits) for item in scored]}
    hits |= {name: [item.bare[name] for item in scored] for name in BARE}
    rows = []
    for name, found in hits.items():
        shares = [
            [recall(ids, item.question.evidence, k=k) for ids, item in zip(found, scored, strict=True)] for k in (5, 10)
        ]
        at_5, at_10 = (round(float(np.mean(share)), 4) if share else 0.0 for share in shares)
        timed = (p50, p95) if name == "search" else (None, None)
        rows.append(Figures(name, len(scored), at_5, at_10, *timed))
    return rows


def recall(found: Sequence[Ids], evidence: Sequence[str], *, k: int) -> float:
    """Share of the evidence among the first k turns that the passages cover, each counted once.

    >>> recall([("a", "b"), ("b", "c")], ["c", "d"], k=3)
    0.5
    """
    turns = list(dict.fromkeys(id_ for ids in found for id_ in ids))[:k]
    return len(set(evidence) & set(turns)) / len(set(evidence))


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
