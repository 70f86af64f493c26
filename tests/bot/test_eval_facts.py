"""The measurement of facts counts what it says it counts, on the labelled sets that come with the source."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.config import Settings
from bot.eval_facts import (
    LABELLED,
    Extraction,
    Superseded,
    Trial,
    TwoHop,
    base_voice,
    evaluate_dialogues,
    evaluate_labelled,
    noise,
    repeats,
    write_sample,
)
from memory.errors import FamiliarError
from memory.evaluation import read_rows
from tests.embedder import WordEmbedder
from tests.engine import ScriptedEngine


@pytest.fixture(scope="module")
def figures() -> list[Extraction | Superseded | TwoHop]:
    """All figures, with words for an embedder and a model that says nothing of its own."""
    voice = base_voice(ScriptedEngine(lambda _: "Hm."), Settings(), trusted=False)
    return list(evaluate_labelled(embedder=WordEmbedder(), settings=Settings(), voice=voice))


def test_labelled_statements(figures: list[Extraction | Superseded | TwoHop]) -> None:
    """A hundred statements, half of them not looked at while the rules were made; what is read is right."""
    dev, held = (item for item in figures if isinstance(item, Extraction))
    assert dev.statements + held.statements == 100
    for item in (dev, held):
        assert item.precision >= 0.9
        assert item.recall >= 0.9
        assert item.junk == pytest.approx(1 - item.precision, abs=0.002)
        assert item.duplicates == 0.0


def test_superseded_values(figures: list[Extraction | Superseded | TwoHop]) -> None:
    """The newer value with its date; without facts the older one is as likely."""
    with_facts, without = (item for item in figures if isinstance(item, Superseded))
    assert with_facts.questions == 20
    assert min(with_facts.newer_first, with_facts.answered, with_facts.dated) >= 0.95
    assert without.newer_first < 0.8


def test_two_hops(figures: list[Extraction | Superseded | TwoHop]) -> None:
    """With the graph the answer comes first."""
    with_graph, without = (item for item in figures if isinstance(item, TwoHop))
    assert with_graph.questions == 30
    assert min(with_graph.answer_first, with_graph.answered) >= 0.95
    assert without.answer_first < 0.6


def test_noise_names_nobody_of_the_case() -> None:
    """The lines among which a case is asked can't answer it."""
    rows = list(read_rows(LABELLED / "twohop.jsonl", ("id", "told", "question", "answer")))
    for row in rows:
        lines = [line["text"] for line in noise(row, rows)]
        assert len(lines) >= 8
        assert not [text for text in lines if row["answer"] in text or text in [told["text"] for told in row["told"]]]


def test_repeats(tmp_path: Path) -> None:
    """The same in fewer words is a repetition; another value, an ended one and another day's event are none."""
    trial = Trial(tmp_path, WordEmbedder(), Settings())
    user = trial.user("ann")
    lines = ["I like hiking in the mountains.", "I like hiking.", "I like tea.", "I live in Oslo.", "I live in Rome."]
    lines += ["I live in Oslo.", "I went to the gym yesterday."]
    told = [{"text": text, "at": f"2026-01-{n:02}T10:00:00"} for n, text in enumerate(lines, 1)]
    trial.tell(user, [*told, {"text": lines[-1], "at": "2026-02-01T10:00:00"}])
    assert [item.value for item in repeats(trial.facts(user))] == ["hiking"]
    trial.store.close()


def test_dialogues_are_counted_and_sampled(tmp_path: Path) -> None:
    """As many facts as there are, the same sample each time, written to be judged."""
    path = tmp_path / "talk.jsonl"
    lines = [("Bo", "I live in Oslo."), ("Ann", "Nice!"), ("Ann", "My boss is Ida."), ("Bo", "Where is that?")]
    path.write_text(
        "\n".join(json.dumps({"id": str(n), "speaker": who, "text": text}) for n, (who, text) in enumerate(lines)),
        encoding="utf-8",
    )
    ((row,), sample) = evaluate_dialogues([path], embedder=WordEmbedder(), sample=1, seed=3)
    assert (row.turns, row.facts, row.per_hundred_turns, row.duplicates) == (4, 2, 50.0, 0.0)
    assert evaluate_dialogues([path], embedder=WordEmbedder(), sample=1, seed=3)[1] == sample
    write_sample(tmp_path / "sample.jsonl", sample)
    (written,) = map(json.loads, (tmp_path / "sample.jsonl").read_text(encoding="utf-8").splitlines())
    assert (written["junk"], written["value"] in written["text"]) == (None, True)


def test_missing_sets_are_named(tmp_path: Path) -> None:
    """The error says which file."""
    voice = base_voice(ScriptedEngine(lambda _: ""), Settings(), trusted=False)
    with pytest.raises(FamiliarError, match=r"statements\.jsonl"):
        list(evaluate_labelled(embedder=WordEmbedder(), settings=Settings(), voice=voice, folder=tmp_path))
