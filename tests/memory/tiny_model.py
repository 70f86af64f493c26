"""A BERT of two small layers with random weights as a sentence-transformers folder: converted within a second."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    *["the", "wifi", "password", "at", "cabin", "is", "a", "boat", "key", "under", "stone", "dentist", "tuesday"],
]
MAX_TOKENS = 16
_SHAPE = {
    "vocab_size": len(WORDS),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": MAX_TOKENS,
}


def tiny_model(
    folder: Path, *, pooling: str = "mean", seed: int = 0, dtype: str = "float32", dimensions: int = 32
) -> Path:
    """Write it; ``pooling`` as sentence-transformers names it."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    config = BertConfig(**_SHAPE | {"hidden_size": dimensions})
    BertModel(config).to(getattr(torch, dtype)).save_pretrained(folder)
    _write_tokenizer(folder)
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    (folder / "1_Pooling").mkdir(exist_ok=True)
    mode = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token", "max": "pooling_mode_max_tokens"}
    flags = {name: name == mode[pooling] for name in mode.values()}
    for name, value in {
        "modules.json": modules,
        "sentence_bert_config.json": {"max_seq_length": MAX_TOKENS, "do_lower_case": False},
        "1_Pooling/config.json": {"word_embedding_dimension": dimensions, **flags},
    }.items():
        (folder / name).write_text(json.dumps(value), encoding="utf-8")
    return folder


def tiny_cross_encoder(folder: Path, *, classes: int = 1) -> Path:
    """The same with a head that gives a number for two texts; random, so its order is its own."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    model = BertForSequenceClassification(BertConfig(**_SHAPE, num_labels=classes))
    torch.nn.init.normal_(model.classifier.weight, std=100.0)  # two random layers tell texts apart by little
    model.save_pretrained(folder)
    _write_tokenizer(folder)
    return folder


def _write_tokenizer(folder: Path) -> None:
    tokenizer().save(str(folder / "tokenizer.json"))
    marks = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": MAX_TOKENS, **marks}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def tokenizer() -> Any:
    """Words of the list above, lower-cased, between [CLS] and [SEP]."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    made = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.add_special_tokens(WORDS[:4])
    return made
