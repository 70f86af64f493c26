"""A LoRA adapter of random weights, as peft saves one, made without loading its base: for timings and comparisons."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

_SIZE = 0.3
"""Of the change beside a weight of usual size: enough to change replies, too little to end all sense."""


def made_adapter(folder: Path, base: Path, *, rank: int = 16, seed: int = 0, size: float = _SIZE) -> Path:
    """Factors for all attention and MLP layers of a Llama or Qwen model folder; returns ``folder``."""
    from safetensors.numpy import save_file

    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    width = config.get("head_dim") or hidden // config["num_attention_heads"]
    queries, keys = width * config["num_attention_heads"], width * config["num_key_value_heads"]
    shapes = {
        "self_attn.q_proj": (hidden, queries),
        "self_attn.k_proj": (hidden, keys),
        "self_attn.v_proj": (hidden, keys),
        "self_attn.o_proj": (queries, hidden),
        "mlp.gate_proj": (hidden, inner),
        "mlp.up_proj": (hidden, inner),
        "mlp.down_proj": (inner, hidden),
    }
    random, weights = np.random.default_rng(seed), {}
    for layer in range(config["num_hidden_layers"]):
        for name, (inputs, outputs) in shapes.items():
            place = f"base_model.model.model.layers.{layer}.{name}"
            # Products of A and B are about `size` times as large as weights drawn with deviation 1 / sqrt(inputs).
            weights[f"{place}.lora_A.weight"] = random.normal(0, inputs**-0.5, (rank, inputs)).astype(np.float32)
            weights[f"{place}.lora_B.weight"] = random.normal(0, size * rank**-0.5, (outputs, rank)).astype(np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    settings = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base.name,
        "r": rank,
        "lora_alpha": rank,
        "bias": "none",
        "target_modules": [name.partition(".")[2] for name in shapes],
    }
    (folder / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder
