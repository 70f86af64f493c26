"""LoRA files read into what a model's layers compute with, checked against the model weight by weight.

peft's own layers cost a decoded token up to half its speed in calls and conversions, and inserting an adapter takes
longer than reading it. So the files are peft's, and so are the rules by which their settings are read; what a layer
adds is computed here. A file that has a weight too many or too few is refused: peft would only warn, and an adapter
whose weights found no place answers like the base.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory.errors import FamiliarError, first_line

WEIGHTS = "adapter_model.safetensors"
_PREFIX = "base_model.model."
_LOWER, _UPPER, _MAGNITUDE = ".lora_A.weight", ".lora_B.weight", ".lora_magnitude_vector"
_CHANGES_MORE = ("modules_to_save", "trainable_token_indices", "alora_invocation_tokens", "use_qalora")
"""Settings with which an adapter is more than factors beside linear layers."""


@dataclass(frozen=True)
class Delta:
    """What an adapter does in one layer: y = gain * base(x) + shift + upper (lower x); gain and shift are DoRA's."""

    lower: Any
    """(rank, inputs), float32."""
    upper: Any
    """(outputs, rank), float32, the adapter's scale multiplied in."""
    gain: Any = None
    """(outputs,); None: 1."""
    shift: Any = None
    """(outputs,); None: 0."""

    @property
    def nbytes(self) -> int:
        """Memory that it holds."""
        return sum(part.nbytes for part in (self.lower, self.upper, self.gain, self.shift) if part is not None)

    def forward(self, base: Callable[[Any], Any], inputs: Any) -> Any:
        """The layer's output with the adapter; ``base`` is the layer's own forward."""
        import torch

        # In float32 on any base: a token's product with so few rows is faster than in bfloat16 on a CPU, and the
        # factors of an adapter that was trained from parts of the base (PiSSA) cancel, which rounding would undo.
        added = torch.nn.functional.linear(torch.nn.functional.linear(inputs.float(), self.lower), self.upper)
        outputs = base(inputs)
        if self.gain is not None:
            outputs = outputs * self.gain
        if self.shift is not None:
            outputs = outputs + self.shift
        return outputs.add_(added.to(outputs.dtype))

    def merged(self, weight: Any) -> Any:
        """The weight (outputs, inputs) of a layer that computes the same alone but for rounding, in its format."""
        product = self.upper @ self.lower
        own = weight.float() if self.gain is None else weight.float() * self.gain.float()[:, None]
        return product.add_(own).to(weight.dtype)


def read_deltas(folder: Path, layers: Mapping[str, Any]) -> dict[str, Delta]:
    """What the adapter in a folder adds, by the name of the layer.

    :param layers: the model's modules by name
    :raises FamiliarError: the files are missing, damaged, more than LoRA, or of another model's adapter
    """
    if not (folder / WEIGHTS).is_file():
        raise FamiliarError(f"{folder} holds no adapter: {WEIGHTS} is missing")
    # Whatever the libraries raise over files of any origin means the same here: these are no adapter of this model.
    try:
        return _read(folder, layers)
    except FamiliarError:
        raise
    except Exception as exc:
        raise FamiliarError(f"{folder} does not hold an adapter of this model: {first_line(exc)}") from exc


def _read(folder: Path, layers: Mapping[str, Any]) -> dict[str, Delta]:
    from peft import PeftConfig
    from safetensors.torch import load_file

    config = PeftConfig.from_pretrained(str(folder))
    if config.peft_type != "LORA":
        raise FamiliarError(f"{folder} holds an adapter of type {config.peft_type}; it must be LORA")
    if config.bias != "none" or any(getattr(config, name, None) for name in _CHANGES_MORE):
        raise FamiliarError(f"{folder} changes weights of the base model besides its own; it must be plain LoRA")
    tensors = load_file(folder / WEIGHTS)
    names = _wanted(config, tuple(layers))
    expected = _expected(names, dora=bool(config.use_dora))
    strange = sorted(expected.symmetric_difference(tensors))
    if strange or not names:
        first = f", first {strange[0]}" if strange else ""
        raise FamiliarError(f"{folder} does not fit this model: {len(strange)} weights differ{first}")
    return {name: _delta(layers[name], _scale(config, name), *_factors(tensors, name)) for name in names}


def _expected(names: Sequence[str], *, dora: bool) -> set[str]:
    ends = (_LOWER, _UPPER, _MAGNITUDE) if dora else (_LOWER, _UPPER)
    return {f"{_PREFIX}{name}{end}" for name in names for end in ends}


def _wanted(config: Any, names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the layers that the adapter's settings name, by peft's rules."""
    from peft.tuners.tuners_utils import check_target_module_exists

    return tuple(name for name in names if check_target_module_exists(config, name))


def _scale(config: Any, name: str) -> float:
    """As `peft.tuners.lora.LoraModel` reads it."""
    from peft.utils.other import get_pattern_key

    rank = config.rank_pattern.get(get_pattern_key(config.rank_pattern.keys(), name), config.r)
    alpha = config.alpha_pattern.get(get_pattern_key(config.alpha_pattern.keys(), name), config.lora_alpha)
    return float(alpha / (rank**0.5 if config.use_rslora else rank))


def _factors(tensors: Mapping[str, Any], name: str) -> tuple[Any, Any, Any]:
    return tuple(tensors.get(f"{_PREFIX}{name}{end}") for end in (_LOWER, _UPPER, _MAGNITUDE))  # type: ignore[return-value]


def _delta(layer: Any, scale: float, lower: Any, upper: Any, magnitude: Any) -> Delta:
    if (upper.shape[0], lower.shape[1]) != _shape(layer) or lower.shape[0] != upper.shape[1]:
        raise ValueError(f"factors {tuple(lower.shape)} and {tuple(upper.shape)} for a layer of {_shape(layer)}")
    device = layer.weight.device
    lower, upper = lower.float().to(device), upper.float().to(device) * scale
    return Delta(lower, upper) if magnitude is None else _dora(layer, lower, upper, magnitude.float().to(device))


def _shape(layer: Any) -> tuple[int, int]:
    """Outputs and inputs of a linear layer; of a quantised one, whose weight has another shape, by its attributes."""
    return int(layer.out_features), int(layer.in_features)


def _dora(layer: Any, lower: Any, upper: Any, magnitude: Any) -> Delta:
    """Rows rescaled to the learned magnitudes (arXiv 2402.09353, equation 5), which without training is a constant."""
    import torch
    from peft.utils.integrations import dequantize_module_weight

    norm = torch.linalg.norm(dequantize_module_weight(layer).float() + upper @ lower, dim=1)
    gain = magnitude / norm
    shift = None if layer.bias is None else ((1 - gain) * layer.bias.float()).to(layer.bias.dtype)
    own = layer.bias.dtype if layer.bias is not None else _computed_in(layer)
    return Delta(lower, upper * gain[:, None], gain.to(own), shift)


def _computed_in(layer: Any) -> Any:
    import torch

    return layer.weight.dtype if layer.weight.dtype.is_floating_point else torch.float32


def bound(layer: Any, delta: Delta) -> Callable[[Any], Any]:
    """The forward of a layer that has the adapter's part added."""
    return functools.partial(delta.forward, layer.forward)
