"""Model folders to models in memory, in the number format that this machine computes fastest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.engines.adapters import Adapters
from bot.engines.prefix import PrefixCache
from memory.errors import FamiliarError, first_line
from tuning.chat_format import stop_ids
from tuning.precision import DType, best_dtype

# Short enough to reuse most of a stable beginning, long enough for matrix products near their full speed: 1,024 tokens
# in steps of 128 take 12 % longer than in one pass on a CPU, in steps of 192 2 %.
_CPU_STEP, _ACCELERATOR_STEP = 192, 512


@dataclass(frozen=True)
class Weights:
    """A loaded model and what is kept with it."""

    model: Any
    adapters: Adapters
    prefixes: PrefixCache
    stops: frozenset[int]
    """Token ids that end a reply."""


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


def load_weights(folder: Path, tokenizer: Any, *, dtype: DType, threads: int) -> Weights:
    """Read the model onto the accelerator where there is one, else for the CPU.

    :raises FamiliarError: files are missing or damaged, or memory does not suffice
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    if threads > 0:
        torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = best_dtype(device) if dtype == "auto" else dtype
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=getattr(torch, chosen), local_files_only=True, use_safetensors=True
        ).to(device)
    except (OSError, ValueError, RuntimeError, SafetensorError) as exc:
        raise FamiliarError(f"{folder}: the model can't be loaded: {first_line(exc)}") from exc
    model.eval()
    step = _CPU_STEP if device == "cpu" else _ACCELERATOR_STEP
    return Weights(model, Adapters(model), PrefixCache(step), stop_ids(tokenizer, model.generation_config))
