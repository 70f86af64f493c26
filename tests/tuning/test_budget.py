"""Duration and memory are known before a run starts, and what doesn't fit is left out in the right order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.tuning.made import made_examples, made_job, quiet
from tests.tuning.tiny import CONFIG
from tuning.budget import (
    Shape,
    activation_bytes,
    by_worth,
    epochs_that_fit,
    most_that_fit,
    needs_checkpointing,
    seconds_per_token,
)
from tuning.dataset import in_order
from tuning.job import BaseModel, write_job
from tuning.methods import attach
from tuning.process import sentence
from tuning.recipe import recipe_of
from tuning.train import load, run_job


def test_what_the_user_made_sure_of_comes_first() -> None:
    """Corrected, approved, imported, accepted; the newest first within each."""
    found = made_examples(6)
    sources = ("accepted", "approved", "corrected", "approved", "corrected", "imported")
    mixed = [replace(item, source=source) for item, source in zip(found, sources, strict=True)]  # type: ignore[arg-type]
    assert [found.index(replace(item, source="imported")) for item in by_worth(mixed)] == [4, 2, 3, 1, 5, 0]


def test_general_examples_keep_their_share_of_what_fits() -> None:
    """A third of all is a third of any beginning, so that little time takes away no protection."""
    own = made_examples(8)
    general = [replace(item, id=f"general:{item.id}", at=None, source="general") for item in own[:4]]
    found = by_worth([*general, *own])
    assert [sum(item.source == "general" for item in found[:count]) for count in (3, 6, 9, 12)] == [1, 2, 3, 4]


def test_undated_replies_are_in_the_order_of_their_conversation() -> None:
    """Taken newest first, they are put back as they followed each other, and share their passes again."""
    undated = [replace(item, at=None, source="imported") for item in made_examples(6)]
    assert in_order(by_worth(undated)) == undated


@pytest.mark.parametrize(("budget", "expected"), [(100.0, 10), (55.0, 5), (50.0, 5), (10.0, 1), (0.0, 1)])
def test_as_many_as_fit_are_taken(budget: float, expected: int) -> None:
    """At ten a piece; one is always taken."""
    assert most_that_fit(lambda count: 10.0 * count, 10, budget=budget) == expected


def test_memory_grows_with_tokens_and_labels() -> None:
    """SmolLM2's shape: about 1.22 MB a token, 590 kB a label."""
    shape = Shape(hidden=576, intermediate=1536, layers=30, vocabulary=49152)
    token = activation_bytes(shape, 1, 0)
    assert token == 4 * 30 * (7 * 576 + 4 * 1536)
    assert activation_bytes(shape, 10, 2) == 10 * token + 2 * 4 * 3 * 49152
    assert needs_checkpointing(800, free=1000)
    assert not needs_checkpointing(700, free=1000)


def test_measuring_the_pace_leaves_nothing_behind(base: BaseModel) -> None:
    """No gradient, no change of the random numbers that dropout draws."""
    import torch

    attached = attach(load(base.folder).model, recipe_of(CONFIG))
    before = torch.get_rng_state()
    assert 0 < seconds_per_token(attached) < 1
    assert torch.equal(before, torch.get_rng_state())
    assert all(weight.grad is None for weight in attached.model.parameters())


def test_run_over_its_budget_learns_the_newest_and_says_so(
    base: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a second a token one minute is enough for few: those are the last ones, and the rest are counted."""
    monkeypatch.setattr("tuning.budget.seconds_per_token", lambda _: 1.0)
    job = made_job(base, budget_minutes=2.0, max_tokens=90)
    write_job(tmp_path / "job", job)
    events: list[dict[str, Any]] = []
    metrics = run_job(tmp_path / "job", events.append)
    assert metrics.training is not None
    learned = set(metrics.training.learned)
    assert 1 <= len(learned) < 12
    assert learned == {item.id for item in job.train[-len(learned) :]}
    assert metrics.training.over_budget == 12 - len(learned)
    assert metrics.training.predicted_seconds <= 120
    planned = next(event for event in events if event["phase"] == "planned")
    assert planned["over_budget"] == metrics.training.over_budget
    assert "left out to end in time" in sentence(planned)


def test_passes_are_given_up_before_replies() -> None:
    """As many as there is time for, one at least, and no more than were asked for."""
    found = [epochs_that_fit(seconds, 3, budget=60.0) for seconds in (10.0, 20.0, 29.0, 31.0, 600.0)]
    assert found == [3, 3, 2, 1, 1]


def test_run_with_time_for_two_passes_makes_two(
    base: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of five wanted: no reply is left out, and a run taken up again on a slower machine makes two all the same."""
    job = made_job(base, epochs=5, checkpoint_minutes=0.0, patience=0)
    monkeypatch.setattr("tuning.budget.seconds_per_token", lambda _: 1.0)
    write_job(tmp_path / "alone", replace(job, config=replace(job.config, epochs=1, budget_minutes=1e6)))
    one = run_job(tmp_path / "alone", quiet).training
    assert one is not None
    job = replace(job, config=replace(job.config, budget_minutes=2.5 * one.predicted_seconds / 60))
    write_job(tmp_path / "job", job)

    def killed(event: dict[str, Any]) -> None:
        if event["phase"] == "training" and event["step"] == one.planned_steps:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(tmp_path / "job", killed)
    monkeypatch.setattr("tuning.budget.seconds_per_token", lambda _: 9.0)
    found = run_job(tmp_path / "job", quiet).training
    assert found is not None
    assert (found.epochs, found.over_budget) == (2, 0)
    assert found.planned_steps == 2 * one.planned_steps


def test_run_within_its_budget_learns_all(base: BaseModel, tmp_path: Path) -> None:
    """The prediction is of this machine, and nothing is left out."""
    write_job(tmp_path / "job", made_job(base))
    metrics = run_job(tmp_path / "job", quiet)
    assert metrics.training is not None
    assert (len(metrics.training.learned), metrics.training.over_budget) == (12, 0)
    assert metrics.training.peak_mb > 50


def test_progress_says_loss_and_time_left() -> None:
    """Minutes, or seconds where there are few."""
    event = {"phase": "training", "step": 3, "steps": 20, "loss": 2.314}
    assert sentence(event | {"minutes": 4.4}) == "training: step 3 of 20, loss 2.31, 4 min left"
    assert sentence(event | {"minutes": 0.5}) == "training: step 3 of 20, loss 2.31, 30 s left"
    planned = {"phase": "planned", "examples": 7, "epochs": 1, "wanted": 1, "minutes": 3.0, "over_budget": 0}
    assert sentence(planned) == "7 replies to learn in one pass, about 3 min"
    fewer = "7 replies to learn in up to 2 passes instead of 3, to end in time, about 9 min"
    assert sentence(planned | {"epochs": 2, "wanted": 3, "minutes": 9.0}) == fewer
