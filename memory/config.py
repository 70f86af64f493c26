"""The settings of the memory package, one frozen dataclass a section of config.toml; each field says what it does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EmbedderConfig:
    """[embedder] turns text into vectors."""

    name: str = "e5-small"
    """A catalogue name (`familiar models`) or a path to a sentence-transformers folder."""
    backend: str = "auto"
    """What computes the vectors: "torch", "onnx" (onnxruntime) or "openvino"; "auto": torch on an NVIDIA GPU, else the
    first of onnx and openvino that is installed and gives torch's vectors (cosine at least 0.999), else torch."""
    precision: str = "float32"
    """"float32", or "int8" (with onnx): faster still, by vectors that are slightly off (cosine 0.997)."""
    threads: int = 0
    """Batches that onnx or openvino compute at a time, one thread each; 0: one for each core. torch has one number of
    threads for the whole process, [model] threads."""


@dataclass(frozen=True)
class SearchConfig:
    """[search] finds passages."""

    k: int = 8
    """Passages given to the model in a turn."""
    candidates: int = 200
    """Passages that each signal may nominate before they are ranked together."""
    threshold: float = 0.51
    """Below this confidence memory is said to hold nothing about the question (0..1).

    Where true finds exceed false ones most on the development conversations, by ``python -m memory.fit``.
    """
    facts: bool = True
    """Passages that state exactly what is asked come first, over two links where the question names them."""
    second_stage: str = "off"
    """What reads the best passages once more: "late-interaction" (the embedder's word vectors), or
    "late-interaction:MODEL" or "cross-encoder:MODEL", a sentence-transformers folder or hub name."""
    second_stage_passages: int = 20
    """Passages that the second stage reads: a run of its model over each."""


@dataclass(frozen=True)
class IndexConfig:
    """[index] keeps the vectors in which search looks."""

    exact_up_to: int = 100_000
    """Passages of one owner that are compared one by one; above, a quarter of them, chosen by k-means.

    100,000 take about 10 ms on one core, in either shape's figures of ``familiar bench retrieval --chunks``.
    """
    memory_mb: int = 512
    """Most memory for indexes; those used longest ago are let go first, and larger ones are mapped from their file."""


@dataclass(frozen=True)
class ImportConfig:
    """[import] takes in files."""

    chunk_characters: int = 900
    """Longest passage, in characters; never more than the embedder can read."""
    max_file_mb: int = 200
    """Larger files are refused."""
    convert_seconds: int = 60
    """Longest time that the conversion of one file may take."""
    convert_memory_mb: int = 2048
    """Most memory that the conversion of one file may use (on systems that can limit it)."""
    ocr_pages: int = 100
    """Most pages or pictures of one file whose text is recognised; 0: none."""
    ocr_seconds: int = 600
    """Longest time for all of them; each may take ``convert_seconds``."""
    watch_seconds: float = 5.0
    """How often `familiar import --watch` looks for changes; with the extra `watch` the system tells of them."""
