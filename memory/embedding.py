"""Texts as vectors, by any sentence-transformers model folder: unit length, always finite, loaded when first needed.

The key names the model, its source and its revision and is stored with every vector, so that vectors of two models
are never compared. What computes them (torch, onnxruntime, OpenVINO) is no part of the key: their float32 vectors are
the same, and a change of backend embeds nothing again. int8 vectors differ and have a key of their own.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from memory.config import EmbedderConfig
from memory.errors import FamiliarError, UsageError, first_line

_BATCH, _GPU_BATCH = 8, 128
"""Texts that torch embeds at once: a batch costs its longest text times its size, which only a GPU does not mind."""
_BULK = 16
"""A call with so many passages is part of an import; a chat turn has fewer."""
_WORTH = 256
"""Passages embedded in bulk by one process after which a conversion, which takes half a minute, is worth its time."""


class Embedder(Protocol):
    """Turns texts into vectors of one model; several threads may call it."""

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


class Encoder(Protocol):
    """A loaded model: what computes the vectors of texts that have their prefix already."""

    @property
    def backend(self) -> str:
        """ "torch", "onnx" or "openvino"."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that are read."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (n, dimensions) of n > 0 texts; a broken model may give rows that are not finite.

        Called from several threads: a question does not wait for all the passages of an import.
        """
        ...


Tokenizers = Callable[[], Any]
"""Gives the folder's tokenizer, without truncation or padding; reading it takes most of a start, so it is shared."""


class LoadEncoder(Protocol):
    """Loads a model with the backend that was chosen."""

    def __call__(self, tokenizers: Tokenizers, *, convert: bool) -> Encoder:
        """The encoder; where no conversion is at hand, one is made with ``convert``, else torch computes for now."""
        ...


class SentenceEmbedder:
    """A sentence-transformers folder as an embedder.

    :param load: what computes the vectors; None: sentence-transformers itself
    """

    def __init__(
        self,
        folder: Path,
        *,
        key: str,
        query_prefix: str = "",
        passage_prefix: str = "",
        load: LoadEncoder | None = None,
    ) -> None:
        self.folder = folder
        self.key = key
        self._query_prefix = query_prefix
        self._passage_prefix = passage_prefix
        self._load = load or _torch_only(folder)
        self._encoder: Encoder | None = None
        self._tokenizer: Any = None
        self._loading = threading.RLock()
        self._converting = threading.Lock()
        self._in_bulk = 0

    @property
    def encoder(self) -> Encoder:
        """What computes the vectors, loaded now if it is not yet.

        :raises FamiliarError: the folder is damaged, or the backend that was asked for is not installed
        """
        with self._loading:
            if self._encoder is None:
                self._encoder = self._load(self._shared_tokenizer, convert=False)
            return self._encoder

    def convert(self) -> None:
        """Have the chosen backend compute from now on, for which the model may be converted (half a minute, once).

        Others go on with what there is until it is done.

        :raises FamiliarError: the conversion can't be stored, or the backend that was asked for is not installed
        """
        with self._converting:
            converted = self._load(self._shared_tokenizer, convert=True)
            with self._loading:
                self._encoder = converted

    @property
    def dimensions(self) -> int:
        """Length of a vector; where the folder says it, the model is not loaded for it."""
        if self._encoder is None and (stated := stated_dimensions(self.folder)) is not None:
            return stated
        return self.encoder.dimensions

    @property
    def max_tokens(self) -> int:
        """What of a text the model reads."""
        return self.encoder.max_tokens

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dimensions) of stored texts."""
        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        if len(texts) >= _BULK and self._in_bulk < _WORTH:
            self._in_bulk += len(texts)
            if self._in_bulk >= _WORTH:
                self.convert()
        return self._embed([self._passage_prefix + text for text in texts])

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """The vector (dimensions,) of a question."""
        vector: NDArray[np.float32] = self._embed([self._query_prefix + text])[0]
        return vector

    def count_tokens(self, text: str) -> int:
        """Tokens of a passage."""
        return len(self._shared_tokenizer().encode(self._passage_prefix + text))

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        vectors = self.encoder.encode(texts)
        vectors[~np.isfinite(vectors).all(axis=1)] = 0.0
        return vectors

    def _shared_tokenizer(self) -> Any:
        with self._loading:
            if self._tokenizer is None:
                self._tokenizer = load_tokenizer(self.folder)
            return self._tokenizer


class TorchEncoder:
    """A folder as sentence-transformers itself runs it: any architecture, and a GPU where there is one."""

    backend = "torch"

    def __init__(self, folder: Path) -> None:
        self.model = load_sentence_transformer(folder)
        self._batch_size = _BATCH if self.model.device.type == "cpu" else _GPU_BATCH
        self._lock = threading.Lock()

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self.model.get_embedding_dimension())

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that are read."""
        return int(self.model.max_seq_length)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (n, dimensions)."""
        order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for start in range(0, len(texts), self._batch_size):
            batch = order[start : start + self._batch_size]
            with self._lock:  # the model's tokenizer can't be used by two threads
                vectors[batch] = self.model.encode(
                    [texts[place] for place in batch],
                    batch_size=self._batch_size,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
            time.sleep(0)  # else the lock is taken again before whoever waits for it wakes up
        return vectors


def _torch_only(folder: Path) -> LoadEncoder:
    def load(tokenizers: Tokenizers, *, convert: bool) -> Encoder:
        del tokenizers, convert
        return TorchEncoder(folder)

    return load


def load_tokenizer(folder: Path) -> Any:
    """The folder's tokenizer, without truncation or padding; safe to use from several threads as nobody changes it.

    :raises FamiliarError: tokenizer.json is missing or damaged
    """
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as exc:  # the only type that tokenizers raises for a missing or damaged file
        raise FamiliarError(f"{path} can't be read: {exc}. Delete {folder} to fetch it again") from exc
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def load_sentence_transformer(folder: Path) -> Any:
    """The folder as a SentenceTransformer.

    :raises FamiliarError: it is no such folder, or damaged
    """
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


def stated_dimensions(folder: Path) -> int | None:
    """The length of a vector as a folder's configuration says it; None where only the loaded model knows."""
    try:
        kinds = [item["type"].rpartition(".")[2] for item in json.loads((folder / "modules.json").read_bytes())]
        pooling = json.loads((folder / "1_Pooling" / "config.json").read_bytes())
        modes = [value for key, value in pooling.items() if key.startswith("pooling_mode") and value]
        if kinds[:2] == ["Transformer", "Pooling"] and set(kinds[2:]) <= {"Normalize"} and len(modes) == 1:
            return int(pooling.get("word_embedding_dimension") or pooling["embedding_dimension"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # whatever is wrong is said when it is loaded
        return None
    return None


def open_embedder(
    folder: Path, *, key: str = "", config: EmbedderConfig | None = None, converted: Path | None = None
) -> SentenceEmbedder:
    """The embedder in a folder, with the prefixes that its configuration names; loads nothing yet.

    :param key: empty: the folder's name
    :param config: its backend and precision; None: the defaults
    :param converted: where conversions for other backends are kept; None: torch computes
    :raises UsageError: a backend or precision that there is not
    """
    from memory.embedding_choice import choose_encoder

    config = config or EmbedderConfig()
    check_backend(config)
    query, passage = read_prompts(folder)
    load: LoadEncoder | None = None
    if converted is not None:
        load = choose_encoder(folder, converted, config)
    key = embedder_key(key or folder.name, config)
    return SentenceEmbedder(folder, key=key, query_prefix=query, passage_prefix=passage, load=load)


def embedder_key(model: str, config: EmbedderConfig) -> str:
    """The key under which a model's vectors are stored: float32 ones are the same whatever computes them."""
    return model if config.precision == "float32" else f"{model}|{config.precision}"


def check_backend(config: EmbedderConfig) -> None:
    """Refuse settings that don't exist or don't go together.

    :raises UsageError: names the setting, its value and what would be right
    """
    if config.backend not in ("auto", "torch", "onnx", "openvino"):
        raise UsageError(f'[embedder] backend is {config.backend!r}; it must be "auto", "torch", "onnx" or "openvino"')
    if config.precision not in ("float32", "int8"):
        raise UsageError(f'[embedder] precision is {config.precision!r}; it must be "float32" or "int8"')
    if config.precision == "int8" and config.backend not in ("auto", "onnx"):
        raise UsageError(
            f'[embedder] precision is "int8", which backend {config.backend!r} has not; set backend to "onnx" or "auto"'
        )
