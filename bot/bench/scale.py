"""Search in a memory of any size against the bare parts it is made of, on the same data within one run.

A real home is filled in bulk with made passages and vectors (embedding is not what is measured here), then searched by
a process of its own, as after a restart. The bare parts are what a program would call that had no ranking around them:
FAISS on the same file for the same number of candidates, and FTS5's own bm25() for the same words on the same table.
Their files are the home's own, so that all three find the same pages in the system's cache.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.bench.made_memory import DIMENSIONS, LINES, MadeMemory, MadeQuestion, by_owner
from bot.bench.peers import bench_peers
from bot.bench.rows import BenchRow
from memory.config import IndexConfig, SearchConfig
from memory.embedding import Embedder
from memory.index import Indexes
from memory.query import understand
from memory.records import NewDocument, Role
from memory.search import Searcher
from memory.store import Store
from memory.words import owned_word

KEY = "made"
_QUESTIONS = 100
_NEAREST = 10
_SMALL = 100_000
"""Up to here a search may cost 1.5 times its parts, above three times."""
_TOGETHER = 20
"""Documents stored in one transaction."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class ScaleConfig:
    """What is measured."""

    chunks: int
    owners: int = 1
    peers: bool = False
    """Whether other stores that are installed are filled and asked too; with one owner only."""
    search: SearchConfig = field(default_factory=SearchConfig)
    index: IndexConfig = field(default_factory=IndexConfig)

    @property
    def made(self) -> MadeMemory:
        """The passages: with many owners in such short documents that each has one."""
        return MadeMemory(self.chunks, lines=max(1, min(LINES, self.chunks // self.owners)))


@dataclass(frozen=True)
class Searched:
    """What the searching process measured, in seconds where nothing else is said."""

    first: float
    """Opening the home and the first search."""
    firsts: tuple[float, ...]
    """The first search of each further owner who asks."""
    after_change: float
    """A search after a passage was added."""
    whole: tuple[float, ...]
    faiss: tuple[float, ...]
    words: tuple[float, ...]
    peak_mb: float
    """Most memory of the process, pages of mapped files included."""
    nominated: float
    """Of the ten nearest passages the share among FAISS's candidates."""
    strict: float
    """Of the ten nearest passages the share among FAISS's first ten."""


class PlannedEmbedder:
    """Gives questions the vectors that were made for them."""

    key = KEY
    dimensions = DIMENSIONS
    max_tokens = 512

    def __init__(self, questions: Sequence[MadeQuestion]) -> None:
        self._vectors = {understand(question.text).text: question.vector for question in questions}

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors (n, d) of made questions."""
        return np.stack([self._vectors[text] for text in texts])

    def embed_query(self, text: str) -> Vectors:
        """The vector (d,) of a made question."""
        return self._vectors[text]

    def count_tokens(self, text: str) -> int:
        """Words."""
        return len(text.split())


def bench_scale(
    config: ScaleConfig, *, embedder: Embedder | None = None, folder: Path | None = None
) -> Iterator[BenchRow]:
    """Fill a throw-away home, search it, and compare.

    :param embedder: the one that would embed the questions: the time it takes is part of a search and of its parts
    :param folder: where the home is made; None: the system's folder for temporary files
    """
    with tempfile.TemporaryDirectory(prefix="familiar-bench-", dir=folder) as name:
        home = Path(name)
        rate, built = fill(home, config)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            searched = pool.apply(search, (home, config))
        yield from _ratios(config, searched, embedding=_embedding(embedder, config) if embedder else None)
        yield from _figures(searched, home)
        if config.peers and config.owners == 1:
            yield from _peers(home, config)
        yield BenchRow("import without embedding", rate, None, "passages a second")
        yield BenchRow("making the index", built, None, "s")


def fill(home: Path, config: ScaleConfig) -> tuple[float, float]:
    """Store the passages, then make the indexes: passages stored in a second, and seconds."""
    store = Store(home / "familiar.db")
    try:
        owners = [store.add_user(f"owner {n}", role=_role(n)).id for n in range(config.owners)]
        spent, waiting = 0.0, []
        for owner, document in by_owner(config.made.documents(), owners):
            waiting.append((owner, document))
            if len(waiting) == _TOGETHER:
                spent += _stored(store, waiting)
                waiting = []
        spent += _stored(store, waiting)
        start = time.perf_counter()
        indexes = _indexes(home, store, config)
        for owner in owners:
            indexes.sync(owner)
        return config.chunks / spent, time.perf_counter() - start
    finally:
        store.close()


def _role(number: int) -> Role:
    return "owner" if number == 0 else "member"


def _stored(store: Store, waiting: Sequence[tuple[int, Any]]) -> float:
    start = time.perf_counter()
    with store.transaction():
        for owner, document in waiting:
            new = NewDocument(document.name, document.name, "dialogue", document.name, "", at="2026-01-01")
            store.add_document(new, document.passages, document.vectors, user_id=owner, embedder=KEY)
    return time.perf_counter() - start


def _indexes(home: Path, store: Store, config: ScaleConfig) -> Indexes:
    return Indexes(home / "index", store, embedder_key=KEY, dimensions=DIMENSIONS, config=config.index)


def search(home: Path, config: ScaleConfig) -> Searched:
    """Open a filled home and search it; runs in a process of its own."""
    import faiss

    faiss.omp_set_num_threads(1)
    questions = config.made.questions(_QUESTIONS)
    embedder = PlannedEmbedder(questions)
    start = time.perf_counter()
    store = Store(home / "familiar.db")
    try:
        asked = _asked(store, questions)
        indexes = _indexes(home, store, config)
        searcher = Searcher(store, indexes, embedder, config.search)
        whole = _seconds(lambda item: searcher.search(item.question.text, user_id=item.owner))
        whole(asked[0])
        first = time.perf_counter() - start
        others = {item.owner: item for item in asked if item.owner != asked[0].owner}
        firsts = tuple(whole(item) for item in others.values())
        for item in asked[:20]:
            whole(item)
        peak = _peak_mb()
        parts = (_bare_faiss(home, {item.owner for item in asked}, config), _bare_words(store, config))
        whole_s, faiss_s, words_s = in_turn((whole, *map(_seconds, parts)), asked)
        nominated, strict = _recall(store, indexes, asked, config)
        changed = _after_change(store, searcher, asked[0])
        return Searched(first, firsts, changed, whole_s, faiss_s, words_s, peak, nominated, strict)
    finally:
        store.close()


@dataclass(frozen=True)
class Asked:
    """A question and who asks it."""

    question: MadeQuestion
    owner: int


def _asked(store: Store, questions: Sequence[MadeQuestion]) -> list[Asked]:
    """Each question as its document's owner asks it."""
    owners = [user.id for user in store.users()]
    return [Asked(question, owners[question.document % len(owners)]) for question in questions]


def _seconds(call: Callable[[Asked], object]) -> Callable[[Asked], float]:
    def timed(asked: Asked) -> float:
        start = time.perf_counter()
        call(asked)
        return time.perf_counter() - start

    return timed


def in_turn(calls: Sequence[Callable[[Asked], float]], asked: Sequence[Asked]) -> tuple[tuple[float, ...], ...]:
    """What each call gives for each question, asked in turn so that a drift of the machine meets all."""
    spent = [[call(item) for call in calls] for item in asked]
    return tuple(zip(*spent, strict=True))


def _bare_faiss(home: Path, owners: set[int], config: ScaleConfig) -> Callable[[Asked], object]:
    indexes = {owner: _bare_index(home / "index" / f"{owner}.faiss") for owner in owners}

    def near(asked: Asked) -> object:
        index = indexes[asked.owner]
        return index.search(asked.question.vector[None, :], min(config.search.candidates, index.ntotal))

    return near


def _bare_index(path: Path) -> Any:
    import faiss

    partitioned = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["partitioned"]
    index: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP if partitioned else 0)
    if partitioned:
        from memory.vector_index import PROBED

        index.nprobe = index.nlist // PROBED
    return index


def _bare_words(store: Store, config: ScaleConfig) -> Callable[[Asked], object]:
    sql = "SELECT rowid, bm25(chunks_fts) FROM chunks_fts WHERE chunks_fts MATCH ? ORDER BY 2 LIMIT ?"

    def ranked(asked: Asked) -> object:
        words = [owned_word(word, user_id=asked.owner) for word in understand(asked.question.text).words]
        return store.tuples(sql, (" OR ".join(f'"{word}"' for word in words), config.search.candidates))

    return ranked


def _after_change(store: Store, searcher: Searcher, asked: Asked) -> float:
    passage = next(MadeMemory(1, seed=1).documents()).passages
    new = NewDocument("late", "late", "dialogue", "late", "", at="2026-01-01")
    store.add_document(new, passage, asked.question.vector[None, :], user_id=asked.owner, embedder=KEY)
    return _seconds(lambda item: searcher.search(item.question.text, user_id=item.owner))(asked)


def _recall(store: Store, indexes: Indexes, asked: Sequence[Asked], config: ScaleConfig) -> tuple[float, float]:
    """Of the ten nearest of an owner's vectors in SQLite, the share among FAISS's candidates and its first ten."""
    shares: tuple[list[float], list[float]] = ([], [])
    for owner in {item.owner for item in asked}:
        vectors = np.stack([item.question.vector for item in asked if item.owner == owner])
        for row, right in zip(vectors, nearest(store, owner, vectors), strict=True):
            found = indexes.search(row, user_id=owner, k=config.search.candidates)[0].tolist()
            for depth, held in zip((config.search.candidates, _NEAREST), shares, strict=True):
                held.append(len({*right} & {*found[:depth]}) / len(right))
    return float(np.mean(shares[0])), float(np.mean(shares[1]))


def nearest(store: Store, owner: int, asked: Vectors) -> list[list[int]]:
    """The ten nearest passages of an owner to each vector (n, d), by comparing all; best first."""
    best = np.full((len(asked), _NEAREST), -np.inf, np.float32)
    ids = np.zeros((len(asked), _NEAREST), np.int64)
    last = 0
    sql = (
        "SELECT c.id, v.vector FROM chunks c JOIN vectors v ON v.chunk_id = c.id"
        " WHERE c.user_id = ? AND c.id > ? ORDER BY c.id LIMIT 20000"
    )
    while rows := store.tuples(sql, (owner, last)):
        last = rows[-1][0]
        vectors = np.frombuffer(b"".join(row[1] for row in rows), np.float16).astype(np.float32)
        scores = np.concatenate([best, asked @ vectors.reshape(len(rows), -1).T], axis=1)
        several = np.concatenate([ids, np.broadcast_to([row[0] for row in rows], (len(asked), len(rows)))], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :_NEAREST]
        best, ids = np.take_along_axis(scores, order, 1), np.take_along_axis(several, order, 1)
    return [
        [int(id_) for id_, score in zip(*pair, strict=True) if np.isfinite(score)]
        for pair in zip(ids, best, strict=True)
    ]


def _embedding(embedder: Embedder, config: ScaleConfig) -> float:
    """Median seconds in which a question is embedded."""
    asked = [Asked(question, 0) for question in config.made.questions(_QUESTIONS // 4)]
    embedder.embed_query("warm up")
    return float(np.median([_seconds(lambda item: embedder.embed_query(item.question.text))(item) for item in asked]))


def _peers(home: Path, config: ScaleConfig) -> Iterator[BenchRow]:
    made = config.made
    vectors = np.concatenate([document.vectors for document in made.documents()])
    asked = np.stack([question.vector for question in made.questions(_QUESTIONS)])
    best = np.argsort(-(asked @ vectors.T), axis=1, kind="stable")[:, :_NEAREST]
    return bench_peers(home, vectors, asked, (best + 1).tolist())


def _ratios(config: ScaleConfig, searched: Searched, *, embedding: float | None) -> Iterator[BenchRow]:
    limit = 1.5 if config.chunks <= _SMALL else 3.0
    whole, bare = np.array(searched.whole), np.array(searched.faiss) + np.array(searched.words)
    held = limit if embedding is None else None
    for name, share in (("p95", 0.95), ("p50", 0.5)):
        ratio = float(np.quantile(whole, share) / np.quantile(bare, share))
        bound = held if name == "p95" else None
        yield BenchRow(f"search over bare FAISS and FTS5, {name}", ratio, bound, "ratio", "at most")
    if embedding is not None:
        ratio = float((np.quantile(whole, 0.95) + embedding) / (np.quantile(bare, 0.95) + embedding))
        yield BenchRow("the same with the question embedded, p95", ratio, limit, "ratio", "at most")
        yield BenchRow("embedding a question", embedding * 1000, None, "ms")


def _figures(searched: Searched, home: Path) -> Iterator[BenchRow]:
    for name, values in (("search", searched.whole), ("bare FAISS", searched.faiss), ("bare FTS5", searched.words)):
        for point, share in (("p50", 0.5), ("p95", 0.95)):
            yield BenchRow(f"{name}, {point}", _ms(values, share), None, "ms")
    yield BenchRow("of the ten nearest, nominated", searched.nominated, 0.98, "share")
    yield BenchRow("of the ten nearest, among FAISS's first ten", searched.strict, None, "share")
    yield BenchRow("opening the home and the first search", searched.first, None, "s")
    for name, share in (("p50", 0.5), ("p95", 0.95)) if searched.firsts else ():
        yield BenchRow(f"first search of a further owner, {name}", _ms(searched.firsts, share), None, "ms")
    yield BenchRow("search after a passage was added", searched.after_change * 1000, None, "ms")
    yield BenchRow("most memory of a process that searches", searched.peak_mb, None, "MB")
    for name, pattern in (("database", "familiar.db*"), ("index", "index/*")):
        files = list(home.glob(pattern))
        yield BenchRow(name, sum(file.stat().st_size for file in files) / 2**20, None, f"MB in {len(files)} files")


def _ms(seconds: Sequence[float], share: float) -> float:
    return float(np.quantile(seconds, share)) * 1000


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
