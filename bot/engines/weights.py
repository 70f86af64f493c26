"""Model folders to models in memory, in the number format that this machine computes fastest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.engines.adapters import Adapters
from bot.engines.dynamic_caches import DynamicCaches
from bot.engines.prefix import PrefixCache, StepRule
from bot.engines.prefix_files import FOLDER, SavedPrefixes, saved_prefixes
from bot.engines.speed import FILE as SPEED_FILE
from bot.engines.speed import Speed, threads_here
from bot.models import written
from memory.errors import FamiliarError, first_line
from tuning.chat_format import stop_ids
from tuning.precision import DType, best_dtype

if TYPE_CHECKING:
    from bot.config import ModelConfig

_LEAST_STEP = 192
"""Tokens of a message after which a step ends: a pass over fewer costs nearly the time of one token."""
_SMALL = 500_000_000
"""Weights of a model whose longest step takes a second at most even on a slow machine."""


@dataclass(frozen=True)
class LocalOptions:
    """How a model is held and what is kept with it."""

    dtype: DType = "auto"
    """"auto" takes what this machine computes fastest, the same as a tune."""
    threads: int = 0
    """CPU threads for the whole process; 0: measured once per machine where `measured` is set, else torch's choice."""
    measured: Path | None = None
    """File in which what was measured is kept."""
    adapters_mb: int = 0
    """Most memory for adapters that are not in use; 0: a fifth of the base's."""
    merge_adapters: bool = False
    """Compute with merged copies of the layers instead of beside them."""
    beginnings_mb: int = 512
    """Most memory for keys and values of prompts' beginnings."""
    saved: Path | None = None
    """Folder in which they are kept for the next start; None: nowhere."""
    saved_mb: int = 512
    """Most room for them there."""
    mark: str = ""
    """Of that folder, from when the engine was opened."""
    lookup_tokens: int = 0
    """Most tokens that are guessed at once from what the prompt says; 0: none."""
    base: str = ""
    """What tells this base from any other: a hash of its weights."""


@dataclass(frozen=True)
class Weights:
    """A loaded model and what is kept with it."""

    model: Any
    adapters: Adapters
    prefixes: PrefixCache[Any]
    stops: frozenset[int]
    """Token ids that end a reply."""


def local_options(config: ModelConfig, *, base: str, home: Path, models: Path) -> LocalOptions:
    """What the settings, a home and the folder of models come to.

    :param base: hash of the base's weights
    """
    return LocalOptions(
        threads=config.threads,
        measured=models / SPEED_FILE,
        adapters_mb=config.adapters_mb,
        merge_adapters=config.merge_adapters,
        beginnings_mb=config.beginnings_mb,
        saved=home / FOLDER,
        saved_mb=config.beginnings_disk_mb,
        lookup_tokens=config.lookup_tokens,
        base=base,
    )


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a model folder.

    :raises FamiliarError: the folder holds none
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError) as exc:
        raise FamiliarError(f"{folder} holds no usable tokenizer: {first_line(exc)}") from exc


def context_length(folder: Path) -> int:
    """Tokens that the model was made for.

    :raises FamiliarError: the folder holds no model configuration
    """
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError) as exc:
        raise FamiliarError(f"{folder} holds no usable model: {first_line(exc)}") from exc
    return int(config.get_text_config().max_position_embeddings)


def load_weights(folder: Path, tokenizer: Any, options: LocalOptions) -> Weights:
    """Read the model onto the accelerator where there is one, else for the CPU.

    :raises FamiliarError: files are missing or damaged, or memory does not suffice
    """
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = _load(folder, device, best_dtype(device) if options.dtype == "auto" else options.dtype)
    if options.threads > 0:
        torch.set_num_threads(options.threads)
    elif options.measured is not None and device == "cpu":
        torch.set_num_threads(threads_here(Speed(options.measured, options.base or folder.name), model))
    stops = stop_ids(tokenizer, model.generation_config)
    rule = StepRule(_LEAST_STEP, _longest_step(model), stops)
    prefixes = PrefixCache(
        rule, DynamicCaches(device), memory_mb=options.beginnings_mb, files=_saved(folder, model, rule, options)
    )
    adapters = Adapters(model, held_mb=options.adapters_mb, merged=options.merge_adapters)
    return Weights(model, adapters, prefixes, stops)


def _load(folder: Path, device: str, dtype: str) -> Any:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=getattr(torch, dtype), local_files_only=True, use_safetensors=True
        ).to(device)
    except (OSError, ValueError, RuntimeError, SafetensorError) as exc:
        raise FamiliarError(f"{folder}: the model can't be loaded: {first_line(exc)}") from exc
    return model.eval()


def _longest_step(model: Any) -> int:
    """Tokens of a step: matrix products near their full speed, and no long wait for what cancels or interrupts.

    1,000 tokens of SmolLM2 on a CPU in steps of 256 take 2 % longer than in one of 1,000 in float32, and 35 % longer
    in bfloat16, where half as long a step costs as much time.
    """
    import torch

    if model.device.type == "cpu" and model.dtype is torch.float32:
        return 256
    return 1024 if model.device.type != "cpu" or model.num_parameters() < _SMALL else 512


def _saved(folder: Path, model: Any, rule: StepRule, options: LocalOptions) -> SavedPrefixes | None:
    """The files of beginnings that are bit for bit what this process would compute."""
    import torch
    import transformers

    libraries = (torch.__version__, transformers.__version__, torch.backends.cpu.get_cpu_capability())
    held = (str(model.dtype), str(model.device), torch.get_num_threads(), options.merge_adapters)
    valid_for = repr((options.base, written(folder), rule.least, rule.most, *libraries, *held))
    return saved_prefixes(options.saved, valid_for=valid_for, most_mb=options.saved_mb, mark=options.mark)
