"""Preferences are learned on what will be served, whatever form the adapter was trained in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memory.records import Message
from tests.tuning.made import made_job, quiet
from tests.tuning.test_gate import GOOD
from tests.tuning.tiny import PERSONA
from tuning.job import BaseModel, write_job
from tuning.measure import mean_loss
from tuning.pairs import Pair, Preferences
from tuning.preferring import Accuracy, PreferenceReport, Stage, accuracy, encode, held_out
from tuning.recipe import recipe_of
from tuning.train import adapted, learn, load, with_preference


def pairs(first: int, count: int) -> Preferences:
    """Short answers were preferred to long ones."""
    return Preferences(tuple(pair(number) for number in range(first, first + count)))


def pair(number: int) -> Pair:
    prompt = (Message("system", PERSONA), Message("user", f"how was evening {number}?"))
    texts = (f"evening {number} ok", f"Evening {number} was lovely.")
    return Pair(f"choice:{number}", "choice", prompt, *texts, None, "2026-01-01", "conversation:1", (number,))


@pytest.mark.parametrize("changes", [{"init": "pissa"}, {"method": "adalora"}, {"method": "miss"}], ids=str)
def test_any_form_learns_pairs_and_is_measured_against_the_true_base(
    base: BaseModel, tmp_path: Path, changes: dict[str, Any]
) -> None:
    """PiSSA moves the base and AdaLoRA and MiSS are no LoRA: the stage comes after both were undone, and is saved."""
    job = made_job(base, preference_min_pairs=6, preference_epochs=1, preference_learning_rate=0.01, **changes)
    job = replace(job, preferred=pairs(0, 8), preferred_test=pairs(8, 3))
    write_job(tmp_path, job)
    learned = learn(tmp_path, job, load(base.folder), quiet, recipe=recipe_of(job.config))
    assert learned.preference is not None
    assert learned.preference.stages[0].steps > 0
    fresh = adapted(load(base.folder).model, tmp_path / "adapter")
    held = held_out(fresh, *encode(learned.tokenizer, job.preferred_test, max_tokens=256))
    assert learned.preference.accuracies[0] == accuracy(fresh, held, after="base")
    windows = learned.parts.test.windows
    assert mean_loss(fresh.eval(), windows) == pytest.approx(mean_loss(learned.model, windows), rel=1e-5)


def test_pairs_that_were_not_learned_reject_nothing() -> None:
    """Where the stage was left out, what imitation did to held-out pairs is chance and no fault."""
    figures = (Accuracy("base", 2, 1.0, None, 0, None), Accuracy("sft", 2, 0.5, 0.5, 0, None))
    report = PreferenceReport((Stage("dpo", 0, skipped="trl is not installed"),), figures)
    measures = with_preference(GOOD, report)
    assert (measures.preference_pairs, measures.preference_base, measures.preference_adapter) == (2, None, None)
