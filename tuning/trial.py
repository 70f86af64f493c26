"""A trial: one recipe on given examples, judged by the loss on later ones alone, for comparisons and for the search.

In a process of its own like a tune, so that its peak memory is its own. Nothing of it can go live. Run as
``python -m tuning.trial FOLDER``.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from memory.errors import FamiliarError
from tuning.fitting import Report
from tuning.job import read_job
from tuning.measure import adapter_off, mean_loss
from tuning.recipe import recipe_of
from tuning.train import learn, load_for
from tuning.worker import end_with_parent, lower_priority, peak_mb, report

NAME = "trial.json"
FULL_SPEED = "--full-speed"
"""For a benchmark, beside which nobody waits for a reply."""
WITH_BASE = "--with-base"


@dataclass(frozen=True)
class TrialResult:
    """What a recipe gives."""

    loss: float
    """Held-out loss per token with the adapter as it would be served, in nats."""
    base_loss: float | None
    """Without it; None where it was not asked for, as it is the same for all recipes."""
    validation_loss: float | None
    """The best that early stopping saw."""
    seconds: float
    """Of training, validation included."""
    cpu_seconds: float
    """The same in processor time."""
    tokens: int
    """Of one epoch's sequences."""
    steps: int
    peak_mb: int
    adapter_kb: int


def main(arguments: Sequence[str]) -> int:
    """Run the trial in a folder; a fault is one JSON line and exit status 1."""
    end_with_parent()
    if FULL_SPEED not in arguments:
        lower_priority()
    try:
        run_trial(Path(arguments[0]), report, with_base=WITH_BASE in arguments)
    except FamiliarError as exc:
        report({"phase": "failed", "reason": str(exc)})
        return 1
    return 0


def run_trial(folder: Path, tell: Report, *, with_base: bool = False) -> TrialResult:
    """Train as the folder's job says, measure the loss, and write both into the folder.

    :raises FamiliarError: the method doesn't fit the model, or the loss is not a number
    """
    job = read_job(folder)
    loaded = load_for(job)
    learned = learn(folder, job, loaded, tell, recipe=recipe_of(job.config, comparing=True))
    peak = peak_mb()
    loss = mean_loss(learned.model, learned.parts.test.windows)
    base_loss = None
    if with_base:
        with adapter_off(learned.model):
            base_loss = mean_loss(learned.model, learned.parts.test.windows)
    result = TrialResult(
        loss=loss,
        base_loss=base_loss,
        validation_loss=learned.fitted.best_loss,
        seconds=round(learned.fitted.seconds, 3),
        cpu_seconds=round(learned.fitted.cpu_seconds, 3),
        tokens=learned.parts.train.tokens,
        steps=learned.fitted.steps,
        peak_mb=peak,
        adapter_kb=(folder / "adapter" / "adapter_model.safetensors").stat().st_size >> 10,
    )
    (folder / NAME).write_text(json.dumps(dataclasses.asdict(result)), encoding="utf-8")
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
