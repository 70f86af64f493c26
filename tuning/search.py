"""Better hyperparameters within a time budget: successive halving on a validation loss.

Many candidates learn a quarter of the examples; the better half of them goes on to one half, the better half of those
to all (Jamieson and Talwalkar, arXiv 1502.07943). The settings in force are always among them, so that the winner is
never worse than they are where it was measured. The gate's test examples take no part. Pure, but for the trials, which
the caller runs.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from memory.errors import FamiliarError
from tuning.config import TuneConfig
from tuning.dataset import Example, split_by_time
from tuning.job import Job

RATES = (2e-4, 5e-4, 1e-3, 2e-3, 4e-3)
RANKS = (8, 16, 32)
EPOCHS = (1, 2, 3)
SHARES = (0.25, 0.5, 1.0)
"""Of the examples, rung by rung."""
MOST = 8
"""Candidates of the first rung: more would give each too few examples within an hour on two cores."""
VALIDATION = 0.2
FEWEST = 20

RunTrial = Callable[[Job], float]
"""Trains a job and returns its loss on the job's test part."""
Clock = Callable[[], float]


@dataclass(frozen=True)
class Tried:
    """One measured candidate."""

    learning_rate: float
    rank: int
    epochs: int
    share: float
    """Of the examples that it learned."""
    loss: float

    def line(self) -> str:
        """For a terminal."""
        return (
            f"learning_rate {self.learning_rate:g}  rank {self.rank}  epochs {self.epochs}"
            f"  {self.share:.0%} of the examples: validation loss {self.loss:.4f}"
        )


@dataclass(frozen=True)
class Search:
    """What a search looks at."""

    job: Job
    """Whose test part is for validation."""
    budget_seconds: float


def search_job(job: Job) -> Job:
    """A job on the training examples alone, the newest fifth of them for validation.

    :raises FamiliarError: there are too few
    """
    if len(job.train) < FEWEST:
        raise FamiliarError(f"too few pairs to search on: {len(job.train)}; need {FEWEST}")
    older, newest = split_by_time(job.train, share=VALIDATION)
    config = replace(job.config, validation=0.0, checkpoint_minutes=job.config.budget_minutes)
    return replace(job, config=config, train=older, test=newest)


def candidates(config: TuneConfig, count: int) -> list[TuneConfig]:
    """The settings in force and others drawn at random from the grid, none twice."""
    grid = list(itertools.product(RATES, RANKS, EPOCHS))
    random.Random(config.seed).shuffle(grid)
    drawn = [replace(config, learning_rate=lr, rank=rank, epochs=epochs) for lr, rank, epochs in grid]
    return [config, *(other for other in drawn if other != config)][:count]


def search(
    plan: Search, run: RunTrial, *, clock: Clock, on_tried: Callable[[Tried], None] = lambda _: None
) -> list[Tried]:
    """Everything that was tried, best first: the highest rung, then the loss.

    Time is looked at between two trials, and one that would by the pace so far pass the budget is not begun.
    """
    began, tried, cost = clock(), list[Tried](), 0.0
    field = candidates(plan.job.config, MOST)
    for share in SHARES:
        examples = _newest(plan.job.train, share)
        rung: list[tuple[float, TuneConfig]] = []
        for config in field:
            expected = cost * len(examples) * config.epochs
            started = clock()
            if tried and started - began + expected > plan.budget_seconds:
                break
            loss = run(replace(plan.job, config=config, train=examples))
            cost = max(cost, (clock() - started) / (len(examples) * config.epochs))
            tried.append(Tried(config.learning_rate, config.rank, config.epochs, share, loss))
            on_tried(tried[-1])
            rung.append((loss, config))
        field = [config for _, config in sorted(rung, key=lambda item: item[0])][: max(1, len(rung) // 2)]
        if not field:
            break
    return sorted(tried, key=lambda item: (-item.share, item.loss))


def _newest(examples: Sequence[Example], share: float) -> tuple[Example, ...]:
    count = max(1, round(share * len(examples)))
    return tuple(examples[len(examples) - count :])
