"""Which number format a base model is held in: one rule for serving and for training.

An adapter is trained beside the very weights that it will answer with: bfloat16 rounds them, so that one trained in
float32 would answer from a slightly different base. GPUs that only know float16 are the exception.
"""

from __future__ import annotations

from typing import Literal

DType = Literal["auto", "float32", "bfloat16", "float16"]


def best_dtype(device: str) -> DType:
    """bfloat16 where the hardware multiplies it; elsewhere it is several times slower than float32."""
    import torch

    if device == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    return "bfloat16" if torch.cpu.get_capabilities().get("amx_bf16") else "float32"


def dtype_here(wanted: str = "auto") -> str:
    """What training holds a base in on this machine.

    :param wanted: "auto", "float32" or "bfloat16"
    """
    import torch

    return training_dtype("cuda" if torch.cuda.is_available() else "cpu", wanted)


def training_dtype(device: str, wanted: str = "auto") -> str:
    """The same for training, where float16 would need its gradients scaled: such a GPU trains in float32."""
    chosen = best_dtype(device) if wanted == "auto" else wanted
    return "float32" if chosen == "float16" else chosen
