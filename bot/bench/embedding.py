"""Each backend of the embedder against sentence-transformers' own `encode`, on the same texts within one run.

The texts are generated: some of a chat turn's length, some longer. Each timing of a
backend stands beside one of the bare library, and the median of their ratios counts: other work on the machine then
weighs on both. What int8 does to retrieval is not said here but by `familiar eval retrieval`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.bench.memory import sentences
from bot.bench.rows import BenchRow
from memory.config import EmbedderConfig
from memory.embedding import SentenceEmbedder, load_sentence_transformer, open_embedder, read_prompts
from memory.embedding_conversion import is_installed

_ROUNDS = 3
_LEAST = {"float32": 1.0, "int8": 2.0}
"""A float32 vector costs the same multiplications whoever does them; half the bits are worth twice the rate."""
_START = """
import sys, time
start = time.perf_counter()
from pathlib import Path
from memory.config import EmbedderConfig
from memory.embedding import open_embedder
config = EmbedderConfig(backend=sys.argv[3], precision=sys.argv[4])
open_embedder(Path(sys.argv[1]), config=config, converted=Path(sys.argv[2])).embed_query("where is the boat kept")
print(time.perf_counter() - start)
"""


def bench_embedding(folder: Path, converted: Path) -> tuple[BenchRow, ...]:
    """Rates over the bare library's, milliseconds a question, and seconds until a new process has its first vector."""
    bare = load_sentence_transformer(folder)
    _, prefix = read_prompts(folder)
    kinds = {"turns": sentences(64, words=16, seed=1), "passages": sentences(32, words=60, seed=2)}
    rows = []
    for config in _configs():
        embedder = open_embedder(folder, config=config, converted=converted)
        name = f"embedding, {config.backend} {config.precision}"
        for kind, texts in kinds.items():
            comparison = _Comparison(bare, embedder, texts, [prefix + text for text in texts])
            ratio = rate_over(comparison.bare, comparison.ours)
            least = _LEAST[config.precision] if config.backend != "torch" else None
            rows.append(BenchRow(f"{name}: rate over sentence-transformers, {kind}", ratio, least, "x"))
            rows.append(BenchRow(f"{name}: lowest cosine with torch, {kind}", comparison.cosine(), None, ""))
        rows.append(BenchRow(f"{name}: a question", _question_ms(embedder), None, "ms"))
        rows.append(BenchRow(f"{name}: new process to first vector", _start_s(folder, converted, config), None, "s"))
    return tuple(rows)


@dataclass(frozen=True)
class _Comparison:
    """The same texts for both: sentence-transformers gets them with the prefix that the embedder adds."""

    model: Any
    embedder: SentenceEmbedder
    texts: Sequence[str]
    prefixed: Sequence[str]

    def bare(self) -> NDArray[np.float32]:
        rows = self.model.encode(list(self.prefixed), batch_size=32, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(rows, np.float32)

    def ours(self) -> NDArray[np.float32]:
        return self.embedder.embed_passages(self.texts)

    def cosine(self) -> float:
        return float((self.bare() * self.ours()).sum(axis=1).min())


def rate_over(bare: Callable[[], object], ours: Callable[[], object], *, rounds: int = _ROUNDS) -> float:
    """Median of the ratios of pairs of calls: how many times faster ``ours`` is."""
    ratios = []
    for _ in range(rounds):
        bare_s, ours_s = _seconds(bare), _seconds(ours)
        ratios.append(bare_s / ours_s)
    return float(np.median(ratios))


def _configs() -> Iterator[EmbedderConfig]:
    yield EmbedderConfig(backend="torch")
    if is_installed("onnx"):
        yield EmbedderConfig(backend="onnx")
        yield EmbedderConfig(backend="onnx", precision="int8")
    if is_installed("openvino"):
        yield EmbedderConfig(backend="openvino")


def _question_ms(embedder: SentenceEmbedder) -> float:
    return float(np.median([_seconds(lambda: embedder.embed_query("where is the boat kept")) for _ in range(20)])) * 1e3


def _start_s(folder: Path, converted: Path, config: EmbedderConfig) -> float:
    command = [sys.executable, "-c", _START, str(folder), str(converted), config.backend, config.precision]
    ran = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(3)]
    return sorted(float(each.stdout.split()[-1]) for each in ran)[1]


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
