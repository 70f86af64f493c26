"""The loop: validation keeps the best and stops, and a run that was broken off ends bit for bit as an unbroken one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memory.errors import FamiliarError
from tests.tuning.made import made_examples, made_job, made_windows, quiet
from tests.tuning.tiny import CONFIG
from tuning.checkpoint import NAME, Checkpoints, Chosen, fingerprint
from tuning.fitting import Fit, plan, validation_steps
from tuning.job import BaseModel, LiveAdapter, write_job
from tuning.measure import labelled_loss, mean_loss
from tuning.methods import attach, trained_weights
from tuning.recipe import recipe_of
from tuning.train import load, run_job
from tuning.windows import Window, Windowing


class Killed(Exception):
    """The process ends here."""


def killed_at(step: int) -> Any:
    def tell(event: dict[str, Any]) -> None:
        if event["phase"] == "training" and event["step"] == step:
            raise Killed

    return tell


def test_validation_keeps_the_best_weights_and_stops_when_it_gets_worse(base: BaseModel) -> None:
    """With a rate that soon does harm the loop ends early, and the adapter has the loss that was best."""
    loaded = load(base.folder)
    windows = made_windows(loaded)
    recipe = recipe_of(replace(CONFIG, epochs=40, learning_rate=0.5, schedule="constant", patience=2))
    attached = attach(loaded.model, recipe)
    losses: list[float] = []
    fitted = Fit(
        attached,
        windows[:2],
        windows[2:],
        lambda event: losses.append(event["loss"]) if event["phase"] == "validating" else None,
    ).run()
    assert fitted.steps < fitted.planned
    assert fitted.best_loss == pytest.approx(min(losses), abs=1e-4)
    assert losses[-3] == min(losses), "two worse ones in a row ended it"
    assert mean_loss(attached.model.eval(), windows[2:]) == pytest.approx(fitted.best_loss, rel=1e-5)


def test_validation_happens_so_often_an_epoch_and_after_the_last_step() -> None:
    """Evenly spread, and never more often than there are steps."""
    recipe = recipe_of(replace(CONFIG, epochs=2, validations=2))
    assert validation_steps(20, recipe) == {5, 10, 15, 20}
    assert validation_steps(3, recipe) == {1, 2, 3}


@pytest.mark.parametrize(
    "changes",
    [
        {"dropout": 0.3, "validation": 0.4},
        *(pytest.param(rare, marks=pytest.mark.chaos) for rare in ({}, {"optimizer": "sgd"})),
        *(pytest.param(rare, marks=pytest.mark.chaos) for rare in ({"method": "dora"}, {"init": "pissa"})),
    ],
    ids=str,
)
def test_run_that_was_killed_ends_as_an_unbroken_one(base: BaseModel, tmp_path: Path, changes: dict[str, Any]) -> None:
    """Killed twice, at a checkpoint and between two, the adapter's file is the same byte for byte."""
    job = made_job(base, train=16, epochs=6, checkpoint_minutes=0.0, max_tokens=90, patience=0, **changes)
    for folder in (tmp_path / "whole", tmp_path / "broken"):
        write_job(folder, job)
    whole = run_job(tmp_path / "whole", quiet)
    for step in (3, whole.steps - 1):
        with pytest.raises(Killed):
            run_job(tmp_path / "broken", killed_at(step))
    events: list[dict[str, Any]] = []
    broken = run_job(tmp_path / "broken", events.append)
    resumed = next(event for event in events if event["phase"] == "resuming")
    assert resumed["step"] == whole.steps - 2
    name = "adapter/adapter_model.safetensors"
    assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert broken.measures == whole.measures
    curves = [(folder / "curves.jsonl").read_text() for folder in (tmp_path / "whole", tmp_path / "broken")]
    assert curves[0] == curves[1]
    assert not (tmp_path / "broken" / NAME).exists()


def test_checkpoint_of_another_job_starts_anew(base: BaseModel, tmp_path: Path) -> None:
    """Another recipe, another base, or an example less: nothing is taken up."""
    job = made_job(base, epochs=4, checkpoint_minutes=0.0)
    others = (
        replace(job, config=replace(job.config, learning_rate=0.01)),
        replace(job, base_sha256="another"),
        replace(job, train=job.train[1:]),
    )
    for number, other in enumerate(others):
        folder = tmp_path / str(number)
        write_job(folder, job)
        with pytest.raises(Killed):
            run_job(folder, killed_at(3))
        write_job(folder, other)
        events: list[dict[str, Any]] = []
        run_job(folder, events.append)
        assert "resuming" not in {event["phase"] for event in events}


def test_torn_checkpoint_counts_as_none(tmp_path: Path) -> None:
    """A file that was cut short is not trusted."""
    config = replace(CONFIG, checkpoint_minutes=0.0)
    checkpoints = Checkpoints(tmp_path, fingerprint="a", config=config)
    checkpoints.choose(Chosen(("one",), 2))
    checkpoints.keep({"step": 3})
    whole = Checkpoints(tmp_path, fingerprint="a", config=config)
    assert (whole.load(), whole.chosen) == ({"step": 3}, Chosen(("one",), 2))
    data = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(data[: len(data) // 2])
    assert Checkpoints(tmp_path, fingerprint="a", config=config).load() is None
    (tmp_path / NAME).write_bytes(data)
    assert Checkpoints(tmp_path, fingerprint="b", config=config).load() is None
    assert not (tmp_path / NAME).exists(), "what another run had learned may have been forgotten"


def test_what_only_the_gate_reads_is_no_other_run(base: BaseModel, tmp_path: Path) -> None:
    """A rollback or a secret that was found meanwhile changes nothing of what is learned."""
    job = made_job(base)
    write_job(tmp_path, job)
    before = fingerprint(tmp_path, template_sha256="t")
    write_job(tmp_path, replace(job, live=LiveAdapter("x", ("y",)), secrets=("z",), figures="f"))
    assert fingerprint(tmp_path, template_sha256="t") == before
    write_job(tmp_path, replace(job, base_sha256="other"))
    assert fingerprint(tmp_path, template_sha256="t") != before


def test_full_disk_names_the_file(tmp_path: Path) -> None:
    """A checkpoint that can't be written ends the run with a cause."""
    checkpoints = Checkpoints(tmp_path / "gone", fingerprint="a", config=CONFIG)
    checkpoints.choose(Chosen((), 1))
    with pytest.raises(FamiliarError, match=r"checkpoint.new can't be written"):
        checkpoints.keep({"step": 1})


def test_weight_of_a_reply_scales_its_part_of_the_loss(base: BaseModel) -> None:
    """In a shared pass each reply's tokens count by its own weight."""
    loaded = load(base.folder)
    found = made_examples(3)
    weighted = (replace(found[0], weight=0.5), found[1], replace(found[2], weight=0.0))
    windowing = Windowing(loaded.tokenizer, max_tokens=1000, max_prompt_tokens=1000)
    (window,) = windowing.windows(weighted).windows
    (plain,) = windowing.windows(found).windows
    assert plain.weights is None
    alone = [Window(part.windows[0].encoded, ()) for part in (windowing.windows([item]) for item in found)]
    parts = [float(labelled_loss(loaded.model, item.encoded).detach()) for item in alone]
    together = float(labelled_loss(loaded.model, window.encoded, weights=window.weights).detach())
    assert together == pytest.approx(0.5 * parts[0] + parts[1], rel=1e-4)


def test_plan_orders_each_epoch_anew(base: BaseModel) -> None:
    """The same seed gives the same order; no window is left out."""
    windows = made_windows(load(base.folder))
    recipe = recipe_of(replace(CONFIG, epochs=2, batch_size=1))
    planned = plan(windows, recipe)
    assert planned == plan(windows, recipe)
    assert len(planned) == 2 * len(windows)
    assert {id(window) for batch in planned for window in batch} == {id(window) for window in windows}


def test_gradient_checkpointing_changes_no_weight(base: BaseModel, tmp_path: Path, monkeypatch: Any) -> None:
    """Where there is no room the activations are computed twice, and the adapter is the same."""
    job = made_job(base, epochs=2)
    write_job(tmp_path / "kept", job)
    write_job(tmp_path / "twice", job)
    kept = run_job(tmp_path / "kept", quiet)
    monkeypatch.setattr("tuning.train.free_bytes", lambda: 1000)
    twice = run_job(tmp_path / "twice", quiet)
    assert (kept.training.gradient_checkpointing, twice.training.gradient_checkpointing) == (False, True)  # type: ignore[union-attr]
    assert twice.measures.adapter_loss == pytest.approx(kept.measures.adapter_loss, rel=1e-5)


def test_gradients_reach_every_adapter_weight(base: BaseModel) -> None:
    """No layer is left without an update."""
    loaded = load(base.folder)
    recipe = recipe_of(CONFIG)
    attached = attach(loaded.model, recipe)
    before = {name: weight.detach().clone() for name, weight in trained_weights(attached.model).items()}
    Fit(attached, made_windows(loaded), (), quiet).run()
    after = trained_weights(attached.model)
    assert all(not bool((before[name] == after[name]).all()) for name in before)
