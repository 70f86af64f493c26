"""Each backend of the embedder against sentence-transformers' own `encode`, on the same texts within one run.

Rounds are interleaved: in each, everyone embeds the same generated passages of mixed length, and the median of the
ratios counts, so that other work on the machine weighs on all. What a backend's vectors do to retrieval is measured
on the pages and notes of `examples`: of each question's passages, the share among the nearest ten.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bot.bench.memory import sentences
from bot.bench.recall import RecallSet, read_recall_set
from bot.bench.rows import BenchRow
from memory.config import EmbedderConfig
from memory.embedding import SentenceEmbedder, load_sentence_transformer, open_embedder, read_prompts
from memory.embedding_conversion import is_installed

_ROUNDS = 3
_LEAST = {"float32": 1.0, "int8": 2.0}
"""A float32 vector costs the same multiplications whoever does them; half the bits are worth twice the rate."""
_LOST = -0.01
"""Recall that a backend may cost."""
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
Floats = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Floats]


def bench_embedding(folder: Path, converted: Path) -> Iterator[BenchRow]:
    """Rates over the bare library's, cosines with its vectors, recall beside it, and seconds until a new process's
    first vector."""
    texts = [text for count, words in ((48, 16), (24, 45), (16, 100)) for text in sentences(count, words=words, seed=1)]
    random.Random(1).shuffle(texts)
    bare = load_sentence_transformer(folder)
    prefix = read_prompts(folder)[1]

    def library(passages: Sequence[str]) -> Floats:
        prefixed = [prefix + text for text in passages]
        return np.asarray(bare.encode(prefixed, normalize_embeddings=True, show_progress_bar=False), np.float32)

    subjects = [_Subject(config, folder, converted) for config in _configs()]
    encoders: dict[str, Embed] = {"": library} | {item.name: item.embedder.embed_passages for item in subjects}
    exact = library(texts)
    cosines = {name: float((embed(texts) * exact).sum(axis=1).min()) for name, embed in encoders.items()}
    seconds = interleaved({name: lambda embed=embed: embed(texts) for name, embed in encoders.items()})  # type: ignore[misc]
    tokens = sum(subjects[0].embedder.count_tokens(text) for text in texts)
    yield BenchRow("embedding, sentence-transformers encode", tokens / float(np.median(seconds[""])), None, "tokens/s")
    found = read_recall_set(count_tokens=subjects[0].embedder.count_tokens)
    recall = {item.name: found.recall(item.embedder) for item in subjects}
    for item in subjects:
        ratio = float(np.median(np.array(seconds[""]) / np.array(seconds[item.name])))
        yield BenchRow(f"{item.name}: rate over sentence-transformers", ratio, item.least, "x")
        yield BenchRow(f"{item.name}: lowest cosine with it", cosines[item.name], item.agreement, "")
        yield item.recall_row(found, recall)
        yield BenchRow(f"{item.name}: a question", item.question_ms(), None, "ms")
        yield BenchRow(f"{item.name}: new process to first vector", item.start_s(), None, "s")


class _Subject:
    """One backend, converted and ready."""

    def __init__(self, config: EmbedderConfig, folder: Path, converted: Path) -> None:
        self.name = f"embedding, {config.backend} {config.precision}"
        self.embedder: SentenceEmbedder = open_embedder(folder, config=config, converted=converted)
        self.embedder.convert()
        self.least = _LEAST[config.precision] if config.backend != "torch" else None
        self.agreement = 0.999 if config.precision == "float32" else None
        self._command = [str(folder), str(converted), config.backend, config.precision]

    def recall_row(self, found: RecallSet, recall: dict[str, float]) -> BenchRow:
        """Recall, or how much it differs from torch's."""
        first = next(iter(recall))
        if self.name == first:
            return BenchRow(f"{self.name}: recall@10 of {found.questions} questions", recall[first], None, "")
        return BenchRow(f"{self.name}: recall@10 less torch's", recall[self.name] - recall[first], _LOST, "")

    def question_ms(self) -> float:
        """Median milliseconds of a question."""
        return 1e3 * float(
            np.median([_timed(lambda: self.embedder.embed_query("where is the boat")) for _ in range(20)])
        )

    def start_s(self) -> float:
        """Median seconds of three new processes from their first import to their first vector."""
        command = [sys.executable, "-c", _START, *self._command]
        ran = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(3)]
        return sorted(float(each.stdout.split()[-1]) for each in ran)[1]


def interleaved(calls: dict[str, Callable[[], object]], *, rounds: int = _ROUNDS) -> dict[str, list[float]]:
    """Seconds of each call in each round: all of them in turn, again and again."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            seconds[name].append(_timed(call))
    return seconds


def _configs() -> Iterator[EmbedderConfig]:
    yield EmbedderConfig(backend="torch")
    if is_installed("onnx"):
        yield EmbedderConfig(backend="onnx")
        yield EmbedderConfig(backend="onnx", precision="int8")
    if is_installed("openvino"):
        yield EmbedderConfig(backend="openvino")


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
