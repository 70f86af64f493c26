"""The benchmark of a chat beside a tune, on a model small enough for a test: that both run, not how fast."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.bench.beside import bench_beside
from bot.bench.made_turns import made_turns
from bot.engines.local import open_local
from memory.errors import FamiliarError
from tests.bot.engines.small_models import random_model
from tuning.config import TuneConfig
from tuning.job import BaseModel


def test_turns_are_timed_while_a_tune_runs(tmp_path: Path) -> None:
    """The ratio is within one run and held to its limit; the tune is stopped, not waited for."""
    folder = random_model(tmp_path / "model")
    engine = open_local(folder, model="small")
    ratio, idle, during = bench_beside(
        BaseModel("small", folder, "0"), engine, TuneConfig(epochs=1000, max_tokens=4096), turns=2
    )
    assert (ratio.limit, ratio.bound) == (2.0, "at most")
    assert ratio.value == pytest.approx(during.value / idle.value)


def test_a_tune_that_fails_is_told(tmp_path: Path) -> None:
    """Without a tune beside them the turns measure nothing, and its own reason is given."""
    folder = random_model(tmp_path / "model")
    engine = open_local(folder, model="small")
    with pytest.raises(FamiliarError, match="max_tokens"):
        bench_beside(BaseModel("small", folder, "0"), engine, TuneConfig(max_tokens=1), turns=2)


def test_made_replies_follow_each_other_in_time() -> None:
    """Each is a conversation of its own, so that a pass learns one reply, and the newest is the last."""
    examples = made_turns(100)
    assert len({example.conversation for example in examples}) == 100
    assert [example.at for example in examples] == sorted(example.at or "" for example in examples)
