"""Whole layers left out of a model: those that turn the hidden state least.

A layer whose output points where its input did adds little (ShortGPT, arXiv 2403.03853). Gromov et al. (arXiv
2403.17887) leave out one block of neighbouring layers, across which the state turns least. Neither trains afterwards
here: what is measured is what leaving out costs by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory.errors import FamiliarError

States = Sequence[NDArray[np.float32]]
"""Hidden states (tokens, width): what the first layer takes, then what each layer gives."""


def angular_distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean angle between the rows over pi, 0 to 1 (arXiv 2403.17887, eq. 7; the mean over all tokens)."""
    dots = (one * other).sum(-1, dtype=np.float64)
    lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    return float(np.arccos(np.clip(dots / np.maximum(lengths, 1e-12), -1.0, 1.0)).mean() / np.pi)


def least_turning(states: States, count: int) -> tuple[int, ...]:
    """The ``count`` layers across each of which the state turns least, in their order."""
    distances = [angular_distance(states[layer], states[layer + 1]) for layer in range(len(states) - 1)]
    return tuple(sorted(sorted(range(len(distances)), key=distances.__getitem__)[:count]))


def least_turning_block(states: States, count: int) -> tuple[int, ...]:
    """The ``count`` neighbouring layers across which the state turns least."""
    starts = range(len(states) - count)
    best = min(starts, key=lambda start: angular_distance(states[start], states[start + count]))
    return tuple(range(best, best + count))


def hidden_states(model: Any, prompts: Iterable[Sequence[int]]) -> States:
    """Of a transformers model, over the tokens of all prompts.

    :raises FamiliarError: a model whose layers are not in one list
    """
    import torch

    layers = _layers(model)
    found: list[list[NDArray[np.float32]]] = [[] for _ in range(len(layers) + 1)]

    def note(place: int) -> Any:
        def hook(_layer: Any, inputs: Any, output: Any) -> None:
            if place == 0:
                found[0].append(inputs[0][0].float().numpy())
            states = output[0] if isinstance(output, tuple) else output
            found[place + 1].append(states[0].float().numpy())

        return hook

    hooks = [layer.register_forward_hook(note(place)) for place, layer in enumerate(layers)]
    try:
        with torch.inference_mode():
            for ids in prompts:
                model(input_ids=torch.tensor([list(ids)]), use_cache=False, logits_to_keep=1)
    finally:
        for hook in hooks:
            hook.remove()
    return [np.concatenate(parts) for parts in found]


def leave_out(model: Any, layers: Iterable[int]) -> None:
    """Take layers out of a transformers model; those after them move up, in its cache too.

    :raises FamiliarError: a model whose layers are not in one list
    """
    import torch

    dropped, every = set(layers), _layers(model)
    kept = [place for place in range(len(every)) if place not in dropped]
    model.model.layers = torch.nn.ModuleList([every[place] for place in kept])
    for place, layer in enumerate(model.model.layers):
        layer.self_attn.layer_idx = place
    model.config.num_hidden_layers = len(kept)
    if kinds := getattr(model.config, "layer_types", None):
        model.config.layer_types = [kinds[place] for place in kept]


def _layers(model: Any) -> Any:
    layers = getattr(getattr(model, "model", None), "layers", None)
    if layers is None:
        raise FamiliarError(f"no layer can be left out of a {type(model).__name__}: they are not in one list")
    return layers
