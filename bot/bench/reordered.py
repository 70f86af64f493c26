"""The same model with its channels in another order, so that its weights lie on no quantiser's grid.

A model that came as 4-bit blocks fits into such blocks again without loss, and would make quantising look better than
it is. Each block of the reordered weights holds weights of many former blocks. What the model computes stays the same
but for the order of sums.
"""

from __future__ import annotations

from typing import Any


def reorder(model: Any, *, seed: int = 0) -> None:
    """Permute a Llama's, Qwen2's or Qwen3's hidden state, MLP channels and the values within a head, in place."""
    import torch

    config, random = model.config, torch.Generator().manual_seed(seed)
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    state, head = (torch.randperm(size, generator=random) for size in (config.hidden_size, width))
    values, outputs = _in_heads(head, config.num_key_value_heads), _in_heads(head, config.num_attention_heads)
    inner = torch.randperm(config.intermediate_size, generator=random)
    with torch.no_grad():
        _columns(model.model.embed_tokens, state)
        if model.lm_head.weight is not model.model.embed_tokens.weight:
            _columns(model.lm_head, state)
        _rows(model.model.norm, state)
        for layer in model.model.layers:
            attention, mlp = layer.self_attn, layer.mlp
            for norm in (layer.input_layernorm, layer.post_attention_layernorm):
                _rows(norm, state)
            for linear in (attention.q_proj, attention.k_proj, attention.v_proj, mlp.gate_proj, mlp.up_proj):
                _columns(linear, state)
            _rows(attention.v_proj, values)
            _columns(attention.o_proj, outputs)
            for linear in (mlp.gate_proj, mlp.up_proj):
                _rows(linear, inner)
            _columns(mlp.down_proj, inner)
            for linear in (attention.o_proj, mlp.down_proj):
                _rows(linear, state)


def _in_heads(order: Any, heads: int) -> Any:
    """One order within each of the heads that lie side by side."""
    import torch

    return torch.cat([order + head * len(order) for head in range(heads)])


def _rows(module: Any, order: Any) -> None:
    for values in (module.weight, getattr(module, "bias", None)):
        if values is not None:
            values.copy_(values[order].clone())


def _columns(module: Any, order: Any) -> None:
    module.weight.copy_(module.weight[:, order].clone())
