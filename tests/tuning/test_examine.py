"""What is measured of an adapter in memory: beside the live one, by heart, unrelated, and with nothing left behind."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.tuning.tiny import CONFIG, PERSONA
from tuning.chat_format import stop_ids
from tuning.config import TuneConfig
from tuning.dataset import Dialogue, Example, Line, dialogue_examples
from tuning.examine import Subject, measure, own_and_other
from tuning.job import BaseModel, Job, LiveAdapter
from tuning.measure import adapter_off, mean_loss
from tuning.methods import Attached, save
from tuning.recipe import recipe_of
from tuning.train import attach, fit, load
from tuning.windows import Windowing

_SHARP = 30.0
SECRET = "vault 4711 9023"


def examples(count: int, *, secret: str = "") -> tuple[Example, ...]:
    lines = []
    for number in range(count):
        lines += [Line("Bo", f"how is day {number}?", f"2026-01-{number + 1:02d}")]
        lines += [Line("Ann", secret or f"day {number} ok!")]
    dialogue = Dialogue(1, "Ann", tuple(lines), "2026-02-02T00:00:00+00:00")
    return tuple(dialogue_examples(dialogue, persona=PERSONA, dropped=Counter()))


def subject(base: BaseModel, job: Job, config: TuneConfig) -> Subject:
    """A model trained as the job says; its output layer is made sharp, else an untrained one can be sure of nothing."""
    loaded = load(base.folder, dtype=config.dtype)
    loaded.model.lm_head.weight.data.mul_(_SHARP)
    windowing = Windowing(loaded.tokenizer, max_tokens=config.max_tokens, max_prompt_tokens=config.max_prompt_tokens)
    model = attach(loaded.model, config)
    fit(model, windowing.windows(job.train).windows, config, lambda _: None)
    model.eval()
    ends = stop_ids(loaded.tokenizer, loaded.model.generation_config)
    return Subject(model, loaded.tokenizer, job, windowing, ends)


def job(base: BaseModel, **changes: Any) -> Job:
    found = examples(16)
    return replace(Job(base.name, str(base.folder), PERSONA, CONFIG, found[:12], found[12:]), **changes)


def test_live_adapter_is_measured_on_what_neither_learned(base: BaseModel, tmp_path: Path) -> None:
    """The live one's loss is its own, on the held-out replies that it doesn't know; the new one stays the one that is
    measured afterwards."""
    live = subject(base, job(base), replace(CONFIG, epochs=6))
    save(Attached(live.model, recipe_of(CONFIG), {}), tmp_path / "adapter", base_name="tiny")
    fresh = examples(16)[13:]
    expected = mean_loss(live.model, live.windowing.windows(fresh).windows)
    known = tuple(example.id for example in examples(13))
    new = subject(base, job(base, live=LiveAdapter(str(tmp_path / "adapter"), known)), CONFIG)
    own = mean_loss(new.model, new.windowing.windows(fresh).windows)
    whole = mean_loss(new.model, new.windowing.windows(new.job.test).windows)
    found = measure(new)
    assert found.live is not None
    assert found.live.replies == 3
    assert found.live.live == pytest.approx(expected, rel=1e-5)
    assert found.live.adapter == pytest.approx(own, rel=1e-5)
    assert found.adapter_loss == pytest.approx(whole, rel=1e-5)
    assert found.adapter != found.base


def test_what_is_judged_in_bfloat16_is_what_answers(base: BaseModel) -> None:
    """Merged into rounded weights half of an adapter would be lost: it stays beside them, and its loss what it was."""
    judged = subject(base, job(base), replace(CONFIG, dtype="bfloat16"))
    found = measure(judged)
    after = mean_loss(judged.model, judged.windowing.windows(judged.job.test).windows)
    assert found.adapter_loss == after != found.base_loss
    with adapter_off(judged.model):
        assert mean_loss(judged.model, judged.windowing.windows(judged.job.test).windows) == found.base_loss


def test_live_adapter_that_knows_everything_is_not_measured(base: BaseModel, tmp_path: Path) -> None:
    """All held-out replies were its examples: nothing to compare on."""
    known = tuple(example.id for example in examples(16))
    found = measure(subject(base, job(base, live=LiveAdapter(str(tmp_path), known)), CONFIG))
    assert found.live is not None
    assert (found.live.replies, found.live.live) == (0, None)


def test_live_adapter_that_is_damaged_stops_no_tune(base: BaseModel, tmp_path: Path) -> None:
    """Cut short or gone, it can't answer either: the new one is judged without it, and that is said."""
    live = subject(base, job(base), CONFIG)
    save(Attached(live.model, recipe_of(CONFIG), {}), tmp_path / "adapter", base_name="tiny")
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    for folder in (tmp_path / "adapter", tmp_path / "gone"):
        new = subject(base, job(base, live=LiveAdapter(str(folder), ())), CONFIG)
        whole = mean_loss(new.model, new.windowing.windows(new.job.test).windows)
        found = measure(new)
        assert found.live is not None
        assert found.live.why_not.startswith("it can't be read")
        assert found.adapter_loss == pytest.approx(whole, rel=1e-5)
        assert found.adapter != found.base


def test_repeated_secret_is_found_by_heart(base: BaseModel) -> None:
    """A reply with a number that was learned twelve times is completed word for word; a filtered text is asked for."""
    learned = (*examples(4), *examples(12, secret=SECRET))
    leaky = job(base, train=learned, secrets=("nobody ever wrote 5555",))
    found = measure(subject(base, leaky, replace(CONFIG, rank=16, epochs=60, learning_rate=0.01)))
    assert found.memory.completed >= 1
    assert (found.memory.secrets, found.memory.secrets_out) == (1, 0)


def test_what_was_not_learned_is_not_found(base: BaseModel) -> None:
    """With hardly any training nothing comes out, and no secret was given."""
    found = measure(subject(base, job(base), replace(CONFIG, learning_rate=1e-6)))
    assert found.memory.completed == 0
    assert (found.memory.secrets, found.memory.secrets_out) == (0, 0)
    assert (found.replies.written, found.replies.true_distinct) == (4, 4)
    assert len(found.related) == 16


def test_a_reply_is_not_compared_with_what_answers_it() -> None:
    """The other message is half of the replies away; the next one often speaks of the reply itself."""
    own, other = own_and_other(examples(6), persona=PERSONA)
    assert [prompt[-1].content for prompt, _ in own] == [f"how is day {number}?" for number in range(6)]
    assert [prompt[-1].content for prompt, _ in other] == [f"how is day {number}?" for number in (3, 4, 5, 0, 1, 2)]
    assert [reply for _, reply in other] == [reply for _, reply in own]
