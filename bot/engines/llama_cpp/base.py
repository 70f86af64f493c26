"""The GGUF file that llama.cpp serves for a base model, made from or making the very weights that adapters train on.

A model that came as GGUF was unpacked for training from that file, so that file is served: kept beside the unpacked
weights, or fetched again by its pinned hash. Any other folder is converted, once, and the file names the hash of what
it was made from.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from bot.catalogue import LocalSource, WheelSource
from bot.engines.llama_cpp.adapters import base_shape, lora_settings
from bot.engines.llama_cpp.conversion import Precision, check_convertible, convert_folder
from bot.engines.llama_cpp.engine import LlamaOptions, open_gguf
from bot.engines.token_engine import TokenEngine
from bot.fetch import fetch_wheel
from bot.models import SERVED_GGUF, ReadyModel, stamp, tell_stderr, written
from memory.errors import FamiliarError

_NEEDS_LOCAL = ("dora",)
"""Methods whose adapters hold more than plain LoRA factors of one rank (`tuning.methods` writes the others as that)."""


def open_llama_cpp(
    ready: ReadyModel,
    *,
    model_folder: Path,
    options: LlamaOptions,
    precision: Precision = "q8_0",
    offline: bool = False,
) -> TokenEngine:
    """The engine for a model that is on this disk; its GGUF file is fetched or made where it is missing.

    :param model_folder: where models are kept
    :param precision: of matrices, where the model's weights have to be converted
    :raises UsageError: xllamacpp is not installed
    :raises FamiliarError: the model can't be served by llama.cpp; the reason and what to use are named
    """
    from bot.engines.llama_cpp.library import library

    library()  # before torch, whose OpenMP it would share and could not set up
    gguf = base_gguf(ready, folder=model_folder, precision=precision, offline=offline)
    return open_gguf(gguf, ready.path, model=ready.name, options=options)


def base_gguf(
    ready: ReadyModel,
    *,
    folder: Path,
    precision: Precision = "q8_0",
    offline: bool = False,
    tell: Callable[[str], None] = tell_stderr,
) -> Path:
    """The file to serve.

    :raises FamiliarError: it can't be fetched, has changed since the model was unpacked, or can't be made
    """
    match _came_as_gguf(ready):
        case LocalSource(path):
            return _own(path, ready)
        case WheelSource() as source:
            return _pinned(source, ready, folder, offline=offline, tell=tell)
    return _made(ready, folder, precision, tell)


def check_servable(ready: ReadyModel, *, adapters: Sequence[Path], method: str) -> None:
    """See, without writing or loading anything, that llama.cpp computes all that transformers would.

    :param adapters: folders of those that answer
    :param method: [tuning] method, by which the next ones are made
    :raises FamiliarError: it does not; the reason is named
    """
    base_shape(ready.path)
    if _came_as_gguf(ready) is None:
        check_convertible(ready.path)
    if method in _NEEDS_LOCAL:
        raise FamiliarError(f'[tuning] method is "{method}", whose adapters it can\'t compute')
    for folder in adapters:
        lora_settings(folder)


def _came_as_gguf(ready: ReadyModel) -> WheelSource | LocalSource | None:
    """The source of a model that was unpacked from a GGUF file."""
    for source in ready.entry.sources:
        if str(source) != ready.source:
            continue
        if isinstance(source, LocalSource) and source.path.suffix == ".gguf":
            return source
        if isinstance(source, WheelSource) and source.member.endswith(".gguf"):
            return source
    return None


def _own(path: Path, ready: ReadyModel) -> Path:
    if not path.is_file() or stamp(path) != ready.revision:
        raise FamiliarError(f"{path} is not the file any more that {ready.name} was unpacked from; put that back")
    return path


def _pinned(
    source: WheelSource, ready: ReadyModel, folder: Path, *, offline: bool, tell: Callable[[str], None]
) -> Path:
    kept = ready.path / SERVED_GGUF
    if kept.is_file():
        return kept
    from filelock import FileLock

    place = folder / "gguf" / f"{ready.name}-{source.sha256[:12]}.gguf"
    if place.is_file():
        return place
    if offline:
        raise FamiliarError(f"{place} is missing and [model] offline is true; allow it once, or use the engine local")
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.parent / f".{ready.name}.lock"):
        if not place.is_file():
            tell(f"Fetching {ready.name} for llama.cpp from {source} ({source.download_mb} MB)")
            work = place.parent / f".{ready.name}.partial"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            fetch_wheel(source, work).replace(place)
            shutil.rmtree(work, ignore_errors=True)
    return place


def _made(ready: ReadyModel, folder: Path, precision: Precision, tell: Callable[[str], None]) -> Path:
    from filelock import FileLock

    identity = ready.sha256 or ready.revision
    own = "" if ready.sha256 else f"-{written(ready.path)}"
    place = folder / "gguf" / f"{ready.name}-{identity[:12]}{own}-{precision}.gguf"
    if place.is_file():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.parent / f".{ready.name}.lock"):
        if not place.is_file():
            tell(f"Converting {ready.name} for llama.cpp (once)")
            convert_folder(ready.path, place, precision=precision, base_sha256=identity)
    return place
