"""The benchmark of search in large memories, in its short form: 2,000 passages, made alike every time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot.bench.made_memory import MadeMemory
from bot.bench.peers import PEERS, bench_peers, why_not
from bot.bench.scale import KEY, PlannedEmbedder, ScaleConfig, bench_scale, fill, nearest
from bot.cli import main
from memory.config import IndexConfig, SearchConfig
from memory.index import Indexes
from memory.search import Searcher
from memory.store import Store
from tests.embedder import WordEmbedder

CONFIG = ScaleConfig(2000, owners=3)


def test_made_memory_is_the_same_for_the_same_seed() -> None:
    """Its size as asked, vectors of length one and as alike as those of real passages."""
    made = list(MadeMemory(1200).documents())
    assert [len(document.passages) for document in made] == [500, 500, 200]
    again = list(MadeMemory(1200).documents())
    assert [document.passages for document in made] == [document.passages for document in again]
    vectors = np.concatenate([document.vectors for document in made])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert float((vectors[:300] @ vectors[-300:].T).mean()) == pytest.approx(0.8, abs=0.02)
    assert next(MadeMemory(1200, seed=1).documents()).passages != made[0].passages


def test_exact_nearest_are_those_of_all_vectors(tmp_path: Path) -> None:
    """Recall is measured against a comparison with every vector of that owner."""
    fill(tmp_path, replace(CONFIG, chunks=1500))
    store = Store(tmp_path / "familiar.db")
    rows = store.tuples(
        "SELECT v.chunk_id, v.vector FROM vectors v JOIN chunks c ON c.id = v.chunk_id WHERE user_id = 2"
    )
    vectors = np.stack([np.frombuffer(row[1], np.float16).astype(np.float32) for row in rows])
    asked = vectors[[5, 77]]
    order = np.argsort(-(asked @ vectors.T), axis=1, kind="stable")[:, :10]
    assert nearest(store, 2, asked) == [[rows[place][0] for place in line] for line in order.tolist()]
    store.close()


@pytest.mark.parametrize("limit", [100_000, 300], ids=["exact", "partitioned"])
def test_scale_in_short(tmp_path: Path, limit: int) -> None:
    """A home of three owners is filled, searched by a process of its own and compared; nothing near is missed."""
    config = replace(CONFIG, index=IndexConfig(exact_up_to=limit))
    rows = {row.name: row for row in bench_scale(config, embedder=WordEmbedder(), folder=tmp_path)}
    assert rows["of the ten nearest, nominated"].passed
    for name in ("search, p95", "bare FAISS, p50", "bare FTS5, p95", "import without embedding", "database", "index"):
        assert rows[name].value > 0
    assert rows["the same with the question embedded, p95"].limit == 1.5
    assert list(tmp_path.iterdir()) == []


def test_questions_find_what_they_ask_for(tmp_path: Path) -> None:
    """The made memory is one in which a search makes sense: the first hit holds a word of the question."""
    config = replace(CONFIG, owners=1)
    fill(tmp_path, config)
    questions = MadeMemory(2000).questions(5)
    store, embedder = Store(tmp_path / "familiar.db"), PlannedEmbedder(questions)
    indexes = Indexes(tmp_path / "index", store, embedder_key=KEY, dimensions=embedder.dimensions)
    searcher = Searcher(store, indexes, embedder, SearchConfig())
    for question in questions:
        (hit,) = searcher.search(question.text, user_id=1, k=1).hits
        assert {*question.text.split()[-3:]} & {*hit.chunk.text.rstrip("?.").split()}
    store.close()


def test_peers_find_the_nearest_or_say_why_they_cant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each other store is filled and asked as its documentation says, and misses nothing near."""
    vectors = np.random.default_rng(0).normal(size=(400, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    wanted = np.argsort(-(vectors[:5] @ vectors.T), axis=1)[:, :10] + 1
    rows = {row.name: row.value for row in bench_peers(tmp_path, vectors, vectors[:5], wanted.tolist())}
    left_out = capsys.readouterr().err
    for name in PEERS:
        if (reason := why_not(name)) is not None:
            assert reason in left_out
            continue
        assert rows[f"{name}, of the ten nearest among 200"] > 0.95
        assert min(rows[f"{name}, {figure}"] for figure in ("p50", "p95", "filling", "on disk")) > 0


def test_a_peer_that_is_not_installed_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No row and no error, but a line that says so."""
    monkeypatch.setattr("bot.bench.peers.PEERS", {"nostore": ("nostore_at_all", PEERS["sqlite-vec"][1])})
    vectors = np.eye(20, 8, dtype=np.float32)
    assert list(bench_peers(tmp_path, vectors, vectors[:2], [[1], [2]])) == []
    assert capsys.readouterr().err == "familiar: nostore is left out: it is not installed; run `pip install nostore`\n"


@pytest.mark.parametrize("arguments", [["--owners", "3"], ["import", "--chunks", "5"], ["retrieval", "--chunks", "0"]])
def test_options_that_make_no_sense_are_refused(tmp_path: Path, arguments: list[str]) -> None:
    """They are wrong usage."""
    try:
        status = main(["--home", str(tmp_path), "bench", *arguments])
    except SystemExit as exc:
        status = int(exc.code or 0)
    assert status == 2
