"""Float32 copies of an adapter's weights, which the optimiser steps while the model computes with rounded ones.

On a base in bfloat16 an adapter in float32 makes each layer convert its input there and its output back, which takes a
third of the time. So the passes use the adapter in the base's format, and its gradients are added up and applied in
float32: steps are smaller than what bfloat16 can tell apart (mixed precision with master weights, arXiv 1710.03740).
"""

from __future__ import annotations

from tuning.methods import Attached, trained_weights
from tuning.recipe import MOVES_BASE


class Masters:
    """The weights to optimise, by name; inside it as a context, the model computes with them in its base's format.

    Only plain LoRA is rounded: DoRA's norms and AdaLoRA's ranks need the exact values, and PiSSA and OLoRA hold the
    largest part of the base in theirs, whose rounding would be learned away instead. Elsewhere the weights are the
    model's own and nothing is copied.
    """

    def __init__(self, attached: Attached) -> None:
        import torch

        own = trained_weights(attached.model)
        plain = attached.recipe.init not in MOVES_BASE and all("lora_A" in name or "lora_B" in name for name in own)
        self._format = attached.model.dtype
        self._own = own if plain and self._format is not torch.float32 else {}
        self.weights = {name: weight.detach().float().clone() for name, weight in self._own.items()} or own

    def __enter__(self) -> None:
        for weight in self._own.values():
            weight.data = weight.data.to(self._format)

    def __exit__(self, *_: object) -> None:
        for name, weight in self._own.items():
            weight.grad = None
            weight.data = self.weights[name]

    def collect(self) -> None:
        """Add the gradients of a backward pass to those of the float32 weights."""
        for name, weight in self._own.items():
            if weight.grad is not None:
                gradient, master = weight.grad.float(), self.weights[name]
                master.grad = gradient if master.grad is None else master.grad.add_(gradient)
                weight.grad = None

    def publish(self) -> None:
        """Have the model compute with the weights as they are now."""
        for name, weight in self._own.items():
            weight.data.copy_(self.weights[name])
