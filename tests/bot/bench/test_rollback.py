"""The rule of the rollback by votes, tried on drawn votes: good adapters stay, bad ones go, whatever the seed."""

from __future__ import annotations

import pytest

from bot.bench.rollback import Case, bench_rollback, simulate
from tuning.config import VotesConfig

CONFIG = VotesConfig()


@pytest.mark.parametrize("share", [0.1, 0.3])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_good_adapter_stays(share: float, seed: int) -> None:
    """As good as what answered before: in 150 runs of 60 votes seldom rolled back; at 0.95 much more often."""
    case = Case(share, share, 40)
    kept = simulate(case, CONFIG, runs=150, seed=seed).rolled_back
    assert kept <= 0.1
    assert simulate(case, VotesConfig(probability=0.95), runs=150, seed=seed).rolled_back > kept


@pytest.mark.parametrize("seed", [1, 2])
def test_a_bad_adapter_goes_soon(seed: int) -> None:
    """Half of its replies are bad, where one in ten was: nearly always gone, mostly within twenty votes."""
    found = simulate(Case(0.1, 0.5, 20), CONFIG, runs=150, seed=seed)
    assert found.rolled_back >= 0.85
    assert found.votes is not None
    assert CONFIG.min_votes <= found.votes <= 20


def test_the_table_keeps_its_limits() -> None:
    """Every row of `familiar bench rollback`."""
    rows = list(bench_rollback(CONFIG))
    assert [row.line() for row in rows if not row.passed] == []
    assert sum(row.limit is not None for row in rows) >= 12
