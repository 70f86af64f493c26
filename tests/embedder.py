"""A deterministic embedder for tests: texts that share words have similar vectors, and nothing has to be loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memory.words import content_words, split_words


class WordEmbedder:
    """Hashes each word into one of ``dimensions`` places and a sign; rows are L2-normalised float32."""

    def __init__(self, *, key: str = "words-64", dimensions: int = 64, max_tokens: int = 512) -> None:
        self.key = key
        self.dimensions = dimensions
        self.max_tokens = max_tokens
        self.embedded = 0
        """Passages embedded so far."""

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dimensions) of passages."""
        self.embedded += len(texts)
        return np.stack([self._vector(text) for text in texts]) if texts else self._empty()

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """The vector (dimensions,) of a question."""
        return self._vector(text)

    def count_tokens(self, text: str) -> int:
        """Words, and two for the marks around them."""
        return len(split_words(text)) + 2

    def _empty(self) -> NDArray[np.float32]:
        return np.zeros((0, self.dimensions), dtype=np.float32)

    def _vector(self, text: str) -> NDArray[np.float32]:
        row = np.zeros(self.dimensions, dtype=np.float32)
        for word in content_words(text) or [text]:
            digest = hashlib.blake2b(word.encode(), digest_size=4).digest()
            row[int.from_bytes(digest[:2], "big") % self.dimensions] += 1.0 if digest[2] % 2 else -1.0
        norm = float(np.linalg.norm(row))
        if norm == 0.0:
            row[0], norm = 1.0, 1.0
        return row / norm
