"""How many threads a model runs fastest with on this machine, measured once and written down.

torch takes one for each core that it sees: in a container that is limited to fewer, or where two share a core, that
can be several times slower than less. The number is kept, because another number may round other last bits; delete
the file to measure again. The number format is not measured: a tune has to use the same (see tuning.precision).
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.engines.measured import MeasuredFile, turn_s

FILE = "local-speed.json"
"""Beside the models."""
_PROMPT, _REPLY = 128, 6
"""Tokens that are timed."""
_GAIN = 0.95
"""Share of the time of torch's own choice that another has to take at most, so that noise changes nothing."""


@dataclass(frozen=True)
class Speed:
    """Where the choice for a model is kept."""

    file: Path
    model: str


def threads_here(speed: Speed, model: Any) -> int:
    """The number of threads for a loaded model; a few seconds where it was not measured yet.

    OMP_NUM_THREADS in the environment is somebody's decision and is kept.
    """
    import torch

    own = int(torch.get_num_threads())
    if own == 1 or os.environ.get("OMP_NUM_THREADS"):
        return own
    key = f"{speed.model} {model.dtype} {own} {torch.__version__}"
    measured = MeasuredFile(speed.file, int)
    with measured.lock():
        known = measured.get(key)
        if known is None:
            known = choose({count: _turn_s(model, count) for count in candidates(own)}, own)
            measured.put(key, known)
    return known


def candidates(own: int) -> tuple[int, ...]:
    """Numbers of threads that are tried, torch's own first, then halves of it."""
    return tuple(dict.fromkeys((own, max(1, own // 2), max(1, own // 4))))


def choose(seconds: Mapping[int, float], own: int) -> int:
    """The fastest number, or torch's own where none is clearly faster."""
    best = min(seconds, key=lambda count: seconds[count])
    return best if seconds[best] <= _GAIN * seconds[own] else own


def _turn_s(model: Any, threads: int) -> float:
    """Seconds of a turn with so many threads; the best of two."""
    import torch
    from transformers import DynamicCache

    torch.set_num_threads(threads)
    prompt, token = torch.zeros((1, _PROMPT), dtype=torch.long), torch.zeros((1, 1), dtype=torch.long)
    best = float("inf")
    with torch.inference_mode():
        for _ in range(2):
            cache, times = DynamicCache(config=model.config), []
            for ids in (prompt, *[token] * _REPLY):
                began = time.perf_counter()
                model(input_ids=ids, cache=cache, use_cache=True, logits_to_keep=1)
                times.append(time.perf_counter() - began)
            best = min(best, turn_s(prompt_tokens_s=_PROMPT / times[0], reply_tokens_s=1 / min(times[1:])))
    return best
