"""The engine over a GGUF model in this process, with LoRA adapters converted from peft's files.

llama.cpp sees token ids only: prompts are rendered and tokenised by the model folder's tokenizer, as in training.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.engines.base import AdapterFiles
from bot.engines.llama_cpp.adapters import BaseShape, adapter_gguf, base_shape
from bot.engines.llama_cpp.loaded import LONGEST, LlamaModel, Reading
from bot.engines.llama_cpp.states import States
from bot.engines.prefix import PrefixCache, StepRule
from bot.engines.prefix_files import FOLDER, mark_of, saved_prefixes
from bot.engines.token_engine import TokenEngine
from memory.errors import FamiliarError
from tuning.chat_format import end_of_turn, stop_ids

if TYPE_CHECKING:
    from bot.config import ModelConfig

_LONGEST_CONTEXT = 8192
"""Keys and values of the 40,960 tokens that a model of 4B was made for take 6 GB."""
_LEAST_STEP = 64
"""Tokens of a message after which a step ends: fewer are not computed at full speed."""


@dataclass(frozen=True)
class LlamaOptions:
    """How a model is held and what is kept with it."""

    base_sha256: str = ""
    """Of the base that its adapters were trained on; adapters that name another are refused."""
    threads: int = 0
    """0: one for each core."""
    context_tokens: int = 0
    """Prompt and reply together; 0: what the model was made for, at most 8,192."""
    lookup_tokens: int = 0
    """Most tokens that are guessed at once from what the prompt says; 0: none, as a pass over a handful costs llama.cpp
    on a CPU a third to three times more than over one (`familiar bench lookup`)."""
    adapters_mb: int = 0
    """Most memory for adapters; 0: a fifth of the base's."""
    beginnings_mb: int = 512
    """Most memory for keys and values of prompts' beginnings."""
    saved: Path | None = None
    """Folder in which they are kept for the next start; None: nowhere."""
    saved_mb: int = 512
    """Most room for them there."""
    mark: str = ""
    """Of that folder, from when the engine was opened."""


def llama_options(config: ModelConfig, *, base: str, home: Path) -> LlamaOptions:
    """What the settings and a home come to.

    :param base: hash of the base's weights
    """
    return LlamaOptions(
        base_sha256=base,
        threads=config.threads,
        adapters_mb=config.adapters_mb,
        beginnings_mb=config.beginnings_mb,
        saved=home / FOLDER,
        saved_mb=config.beginnings_disk_mb,
    )


def open_gguf(gguf: Path, folder: Path, *, model: str, options: LlamaOptions) -> TokenEngine:
    """The engine for a file.

    :param folder: the transformers folder of the same model
    :param model: its name, as stored with a turn
    :raises FamiliarError: the folder of kept beginnings can't be written
    """
    options = replace(options, mark=mark_of(options.saved, most_mb=options.saved_mb))

    def load(tokenizer: Any, context_tokens: int) -> LlamaModel:
        return LlamaModel(gguf, _reading(gguf, folder, model, tokenizer, context_tokens, options))

    longest = options.context_tokens or _LONGEST_CONTEXT
    return TokenEngine(
        folder, name="llama.cpp", model=model, load=load, longest_context=longest, lookup_tokens=options.lookup_tokens
    )


def cores() -> int:
    """Physical cores: two threads on one get no more done, and llama.cpp's wait for each other."""
    import psutil

    return int(psutil.cpu_count(logical=False) or psutil.cpu_count() or 1)


def _reading(
    gguf: Path, folder: Path, model: str, tokenizer: Any, context_tokens: int, options: LlamaOptions
) -> Reading:
    from bot.engines.llama_cpp.library import find_library

    find_library()
    threads = options.threads or cores()
    rule = StepRule(_LEAST_STEP, LONGEST, frozenset({end_of_turn(tokenizer)}))
    valid_for = _valid_for(gguf, rule, threads, options)
    files = saved_prefixes(options.saved, valid_for=valid_for, most_mb=options.saved_mb, mark=options.mark)
    return Reading(
        context_tokens=context_tokens,
        threads=threads,
        stops=stop_ids(tokenizer, _generation_config(folder)),
        prefixes=PrefixCache(rule, States(), memory_mb=options.beginnings_mb, files=files),
        adapter_file=_adapter_files(folder, model, options.base_sha256),
        adapters_mb=options.adapters_mb,
    )


def _adapter_files(folder: Path, model: str, base_sha256: str) -> Callable[[AdapterFiles], Path]:
    shape: BaseShape | None = None

    def adapter_file(adapter: AdapterFiles) -> Path:
        nonlocal shape
        if adapter.base_sha256 not in ("", base_sha256):
            raise FamiliarError(
                f"adapter {adapter.id} was trained on a base of sha256 {adapter.base_sha256[:12]}, but {model} "
                f"({base_sha256[:12]}) is running; tune again, or name that base in [model] name"
            )
        shape = shape or base_shape(folder)
        return adapter_gguf(adapter.folder, shape)

    return adapter_file


def _valid_for(gguf: Path, rule: StepRule, threads: int, options: LlamaOptions) -> str:
    """All on which keys and values depend besides tokens and adapter."""
    try:
        file = gguf.stat()
    except OSError as exc:
        raise FamiliarError(f"{gguf} can't be read: {exc.strerror}") from exc
    library = (version("xllamacpp"), platform.machine())
    return repr(
        (options.base_sha256, gguf.name, file.st_size, file.st_mtime_ns, rule.least, rule.most, threads, library)
    )


def _generation_config(folder: Path) -> Any:
    """What the model's files name as its ends, if anything."""
    from transformers import GenerationConfig

    try:
        return GenerationConfig.from_pretrained(str(folder), local_files_only=True)
    except OSError:
        return None
