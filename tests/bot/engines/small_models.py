"""Real transformers models small enough to make in a test: one of random weights, one that writes a given text."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from tests.tuning.tokenizers import SWITCH, tokenizer


def random_model(folder: Path, *, template: str = SWITCH, context: int = 2048, seed: int = 0) -> Path:
    """A Llama of two layers whose weights are drawn large enough that its replies depend on all of the prompt."""
    import torch

    words = tokenizer(template)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = _llama(len(words), hidden=32, context=context, spread=0.4)
        # No reasoning tags by chance: a logit of 0 is never the greatest among a hundred drawn around it.
        model.lm_head.weight.data[words.convert_tokens_to_ids(["<think>", "</think>"])] = 0.0
        return _save(folder, model, words)


def chain_model(folder: Path, writes: str, *, template: str = SWITCH, after: str = "\n", context: int = 2048) -> Path:
    """A model that replies with ``writes``, whose tokens have to differ; ``after`` is the prompt's last token.

    Attention and MLP add nothing, embeddings are one-hot, so the output layer alone says which token follows which.
    A last token that came before leads back to it: the reply then goes round for ever.
    """
    import torch

    words = tokenizer(template)
    model = _llama(len(words), hidden=len(words) + len(words) % 2, context=context, spread=0.0)
    ids = words(after + writes, add_special_tokens=False)["input_ids"]
    ids = ids if ids[-1] in ids[:-1] else [*ids, words.convert_tokens_to_ids("<end>")]
    with torch.no_grad():
        model.model.embed_tokens.weight.copy_(torch.eye(len(words), model.config.hidden_size))
        for one, following in itertools.pairwise(ids):
            model.lm_head.weight[following, one] = 1.0
    return _save(folder, model, words)


def random_adapter(folder: Path, model: Path, *, seed: int, rank: int = 4) -> Path:
    """A LoRA adapter that changes what the model says, saved as peft does."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(model)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", init_lora_weights=False)
        get_peft_model(base, config).save_pretrained(str(folder))
    written = folder / "adapter_config.json"
    # As a tune writes it: the base by its name, not by where it lay.
    settings = json.loads(written.read_text(encoding="utf-8")) | {"base_model_name_or_path": "small"}
    written.write_text(json.dumps(settings), encoding="utf-8")
    return folder


def _llama(vocabulary: int, *, hidden: int, context: int, spread: float) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=context,
        initializer_range=spread,
        tie_word_embeddings=False,
        bos_token_id=1,
        eos_token_id=2,
    )
    return LlamaForCausalLM(config).eval()


def _save(folder: Path, model: Any, words: Any) -> Path:
    model.save_pretrained(str(folder))
    words.save_pretrained(str(folder))
    return folder
