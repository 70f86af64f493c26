"""The engine's benchmarks, on a model small enough for a test: what they measure, not how fast this machine is."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.bench.engine import bench_prefix, bench_reply
from bot.bench.rows import BenchRow
from tests.bot.engines.small_models import random_model


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that several tests read."""
    return random_model(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize(
    ("row", "passed"),
    [
        (BenchRow("a", 0.9, 0.9, "x"), True),
        (BenchRow("a", 0.89, 0.9, "x"), False),
        (BenchRow("a", 0.35, 0.35, "x", "at most"), True),
        (BenchRow("a", 0.36, 0.35, "x", "at most"), False),
        (BenchRow("a", 7.0, None, "s"), True),
    ],
)
def test_a_limit_is_kept_or_missed(row: BenchRow, passed: bool) -> None:
    """At least and at most include the limit; a figure without one is only reported."""
    assert row.passed is passed
    assert ("MISSED" in row.line()) is not passed


def test_reply_speed_is_a_ratio_within_the_run(small_model: Path) -> None:
    """The ratio is held to its limit, the plain speed is reported."""
    ratio, speed = bench_reply(small_model, rounds=1, tokens=4)
    assert (ratio.limit, ratio.bound, speed.limit) == (0.9, "at least", None)
    assert ratio.value > 0
    assert speed.value > 0


def test_a_second_turn_reuses_the_first(small_model: Path) -> None:
    """The ratio is that of the two reported times."""
    ratio, first, second = bench_prefix(small_model, rounds=1, stable=600)
    assert (ratio.limit, ratio.bound) == (0.35, "at most")
    assert ratio.value == pytest.approx(second.value / first.value)
