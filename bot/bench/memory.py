"""Search and import against the bare parts they are made of, on the same texts within one run.

The texts are generated (a few thousand words, sentences of a chat turn's length): what is compared is the cost of
what surrounds the libraries, not their quality.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bot.bench.rows import BenchRow
from bot.config import Settings
from memory.embedding import Embedder
from memory.index import Indexes
from memory.ingest import Ingestor
from memory.records import NewDocument, Passage
from memory.search import Searcher
from memory.store import Store
from memory.words import owned_word, split_words

_CHUNKS = 10_000
_QUERIES = 40
_NOTES = 60
_ROUNDS = 3


def sentences(count: int, *, words: int, seed: int) -> list[str]:
    """Texts of a fixed vocabulary, some words common and most rare, as in real text (Zipf)."""
    rng = random.Random(seed)
    syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "il")]
    vocabulary = ["".join(rng.choice(syllables) for _ in range(rng.randint(1, 3))) for _ in range(4000)]
    weights = [1 / (rank + 1) for rank in range(len(vocabulary))]
    return [" ".join(rng.choices(vocabulary, weights, k=words)) + "." for _ in range(count)]


def bench_retrieval(embedder: Embedder, settings: Settings) -> tuple[BenchRow, ...]:
    """Median seconds of a search over 10,000 chunks, over the sum of the bare embedding, FAISS and FTS5 calls."""
    texts = sentences(_CHUNKS, words=20, seed=1)
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((_CHUNKS, embedder.dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = sentences(_QUERIES, words=8, seed=2)
    with tempfile.TemporaryDirectory(prefix="familiar-bench-") as folder:
        store = Store(Path(folder) / "familiar.db")
        try:
            user = store.add_user("bench", role="owner")
            document = NewDocument("bench", "bench", "dialogue", "bench", "", at="2026-01-01")
            passages = [Passage(text, speaker="A" if n % 2 else "B", at="2026-01-01") for n, text in enumerate(texts)]
            store.add_document(document, passages, vectors, user_id=user.id, embedder=embedder.key)
            indexes = Indexes(Path(folder) / "index", store, embedder_key=embedder.key, dimensions=embedder.dimensions)
            searcher = Searcher(store, indexes, embedder, settings.search)
            searcher.search("warm up", user_id=user.id, k=8)
            bare = _bare_parts(store, vectors, embedder, user_id=user.id)
            whole, parts = in_turn(lambda query: searcher.search(query, user_id=user.id, k=8), bare, queries)
        finally:
            store.close()
    return (
        BenchRow("search over the bare parts", whole / parts, 1.5, "ratio", "at most"),
        BenchRow("search", whole, None, "s"),
    )


def _bare_parts(
    store: Store, vectors: np.ndarray[Any, Any], embedder: Embedder, *, user_id: int
) -> Callable[[str], object]:
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)

    def search(query: str) -> object:
        index.search(embedder.embed_query(query)[None, :], 200)
        match = " OR ".join(f'"{owned_word(word, user_id=user_id)}"' for word in split_words(query))
        return store.rows(
            "SELECT rowid, bm25(chunks_fts) FROM chunks_fts WHERE chunks_fts MATCH ? ORDER BY 2 LIMIT 200", (match,)
        )

    return search


def in_turn(
    first: Callable[[str], object], second: Callable[[str], object], queries: Sequence[str]
) -> tuple[float, float]:
    """Median seconds of both, called in turn so that a drift of the machine meets both."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for query in queries:
        for call, spent in zip((first, second), seconds, strict=True):
            start = time.perf_counter()
            call(query)
            spent.append(time.perf_counter() - start)
    return float(np.median(seconds[0])), float(np.median(seconds[1]))


class _Counting:
    """The embedder, counting what it is asked to embed and keeping the texts."""

    def __init__(self, inner: Embedder) -> None:
        self.key, self.dimensions, self.max_tokens = inner.key, inner.dimensions, inner.max_tokens
        self._inner = inner
        self.texts: list[str] = []

    def embed_passages(self, texts: Sequence[str]) -> Any:
        self.texts += texts
        return self._inner.embed_passages(texts)

    def embed_query(self, text: str) -> Any:
        return self._inner.embed_query(text)

    def count_tokens(self, text: str) -> int:
        return self._inner.count_tokens(text)


def bench_import(embedder: Embedder, settings: Settings) -> tuple[BenchRow, ...]:
    """Seconds of the bare embedder over those of an import of 60 notes, on the texts that the import embedded.

    Both in turn, several times, and the median counts: one import takes so long that the machine drifts under it.
    """
    embedder.embed_passages(["warm up"] * 256)  # so many that the model is converted, where it can be
    embedder.count_tokens("warm up")
    ratios, rates, shares = zip(*(_imported(embedder, settings) for _ in range(_ROUNDS)), strict=True)
    return (
        BenchRow("import over the bare embedder", float(np.median(ratios)), 0.9, "ratio", "at least"),
        BenchRow("embeddings per stored chunk", max(shares), 1.0, "ratio", "at most"),
        BenchRow("import", float(np.median(rates)), None, "chunks a second"),
    )


def _imported(embedder: Embedder, settings: Settings) -> tuple[float, float, float]:
    """Of one import: seconds of the bare embedder over its own, chunks a second, and embeddings a stored chunk."""
    counting = _Counting(embedder)
    with tempfile.TemporaryDirectory(prefix="familiar-bench-") as folder:
        notes = Path(folder) / "notes"
        notes.mkdir()
        for n in range(_NOTES):
            paragraphs = "\n\n".join(sentences(6, words=45, seed=n + 3))
            (notes / f"{n}.md").write_text(f"# Note {n}\n\n{paragraphs}\n", encoding="utf-8")
        store = Store(Path(folder) / "familiar.db")
        try:
            user = store.add_user("bench", role="owner")
            start = time.perf_counter()
            receipts = list(Ingestor(store, counting, settings.import_).import_paths([notes], user_id=user.id))
            whole = time.perf_counter() - start
        finally:
            store.close()
    start = time.perf_counter()
    embedder.embed_passages(counting.texts)
    bare = time.perf_counter() - start
    stored = sum(receipt.chunks for receipt in receipts)
    return bare / whole, stored / whole, len(counting.texts) / stored
