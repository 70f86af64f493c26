"""How often votes take a good adapter out of service, and how soon a bad one: the rule itself, on drawn votes.

The limits are what the defaults of [votes] were chosen by: a good adapter should stay, and one whose replies are found
bad four or five times as often should go within sixty votes.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from bot.bench.rows import BenchRow
from tuning.config import VotesConfig
from tuning.votes import Votes, judge_votes

VOTES = 60
"""Votes on the adapter after which a run ends."""
RUNS = 400
KEPT, CAUGHT = 0.1, 0.8
"""Most good adapters that may go, fewest bad ones that must; for figures within these the runs say no more."""


@dataclass(frozen=True)
class Case:
    """True shares of bad replies, and the votes that there are on what answered before."""

    before: float
    live: float
    votes_before: int


@dataclass(frozen=True)
class Simulated:
    """What came of drawn votes."""

    rolled_back: float
    """Share of the runs."""
    votes: float | None
    """Median number of votes after which it was; None where it never was."""


_SHARES = ((0.1, 0.1), (0.2, 0.2), (0.3, 0.3), (0.1, 0.3), (0.1, 0.5), (0.2, 0.6), (0.3, 0.6))
CASES = (
    *(Case(before, live, votes) for votes in (10, 20, 40) for before, live in _SHARES),
    *(Case(0.5, live, 0) for live in (0.3, 0.5, 0.8)),
)


def simulate(case: Case, config: VotesConfig, *, runs: int = RUNS, seed: int = 0) -> Simulated:
    """Judge after each drawn vote, as the program does, until the adapter goes or the votes end."""
    rng = random.Random(f"{seed}:{case}")
    ends = [_one(case, config, rng) for _ in range(runs)]
    gone = [end for end in ends if end is not None]
    return Simulated(len(gone) / runs, statistics.median(gone) if gone else None)


def _one(case: Case, config: VotesConfig, rng: random.Random) -> int | None:
    bad_before = sum(rng.random() < case.before for _ in range(case.votes_before))
    before = Votes(up=case.votes_before - bad_before, down=bad_before)
    bad = 0
    for count in range(1, VOTES + 1):
        bad += rng.random() < case.live
        if judge_votes(Votes(up=count - bad, down=bad), before, config).worse:
            return count
    return None


def bench_rollback(config: VotesConfig) -> Iterator[BenchRow]:
    """Share of runs in which the adapter was rolled back within the votes; the median of the votes that it took."""
    for case in CASES:
        found = simulate(case, config)
        known = f"{case.before:.0%} bad before ({case.votes_before} votes)"
        against = known if case.votes_before else "no votes before"
        name = f"{case.live:.0%} bad against {against}: rolled back within {VOTES} votes"
        good = case.live <= case.before
        clear = case.votes_before >= 20 and case.live - case.before > 0.35
        limit = KEPT if good and case.votes_before else CAUGHT if clear else None
        yield BenchRow(name, found.rolled_back, limit, "of runs", "at most" if good else "at least")
        if found.votes is not None and not good:
            yield BenchRow(f"{name}, median", found.votes, None, "votes")
