"""An embedder's transformer run by onnxruntime or OpenVINO, without importing torch: as fast as the CPU allows.

The conversion (`memory.embedding_conversion`) holds the layers only. Token vectors are read from the model's own
weights file, mapped into memory, so that the largest part of a multilingual model is neither copied nor loaded.
Texts of a length share a batch of a bounded number of tokens, small enough for the cache; batches run beside each
other, one core each, which leaves no core waiting for another. A text's vector is torch's, within rounding.
"""

from __future__ import annotations

import json
import os
import queue
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory.errors import FamiliarError, first_line

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Layers = Callable[[Floats, Ints], Floats]
"""Token vectors (b, t, w) and their mask (b, t) to hidden states (b, t, d); called from several threads."""

MANIFEST = "manifest.json"
ONNX, OPENVINO = "layers.onnx", "layers.xml"
BATCH_TOKENS = 512
"""Fastest of 256, 512, 1024 and 4096 on passages of 35 and of 250 tokens (e5-small, 1 MB of cache for two cores)."""


@dataclass(frozen=True)
class Wanted:
    """A conversion as it is asked for."""

    source: Path
    """The model's own folder."""
    target: Path
    """The conversion's folder."""
    backend: str
    precision: str


@dataclass(frozen=True)
class FileStamp:
    """What tells whether a file is still the one that was seen."""

    name: str
    size: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True)
class WordTable:
    """Where the token vectors lie: float32, row by row."""

    path: str
    """In the model's folder, or in the conversion's where the model keeps them in another form."""
    offset: int
    """Bytes before the first."""
    rows: int
    width: int


@dataclass(frozen=True)
class Manifest:
    """What a conversion was made from, and what is needed to run it."""

    format: int
    backend: str
    precision: str
    runtime: str
    """Version of the library that it was made with."""
    sources: tuple[FileStamp, ...]
    files: tuple[FileStamp, ...] = ()
    pooling: str = "mean"
    """Of the hidden states: "mean" over the text's tokens, or "cls", the first one."""
    max_tokens: int = 0
    dimensions: int = 0
    lower_case: bool = False
    words: WordTable | None = None
    agreement: float = 0.0
    """Lowest cosine with torch's vectors, over the texts that were compared."""
    refused: str = ""
    """Why there is no conversion; empty where there is one."""

    def write(self, folder: Path) -> None:
        """Put it into a folder, in one step."""
        draft = folder / f"{MANIFEST}.{os.getpid()}.new"
        draft.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        draft.replace(folder / MANIFEST)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a conversion; None where there is none that can be read."""
    try:
        values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        for name in ("sources", "files"):
            values[name] = tuple(FileStamp(**item) for item in values[name])
        values["words"] = WordTable(**values["words"]) if values["words"] else None
        return Manifest(**values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


class ConvertedEncoder:
    """The converted layers with tokenising before and pooling after them.

    :param source: the model's own folder
    :param place: the conversion's folder
    :raises FamiliarError: a file is damaged
    """

    def __init__(self, source: Path, place: Path, manifest: Manifest, *, tokenizer: Any, workers: int = 0) -> None:
        assert manifest.words is not None
        self._manifest = manifest
        self._tokenizer = tokenizer
        self._workers = workers or worker_count()
        self._words = _map_words(source, place, manifest.words)
        self._layers = load_layers(place, manifest.backend, self._workers)
        self._tail = len(tokenizer.encode("")) - 1

    @property
    def backend(self) -> str:
        """ "onnx" or "openvino"."""
        return self._manifest.backend

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return self._manifest.dimensions

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that are read."""
        return self._manifest.max_tokens

    def encode(self, texts: Sequence[str]) -> Floats:
        """Unit vectors (n, dimensions)."""
        ids = self._tokens(texts)
        vectors = np.zeros((len(ids), self.dimensions), np.float32)

        def embed(batch: Ints) -> None:
            vectors[batch] = self._embed([ids[place] for place in batch])

        batches = length_batches([len(row) for row in ids], BATCH_TOKENS)
        if min(len(batches), self._workers) == 1:
            for batch in batches:
                embed(batch)
        else:
            with ThreadPoolExecutor(self._workers, thread_name_prefix="embed") as pool:
                list(pool.map(embed, batches))
        return vectors

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text; of a longer one the first, and the marks that end every text."""
        cleaned = [text.lower() if self._manifest.lower_case else text for text in texts]
        most, tail = self.max_tokens, self._tail
        rows = [encoding.ids for encoding in self._tokenizer.encode_batch(cleaned)]
        return [row if len(row) <= most else row[: most - tail] + row[len(row) - tail :] for row in rows]

    def _embed(self, rows: Sequence[Sequence[int]]) -> Floats:
        longest = max(map(len, rows))
        ids, mask = np.zeros((len(rows), longest), np.int64), np.zeros((len(rows), longest), np.int64)
        for place, row in enumerate(rows):
            ids[place, : len(row)], mask[place, : len(row)] = row, 1
        return pooled(self._layers(self._words[ids], mask), mask, self._manifest.pooling)


def length_batches(lengths: Sequence[int], tokens: int) -> list[Ints]:
    """Places of texts in batches of similar length, longest first; a batch has at most ``tokens`` with its padding, or
    one text."""
    order = np.argsort(-np.asarray(lengths, np.int64), kind="stable")
    batches = []
    while len(order):
        size = max(1, tokens // max(1, lengths[order[0]]))
        batches.append(order[:size])
        order = order[size:]
    return batches


def pooled(hidden: Floats, mask: Ints, pooling: str) -> Floats:
    """Unit vectors (b, d) of hidden states (b, t, d)."""
    if pooling == "cls":
        rows = hidden[:, 0]
    else:
        rows = np.matmul(mask[:, None, :].astype(np.float32), hidden)[:, 0] / mask.sum(axis=1, keepdims=True)
    norms = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return np.asarray(rows / norms, np.float32)


def worker_count() -> int:
    """Batches to run at a time: OMP_NUM_THREADS, else the cores that this process may use, hyperthreads not counted."""
    named = os.environ.get("OMP_NUM_THREADS", "")
    if named.isdigit() and int(named):
        return int(named)
    import psutil

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(usable, psutil.cpu_count(logical=False) or usable))


def _map_words(source: Path, place: Path, words: WordTable) -> Floats:
    path = source / words.path if (source / words.path).is_file() else place / words.path
    try:
        return np.memmap(path, np.float32, mode="r", offset=words.offset, shape=(words.rows, words.width))
    except (OSError, ValueError) as exc:
        raise FamiliarError(f"{path} can't be read: {exc}") from exc


# ---- the two runtimes ------------------------------------------------------------------------------------------------


def load_layers(place: Path, backend: str, workers: int) -> Layers:
    """The converted layers, ready to run.

    :raises FamiliarError: the file is damaged, or the library can't run it
    """
    try:
        return _load_onnx(place / ONNX) if backend == "onnx" else _load_openvino(place / OPENVINO, workers)
    except Exception as exc:  # both libraries raise types of their own for a damaged file
        raise FamiliarError(f"the conversion in {place} can't be loaded: {first_line(exc)}") from exc


def _load_onnx(path: Path) -> Layers:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(embeddings: Floats, mask: Ints) -> Floats:
        hidden: Floats = session.run(None, {"embeddings": embeddings, "mask": mask})[0]
        return hidden

    return run


def _load_openvino(path: Path, workers: int) -> Layers:
    openvino = import_openvino()
    settings = {
        "NUM_STREAMS": workers,
        "INFERENCE_NUM_THREADS": workers,
        "INFERENCE_PRECISION_HINT": "f32",  # else it takes bfloat16 where the CPU has it, and the vectors differ
    }
    compiled = openvino.Core().compile_model(str(path), "CPU", settings)
    free: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for _ in range(workers):
        free.put(compiled.create_infer_request())

    def run(embeddings: Floats, mask: Ints) -> Floats:
        request = free.get()
        try:
            return np.array(request.infer({0: embeddings, 1: mask}, share_inputs=True, share_outputs=True)[0])
        finally:
            free.put(request)

    return run


def import_openvino() -> Any:
    """The library without its telemetry: unless that package can't be imported, a mere import reports to a server."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # Python's own way to hide a module
    import openvino

    return openvino
