"""Which language model "auto" takes: the largest that fits this machine's memory and answers fast enough on it.

Speed is predicted from a second's measurement of the machine rather than by trying each model, which would mean
downloading gigabytes to find them too slow: a token costs one pass over the weights in memory, a prompt two
floating-point operations a weight and token.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bot.catalogue import CatalogueEntry, HubSource, catalogue

LEAST_TOKENS_PER_SECOND = 8.0
LONGEST_FIRST_TOKEN_S = 5.0
_PROMPT_TOKENS = 500
"""Length of a turn's prompt after the part whose keys and values are reused."""
_TRAINING_COST = 3.0
"""A trained token's work in prompt tokens; measured on SmolLM2: 390 tokens/s prompt, 131 training."""
_EFFICIENCY = 0.6
"""Share of the measured bandwidth and arithmetic that a whole model reaches."""
_MEMORY_SHARE = 0.6
"""Of the machine's memory; the rest is for everything else that runs."""


@dataclass(frozen=True)
class Machine:
    """What decides how large a model can be."""

    memory_gb: float
    """Of the accelerator where there is one, else of the machine."""
    accelerator: str
    """Its name; empty: none."""
    read_gb_s: float
    """Memory read by a matrix-vector product."""
    gflops: float
    """Reached by a matrix product."""
    bytes_per_weight: int
    """In the format that this machine computes fastest."""


@dataclass(frozen=True)
class Probe:
    """How fast a model would be, and whether it fits."""

    entry: CatalogueEntry
    fits: bool
    tokens_per_second: float
    first_token_s: float
    tune_minutes: float
    """For 10,000 tokens of training."""


def predict(entry: CatalogueEntry, machine: Machine) -> Probe:
    """A model's speed on a machine."""
    billions = entry.parameters / 1e9
    prompt_tokens_s = machine.gflops * _EFFICIENCY / (2 * billions)
    return Probe(
        entry=entry,
        fits=entry.memory_gb * machine.bytes_per_weight / 4 <= machine.memory_gb * _MEMORY_SHARE,
        tokens_per_second=machine.read_gb_s * _EFFICIENCY / (billions * machine.bytes_per_weight),
        first_token_s=_PROMPT_TOKENS / prompt_tokens_s,
        tune_minutes=10_000 * _TRAINING_COST / prompt_tokens_s / 60,
    )


def pick(probes: Iterable[Probe]) -> Probe | None:
    """The largest model that fits and is fast enough; None where none is."""
    usable = [
        probe
        for probe in probes
        if probe.fits
        and probe.tokens_per_second >= LEAST_TOKENS_PER_SECOND
        and probe.first_token_s <= LONGEST_FIRST_TOKEN_S
    ]
    return max(usable, key=lambda probe: probe.entry.parameters, default=None)


def choose_auto(machine: Machine, *, hub_reachable: bool) -> tuple[CatalogueEntry, str]:
    """The language model for a machine, and why; without a hub the one that needs none, and what a larger takes."""
    language = sorted((item for item in catalogue() if item.kind == "language"), key=lambda item: item.parameters)
    probes = [predict(entry, machine) for entry in language]
    smallest, best = probes[0], pick(probes)
    have = f"{machine.memory_gb:.0f} GB of memory, {machine.accelerator or 'no accelerator'}"
    if hub_reachable:
        why = "the largest that answers in time here" if best else "the smallest, as none answers in time here"
        chosen = best or smallest
        return chosen.entry, f"Chose {_speed(chosen)}: {why} ({have})."
    larger = best if best and best is not smallest else probes[1]
    return smallest.entry, (
        f"Chose {_speed(smallest)}: it needs no model hub, and none can be reached. A larger one, {_speed(larger)}, "
        f"takes {_needs(larger.entry)}; this machine has {have}."
    )


def _speed(probe: Probe) -> str:
    return (
        f"{probe.entry.name} (about {probe.tokens_per_second:.0f} tokens/s, first word after "
        f"{probe.first_token_s:.1f} s, {probe.tune_minutes:.0f} min to learn from 10,000 tokens)"
    )


def _needs(entry: CatalogueEntry) -> str:
    download = next((source.download_mb for source in entry.sources if isinstance(source, HubSource)), 0)
    return f"a download of {download / 1000:.1f} GB and {entry.memory_gb:.1f} GB of memory"


def look_at_machine() -> Machine:
    """Measure this machine; about a second after torch has been imported."""
    import psutil
    import torch

    from tuning.precision import best_dtype

    cuda = torch.cuda.is_available()
    device = "cuda" if cuda else "cpu"
    dtype = getattr(torch, best_dtype(device))
    matrix = torch.ones(4096, 4096, dtype=dtype, device=device)
    vector, block = matrix[0].clone(), matrix[:512].clone()

    def timed(step: Callable[[], object], repeats: int) -> float:
        """Seconds a step takes at best."""
        best = float("inf")
        for _ in range(repeats):
            begun = time.perf_counter()
            step()
            if cuda:
                torch.cuda.synchronize()
            best = min(best, time.perf_counter() - begun)
        return best

    reading, multiplying = timed(lambda: matrix @ vector, 12), timed(lambda: block @ matrix, 6)
    memory = torch.cuda.get_device_properties(0).total_memory if cuda else psutil.virtual_memory().total
    return Machine(
        memory_gb=memory / 2**30,
        accelerator=torch.cuda.get_device_name(0) if cuda else "",
        read_gb_s=matrix.nbytes / reading / 1e9,
        gflops=2 * block.numel() * matrix.shape[1] / multiplying / 1e9,
        bytes_per_weight=matrix.element_size(),
    )
