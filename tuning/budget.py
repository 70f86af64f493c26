"""What a run will cost before it starts, and which examples it learns where that is more than it may.

Pure, but for the short measurement of the pace, which is taken on the model that is about to be trained: a machine's
speed changes with what else runs on it, so a figure from another day would predict less well than two seconds now.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from tuning.chat_format import IGNORED, EncodedExample
from tuning.dataset import Example, Source
from tuning.masters import Masters
from tuning.measure import labelled_loss
from tuning.methods import Attached

_PROBE_TOKENS = 256
_PROBES = 2
_ORDER = get_args(Source)
FREE_SHARE = 0.7
"""Of the free memory that activations may be predicted to take: the prediction is a rough one."""


@dataclass(frozen=True)
class Shape:
    """What the memory of a pass depends on."""

    hidden: int
    intermediate: int
    layers: int
    vocabulary: int


def by_worth(examples: Sequence[Example]) -> list[Example]:
    """Corrected before approved before imported before merely accepted; the newest first within each.

    General examples are spread evenly among them, so that of whatever fits they make up the share that is wanted.

    :param examples: oldest first
    """
    own = [example for example in reversed(examples) if example.source != "general"]
    own.sort(key=lambda example: _ORDER.index(example.source))
    general = [example for example in examples if example.source == "general"]
    placed = [((at + 0.5) / len(part), example) for part in (own, general) for at, example in enumerate(part)]
    return [example for _, example in sorted(placed, key=lambda item: item[0])]


def epochs_that_fit(seconds: float, most: int, *, budget: float) -> int:
    """Passes that the budget has time for, at least 1: a second pass adds less than replies that were not seen once.

    :param seconds: of one pass over all examples
    """
    return max(1, min(most, int(budget / seconds)))


def most_that_fit(costs: Callable[[int], float], count: int, *, budget: float) -> int:
    """The largest number of first examples whose cost is within the budget, at least 1; cost grows with the number."""
    low, high = 1, count
    while low < high:
        middle = (low + high + 1) // 2
        if costs(middle) <= budget:
            low = middle
        else:
            high = middle - 1
    return low


def activation_bytes(shape: Shape, tokens: int, labels: int, *, width: int = 4) -> int:
    """Memory that a pass keeps for its backward pass, in bytes.

    A decoder layer keeps about 7 of its hidden and 4 of its intermediate width a token, as measured on SmolLM2 in
    float32 (1.13 MB a token at 300 tokens, 1.18 at 600; this says 1.22); a label its logits three times, in float32.

    :param width: bytes of a number in the base's format
    """
    block = 7 * shape.hidden + 4 * shape.intermediate
    return width * shape.layers * tokens * block + 4 * 3 * labels * shape.vocabulary


def needs_checkpointing(needed: int, *, free: int) -> bool:
    """Whether activations are computed again in the backward pass instead of being kept: a third slower."""
    return needed > FREE_SHARE * free


def shape_of(config: Any) -> Shape:
    """Of a transformers configuration; a model that names its widths otherwise counts as four times its hidden one."""
    hidden = int(config.hidden_size)
    intermediate = int(getattr(config, "intermediate_size", None) or 4 * hidden)
    return Shape(hidden, intermediate, int(config.num_hidden_layers), int(config.vocab_size))


def seconds_per_token(attached: Attached) -> float:
    """Time of a forward and a backward pass over its tokens on this machine now; nothing of it is left behind."""
    import torch

    model, random = attached.model, torch.get_rng_state()
    vocabulary = int(model.config.vocab_size)
    ids = tuple(number % vocabulary for number in range(_PROBE_TOKENS))
    encoded = EncodedExample(
        ids, tuple(IGNORED if place % 4 or not place else token for place, token in enumerate(ids))
    )
    best = float("inf")
    with Masters(attached):
        for _ in range(_PROBES + 1):  # the first warms up
            began = time.perf_counter()
            labelled_loss(model, encoded).backward()
            best = min(best, time.perf_counter() - began)
            model.zero_grad(set_to_none=True)
    torch.set_rng_state(random)
    return best / _PROBE_TOKENS
