"""peft's adapters as llama.cpp's: the same sums, written once, and a reason where that can't be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.bench.made_adapter import made_adapter
from bot.engines.llama_cpp.adapters import BaseShape, adapter_gguf, base_shape, convert_tensors, scaling
from bot.engines.llama_cpp.tensors import permute
from memory.errors import FamiliarError

PLAIN = BaseShape("qwen2", heads=2, kv_heads=1, tied=True)
LLAMA = BaseShape("llama", heads=2, kv_heads=1, tied=False)
Q_B = "base_model.model.model.layers.3.self_attn.q_proj.lora_B.weight"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a small Llama; no weights are needed."""
    folder = tmp_path_factory.mktemp("base")
    config = {"model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
    config |= {"num_attention_heads": 2, "num_key_value_heads": 1, "tie_word_embeddings": True}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def made(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of rank 4."""
    return made_adapter(tmp_path_factory.mktemp("made"), base, rank=4)


@pytest.fixture
def adapter(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "adapter"))


def change(adapter: Path, **settings: object) -> Path:
    """Other settings of peft's."""
    file = adapter / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | settings), encoding="utf-8")
    return adapter


def test_a_rank_is_filled_up_without_a_change() -> None:
    """B A is what it was."""
    random = np.random.default_rng(0)
    a, b = random.normal(size=(4, 16)).astype(np.float32), random.normal(size=(8, 4)).astype(np.float32)
    written = convert_tensors({Q_B: b, Q_B.replace("_B", "_A"): a}, PLAIN, where=Path("x"))
    wide_a, wide_b = written["blk.3.attn_q.weight.lora_a"], written["blk.3.attn_q.weight.lora_b"]
    assert (wide_a.shape, wide_b.shape) == ((32, 16), (8, 32))
    assert np.array_equal(wide_b @ wide_a, b @ a)


def test_query_rows_move_with_those_of_a_llama() -> None:
    """B's rows stand where llama.cpp has the base's, and A's, which are inputs, stay."""
    b = np.arange(32, dtype=np.float32).reshape(8, 4)
    written = convert_tensors({Q_B: b}, LLAMA, where=Path("x"))["blk.3.attn_q.weight.lora_b"]
    assert written[:, 0].tolist() == [0, 8, 4, 12, 16, 24, 20, 28]
    assert np.array_equal(written[:, :4], permute(b, 2))


@pytest.mark.parametrize(("rslora", "factor"), [(False, 0.5), (True, 2.0)])
def test_the_scale_is_pefts(rslora: bool, factor: float) -> None:
    """Alpha over the rank, or over its root."""
    assert scaling({"r": 16, "lora_alpha": 8, "use_rslora": rslora}) == factor


def test_it_is_written_once_and_again_when_it_changes(adapter: Path, base: Path) -> None:
    """The file's name carries what it was made from; an old one goes."""
    shape = base_shape(base)
    first = adapter_gguf(adapter, shape)
    moment = first.stat().st_mtime_ns
    assert adapter_gguf(adapter, shape) == first
    assert first.stat().st_mtime_ns == moment
    second = adapter_gguf(change(adapter, lora_alpha=9), shape)
    assert second != first
    assert [file.name for file in adapter.glob("*.gguf")] == [second.name]
    second.unlink()
    assert adapter_gguf(adapter, shape).is_file()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"use_dora": True}, "DoRA"),
        ({"rank_pattern": {"q_proj": 8}}, "rank_pattern"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"bias": "all"}, "biases"),
        ({"trainable_token_indices": [1]}, "tokens of the embedding"),
        ({"peft_type": "IA3"}, "type IA3"),
        ({"r": 0}, "no rank"),
    ],
)
def test_what_llama_cpp_leaves_out_is_refused(
    adapter: Path, base: Path, settings: dict[str, object], reason: str
) -> None:
    """With the reason and with what would be right."""
    with pytest.raises(FamiliarError, match=rf"{reason}.*engine local"):
        adapter_gguf(change(adapter, **settings), base_shape(base))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("base_model.model.lm_head.lora_A.weight", "one matrix for both"),
        ("base_model.model.model.embed_tokens.lora_embedding_A", "embedding or the output layer"),
        ("base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector", "no factor"),
    ],
)
def test_other_layers_are_refused(name: str, reason: str) -> None:
    """A part left out would answer worse in silence."""
    with pytest.raises(FamiliarError, match=reason):
        convert_tensors({name: np.zeros((4, 4), np.float32)}, PLAIN, where=Path("x"))


@pytest.mark.parametrize(
    ("shape", "settings", "reason"),
    [((7, 4), {}, "does not hold an adapter of this model"), ((4,), {}, "does not hold"), ((8, 4), {"r": 2}, "rank 2")],
)
def test_an_adapter_of_another_shape_is_refused(
    adapter: Path, shape: tuple[int, ...], settings: dict[str, Any], reason: str
) -> None:
    """Heads that don't come out even, and a rank by which the scale would be another."""
    from safetensors.numpy import save_file

    save_file({Q_B: np.ones(shape, np.float32)}, adapter / "adapter_model.safetensors")
    with pytest.raises(FamiliarError, match=reason):
        adapter_gguf(change(adapter, **settings), LLAMA)


def test_a_folder_without_an_adapter_is_named(tmp_path: Path, base: Path) -> None:
    """And the file that is missing."""
    with pytest.raises(FamiliarError, match=r"adapter_config\.json"):
        adapter_gguf(tmp_path, base_shape(base))


def test_a_family_without_a_known_layout_is_refused(tmp_path: Path) -> None:
    """It names those that are known."""
    config = {"model_type": "gpt2", "num_attention_heads": 2}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(FamiliarError, match=r"llama, mistral, qwen2, qwen3 here, not gpt2"):
        base_shape(tmp_path)
