"""Retrieval measured: hits as a scorer reads them, with meaning alone and words alone beside them."""

import json
from pathlib import Path

import pytest

from memory.config import SearchConfig
from memory.errors import FamiliarError
from memory.evaluation import Asked, Figures, Question, evaluate_retrieval, figures, recall
from memory.records import Found
from tests.embedder import WordEmbedder

TURNS: list[dict[str, object]] = [
    {"id": "a1", "speaker": "Ann", "text": "The boat leaves on Friday.", "at": "2026-05-01T10:00:00", "user": "ann"},
    {"id": "a2", "speaker": "Ben", "text": "I have painted the kitchen.", "at": "2026-05-02T10:00:00", "user": "ann"},
    {"id": "b1", "speaker": "Cy", "text": "The boat is at the harbour.", "at": "2026-05-03T10:00:00", "user": "cy"},
]
QUESTIONS: list[dict[str, object]] = [
    {"id": "q1", "text": "When does the boat leave?", "user": "ann", "evidence": ["a1"]},
    {"id": "q2", "text": "Who painted the kitchen?", "user": "ann", "evidence": ["a2", "a9"]},
    {"id": "q3", "text": "Where is the boat?", "user": "nobody here", "evidence": ["b1"]},
]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A dialogue of two users and questions about it."""
    paths = (tmp_path / "turns.jsonl", tmp_path / "questions.jsonl")
    for path, rows in zip(paths, (TURNS, QUESTIONS), strict=True):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return paths


def _ask(files: tuple[Path, Path], home: Path) -> list[Asked]:
    turns, questions = files
    config = SearchConfig(k=5)
    return list(evaluate_retrieval(turns, questions, embedder=WordEmbedder(), config=config, home=home))


def test_hits_name_the_turns_of_the_right_user(files: tuple[Path, Path], tmp_path: Path) -> None:
    """Each question is asked of its own user's memory alone; a user without turns finds nothing."""
    rows = [item.row() for item in _ask(files, tmp_path)]
    assert [row["id"] for row in rows] == ["q1", "q2", "q3"]
    assert rows[0]["hits"][0]["ids"] == ["a1"]
    assert "b1" not in {id_ for row in rows for hit in row["hits"] for id_ in hit["ids"]}
    assert rows[2]["hits"] == []


def test_meaning_and_words_alone_stand_beside_the_search(files: tuple[Path, Path], tmp_path: Path) -> None:
    """What one signal finds is ranked by it and by nothing else, on the same memory."""
    first = _ask(files, tmp_path)[0]
    assert set(first.bare) == {"embedding", "bm25"}
    assert first.bare["embedding"][0] == ("a1",)
    assert first.bare["bm25"][0] == ("a1",)


def test_figures_count_the_evidence_that_was_not_found(files: tuple[Path, Path], tmp_path: Path) -> None:
    """Of q2's two turns one does not exist, and q3 finds none: (1 + 1/2 + 0) / 3, with times of the search alone."""
    rows = figures(_ask(files, tmp_path))
    assert [(row.by, row.questions, row.recall_at_5) for row in rows] == [
        ("search", 3, 0.5),
        ("embedding", 3, 0.5),
        ("bm25", 3, 0.5),
    ]
    assert rows[0].p95_ms is not None
    assert rows[0].p95_ms > 0
    assert rows[1].p50_ms is None


def test_a_question_without_evidence_is_not_scored() -> None:
    """It has no share of evidence to be found."""
    asked = Asked(Question("q", "?", "owner", ()), Found((), 0.0, False), {"embedding": (), "bm25": ()}, 0.002)
    assert figures([asked])[0] == Figures("search", 0, 0.0, 0.0, 2.0, 2.0)


def test_a_long_passage_pays_for_each_turn_it_covers() -> None:
    """As score.py counts: hits are flattened in order and cut at k turns."""
    found = [("a", "b", "c"), ("d",)]
    assert recall(found, ["d"], k=3) == 0.0
    assert recall(found, ["d", "b"], k=4) == 1.0


def test_a_row_without_text_is_named(files: tuple[Path, Path], tmp_path: Path) -> None:
    """The error says which file and line, and what each row needs."""
    files[1].write_text('{"id": "q1"}\n', encoding="utf-8")
    with pytest.raises(FamiliarError, match=r"questions\.jsonl, line 1 lacks text; each row needs id, text"):
        _ask(files, tmp_path)
