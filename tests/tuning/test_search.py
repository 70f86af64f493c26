"""The search: halving keeps the better half, time is kept, and the settings in force always take part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from memory.errors import FamiliarError
from memory.store import Store
from tests.tuning.made import made_examples
from tests.tuning.tiny import CONFIG, EASY, PERSONA, add_dialogue, tiny_base
from tuning.job import Job
from tuning.search import MOST, Search, candidates, search, search_job
from tuning.searching import run_search
from tuning.tune import FOLDER, TuneRequest


def made(count: int = 28) -> Job:
    return search_job(Job("tiny", "", PERSONA, CONFIG, made_examples(count), ()))


def distance(job: Job) -> float:
    """A loss that is best at a rate of 0.002 and falls with more examples."""
    return abs(job.config.learning_rate - 0.002) * 100 + 1 / len(job.train)


def test_better_half_goes_on_and_the_best_is_first() -> None:
    """Eight, four, two candidates on a quarter, half and all of the examples."""
    tried = search(Search(made(), 1e9), distance, clock=lambda: 0.0)
    assert [sum(item.share == share for item in tried) for share in (0.25, 0.5, 1.0)] == [8, 4, 2]
    rates = {config.learning_rate for config in candidates(CONFIG, MOST)}
    assert tried[0].share == 1.0
    assert tried[0].learning_rate == min(rates, key=lambda rate: abs(rate - 0.002))


def test_settings_in_force_take_part() -> None:
    """They come first, and no candidate comes twice."""
    found = candidates(CONFIG, MOST)
    assert found[0] == CONFIG
    assert len(set(found)) == MOST


@pytest.mark.parametrize("budget", [1.0, 60.0, 400.0])
def test_no_trial_begins_that_would_pass_the_budget(budget: float) -> None:
    """A trial takes two seconds an example and epoch; only the first may pass the time."""
    now = [0.0]

    def run(job: Job) -> float:
        now[0] += 2.0 * len(job.train) * job.config.epochs
        return distance(job)

    tried = search(Search(made(), budget), run, clock=lambda: now[0])
    assert tried
    assert now[0] <= max(budget, 2.0 * len(made().train) * 0.25 * CONFIG.epochs + 2)


def test_tests_of_the_gate_take_no_part() -> None:
    """Validation is the newest fifth of the training examples."""
    job = Job("tiny", "", PERSONA, CONFIG, made_examples(20), made_examples(28)[20:])
    found = search_job(job)
    assert (found.train, found.test) == (job.train[:16], job.train[16:])
    with pytest.raises(FamiliarError, match="too few pairs to search on: 8; need 20"):
        search_job(replace(job, train=job.train[:8]))


def test_search_trains_in_child_processes_and_leaves_nothing(tmp_path: Path) -> None:
    """At least one real trial on the user's examples, no row, no folder."""
    base = tiny_base(tmp_path / "base")
    store = Store(tmp_path / "familiar.db")
    store.add_user("ann", role="owner")
    add_dialogue(store, user_id=1, count=28)
    request = TuneRequest(user_id=1, persona=PERSONA, config=CONFIG, gate=EASY)
    tried = run_search(store, tmp_path, base, request, budget_minutes=0.01)
    assert len(tried) == 1
    assert 0 < tried[0].loss < 20
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [".lock"]
    assert store.rows("SELECT count(*) FROM adapters")[0][0] == 0
    store.close()
