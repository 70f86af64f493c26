"""Many people at once: everybody is answered once, memory stays flat, and a flood costs others little."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from tests.bot.telegram.load import Flood, FloodPlan, Load, Plan, due_by, flood_ratio, run_load
from tests.bot.telegram.watching import Wait, figures, slope
from tests.telegram_api import TelegramServer

SHORT = Plan(users=40, turns=100)
LONG = Plan(users=200, turns=10_000)
MOST_GROWTH = 1.0
"""Megabytes a thousand turns."""


def check_answered(load: Load, turns: int) -> None:
    """Each message in exactly one turn, each turn shown once."""
    found = load.accounts
    assert len(load.waits) == turns
    assert found.unanswered == []
    assert [word for word, count in found.in_turns.items() if count != 1] == []
    assert found.doubled == []
    assert found.missing == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("plan", [SHORT, pytest.param(LONG, marks=pytest.mark.chaos)], ids=["short", "long"])
def test_everybody_is_answered_once(tmp_path: Path, server: TelegramServer, plan: Plan) -> None:
    """The figures are printed; `make chaos` runs the long one."""
    load = run_load(tmp_path, server, plan)
    print("\n".join(load.lines()))
    check_answered(load, plan.turns)
    alone = [wait.done_s for wait in load.waits if wait.ahead == 0]
    behind = [wait.done_s for wait in load.waits if wait.ahead > 20]
    assert statistics.median(alone) < statistics.median(behind), "who is alone waits for nobody"
    if load.memory:
        assert load.slope < MOST_GROWTH


@pytest.mark.chaos
@pytest.mark.model
@pytest.mark.timeout(1800)
def test_everybody_is_answered_once_by_the_real_model(tmp_path: Path, server: TelegramServer, smollm2: Path) -> None:
    """The whole program, with its limits as they are for Telegram."""
    assert smollm2.exists()
    load = run_load(tmp_path, server, Plan(users=20, turns=100, model="smollm2-135m", warm_up=20, sample=10))
    print("\n".join(load.lines()))
    check_answered(load, 100)


@pytest.mark.slow
def test_a_flood_costs_others_little(tmp_path: Path) -> None:
    """Softly bounded, as a short run beside other tests varies; `make chaos` measures it."""
    del tmp_path
    plan = FloodPlan(users=8, messages=48, flood=120, flood_seconds=2.0, token_seconds=0.006, think_seconds=0.3)
    ratios: list[float] = []
    while len(ratios) < 3 and min(ratios, default=9.0) >= 2.0:  # each was .9 to 1.6 beside other tests
        alone, beside = flood_ratio(plan, "replies")
        ratios.append(beside / alone)
        print(f"p95 {alone:.3f} s without, {beside:.3f} s with: {ratios[-1]:.2f}")
    assert min(ratios) < 2.0


@pytest.mark.chaos
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["texts", "replies", "groups"])
def test_a_flood_costs_others_a_fifth_at_most(kind: Flood) -> None:
    """The median of three pairs of runs; a flood of replies or in groups is hundreds of turns, one of texts a few."""
    ratios = []
    for seed in (1, 2, 3):
        alone, beside = flood_ratio(FloodPlan(seed=seed), kind)
        ratios.append(beside / alone)
        print(f"{kind}: p95 {alone:.3f} s without, {beside:.3f} s with: {ratios[-1]:.2f}")
    assert statistics.median(ratios) <= 1.2


def test_waits_are_reported_by_queue_length() -> None:
    """Rows only where there is something to report."""
    waits = [Wait(7, ahead, sent=0.0, first=0.1, done=0.2) for ahead in (0, 1, 2, 30)]
    rows = figures(waits)[2:]
    assert rows[0] == "| 0 | 1 | 100 ms | 100 ms | 200 ms | 200 ms |"
    assert [row.split(" | ")[0] for row in rows] == ["| 0", "| 1-2", "| >20"]


def test_growth_is_the_slope_over_a_thousand_turns() -> None:
    """Of a line through all points."""
    assert slope([(0, 100.0), (1000, 102.0), (2000, 104.0)]) == pytest.approx(2.0)


def test_a_flood_is_spread_over_its_seconds() -> None:
    """Or sent at once."""
    assert [due_by(passed, 500, 10.0) for passed in (0.0, 5.0, 10.0, 11.0)] == [0, 250, 500, 500]
    assert due_by(0.0, 500, 0.0) == 500
