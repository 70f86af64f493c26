"""Which backend computes the vectors: decided when they are first needed, from what is installed and what was asked.

A backend asked for by name that is missing is an error that says what to install; "auto" takes what is there. A model
that can't be converted is run by torch, which runs any, and says so once on standard error. Converting takes half a
minute, so only work that is long enough asks for it; until then torch computes the same vectors.
"""

from __future__ import annotations

import hashlib
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory.config import EmbedderConfig
from memory.embedding import Encoder, LoadEncoder, Tokenizers, TorchEncoder
from memory.embedding_converted import ConvertedEncoder, Wanted
from memory.errors import FamiliarError
from memory.gpu import has_gpu

_log = logging.getLogger(__name__)

_ORDER = ("onnx", "openvino")
"""Equally fast in float32 (within the spread of measurements), so the smaller one comes first: onnxruntime is 28 MB,
and 9 MB of onnx to convert; openvino 59 MB. It also computes int8 fast on CPUs of any maker, and OCR runs on it."""
_EXTRAS = {"onnx": "fast", "openvino": "openvino"}


def choose_encoder(folder: Path, converted: Path, config: EmbedderConfig) -> LoadEncoder:
    """What loads the model in ``folder`` with the backend that the settings name; ``converted`` keeps conversions."""

    def load(tokenizers: Tokenizers, *, convert: bool) -> Encoder:
        free = config.backend == "auto" and config.precision == "float32"
        if config.backend == "torch" or (free and has_gpu()):
            return TorchEncoder(folder)
        # int8 vectors are never compared with float32 ones, so that torch can't stand in for them
        convert = convert or config.precision == "int8"
        refusals = []
        for backend in candidates(config):
            chosen = _Chosen(folder, converted, backend, config, convert=convert)
            encoder, refused = chosen.load(tokenizers())
            if encoder is not None:
                return encoder
            refusals.append(f"{backend}: {refused}")
        return _by_torch(folder, refusals if convert else [], config)

    return load


def candidates(config: EmbedderConfig) -> list[str]:
    """Backends to try, best first.

    :raises FamiliarError: one that was asked for is not installed
    """
    from memory.embedding_conversion import is_installed

    asked = "onnx" if config.precision == "int8" else config.backend
    if asked == "torch":
        return []
    if asked == "auto":
        found = [name for name in _ORDER if is_installed(name)]
        if not found:
            _log.info("torch embeds: neither onnxruntime with onnx (extra fast) nor openvino (extra openvino) is there")
        return found
    if not is_installed(asked):
        setting, value = ("backend", asked) if config.backend != "auto" else ("precision", config.precision)
        raise FamiliarError(
            f'[embedder] {setting} is "{value}", which needs the extra {_EXTRAS[asked]}; run'
            f" `pip install 'familiar-assistant[{_EXTRAS[asked]}]'`"
        )
    return [asked]


@dataclass(frozen=True)
class _Chosen:
    """One backend of a model."""

    folder: Path
    converted: Path
    backend: str
    config: EmbedderConfig
    convert: bool

    def load(self, tokenizer: Any) -> tuple[Encoder | None, str]:
        """The model run by the backend, or why it can't be."""
        from memory.embedding_conversion import conversion, current_conversion, discard

        target = conversion_folder(self.folder, self.converted, self.backend, self.config.precision)
        wanted = Wanted(self.folder, target, self.backend, self.config.precision)
        for damaged in (True, False):
            manifest = conversion(wanted, tokenizer, tell=_tell) if self.convert else current_conversion(wanted)
            if manifest is None:
                return None, "not converted yet"
            if manifest.refused:
                return None, manifest.refused
            try:
                threads = self.config.threads
                return ConvertedEncoder(self.folder, target, manifest, tokenizer=tokenizer, workers=threads), ""
            except FamiliarError as exc:
                if not damaged:
                    return None, str(exc)
                discard(target)
        raise AssertionError("the second try returns")


def conversion_folder(folder: Path, converted: Path, backend: str, precision: str) -> Path:
    """Where a model's conversion lies: two folders of one name are two models."""
    place = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
    return converted / f"{folder.name}-{place}-{backend}-{precision}"


def _by_torch(folder: Path, refusals: list[str], config: EmbedderConfig) -> Encoder:
    if config.precision == "int8":
        raise FamiliarError(
            f"the embedder {folder.name} can't be converted ({'; '.join(refusals)}), so there are no int8 vectors of"
            ' it; set [embedder] precision to "float32"'
        )
    if refusals:
        _tell(f"the embedder {folder.name} can't be converted ({'; '.join(refusals)}); torch runs it, more slowly")
    return TorchEncoder(folder)


def _tell(text: str) -> None:
    print(f"familiar: {text}", file=sys.stderr, flush=True)
