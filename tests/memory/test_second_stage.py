"""The second stage of search: real cross-encoders and token vectors of a tiny size, and what it does to an order."""

import socket
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from memory.config import SearchConfig
from memory.errors import FamiliarError, UsageError
from memory.index import Indexes
from memory.records import NewDocument, Passage
from memory.search import Searcher
from memory.second_stage import (
    CrossEncoderStage,
    LateInteractionStage,
    SecondStage,
    open_second_stage,
)
from memory.store import Store
from tests.embedder import WordEmbedder
from tests.memory.tiny_model import tiny_cross_encoder, tiny_model

PASSAGES = ["the wifi password", "a boat", "the dentist is at the cabin"]


@pytest.fixture(scope="module", params=["late-interaction", "late-interaction:", "cross-encoder:"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SecondStage:
    """Each kind, opened as the setting names it."""
    folder = tmp_path_factory.mktemp("embedder")
    tiny_model(folder)
    setting = str(request.param)
    if setting == "late-interaction:":
        setting += str(_saved_multi_vector(folder, tmp_path_factory.mktemp("late")))
    elif setting == "cross-encoder:":
        setting += str(tiny_cross_encoder(tmp_path_factory.mktemp("cross")))
    opened = open_second_stage(setting, embedder=folder)
    assert opened is not None
    return opened


def _saved_multi_vector(embedder: Path, folder: Path) -> Path:
    """A model folder as a MultiVectorEncoder saves itself."""
    from sentence_transformers import MultiVectorEncoder
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

    parts = [Transformer(str(embedder)), MultiVectorMask(), Normalize(module_input_name="token_embeddings")]
    MultiVectorEncoder(modules=parts).save_pretrained(str(folder), create_model_card=False)
    return folder


@pytest.mark.model
def test_every_stage_gives_a_number_a_passage(stage: SecondStage) -> None:
    """Finite, the same alone as together, and not all alike."""
    together = stage.scores("wifi password", PASSAGES)
    alone = [stage.scores("wifi password", [text])[0] for text in PASSAGES]
    assert together.shape == (3,)
    assert np.isfinite(together).all()
    np.testing.assert_allclose(together, alone, atol=1e-4)
    assert np.ptp(together) > 1e-3


@pytest.mark.model
def test_late_interaction_is_the_mean_of_best_matches(tmp_path: Path) -> None:
    """A passage that is the question itself has cosine 1 for each of its words; no other has."""
    stage = LateInteractionStage(str(tiny_model(tmp_path)), prompts={"query": "", "document": ""})
    same, other = stage.scores("the wifi password", ["the wifi password", "a boat"])
    assert same == pytest.approx(1.0, abs=1e-5)
    assert other < 0.999


def test_what_the_setting_can_be_is_said(tmp_path: Path) -> None:
    """An unknown kind, and a cross-encoder without a model, name the value found and what would be right."""
    assert open_second_stage("off", embedder=tmp_path) is None
    for wrong in ("cross-encoder", "cross-encoder:", "rerank", ""):
        with pytest.raises(UsageError, match=r'\[search\] second_stage is ".*it can be "off", "late-interaction"'):
            open_second_stage(wrong, embedder=tmp_path)


@pytest.mark.model
def test_a_model_that_can_not_rank_is_refused(tmp_path: Path) -> None:
    """No model in the folder, or one that sorts into classes: the error names the setting's value."""
    empty = tmp_path / "empty"
    empty.mkdir()
    for broken in (CrossEncoderStage(str(empty)), LateInteractionStage(str(empty))):
        with pytest.raises(FamiliarError, match=r"second_stage is .*empty.*can't be loaded"):
            broken.scores("a boat", PASSAGES)
    classes = tiny_cross_encoder(tmp_path / "classes", classes=3)
    with pytest.raises(FamiliarError, match="has 3 classes instead of one score"):
        CrossEncoderStage(str(classes)).scores("a boat", PASSAGES)


@pytest.mark.model
def test_offline_asks_no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub's name that is not on this disk is an error at once: no address is looked up."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for setting in ("cross-encoder:nobody/ranker", "late-interaction:nobody/ranker"):
        stage = open_second_stage(setting, embedder=Path("unused"), offline=True)
        assert stage is not None
        with pytest.raises(FamiliarError, match=r"nobody/ranker.*can't be loaded"):
            stage.scores("a boat", PASSAGES)


@pytest.mark.parametrize("kind", ["cross-encoder", "late-interaction"])
def test_a_damaged_model_is_named(tmp_path: Path, kind: str) -> None:
    """Weights of which only a part was copied: said in the same words as of a model that is not there."""
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "model.safetensors").write_bytes(b"part")
    stage = open_second_stage(f"{kind}:{tmp_path}", embedder=tmp_path)
    assert stage is not None
    with pytest.raises(FamiliarError, match=r"second_stage is .*can't be loaded: .*header.* set it to \"off\""):
        stage.scores("boat", ["boat"])


@pytest.mark.model
def test_what_can_not_be_loaded_is_tried_once(tmp_path: Path) -> None:
    """Each turn says the same at once; a model put there meanwhile serves after a restart."""
    stage = CrossEncoderStage(str(tmp_path))
    for _ in range(2):
        with pytest.raises(FamiliarError, match="can't be loaded"):
            stage.scores("a boat", PASSAGES)
        tiny_cross_encoder(tmp_path)


class Prefers:
    """A stage that knows the right passage, and notes how many it was given."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.given: list[int] = []

    def scores(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
        """1 for passages with the word, else 0."""
        assert question
        self.given.append(len(passages))
        return np.array([self.word in text for text in passages], np.float32)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Four notes about boats, of which the last shares least with the question."""
    store, embedder = Store(tmp_path / "familiar.db"), WordEmbedder()
    store.add_user("ann", role="owner")
    for place, text in enumerate(
        ["boat sails north", "boat sails", "boat north harbour wind", "boat mended tar rope oak"]
    ):
        note = NewDocument(source=f"/{place}", title=str(place), format="plain", sha256=str(place), text=text)
        store.add_document(note, [Passage(text)], embedder.embed_passages([text]), user_id=1, embedder=embedder.key)
    return store


def _searcher(store: Store, stage: SecondStage | None, *, passages: int) -> Searcher:
    embedder = WordEmbedder()
    indexes = Indexes(store.path.parent / "index", store, embedder_key=embedder.key, dimensions=embedder.dimensions)
    return Searcher(store, indexes, embedder, SearchConfig(second_stage_passages=passages), second_stage=stage)


def test_both_stages_count_alike(store: Store) -> None:
    """What the second stage alone prefers rises to the first stage's best, and says by how much it was raised."""
    question = "boat sails north"
    first = _searcher(store, None, passages=4).search(question, user_id=1)
    stage = Prefers("tar")
    found = _searcher(store, stage, passages=4).search(question, user_id=1)
    assert first.hits[-1].chunk.text == "boat mended tar rope oak"
    assert {hit.chunk.text for hit in found.hits[:2]} == {"boat sails north", "boat mended tar rope oak"}
    assert stage.given == [4]
    raised = {hit.chunk.text: dict(hit.parts)["second_stage"] for hit in found.hits}
    assert raised["boat mended tar rope oak"] > 0.0
    assert raised["boat sails north"] == 0.0
    assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)
    assert found.confidence == first.confidence


def test_only_the_best_are_read_again(store: Store) -> None:
    """A passage beyond the number that is set keeps its place, whatever the stage would think of it."""
    stage = Prefers("tar")
    found = _searcher(store, stage, passages=3).search("boat sails north", user_id=1)
    assert stage.given == [3]
    assert found.hits[-1].chunk.text == "boat mended tar rope oak"
