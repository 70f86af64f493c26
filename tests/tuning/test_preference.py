"""A model of a taste: its examples, masks, losses and figures by hand, and one that is trained, judged and used."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bot.taste_model import LiveRanker
from memory.config import ImportConfig
from memory.errors import FamiliarError, UsageError
from memory.store import Store
from memory.taste import Event, Item, NewItem, add_items, items_of
from tests.embedder import WordEmbedder
from tests.memory.tiny_model import tiny_model
from tuning.config import TasteConfig
from tuning.job import BaseModel
from tuning.preference import (
    Baselines,
    Choice,
    accuracy,
    auc,
    baselines,
    chance_better,
    choices_of,
    interval,
    judge_preference,
    ndcg,
    split_by_time,
)
from tuning.preference_job import PreferenceRequest, taste_registry, train_preference
from tuning.preference_model import Learner, fit, loss_of, open_learner, save, score, targets

CONFIG = TasteConfig(min_choices=20, max_tokens=5, rank=2, epochs=2, batch_size=8, recent=1, probability=0.0)


def item(number: int, title: str, text: str = "") -> Item:
    """An item whose text begins otherwise than its title."""
    return Item(number, 1, title, text or f"about {title}", "link", "", (), "2026-01-01")


def choice(number: int, *, wanted: bool | None, rating: float | None = None, recent: tuple[str, ...] = ()) -> Choice:
    """A liked boat or an unliked dentist; the word between tells them from each other."""
    words = ("wifi", "key", "stone", "cabin", "password")
    text = f"the {'boat' if wanted else 'dentist'} {words[number % 5]}"
    return Choice(number, text, recent, wanted, rating, f"2026-01-{number + 1:02d}")


def test_examples_know_only_what_came_before() -> None:
    """One an item, at its last word; a rating in between is learned as a rating alone."""
    items = [item(number, name) for number, name in enumerate("abcd", 1)]
    events = [
        Event(1, "liked", None, "2026-01-01"),
        Event(2, "rated", 5.0, "2026-01-02"),
        Event(3, "skipped", None, "2026-01-03"),
        Event(1, "opened", None, "2026-01-04"),
        Event(4, "rated", 3.0, "2026-01-05"),
        Event(4, "shown", None, "2026-01-06"),
        Event(9, "liked", None, "2026-01-07"),
    ]
    found = choices_of(items, events, recent=2)
    assert [(each.item, each.selected, each.rating, each.recent) for each in found] == [
        (2, True, 5.0, ()),
        (3, False, None, ("b",)),
        (1, True, None, ("b",)),
        (4, None, 3.0, ("a", "b")),
    ]
    assert (found[0].text, found[0].document_ids, found[0].turn_ids) == ("b\nabout b", (2,), ())
    older, newest = split_by_time(found, share=0.25)
    assert [each.item for each in (*older, *newest)] == [2, 3, 1, 4]
    assert len(newest) == 1
    assert choices_of(items, events, recent=0)[-1].recent == ()


def test_figures_are_those_of_the_books() -> None:
    """AUC and NDCG as scikit-learn computes them, ties included."""
    from sklearn.metrics import ndcg_score, roc_auc_score

    drawn = np.random.default_rng(0)
    for _ in range(20):
        labels, values = drawn.integers(0, 2, 15).astype(float), drawn.integers(0, 6, 15).astype(float)
        labels[:2] = 0, 1
        assert auc(labels, values) == pytest.approx(roc_auc_score(labels, values))
        assert ndcg(labels, values, k=5) == pytest.approx(ndcg_score([labels], [values], k=5))
    assert (auc(np.ones(3), np.ones(3)), ndcg(np.zeros(3), np.ones(3))) == (0.5, 0.0)
    assert accuracy(np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.2, 0.1])) == pytest.approx(2 / 3)
    low, high = interval(drawn.normal(5, 1, 400))
    assert low < 5 < high < low + 0.3


def test_a_model_must_beat_both_baselines() -> None:
    """On choices of both kinds that it has not seen; one that orders them no better is out."""
    test = [choice(number, wanted=number % 2 == 0) for number in range(20)]
    labels = np.array([float(number % 2 == 0) for number in range(20)])
    noise = np.random.default_rng(1).normal(size=20)
    config = replace(CONFIG, probability=0.8)
    good = judge_preference(test, labels + 0.1 * noise, Baselines(noise, labels + 2 * noise), config)
    assert [check.passed for check in good] == [True, True, True]
    same = judge_preference(test, labels + noise, Baselines(noise, labels + noise), config)
    assert [(check.check, check.passed) for check in same][2] == ("embeddings", False)
    few = judge_preference(test[:6], labels[:6], Baselines(noise[:6], noise[:6]), config)
    assert not few[0].passed
    assert chance_better(labels, labels, labels) == 0.5


def test_plain_embeddings_know_the_older_choices_only() -> None:
    """The baseline looks at what was selected and turned down before the held-out ones."""
    vectors = {0: [1, 0], 1: [0, 1], 2: [1, 0], 3: [0, 1]}
    train, test = [choice(0, wanted=True), choice(1, wanted=False)], [choice(2, wanted=True), choice(3, wanted=True)]
    asked: list[int] = []

    def of(ids: list[int]) -> np.ndarray:
        asked.extend(ids)
        return np.array([vectors[id_] for id_ in ids], np.float32).reshape(-1, 2)

    found = baselines(train, test, of, np.zeros(2))  # type: ignore[arg-type]
    assert found.nearness.tolist() == [1.0, -1.0]
    assert asked == [0, 1, 2, 3]


def test_losses_by_hand() -> None:
    """Cross-entropy over what was selected or not, squared error over what was rated, each its own mean."""
    classes, ratings = targets([choice(0, wanted=True), choice(1, wanted=None, rating=5.0), choice(2, wanted=False)])
    assert classes.tolist() == [1, -100, 0]
    assert ratings.tolist()[1] == 1.0
    assert math.isnan(ratings.tolist()[0])
    outputs = torch.tensor([[0.0, 1.0, 9.0], [5.0, 5.0, 0.5], [0.0, 0.0, 9.0]])
    expected = (math.log(1 + math.exp(-1)) + math.log(2)) / 2 + 0.25
    assert float(loss_of(outputs, classes, ratings)) == pytest.approx(expected)
    nothing = loss_of(outputs, torch.tensor([-100] * 3), torch.tensor([math.nan] * 3))
    assert float(nothing) == 0.0


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT that reads sixteen tokens."""
    return tiny_model(tmp_path_factory.mktemp("encoder"))


@pytest.fixture
def learner(encoder: Path) -> Learner:
    """With a new adapter."""
    return open_learner(encoder, CONFIG)


def test_masks_by_hand(learner: Learner) -> None:
    """The item's tokens are pooled, neither marks, nor padding, nor what was selected before; long texts are cut."""
    first = replace(choice(0, wanted=True), text="the boat key", recent=("cabin wifi",))
    second = replace(choice(1, wanted=True), text="the boat key under a stone at the cabin")
    inputs = learner.inputs([first, second])
    names = [learner.tokenizer.convert_ids_to_tokens(row) for row in inputs.input_ids.tolist()]
    assert names[0] == ["[CLS]", "the", "boat", "key", "[SEP]", "cabin", "wifi", "[SEP]"]
    assert names[1][:8] == ["[CLS]", "the", "boat", "key", "under", "a", "[SEP]", "[SEP]"]
    assert inputs.item_mask.tolist() == [[0, 1, 1, 1, 0, 0, 0, 0], [0, 1, 1, 1, 1, 1, 0, 0]]
    alone = learner.inputs([choice(0, wanted=True), replace(first, recent=(), text="boat")])
    assert alone.attention_mask.tolist()[1] == [1, 1, 1, 0, 0]


def test_it_learns_and_is_the_same_after_a_restart(learner: Learner, encoder: Path, tmp_path: Path) -> None:
    """Only matrices of rank two and the head are trained; ratings come out where they were put in."""
    train = [choice(number, wanted=number % 2 == 0, rating=5.0 if number % 2 == 0 else 1.0) for number in range(30)]
    test = [choice(number, wanted=number % 2 == 0) for number in range(1, 11)]
    before = {name: weight.clone() for name, weight in learner.model.named_parameters() if not weight.requires_grad}
    events: list[dict[str, object]] = []
    fitted = fit(learner, train, CONFIG, events.append)
    assert fitted.steps == len(events) == 6
    trained = {name for name, weight in learner.model.named_parameters() if weight.requires_grad}
    assert all("lora_" in name or "classifier" in name for name in trained)
    assert not any("pooler" in name for name in trained)
    for name, weight in learner.model.named_parameters():
        assert name not in before or torch.equal(weight, before[name])
    found = score(learner, test, rated=30)
    labels = np.array([float(each.selected or 0) for each in test])
    assert auc(labels, np.array(found.scores)) > 0.9
    assert accuracy(labels, np.array(found.probabilities)) > 0.8
    assert np.mean(np.array(found.ratings)[labels > 0]) > 3.5 > np.mean(np.array(found.ratings)[labels == 0])
    save(learner, tmp_path / "adapter", base_name="tiny")
    again = open_learner(encoder, CONFIG, adapter=tmp_path / "adapter")
    assert score(again, test, rated=30) == found


def test_what_can_not_be_loaded_is_named(tmp_path: Path) -> None:
    """The setting and the folder."""
    with pytest.raises(FamiliarError, match=r"\[taste\] encoder"):
        open_learner(tmp_path, CONFIG)
    with pytest.raises(UsageError, match=r"\[taste\] variety is 2"):
        TasteConfig(variety=2.0)


def test_a_taste_is_trained_judged_and_registered(store: Store, encoder: Path) -> None:
    """In a process of its own, beside reply adapters; the texts do not stay in its folder, and too few are no run."""
    base, home, user = BaseModel("tiny", encoder, "sha"), store.path.parent, store.users()[0].id
    request = PreferenceRequest(user, CONFIG, WordEmbedder().key)
    assert train_preference(store, home, base, request).status == "skipped"
    new = [
        NewItem(f"item {number}", choice(number, wanted=wanted).text, action="liked" if wanted else "skipped", at=at)
        for number in range(40)
        for wanted, at in [(number % 2 == 0, f"2026-01-{1 + number // 2:02d}T0{number % 2}:00:00+00:00")]
    ]
    add_items(store, WordEmbedder(), new, user_id=user, actor=user, config=ImportConfig())
    lines: list[str] = []
    result = train_preference(store, home, base, request, on_progress=lines.append)
    assert (result.status, result.choices) == ("live", 40)
    assert any(line.startswith("training: step") for line in lines)
    registry = taste_registry(store, home)
    live = registry.live(user)
    assert live is not None
    manifest = json.loads(live.manifest)
    assert manifest["learned_until"] == new[27].at
    assert manifest["metrics"]["auc_model"] > 0.9
    files = {path.name for path in live.folder.parent.rglob("*") if path.is_file()}
    assert files == {"adapter_config.json", "adapter_model.safetensors", "done", "manifest.json", "metrics.json"}
    sources = {row[0] for row in store.tuples("SELECT document_id FROM adapter_sources", ())}
    assert sources == {item.id for item in items_of(store, user_id=user)}
    stored = items_of(store, user_id=user)
    ranker = LiveRanker(registry, lambda: base, CONFIG)
    ranked = ranker.rank(store.users()[0], stored, ("item 0",))
    assert ranked is not None
    assert ranked.learned_until == new[27].at
    assert (
        auc(np.array([float(item.id % 2 == stored[0].id % 2) for item in stored]), ranked.scores.astype(np.float64))
        > 0.9
    )
    again = ranker.rank(store.users()[0], stored[:3], ("item 0",))
    assert again is not None
    assert again.scores.tolist() == ranked.scores[:3].tolist()
    other = LiveRanker(registry, lambda: replace(base, sha256="other"), CONFIG)
    assert other.rank(store.users()[0], stored, ()) is None
    assert registry.rollback(user_id=user) is None
    assert ranker.rank(store.users()[0], stored, ()) is None
