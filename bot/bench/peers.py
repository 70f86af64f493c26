"""Other stores of vectors on the same passages, where they are installed: time and recall beside those of a search.

Each is used as its own documentation shows it, with its defaults, for nearest passages alone: none of them ranks by
words, neighbours, names or dates, so that their times stand beside those of bare FAISS. None is a dependency.
"""

from __future__ import annotations

import importlib.util
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.bench.rows import BenchRow

Ids = NDArray[np.int64]
Vectors = NDArray[np.float32]
Search = Callable[[Vectors, int], list[int]]

_BATCH = 5000
"""Rows that are given at once; chromadb takes no more than some 5,400."""
_CANDIDATES = 200
"""As many as [search] candidates asks of FAISS."""


def bench_peers(folder: Path, vectors: Vectors, asked: Vectors, wanted: Sequence[Sequence[int]]) -> Iterator[BenchRow]:
    """Fill and search each that can run here; why another can't is said on standard error.

    :param vectors: (n, d); the id of a row is its place plus one
    :param asked: (m, d)
    :param wanted: ids of the nearest to each of ``asked``
    """
    for name in PEERS:
        reason = why_not(name)
        if reason is not None:
            print(f"familiar: {reason}", file=sys.stderr)
            continue
        place = folder / name
        place.mkdir()
        start = time.perf_counter()
        search = PEERS[name][1](place, vectors)
        filled = time.perf_counter() - start
        search(asked[0], len(wanted[0]))
        spent, shares = [], []
        for row, right in zip(asked, wanted, strict=True):
            start = time.perf_counter()
            found = search(row, _CANDIDATES)
            spent.append(time.perf_counter() - start)
            shares.append(len({*right} & {*found}) / len(right))
        yield BenchRow(f"{name}, p50", float(np.median(spent)) * 1000, None, "ms")
        yield BenchRow(f"{name}, p95", float(np.quantile(spent, 0.95)) * 1000, None, "ms")
        yield BenchRow(f"{name}, of the ten nearest among {_CANDIDATES}", float(np.mean(shares)), None, "share")
        yield BenchRow(f"{name}, filling", filled, None, "s")
        files = [file for file in place.rglob("*") if file.is_file()]
        yield BenchRow(f"{name}, on disk", sum(file.stat().st_size for file in files) / 2**20, None, "MB")


def why_not(name: str) -> str | None:
    """Why one of PEERS can't be measured here; None where it can."""
    module = PEERS[name][0]
    if importlib.util.find_spec(module) is None:
        return f"{name} is left out: it is not installed; run `pip install {name}`"
    if name == "sqlite-vec" and not hasattr(sqlite3.Connection, "enable_load_extension"):
        return f"{name} is left out: the sqlite3 of this Python ({sys.executable}) can't load extensions"
    return None


def _batches(vectors: Vectors) -> Iterator[tuple[list[int], Vectors]]:
    for start in range(0, len(vectors), _BATCH):
        part = vectors[start : start + _BATCH]
        yield list(range(start + 1, start + 1 + len(part))), part


def _chroma(folder: Path, vectors: Vectors) -> Search:
    chromadb: Any = importlib.import_module("chromadb")
    settings = chromadb.config.Settings(anonymized_telemetry=False)
    client = chromadb.PersistentClient(path=str(folder), settings=settings)
    made = client.create_collection("made", metadata={"hnsw:space": "ip"}, embedding_function=None)
    for ids, part in _batches(vectors):
        made.add(ids=[str(id_) for id_ in ids], embeddings=part)

    def search(query: Vectors, k: int) -> list[int]:
        found = made.query(query_embeddings=query[None, :], n_results=k, include=[])
        return [int(id_) for id_ in found["ids"][0]]

    return search


def _lance(folder: Path, vectors: Vectors) -> Search:
    lancedb: Any = importlib.import_module("lancedb")
    pa: Any = importlib.import_module("pyarrow")

    def table(ids: list[int], part: Vectors) -> Any:
        column = pa.FixedSizeListArray.from_arrays(pa.array(part.ravel()), part.shape[1])
        return pa.table({"id": pa.array(ids), "vector": column})

    batches = _batches(vectors)
    made = lancedb.connect(str(folder)).create_table("made", table(*next(batches)))
    for ids, part in batches:
        made.add(table(ids, part))
    if len(vectors) >= 100_000:  # below, its documentation says, comparing all is fast enough
        made.create_index(metric="dot", vector_column_name="vector")

    def search(query: Vectors, k: int) -> list[int]:
        found = made.search(query).distance_type("dot").limit(k).select(["id", "_distance"]).to_arrow()
        return [int(id_) for id_ in found["id"].to_pylist()]

    return search


def _vec(folder: Path, vectors: Vectors) -> Search:
    sqlite_vec: Any = importlib.import_module("sqlite_vec")
    db = sqlite3.connect(folder / "vec.db")
    db.enable_load_extension(True)
    sqlite_vec.load(db)
    db.execute(f"CREATE VIRTUAL TABLE made USING vec0(vector float[{vectors.shape[1]}] distance_metric=cosine)")
    for ids, part in _batches(vectors):
        with db:
            rows = zip(ids, (row.tobytes() for row in part), strict=True)
            db.executemany("INSERT INTO made (rowid, vector) VALUES (?, ?)", rows)

    def search(query: Vectors, k: int) -> list[int]:
        found = db.execute("SELECT rowid FROM made WHERE vector MATCH ? AND k = ?", (query.tobytes(), k))
        return [int(row[0]) for row in found]

    return search


PEERS: dict[str, tuple[str, Callable[[Path, Vectors], Search]]] = {
    "chromadb": ("chromadb", _chroma),
    "lancedb": ("lancedb", _lance),
    "sqlite-vec": ("sqlite_vec", _vec),
}
"""By the name under which it is installed: its module, and what fills it and returns how it is asked."""
