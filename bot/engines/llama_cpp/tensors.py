"""Weights from safetensors files as numpy arrays, and llama.cpp's order of a Llama's rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def read_tensors(path: Path) -> dict[str, Floats]:
    """All tensors of a safetensors file as float32; numpy has no bfloat16, whose bits are float32's upper half.

    :raises ValueError: no safetensors file, or numbers of another kind
    """
    from gguf.utility import SafetensorsLocal

    return {name: to_float32(tensor) for name, tensor in SafetensorsLocal(path).tensors.items()}


def to_float32(tensor: object) -> Floats:
    """The values of one of `gguf.utility.SafetensorsLocal`'s tensors.

    :raises ValueError: they are not floating-point numbers of 16 or 32 bits
    """
    raw = tensor.mmap_bytes()  # type: ignore[attr-defined]
    kind, shape = tensor.dtype, tensor.shape  # type: ignore[attr-defined]
    if kind == "BF16":
        values = (raw.view("<u2").astype(np.uint32) << 16).view(np.float32)
    elif kind in ("F16", "F32"):
        values = raw.view("<f2" if kind == "F16" else "<f4").astype(np.float32)
    else:
        raise ValueError(f"numbers of kind {kind} are not read, only F32, F16 and BF16")
    return np.asarray(values.reshape(shape), np.float32)


def permute(weights: Floats, heads: int) -> Floats:
    """Rows (heads of two halves) in the order of llama.cpp, whose rotary embedding pairs neighbours.

    As `LlamaModel.permute` of llama.cpp's converter does it.
    """
    rows = weights.shape[0]
    halves = weights.reshape(heads, 2, rows // heads // 2, *weights.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(weights.shape))
