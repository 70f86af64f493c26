"""The measurement of preferences: the simulated tastes, figures with intervals, and a whole run on a tiny model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.bench.made_prompts import made_prompts
from bot.bench.preference import Drawn, Sizes, bench_preference, pairs_of, prefers, read_runs, terse
from bot.bench.preference_figures import Run, figures, interval
from tests.tuning.tiny import CONFIG, tiny_base

SMALL = Sizes(prompts=30, reply_tokens=8, held_out=6, examples=4, pairs=10, labels=5, pool=12)
ARMS = [f"stages {taste} {arm}" for taste in ("terse", "plain") for arm in ("base", "sft", "dpo", "kto")]


def test_requests_are_all_different() -> None:
    """Two hundred, and the first ones are of all forms."""
    assert len(set(made_prompts(200))) == 200
    assert len({prompt.split()[0] for prompt in made_prompts(5)}) == 4


def test_tastes_are_what_they_say() -> None:
    """A few words in lower case; the shorter words."""
    assert terse("To start, choose a Good spot. Then dig, and dig.") == "to start choose a good spot"
    assert prefers("a cat sat", "felines reclined") is True
    assert prefers("felines reclined", "a cat sat") is False
    assert prefers("one two", "two one") is None
    drawn = [Drawn("Why?", "Because It Is. Truly so.", "It is so.", 0.5), Drawn("How?", "", "So.", 0.5)]
    ((corrected, doubt),) = pairs_of(drawn, "terse")
    assert (corrected.chosen, corrected.rejected, doubt) == ("because it is truly so", "Because It Is. Truly so.", 0.5)
    ((chosen, _),) = pairs_of(drawn, "plain")
    assert (chosen.chosen, chosen.rejected) == ("It is so.", "Because It Is. Truly so.")


def test_figures_draw_pairs_anew_and_compare_choices_by_seed() -> None:
    """A seed that only one choice has is left out of their difference."""
    runs = [
        Run("choice plain active seed 0", (1.0,) * 8, (1.0,) * 8, 1.0),
        Run("choice plain random seed 0", (0.0,) * 8, (0.5,) * 8, 1.0),
        Run("choice plain active seed 1", (0.0,) * 8, (0.0,) * 8, 1.0),
    ]
    rows = {row.name: row for row in figures(runs)}
    assert rows["preference choice plain active, likelier"].value == 0.5
    assert rows["preference choice, active less random, likelier"].value == 1.0
    assert rows["preference choice, active less random, rewarded"].value == 0.5
    assert "1 seeds" in rows["preference choice, active less random, rewarded"].unit
    low, high = interval([0.0, 1.0] * 50)
    assert 0.35 < low < 0.45 < 0.55 < high < 0.65


@pytest.mark.slow
def test_a_measurement_goes_on_where_it_was(tmp_path: Path) -> None:
    """Runs that the file holds are not made again, a line that was cut short is; at last every arm has its figures."""
    base, results = tiny_base(tmp_path / "base").folder, tmp_path / "results.jsonl"
    config = replace(CONFIG, preference_learning_rate=0.01)
    bench_preference(base, results, config, minutes=0.0, seeds=1, sizes=SMALL)
    with results.open("a", encoding="utf-8") as file:
        file.write('{"drawn": {"prompt": "cut')
    rows = bench_preference(base, results, config, minutes=60.0, seeds=1, sizes=SMALL)
    names = [run.name for run in read_runs(results)]
    assert sorted(names) == sorted([f"{arm} seed 0" for arm in [*ARMS, "choice plain active", "choice plain random"]])
    assert all(0.0 <= row.value <= 1.0 for row in rows if "less" not in row.name)
    before = results.read_bytes()
    assert bench_preference(base, results, config, minutes=60.0, seeds=1, sizes=SMALL) == rows
    assert results.read_bytes() == before
