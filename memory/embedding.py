"""Texts as vectors, by any sentence-transformers model folder: unit length, always finite, loaded when first needed.

The key names the model, its source and its revision and is stored with every vector, so that vectors of two models
are never compared. Passages are embedded sorted by length: a batch costs as much as its longest text.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from memory.errors import FamiliarError, first_line


class Embedder(Protocol):
    """Turns texts into vectors of one model."""

    @property
    def key(self) -> str:
        """Model, source and revision."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    @property
    def max_tokens(self) -> int:
        """What of a text is read, special tokens and prefix included."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dimensions) of stored texts; rows have unit length."""
        ...

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """The vector (dimensions,) of a question; unit length."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of a passage, special tokens and prefix included."""
        ...


class SentenceEmbedder:
    """A sentence-transformers folder as an embedder."""

    def __init__(
        self,
        folder: Path,
        *,
        key: str,
        query_prefix: str = "",
        passage_prefix: str = "",
        batch_size: int = 32,
    ) -> None:
        self.folder = folder
        self.key = key
        self._query_prefix = query_prefix
        self._passage_prefix = passage_prefix
        self._batch_size = batch_size
        self._loaded: Any = None
        self._counter: Any = None
        self._loading = threading.Lock()
        self._embedding = threading.Lock()

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self._model().get_embedding_dimension())

    @property
    def max_tokens(self) -> int:
        """What of a text the model reads."""
        return int(self._model().max_seq_length)

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dimensions) of stored texts."""
        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        return self._embed([self._passage_prefix + text for text in texts])

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """The vector (dimensions,) of a question."""
        vector: NDArray[np.float32] = self._embed([self._query_prefix + text])[0]
        return vector

    def count_tokens(self, text: str) -> int:
        """Tokens of a passage."""
        if self._counter is None:
            # a tokenizer of its own: an import counts while the model embeds, and the model's can't be used by two
            self._counter = _load_tokenizer(self.folder)
        return len(self._counter.encode(self._passage_prefix + text))

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        model = self._model()
        with self._embedding:
            rows = model.encode(texts, batch_size=self._batch_size, normalize_embeddings=True, show_progress_bar=False)
        vectors = np.asarray(rows, np.float32)
        vectors[~np.isfinite(vectors).all(axis=1)] = 0.0
        return vectors

    def _model(self) -> Any:
        if self._loaded is None:
            with self._loading:
                self._loaded = self._loaded or _load(self.folder)
        return self._loaded


def _load_tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as exc:  # the only type that tokenizers raises for a missing or damaged file
        raise FamiliarError(f"{path} can't be read: {exc}. Delete {folder} to fetch it again") from exc
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _load(folder: Path) -> Any:
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # a bar for what takes a second, in the middle of a chat
    if not (folder / "config.json").is_file():
        raise FamiliarError(f"the embedder {folder} has no config.json; name a sentence-transformers folder")
    try:
        return SentenceTransformer(str(folder), local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as exc:
        reason = first_line(exc)
        raise FamiliarError(f"the embedder in {folder} can't be loaded: {reason}. Delete it to fetch it again") from exc


def read_prompts(folder: Path) -> tuple[str, str]:
    """What a sentence-transformers folder says should stand before a question and before a passage; empty if nothing.

    :raises FamiliarError: its configuration can't be read
    """
    path = folder / "config_sentence_transformers.json"
    try:
        prompts = json.loads(path.read_text(encoding="utf-8")).get("prompts") or {}
        return str(prompts.get("query", "")), str(prompts.get("document", prompts.get("passage", "")))
    except FileNotFoundError:
        return "", ""
    except (OSError, ValueError, AttributeError) as exc:
        raise FamiliarError(f"{path} can't be read: {exc}. Delete {folder} to fetch it again") from exc


def open_embedder(folder: Path, *, key: str = "", batch_size: int = 32) -> SentenceEmbedder:
    """The embedder in a folder, with the prefixes that its configuration names; loads nothing yet.

    :param key: empty: the folder's name
    """
    query, passage = read_prompts(folder)
    return SentenceEmbedder(
        folder, key=key or folder.name, query_prefix=query, passage_prefix=passage, batch_size=batch_size
    )
