"""A transformers folder as a GGUF file, for the families whose layout is known here: Llama, Qwen2, Qwen3.

The file holds weights only. Prompts are rendered and tokenised by the folder's own tokenizer, once for training and for
every engine, so that llama.cpp needs no vocabulary and none can drift from ours.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bot.engines.llama_cpp.adapters import BaseShape, base_shape
from bot.engines.llama_cpp.tensors import permute, to_float32
from memory.errors import FamiliarError, first_line

Precision = Literal["f32", "f16", "q8_0", "q4_0", "q4_1"]
SOURCE_KEY = "familiar.base_sha256"
"""Names in the file what it was made from."""


def convert_folder(folder: Path, target: Path, *, precision: Precision, base_sha256: str) -> None:
    """Write the weights of a model folder; matrices in ``precision``, vectors in float32.

    :raises FamiliarError: a family or a shape that can't be written, damaged files, or no room on the disk
    """
    shape = base_shape(folder)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        check_convertible(folder)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(draft, folder, config, shape, precision, base_sha256)
        draft.replace(target)
    except (OSError, ValueError, KeyError) as exc:
        raise FamiliarError(f"{folder} can't be converted for llama.cpp: {first_line(exc)}") from exc
    finally:
        draft.unlink(missing_ok=True)


def check_convertible(folder: Path) -> None:
    """Look whether a folder with a usable config.json can be converted, without converting it.

    :raises FamiliarError: its positions can't be written
    """
    rope = _rope(json.loads((folder / "config.json").read_text(encoding="utf-8"))).get("rope_type", "default")
    if rope != "default":
        raise FamiliarError(
            f"{folder}: positions of type {rope} are not converted here; name the model's GGUF file as [model] name"
        )


def _rope(config: dict[str, Any]) -> dict[str, Any]:
    """Of transformers 5, or of older files."""
    old = {"rope_theta": config.get("rope_theta", 10_000.0), **(config.get("rope_scaling") or {})}
    return dict(config.get("rope_parameters") or old)


def _write(
    target: Path, folder: Path, config: dict[str, Any], shape: BaseShape, precision: Precision, sha256: str
) -> None:
    import gguf

    writer = gguf.GGUFWriter(str(target), shape.architecture)
    width = int(config.get("head_dim") or config["hidden_size"] // shape.heads)
    writer.add_string(SOURCE_KEY, sha256)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_rope_dimension_count(width)
    writer.add_rope_freq_base(float(_rope(config)["rope_theta"]))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("no_vocab")
    for name, values, kind in _tensors(folder, config, shape, precision):
        writer.add_tensor(name, values, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _tensors(
    folder: Path, config: dict[str, Any], shape: BaseShape, precision: Precision
) -> Iterator[tuple[str, NDArray[Any], Any]]:
    """Name, bytes and kind of every weight; a matrix whose rows don't fill blocks stays float16."""
    import gguf
    from gguf.utility import SafetensorsLocal

    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[shape.architecture.upper()], config["num_hidden_layers"])
    kinds = gguf.GGMLQuantizationType
    for file in sorted(folder.glob("*.safetensors")):
        for name, tensor in SafetensorsLocal(file).tensors.items():
            if name == "lm_head.weight" and shape.tied:
                continue
            place = names.get_name(name, try_suffixes=(".weight", ".bias"))
            if place is None:
                raise FamiliarError(f"{folder}: {name} has no place in a {shape.architecture} of llama.cpp")
            values = to_float32(tensor)
            if shape.permuted and ".self_attn.q_proj." in name:
                values = permute(values, shape.heads)
            if shape.permuted and ".self_attn.k_proj." in name:
                values = permute(values, shape.kv_heads)
            kind = kinds[_kind(place, values, precision).upper()]
            yield place, np.ascontiguousarray(gguf.quantize(values, kind)), kind


def _kind(place: str, values: NDArray[Any], precision: Precision) -> Precision:
    """Embedding and output layer keep 8 bits where the rest has 4: every token goes through both."""
    if values.ndim != 2:
        return "f32"
    if precision in ("f32", "f16"):
        return precision
    if values.shape[1] % 32:
        return "f16"
    return "q8_0" if place in ("token_embd.weight", "output.weight") else precision
