"""The measurement of a model's reading counts what it says it counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.config import Settings
from bot.eval_fact_reading import ByModel, evaluate_reading, read_sample
from bot.fact_reader import ModelReader
from memory.records import Message
from tests.embedder import WordEmbedder
from tests.engine import ScriptedEngine

ROWS: list[dict[str, Any]] = [
    {"id": "a", "split": "dev", "text": "I live in Utrecht.", "facts": [{"attribute": "home", "value": "Utrecht"}]},
    {
        "id": "b",
        "split": "dev",
        "text": "Since May I've been with Orbis as a welder.",
        "facts": [{"attribute": "employer", "value": "Orbis"}, {"attribute": "job", "value": "welder"}],
    },
    {"id": "c", "split": "held", "text": "Where do I live?", "facts": []},
    {"id": "d", "split": "held", "text": "My family loves the Orbis concert hall.", "facts": []},
]
SAID = {
    "Utrecht": "I | home | Utrecht\nI | job | teacher",
    "welder": "I | employer | Orbis",
    "concert": "I | likes | Orbis concert hall",
}


def answer(messages: tuple[Message, ...]) -> str:
    """What the scripted model says of a statement."""
    return next((reply for word, reply in SAID.items() if word in messages[-1].content), "none")


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A folder of labelled statements."""
    rows = [
        row | {"at": "2026-03-11T10:00:00", "facts": [fact | {"subject": "user"} for fact in row["facts"]]}
        for row in ROWS
    ]
    text = "\n".join(json.dumps(row) for row in rows)
    (tmp_path / "statements.jsonl").write_text(text, encoding="utf-8")
    return tmp_path


def test_rules_model_and_both(labelled: Path) -> None:
    """Precision, recall and junk by hand; each statement is asked about once in all."""
    engine = ScriptedEngine(answer)
    rows = evaluate_reading(ModelReader(engine), embedder=WordEmbedder(), settings=Settings(), folder=labelled)
    found = {(row.by, row.extraction.split): row for row in rows}
    shown = {key: (row.extraction.precision, row.extraction.recall, row.asked) for key, row in found.items()}
    assert shown == {
        ("rules", "dev"): (1.0, 0.333, 0),
        ("rules", "held"): (0.0, 0.0, 0),
        ("both", "dev"): (1.0, 0.667, 1),
        ("both", "held"): (0.0, 0.0, 1),
        ("model", "dev"): (1.0, 0.667, 2),
        ("model", "held"): (0.0, 0.0, 1),
    }
    assert found["model", "held"].extraction.junk == 1.0
    assert found["model", "dev"].dropped == 1
    assert len(engine.requests) == 3


def test_a_sample_of_a_dialogue(tmp_path: Path) -> None:
    """Of the passages without a fact by rule; what is believed is given with its passage."""
    path = tmp_path / "talk.jsonl"
    lines = [*(row["text"] for row in ROWS), "Since June I've been with Halden as a welder."]
    path.write_text(
        "\n".join(json.dumps({"id": str(n), "speaker": "Bo", "text": text}) for n, text in enumerate(lines)),
        encoding="utf-8",
    )
    engine = ScriptedEngine(answer)
    row, sample = read_sample(path, ModelReader(engine), embedder=WordEmbedder(), count=2, seed=1)
    assert row == ByModel("talk", passages=3, asked=2, facts=len(sample), dropped=row.dropped, seconds=row.seconds)
    assert len(engine.requests) == 2
    everything = read_sample(path, ModelReader(engine), embedder=WordEmbedder(), count=9, seed=1)
    assert {(item.subject, item.value) for item in everything[1]} == {("Bo", "Orbis"), ("Bo", "Orbis concert hall")}
    assert (everything[0].asked, everything[0].facts, everything[0].dropped) == (3, 2, 1)
