"""A made dialogue, its examples and its job, for tests that train the tiny model."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from tests.tuning.tiny import CONFIG, PERSONA
from tuning.dataset import Dialogue, Example, Line, dialogue_examples
from tuning.job import BaseModel, Job
from tuning.train import Loaded
from tuning.windows import Window, Windowing


def made_examples(count: int = 16) -> tuple[Example, ...]:
    """Ann answers Bo in her own short way, one exchange a day."""
    lines = []
    for number in range(count):
        lines += [Line("Bo", f"how is day {number}?", f"2026-01-{number + 1:02d}"), Line("Ann", f"day {number} ok!")]
    dialogue = Dialogue(1, "Ann", tuple(lines), "2026-01-02T00:00:00+00:00")
    dated = dialogue_examples(dialogue, persona=PERSONA, dropped=Counter())
    return tuple(replace(item, at=f"2026-01-{number + 1:02d}") for number, item in enumerate(dated))


def made_windows(loaded: Loaded, count: int = 16) -> tuple[Window, ...]:
    """Their sequences."""
    windowing = Windowing(loaded.tokenizer, max_tokens=CONFIG.max_tokens, max_prompt_tokens=CONFIG.max_prompt_tokens)
    return windowing.windows(made_examples(count)).windows


def made_job(base: BaseModel, *, train: int = 12, **changes: Any) -> Job:
    """The first ``train`` of them to learn, four more as the test."""
    found = made_examples(train + 4)
    config = replace(CONFIG, **changes)
    return Job(base.name, str(base.folder), PERSONA, config, found[:train], found[train:], base_sha256=base.sha256)


def quiet(event: dict[str, Any]) -> None:
    """Nobody listens."""
    del event
