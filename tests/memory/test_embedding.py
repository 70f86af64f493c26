"""Embedders: unit vectors, finite, the same alone and in a batch; the real one puts a question near its passage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from memory.embedding import Embedder, SentenceEmbedder, TorchEncoder, open_embedder, read_prompts
from memory.errors import FamiliarError
from tests.embedder import WordEmbedder

TEXTS = ["The wifi password at the cabin is blueberry42.", "外婆的红烧肉要先用冰糖炒糖色。", "x", "", "long " * 2000]


@pytest.fixture(scope="session")
def e5(model_folder: Path) -> SentenceEmbedder:
    """The real multilingual embedder, fetched if it is not there."""
    from bot.models import ensure

    return open_embedder(ensure("e5-small", folder=model_folder).path)


@pytest.fixture(params=["words", pytest.param("e5-small", marks=pytest.mark.model)])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    """Every implementation of the Protocol."""
    if request.param == "words":
        return WordEmbedder()
    found: SentenceEmbedder = request.getfixturevalue("e5")
    return found


def test_vectors_have_unit_length(embedder: Embedder) -> None:
    """Also of empty and of very long texts."""
    vectors = embedder.embed_passages(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimensions)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    query = embedder.embed_query("what is the password")
    assert query.shape == (embedder.dimensions,)
    assert np.linalg.norm(query) == pytest.approx(1.0, abs=1e-5)


def test_a_batch_gives_what_each_gives_alone(embedder: Embedder) -> None:
    """In the order of the texts, whatever their lengths."""
    together = embedder.embed_passages(TEXTS[:3])
    alone = np.stack([embedder.embed_passages([text])[0] for text in TEXTS[:3]])
    assert together == pytest.approx(alone, abs=1e-5)


def test_no_texts_are_no_vectors(embedder: Embedder) -> None:
    """An empty import is no special case for callers."""
    assert embedder.embed_passages([]).shape == (0, embedder.dimensions)


def test_more_words_are_more_tokens(embedder: Embedder) -> None:
    """Beyond what the model reads, so that a caller can split."""
    assert 2 < embedder.count_tokens("one two") < embedder.count_tokens("one two three")
    assert embedder.count_tokens("word " * 3000) >= 3000 > embedder.max_tokens


@pytest.mark.model
def test_a_question_is_near_its_passage(e5: SentenceEmbedder) -> None:
    """In English, Chinese and German, and across them."""
    passages = [
        "The wifi password at the cabin is blueberry42.",
        "外婆的红烧肉要先用冰糖炒糖色，再小火炖一个小时。",
        "Der Mietvertrag endet am 30. September, die Kündigungsfrist beträgt drei Monate.",
        "The dentist moved the appointment to Tuesday at nine.",
    ]
    questions = {
        "what is the wifi code for the hut": 0,
        "红烧肉怎么做": 1,
        "Wann läuft die Wohnung aus?": 2,
        "小屋的无线网密码是什么": 0,
        "when do I have to leave the flat": 2,
        "when is my dental appointment": 3,
    }
    vectors = e5.embed_passages(passages)
    for question, expected in questions.items():
        scores = vectors @ e5.embed_query(question)
        assert int(scores.argmax()) == expected, (question, scores)


@pytest.mark.model
def test_the_tokenizer_is_xlm_robertas(e5: SentenceEmbedder) -> None:
    """Ids that XLM-RoBERTa's model card and code use as examples."""
    encoder = e5.encoder
    assert isinstance(encoder, TorchEncoder)
    ids = encoder.model.tokenizer("Hello world")["input_ids"]
    assert ids == [0, 35378, 8999, 2]
    assert e5.count_tokens("Hello world") == 6  # and "passage", ":"


@pytest.mark.model
def test_questions_and_passages_have_their_prefixes(e5: SentenceEmbedder) -> None:
    """The same words are another text as a question: that is how this model was trained."""
    text = "the cabin"
    assert read_prompts(e5.folder) == ("query: ", "passage: ")
    assert float(e5.embed_query(text) @ e5.embed_passages([text])[0]) < 0.999


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    """The error has the path and what to do."""
    with pytest.raises(FamiliarError, match=rf"{tmp_path} has no config.json"):
        open_embedder(tmp_path).embed_query("x")
    with pytest.raises(FamiliarError, match=r"tokenizer.json can't be read"):
        open_embedder(tmp_path).count_tokens("x")


@pytest.mark.model
def test_damaged_weights_are_named(e5: SentenceEmbedder, tmp_path: Path) -> None:
    """Weights that end early are no crash of the library."""
    for path in e5.folder.rglob("*"):
        if path.is_file() and path.suffix == ".json":
            copy = tmp_path / path.relative_to(e5.folder)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(path.read_bytes())
    with (e5.folder / "model.safetensors").open("rb") as weights:
        (tmp_path / "model.safetensors").write_bytes(weights.read(100_000))
    with pytest.raises(FamiliarError, match=rf"the embedder in {tmp_path} can't be loaded"):
        open_embedder(tmp_path).embed_query("x")


@pytest.mark.model
def test_what_is_not_finite_becomes_zero(e5: SentenceEmbedder, tmp_path: Path) -> None:
    """A damaged model's NaN would stay in every list of hits; a zero vector is near nothing."""
    from safetensors.numpy import load_file, save_file

    for path in e5.folder.rglob("*.json"):
        copy = tmp_path / path.relative_to(e5.folder)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    weights = load_file(e5.folder / "model.safetensors")
    words = weights["embeddings.word_embeddings.weight"]
    words[35378] = np.nan  # "Hello"
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    vectors = open_embedder(tmp_path).embed_passages(["Hello world", "Goodbye"])
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([0.0, 1.0], abs=1e-5)


def test_importing_loads_no_model_code() -> None:
    """`familiar --help` stays quick."""
    code = "import sys, memory.embedding; print([n for n in ('torch', 'transformers') if n in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
