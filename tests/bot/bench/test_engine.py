"""The engine's benchmarks, on a model small enough for a test: what they measure, not how fast this machine is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bot.bench.adapters import bench_adapters
from bot.bench.engine import bench_prefix, bench_reply
from bot.bench.picture import draw_rows
from bot.bench.rows import BenchRow
from memory.errors import FamiliarError
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
    """The ratios of both phases are held to their limits, the plain speeds are reported."""
    decoding, reading, *speeds = bench_reply(small_model, rounds=1, tokens=4, prompt=300)
    assert [(row.limit, row.bound) for row in (decoding, reading)] == [(0.95, "at least")] * 2
    assert [row.limit for row in speeds] == [None, None]
    assert min(row.value for row in (decoding, reading, *speeds)) > 0


def test_a_later_turn_reuses_the_first(small_model: Path) -> None:
    """The ratios are those of the reported times, in the same process and after a restart."""
    second, restarted, *times = bench_prefix(small_model, rounds=1, stable=600)
    assert [(row.limit, row.bound) for row in (second, restarted)] == [(0.25, "at most"), (0.4, "at most")]
    cold, warm, started = (row.value for row in times)
    assert second.value == pytest.approx(warm / cold)
    assert restarted.value == pytest.approx(started / cold)


def test_adapters_are_measured(small_model: Path) -> None:
    """Switch, memory, a cache of half of them and decoding, each beside its limit."""
    rows = bench_adapters(small_model, users=6, turns=4, rank=4, tokens=4)
    limits = [(row.unit, row.limit, row.bound) for row in rows if row.limit is not None]
    assert limits == [
        ("ms", 50, "at most"),
        ("x", 1.3, "at most"),
        ("x", 0.5, "at least"),
        ("x", 0.75, "at least"),
        ("x", 0.9, "at least"),
    ]
    assert min(row.value for row in rows) > 0


def test_a_picture_has_a_bar_for_each_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row without a limit is left out; what hinders the picture is told."""
    from PIL import Image

    kept, missed, plain = (
        BenchRow("a", 1.0, 0.9, "x"),
        BenchRow("b", 60, 50, "ms", "at most"),
        BenchRow("c", 1, None, "s"),
    )
    heights = []
    for rows in ([kept], [kept, plain], [kept, missed]):
        draw_rows(rows, tmp_path / "bench.png")
        with Image.open(tmp_path / "bench.png") as picture:
            heights.append(picture.height)
    assert heights[0] == heights[1] < heights[2]
    with pytest.raises(FamiliarError, match="nothing to draw"):
        draw_rows([plain], tmp_path / "bench.png")
    with pytest.raises(FamiliarError, match=r"bench\.txt can't be written"):
        draw_rows([kept], tmp_path / "bench.txt")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(FamiliarError, match=r"familiar-assistant\[plot\]"):
        draw_rows([kept], tmp_path / "bench.png")
