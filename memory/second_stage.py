"""A second stage of search: the best passages are read once more, each together with the question.

The first stage compares numbers that were made of question and passage apart. A cross-encoder reads both at once, late
interaction compares their words one by one; both cost a run of a model over each passage, so only the best are given
to them, and none where the setting is "off". The models are those of sentence-transformers, loaded when first needed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from memory.embedding import read_prompts
from memory.errors import FamiliarError, UsageError, first_line

OFF = "off"
LATE = "late-interaction"
CROSS = "cross-encoder"
_BATCH = 8
"""Passages that are read at once: padding to the longest costs more than a CPU gains by more."""

Floats = NDArray[np.float32]


class SecondStage(Protocol):
    """Says how well passages answer a question; several threads may call it."""

    def scores(self, question: str, passages: Sequence[str]) -> Floats:
        """One number (n,) a passage, the higher the better, in a unit of its own.

        :raises FamiliarError: the model can't be loaded
        """
        ...


def open_second_stage(setting: str, *, embedder: Path, offline: bool = False) -> SecondStage | None:
    """What [search] second_stage names; loads nothing yet.

    :param embedder: the folder of the embedding model
    :param offline: ask no hub, which has a model that is not a folder and is not there yet
    :param setting: "off"; "late-interaction", by the token vectors of the embedder; "late-interaction:MODEL" or
        "cross-encoder:MODEL", a folder or the hub's name of a MultiVectorEncoder or CrossEncoder
    :raises UsageError: the setting is none of these
    """
    kind, _, model = setting.partition(":")
    if setting == OFF:
        return None
    if kind == CROSS and model:
        return CrossEncoderStage(model, offline=offline)
    if setting == LATE:
        query, passage = read_prompts(embedder)
        return LateInteractionStage(str(embedder), prompts={"query": query, "document": passage})
    if kind == LATE and model:
        return LateInteractionStage(model, offline=offline)
    raise UsageError(
        f'[search] second_stage is "{setting}"; it can be "{OFF}", "{LATE}", "{LATE}:MODEL" or "{CROSS}:MODEL", where'
        " MODEL is a folder or a name on the hub"
    )


class CrossEncoderStage:
    """A sentence-transformers CrossEncoder, which reads question and passage as one text."""

    def __init__(self, model: str, *, offline: bool = False) -> None:
        self._name = model
        self._offline = offline
        self._model = _Once(self._load)
        self._lock = threading.Lock()

    def scores(self, question: str, passages: Sequence[str]) -> Floats:
        """The model's logit for each pair."""
        from torch.nn import Identity  # by default a sigmoid flattens the differences among good passages

        pairs = [(question, passage) for passage in passages]
        with self._lock:
            found = self._model().predict(pairs, batch_size=_BATCH, show_progress_bar=False, activation_fn=Identity())
        return _finite(found, self._name)

    def _load(self) -> Any:
        from sentence_transformers import CrossEncoder

        with _loading(CROSS, self._name):
            model = CrossEncoder(_place(self._name), local_files_only=self._offline)
        if model.num_labels != 1:
            raise FamiliarError(
                f"[search] second_stage: {self._name} has {model.num_labels} classes instead of one score; name a"
                " cross-encoder that was trained to rank"
            )
        return model


class LateInteractionStage:
    """A sentence-transformers MultiVectorEncoder: for each word of the question, the best match among the passage's.

    :param prompts: of an embedder's folder, whose token vectors are taken as they are; None for a model made for this
    """

    def __init__(self, model: str, *, prompts: dict[str, str] | None = None, offline: bool = False) -> None:
        self._name = model
        self._offline = offline
        self._prompts = prompts
        self._model = _Once(self._load)
        self._lock = threading.Lock()

    def scores(self, question: str, passages: Sequence[str]) -> Floats:
        """The mean over the question's words of their best cosine (MaxSim, Khattab and Zaharia 2020)."""
        with self._lock:
            model = self._model()
            asked = model.encode_query([question], show_progress_bar=False)
            held = model.encode_document(list(passages), batch_size=_BATCH, show_progress_bar=False)
            return _finite(model.similarity(asked, held)[0].cpu().numpy(), self._name)

    def _load(self) -> Any:
        from sentence_transformers import MultiVectorEncoder

        with _loading(LATE, self._name):
            if self._prompts is None:
                return MultiVectorEncoder(
                    _place(self._name), similarity_fn_name="meanmaxsim", local_files_only=self._offline
                )
            modules = _token_vectors(self._name)
            return MultiVectorEncoder(modules=modules, prompts=self._prompts, similarity_fn_name="meanmaxsim")


class _Once:
    """A model loaded when first asked for; one that can't be is not tried again, which may take a hub's patience."""

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load = load
        self._model: Any = None
        self._failed: str | None = None

    def __call__(self) -> Any:
        if self._failed is not None:
            raise FamiliarError(self._failed)
        if self._model is None:
            try:
                self._model = self._load()
            except FamiliarError as exc:
                self._failed = str(exc)
                raise
        return self._model


def _token_vectors(folder: str) -> list[Any]:
    """An embedder without its pooling; by itself MultiVectorEncoder would put an untrained projection in its place."""
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

    return [Transformer(folder), MultiVectorMask(), Normalize(module_input_name="token_embeddings")]


def _place(model: str) -> str:
    """A folder's path, else the hub's name as it is."""
    folder = Path(model).expanduser()
    return str(folder) if folder.is_dir() else model


@contextmanager
def _loading(kind: str, name: str) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as exc:
        raise FamiliarError(
            f'[search] second_stage is "{kind}:{name}", but that model can\'t be loaded: {first_line(exc)}. Name a'
            f' folder that holds one, or set it to "{OFF}"'
        ) from exc


def _finite(found: Any, name: str) -> Floats:
    scores = np.asarray(found, np.float32)
    if not np.isfinite(scores).all():
        raise FamiliarError(f"the second stage of search, {name}, gave numbers that are not finite")
    return scores
