"""The search for hyperparameters on a user's own examples: trials in child processes, one after the other.

It holds the lock of tunes, its folders lie where a crash leaves them to the next sweep, and nothing of it can go live.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from memory.store import Store
from tuning.adapters import Registry
from tuning.dataset import split_by_time
from tuning.job import BaseModel, Job, write_job
from tuning.lock import tune_lock
from tuning.process import OnProgress, run_child
from tuning.recipe import recipe_of
from tuning.search import Search, Tried, search, search_job
from tuning.trial import NAME
from tuning.tune import FOLDER, TuneRequest, prepared_for


def run_search(
    store: Store,
    home: Path,
    base: BaseModel,
    request: TuneRequest,
    *,
    budget_minutes: float,
    on_progress: OnProgress = lambda _: None,
) -> list[Tried]:
    """Everything that was tried within the time, best first.

    :raises FamiliarError: a tune is running, there are too few examples, or a trial failed
    """
    recipe_of(request.config)
    registry = Registry(store, home / FOLDER)
    with tune_lock(registry.root):
        registry.recover_locked()
        examples = prepared_for(store, request).examples
        train, test = split_by_time(examples, share=request.gate.held_out) if examples else ((), ())
        job = Job(base.name, str(base.folder), request.persona, request.config, train, test, base_sha256=base.sha256)
        plan = Search(search_job(job), budget_minutes * 60)
        folder = registry.root / "search"
        try:
            return search(
                plan,
                _trial_in(folder, on_progress),
                clock=time.monotonic,
                on_tried=lambda tried: on_progress(tried.line()),
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _trial_in(folder: Path, on_progress: OnProgress) -> Callable[[Job], float]:
    def run(job: Job) -> float:
        shutil.rmtree(folder, ignore_errors=True)
        write_job(folder, job)
        run_child(["-m", "tuning.trial", str(folder)], folder, on_progress=on_progress, memory_mb=job.config.memory_mb)
        return float(json.loads((folder / NAME).read_text(encoding="utf-8"))["loss"])

    return run
