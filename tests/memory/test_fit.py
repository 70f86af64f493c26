"""The weights of search are fitted by a program that anyone can run, and it says how they fare on what is new."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from memory import fit, ranking
from memory.embedding import SentenceEmbedder
from memory.fit import best_threshold, main, swap_names
from memory.ranking import Weights
from memory.regression import RankedList, fit_listwise, fit_logistic
from tests.embedder import WordEmbedder

NOUNS = [
    "boat",
    "kitchen",
    "garden",
    "violin",
    "bakery",
    "mountain",
    "letter",
    "bicycle",
    "lamp",
    "bridge",
    "coat",
    "map",
]


def _write(folder: Path, name: str, speakers: tuple[str, str], *, seed: int, users: int = 1) -> list[str]:
    """A dialogue of lines about nouns, and a question about each third line."""
    pick = random.Random(seed)
    turns: list[dict[str, object]] = []
    questions: list[dict[str, object]] = []
    for user in range(users):
        for place in range(24 // users):
            noun, speaker = pick.choice(NOUNS), speakers[place % 2]
            id_ = f"{user}-{place}"
            text = f"I saw the {noun} {pick.choice(['again', 'there', 'twice'])} number {seed}{user}{place}"
            turns.append({"id": id_, "speaker": speaker, "text": text, "user": f"{name}{user}"})
            if place % 3 == 0:
                asked = f"When did {speaker} see the {noun} number {seed}{user}{place}?"
                questions.append({"id": id_, "text": asked, "user": f"{name}{user}", "evidence": [id_]})
    paths = [folder / f"{name}.turns.jsonl", folder / f"{name}.questions.jsonl"]
    for path, rows in zip(paths, (turns, questions), strict=True):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return [str(path) for path in paths]


def test_a_run_writes_weights_that_search_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three sets, of which one of many users is left out by halves; the report has a line for each."""
    embedder = WordEmbedder()

    def opened(*_: object, **__: object) -> SentenceEmbedder:
        return embedder  # type: ignore[return-value]

    monkeypatch.setattr(fit, "SentenceEmbedder", opened)
    files = [
        *_write(tmp_path, "one", ("Ann", "Ben"), seed=1),
        *_write(tmp_path, "two", ("Cy", "Di"), seed=2),
        *_write(tmp_path, "many", ("Eve", "Flo"), seed=3, users=12),
    ]
    out = tmp_path / "ranking.json"
    main([*files, "--embedder", str(tmp_path), "--out", str(out)])
    data = json.loads(out.read_text(encoding="utf-8"))
    assert json.loads(capsys.readouterr().out) == data
    weights = Weights(data["score"], data["confidence"], data["intercept"])
    assert len(weights.vector) == len(ranking.SIGNALS)
    rows = {row["name"]: row for row in data["report"]}
    assert set(rows) == {"one", "two", "many, half 1", "many, half 2"}
    assert rows["one"]["recall"] > 0.9
    assert rows["many, half 1"]["k"] == 5
    assert all(row["false_finds"] < row["true_finds"] for row in rows.values())


def test_files_come_in_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Turns without questions are a wrong usage."""
    with pytest.raises(SystemExit) as status:
        main([str(tmp_path / "a.jsonl"), "--embedder", str(tmp_path)])
    assert status.value.code == 2
    assert "the files come in pairs" in capsys.readouterr().err


def test_names_are_swapped_whole_and_whatever_their_case() -> None:
    """A question about others' speakers asks about one's own; the longer of two names wins."""
    assert swap_names("did ANN meet Anna?", ["Ann", "Anna"], ["Cy", "Di"]) == "did Cy meet Di?"
    assert swap_names("Who?", [], ["Cy"]) == "Who?"


def test_listwise_fit_finds_the_signal_that_tells() -> None:
    """Of two signals only the first marks the right one of four candidates; the ridge keeps its weight finite."""
    rng = np.random.default_rng(0)
    lists = []
    for _ in range(40):
        features = rng.normal(size=(4, 2))
        right = features[:, 0] == features[:, 0].max()
        lists.append(RankedList(features, right, 1 / 40))
    weights = fit_listwise(lists, ridge=0.01)
    assert weights[0] > 3.0
    assert abs(weights[1]) < 0.5


def test_logistic_fit_gives_the_odds_of_each_group() -> None:
    """One feature that is 0 or 1 with one and three in four right: the intercept is log 1/3, the slope log 9."""
    rows = np.array([[0.0]] * 400 + [[1.0]] * 400)
    labels = np.array(([1.0] + [0.0] * 3) * 100 + ([1.0] * 3 + [0.0]) * 100)
    slope, intercept = fit_logistic(rows, labels, np.full(800, 1 / 800), ridge=1e-9)
    assert intercept == pytest.approx(np.log(1 / 3), abs=1e-3)
    assert slope == pytest.approx(np.log(9), abs=1e-3)


def test_threshold_counts_conversations_alike() -> None:
    """A large conversation does not outvote two small ones: .6 parts both small ones, .2 the large one."""
    true = [np.array([0.7, 0.8]), np.array([0.7, 0.8]), np.full(100, 0.3)]
    false = [np.array([0.5, 0.5]), np.array([0.5, 0.5]), np.full(100, 0.1)]
    assert best_threshold(true, false) == pytest.approx(0.51)
