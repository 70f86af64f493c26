"""peft's LoRA folders as llama.cpp's adapter files, which compute the same.

Only what llama.cpp can compute is written: LoRA factors of attention and MLP layers in one rank. Anything else is
refused with its reason, because an adapter of which a part is missing still answers, only worse. The file lies beside
the weights that it was made from, so that it is deleted with them; its name carries their hash, and it is made again
when it is missing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bot.engines.llama_cpp.tensors import Floats, permute, read_tensors
from memory.errors import FamiliarError, first_line

_BLOCK = 32
"""Numbers that llama.cpp multiplies at once: B's rows, as long as the rank, are filled up with zeros to a multiple of
it, which changes no result. Of 16 each would be multiplied alone, and a small model decode a seventh slower."""
_FORMAT = "1"
"""Changes with what this module writes, so that files of older versions are made again."""
_WEIGHTS, _SETTINGS = "adapter_model.safetensors", "adapter_config.json"
_PLACES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_NAME = re.compile(r"base_model\.model\.model\.layers\.(\d+)\.(\w+\.\w+)\.lora_(A|B)\.weight")
_ARCHITECTURES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}
"""transformers' model types by llama.cpp's names, which has one for Llama and Mistral."""


@dataclass(frozen=True)
class BaseShape:
    """What of a base model decides how its adapters are written."""

    architecture: str
    """llama.cpp's name."""
    heads: int
    kv_heads: int
    tied: bool
    """The output layer is the embedding."""

    @property
    def permuted(self) -> bool:
        """Whether llama.cpp keeps query and key rows in the order of Meta's weights, pairs side by side."""
        return self.architecture == "llama"


def base_shape(folder: Path) -> BaseShape:
    """Of a transformers folder.

    :raises FamiliarError: no configuration, or a family whose weights this can't write for llama.cpp
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        heads = int(config["num_attention_heads"])
        kv_heads = int(config.get("num_key_value_heads") or heads)
    except (OSError, ValueError, KeyError) as exc:
        raise FamiliarError(f"{folder} holds no usable config.json: {first_line(exc)}") from exc
    family = str(config.get("model_type"))
    if family not in _ARCHITECTURES:
        known = ", ".join(sorted(_ARCHITECTURES))
        raise FamiliarError(f"{folder}: the engine llama.cpp serves {known} here, not {family}; use the engine local")
    return BaseShape(_ARCHITECTURES[family], heads, kv_heads, bool(config.get("tie_word_embeddings")))


def adapter_gguf(folder: Path, base: BaseShape) -> Path:
    """The adapter file of a peft folder, written if it is not there yet.

    :raises FamiliarError: the folder holds no adapter, or one that llama.cpp can't compute
    """
    try:
        digest = hashlib.sha256(f"{_FORMAT} {base}".encode())
        for name in (_SETTINGS, _WEIGHTS):
            digest.update((folder / name).read_bytes())
    except OSError as exc:
        raise FamiliarError(f"{folder} holds no adapter: {exc.strerror}: {Path(str(exc.filename)).name}") from exc
    target = folder / f"llama-{digest.hexdigest()[:16]}.gguf"
    if not target.is_file():
        for stale in folder.glob("llama-*.gguf"):
            stale.unlink(missing_ok=True)
        _write(folder, target, base)
    return target


def _write(folder: Path, target: Path, base: BaseShape) -> None:
    settings = lora_settings(folder)
    try:
        tensors = read_tensors(folder / _WEIGHTS)
    except (OSError, ValueError, KeyError) as exc:
        raise FamiliarError(f"{folder / _WEIGHTS} is damaged: {first_line(exc)}") from exc
    rank = int(settings["r"])
    try:
        converted = convert_tensors(tensors, base, where=folder)
    except (ValueError, IndexError) as exc:  # its rows don't make up the heads, or it is no matrix
        raise FamiliarError(f"{folder} does not hold an adapter of this model: {first_line(exc)}") from exc
    if any(values.shape[".lora_B." in name] != rank for name, values in tensors.items()):
        raise FamiliarError(f"{folder}: the adapter's weights are not of the rank {rank} that its settings name")
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    alpha = scaling(settings) * padded_rank(rank)
    try:
        write_adapter(draft, converted, architecture=base.architecture, alpha=alpha)
        draft.replace(target)
    except OSError as exc:
        raise FamiliarError(
            f"{target} can't be written: {exc.strerror}; the adapter's folder must be writable"
        ) from exc
    finally:
        draft.unlink(missing_ok=True)


def lora_settings(folder: Path) -> dict[str, Any]:
    """peft's settings of a plain LoRA adapter of one rank.

    :raises FamiliarError: they can't be read, or anything that llama.cpp would leave out in silence
    """
    try:
        settings: dict[str, Any] = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
        rank = int(settings.get("r") or 0)
    except (OSError, ValueError, AttributeError) as exc:
        raise FamiliarError(f"{folder / _SETTINGS} is damaged: {first_line(exc)}") from exc
    refused = {
        f"is of type {settings.get('peft_type')}": settings.get("peft_type") != "LORA",
        "has DoRA's magnitudes": settings.get("use_dora"),
        "has ranks by layer (rank_pattern, alpha_pattern)": settings.get("rank_pattern")
        or settings.get("alpha_pattern"),
        "trains whole layers (modules_to_save)": settings.get("modules_to_save"),
        "trains biases": settings.get("bias", "none") != "none",
        "trains tokens of the embedding": settings.get("trainable_token_indices"),
        "names no rank": rank < 1,
    }
    for reason, holds in refused.items():
        if holds:
            raise FamiliarError(
                f"{folder}: the adapter {reason}, which llama.cpp can't compute; train with [tuning] method lora or "
                "rslora, or use the engine local"
            )
    return settings


def scaling(settings: dict[str, Any]) -> float:
    """What the product of the factors is multiplied by; rsLoRA divides by the rank's root (arXiv 2312.03732)."""
    rank = float(settings["r"])
    return float(settings["lora_alpha"]) / (rank**0.5 if settings.get("use_rslora") else rank)


def convert_tensors(tensors: dict[str, Floats], base: BaseShape, *, where: Path) -> dict[str, Floats]:
    """peft's factors by llama.cpp's names, query and key rows in its order, the rank filled up to whole blocks.

    A is (rank, inputs) and B (outputs, rank); an output row of W moves with the row of B.

    :raises FamiliarError: a factor of a layer that llama.cpp has no adapter for
    """
    converted = {}
    for name, values in sorted(tensors.items()):
        found = _NAME.fullmatch(name)
        if not found or found[2] not in _PLACES:
            raise FamiliarError(f"{where}: {_why_not(name, base)}")
        place, factor = _PLACES[found[2]], found[3]
        if base.permuted and factor == "B" and place in ("attn_q", "attn_k"):
            values = permute(values, base.heads if place == "attn_q" else base.kv_heads)
        converted[f"blk.{found[1]}.{place}.weight.lora_{factor.lower()}"] = _padded(
            values, axis=0 if factor == "A" else 1
        )
    if not converted:
        raise FamiliarError(f"{where}: the adapter holds no weights")
    return converted


def padded_rank(rank: int) -> int:
    """The rank that a file has."""
    return -(-rank // _BLOCK) * _BLOCK


def _padded(factor: Floats, *, axis: int) -> Floats:
    more = padded_rank(factor.shape[axis]) - factor.shape[axis]
    return np.pad(factor, [(0, more if place == axis else 0) for place in (0, 1)])


def _why_not(name: str, base: BaseShape) -> str:
    if "embed_tokens" in name or "lm_head" in name:
        tied = ", and this model uses one matrix for both" if base.tied else ""
        return (
            f"{name} changes the embedding or the output layer{tied}; for llama.cpp an adapter may change attention "
            "and MLP only: train it without them, or use the engine local"
        )
    return f"{name} is no factor of attention or MLP that llama.cpp knows; use the engine local"


def write_adapter(target: Path, tensors: dict[str, Floats], *, architecture: str, alpha: float) -> None:
    """A GGUF file as `llama_adapter_lora_init` reads it.

    :param alpha: what the product is multiplied by, times the rank that the file has
    """
    import gguf

    # On one core a model of 135M decodes with an adapter in 8 bits at 0.96 of its speed, in float16 at 0.85.
    kinds = gguf.GGMLQuantizationType
    writer = gguf.GGUFWriter(str(target), architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    for name, values in tensors.items():
        kind = kinds.F16 if values.shape[1] % _BLOCK else kinds.Q8_0
        writer.add_tensor(name, np.ascontiguousarray(gguf.quantize(values, kind)), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
