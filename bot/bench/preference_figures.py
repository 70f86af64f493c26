"""The figures of `bench preference`: shares over held-out pairs with intervals, and active less random choice."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.bench.rows import BenchRow

_DRAWS = 2000
_FIGURES = ("likelier", "rewarded")


@dataclass(frozen=True)
class Run:
    """One trained adapter, and for each held-out pair whether it was met (1, 0, or one half for a tie)."""

    name: str
    likelier: tuple[float, ...]
    """The chosen reply has the higher mean log-likelihood per token."""
    rewarded: tuple[float, ...]
    """The chosen reply gained more summed log-likelihood over the base."""
    seconds: float

    @property
    def arm(self) -> str:
        """Its name without the seed."""
        return self.name.rpartition(" seed ")[0]

    def of(self, figure: str) -> tuple[float, ...]:
        """One of its figures by name."""
        return self.likelier if figure == "likelier" else self.rewarded


def figures(runs: Sequence[Run]) -> list[BenchRow]:
    """Shares with 95 % intervals: pairs are drawn anew, all seeds of a pair together."""
    rows = []
    for arm in dict.fromkeys(run.arm for run in runs):
        mine = [run for run in runs if run.arm == arm]
        for figure in _FIGURES[:1] if arm.endswith(" base") else _FIGURES:
            means = _by_pair([run.of(figure) for run in mine])
            low, high = interval(means)
            unit = f"of {len(means)} pairs, {len(mine)} seeds (95 %: {low:.3f} to {high:.3f})"
            rows.append(BenchRow(f"preference {arm}, {figure}", sum(means) / len(means), None, unit))
    return [*rows, *_differences(runs)]


def _differences(runs: Sequence[Run]) -> Iterator[BenchRow]:
    """Active less random choice, over the seeds that both have."""
    held = {run.name: run for run in runs}
    names = {name: name.replace(" active ", " random ") for name in held if " active " in name}
    both = [(held[name], held[other]) for name, other in names.items() if other in held]
    for figure in _FIGURES if both else ():
        active = _by_pair([run.of(figure) for run, _ in both])
        chance = _by_pair([run.of(figure) for _, run in both])
        gaps = [one - two for one, two in zip(active, chance, strict=True)]
        low, high = interval(gaps)
        unit = f"of {len(gaps)} pairs, {len(both)} seeds (95 %: {low:+.3f} to {high:+.3f})"
        yield BenchRow(f"preference choice, active less random, {figure}", sum(gaps) / len(gaps), None, unit)


def _by_pair(runs: Sequence[Sequence[float]]) -> list[float]:
    return [sum(values) / len(values) for values in zip(*runs, strict=True)]


def interval(values: Sequence[float], *, seed: int = 0) -> tuple[float, float]:
    """The middle 95 % of the mean under drawing the values anew."""
    draw = random.Random(seed)
    means = sorted(sum(draw.choices(values, k=len(values))) / len(values) for _ in range(_DRAWS))
    return means[round(0.025 * _DRAWS)], means[round(0.975 * _DRAWS) - 1]
