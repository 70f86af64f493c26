"""The made users: what is drawn follows the stated model, and the rankers without a model are scored as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bot import eval_taste
from bot.eval_taste import (
    embedding_scorer,
    evaluate_taste,
    made_data,
    popularity_scorer,
)
from tests.embedder import WordEmbedder
from tests.memory.tiny_model import tiny_model
from tuning.config import TasteConfig
from tuning.preference import Choice, auc


def test_users_choose_by_their_stated_taste() -> None:
    """The probabilities order the choices far better than chance, ratings follow them, and a seed gives the same."""
    made = made_data(users=12, choices=80, items=160, recent=2, seed=3)
    assert made == made_data(users=12, choices=80, items=160, recent=2, seed=3)
    labels = np.array([float(bool(choice.selected)) for user in made.users for choice in user])
    truth = np.array([likely for user in made.truth for likely in user])
    assert auc(labels, truth) > 0.75
    assert 0.3 < labels.mean() < 0.7
    choices = [choice for user in made.users for choice in user]
    rated = [(choice.rating, likely) for choice, likely in zip(choices, truth, strict=True) if choice.rating]
    assert 0.25 < len(rated) / len(labels) < 0.42
    assert np.corrcoef(np.array(rated).T)[0, 1] > 0.8
    assert all(len({choice.item for choice in user}) == 80 for user in made.users)
    user = made.users[0]
    chosen = [choice.text for choice in user[:40] if choice.selected]
    assert user[40].recent == tuple(reversed(chosen[-2:]))


def test_rankers_know_what_they_may() -> None:
    """Popularity does not count the user's own choices, embeddings know no other's."""

    def choice(item: int, *, wanted: bool) -> Choice:
        return Choice(item, "", (), wanted, None, "")

    trains = [[choice(0, wanted=True)], [choice(0, wanted=True), choice(1, wanted=True)], [choice(1, wanted=True)]]
    test = [choice(0, wanted=True), choice(1, wanted=True)]
    assert popularity_scorer(trains)(0, trains[0], test).tolist() == [1.0, 2.0]
    vectors = np.eye(2, dtype=np.float32)
    assert embedding_scorer(vectors)(0, trains[0], test).tolist() == [1.0, 0.0]


def test_every_ranker_has_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With intervals around the means; one that is not installed has none."""
    monkeypatch.setattr(eval_taste, "implicit_scorer", lambda _trains, _items: None)
    config = TasteConfig(epochs=1, rank=2, max_tokens=5)
    made = made_data(users=4, choices=40, items=80, recent=1)
    notes: list[str] = []
    rows = evaluate_taste(made, WordEmbedder(), tiny_model(tmp_path), config, users=2, note=notes.append)
    assert [row.ranker for row in rows] == ["popularity", "embeddings", "model", "truth"]
    assert all(row.auc_low <= row.auc <= row.auc_high and row.users == 2 for row in rows)
    assert rows[-1].auc > 0.6
    assert len(notes) == 2
    assert "NDCG@10" in rows[0].line()
