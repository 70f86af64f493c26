"""What users think of the replies of each adapter, and when that takes one out of service.

A corrected reply counts as one found bad. An adapter is compared with what answered before it, which is what would
answer again, and only by turns that a model wrote: what the program quotes or says by itself is nobody's merit. The
decision is pure and is taken in the transaction that stores the vote.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, exp, lgamma, log
from typing import Literal

from memory.records import Feedback
from memory.store import Store
from memory.turns import give_feedback
from tuning.adapters import Adapter, Registry
from tuning.config import VotesConfig

EVEN = 0.5
"""The share of bad replies that is too much where there is nothing to compare with."""


@dataclass(frozen=True)
class Votes:
    """Counted judgements; each judged reply is in one of the three."""

    up: int = 0
    down: int = 0
    """Found bad, and not corrected."""
    corrected: int = 0

    @property
    def bad(self) -> int:
        """Replies that were found bad."""
        return self.down + self.corrected

    @property
    def all(self) -> int:
        """Judged replies."""
        return self.up + self.bad

    def text(self) -> str:
        """For a person, in figures alone."""
        return f"+{self.up} -{self.down} ✎{self.corrected}"


@dataclass(frozen=True)
class Verdict:
    """Whether the votes take an adapter out of service, and why or why not in words."""

    worse: bool
    probability: float
    sentence: str
    """In figures alone: no text of the user."""


@dataclass(frozen=True)
class RolledBack:
    """An adapter that the votes took out of service."""

    user_id: int
    adapter: str
    now: str | None
    """The one that answers instead; None: the base model."""
    votes: Votes
    """On its replies."""
    before: Votes
    """On those of what answered before it."""


def judge_votes(live: Votes, before: Votes, config: VotesConfig) -> Verdict:
    """Whether the live adapter's replies are found bad more often than those of what answered before it.

    Each share of bad replies has the posterior Beta(1 + bad, 1 + good), from a uniform prior. With fewer votes on what
    answered before than on the adapter are needed, the share is compared with one half.
    """
    if live.all < config.min_votes:
        return Verdict(False, 0.0, f"{live.all} votes; {config.min_votes} are needed ([votes] min_votes)")
    if before.all < config.min_votes:
        probability = chance_above_even(live)
        compared = "half of them"
    else:
        probability = chance_worse(live, before)
        compared = f"{before.bad} of {before.all} before it"
    sentence = (
        f"{live.bad} of {live.all} judged replies were found bad, against {compared}: worse with probability"
        f" {probability:.3f} (limit {config.probability:g})"
    )
    return Verdict(probability > config.probability, probability, sentence)


def chance_worse(live: Votes, before: Votes) -> float:
    """Posterior probability that the first share of bad replies is the greater one.

    Source: E. Miller, Formulas for Bayesian A/B Testing (https://www.evanmiller.org/bayesian-ab-testing.html), the
    closed form for whole parameters.
    """
    a1, b1 = 1 + live.bad, 1 + live.up
    a0, b0 = 1 + before.bad, 1 + before.up
    terms = (
        exp(_log_beta(a0 + i, b0 + b1) - log(b1 + i) - _log_beta(1 + i, b1) - _log_beta(a0, b0)) for i in range(a1)
    )
    return min(1.0, sum(terms))


def chance_above_even(live: Votes) -> float:
    """Posterior probability that more than half of the replies are bad: a sum of the binomial distribution."""
    draws = live.all + 1
    return float(sum(comb(draws, good) for good in range(live.bad + 1)) / 2**draws)


def _log_beta(a: int, b: int) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def votes_of(store: Store, *, user_id: int, adapter: str | None, since: str = "", until: str = "~") -> Votes:
    """Votes on replies of an adapter, or of the base model where that is None.

    :param since: moment (ISO 8601, UTC) of the first turn that counts; ``until`` of the last
    """
    row = store.rows(
        "SELECT count(*) FILTER (WHERE f.correction IS NOT NULL) AS corrected,"
        " count(*) FILTER (WHERE f.correction IS NULL AND f.vote = 'down') AS down,"
        " count(*) FILTER (WHERE f.correction IS NULL AND f.vote = 'up') AS up"
        " FROM feedback f JOIN turns t ON t.id = f.turn_id WHERE t.user_id = ? AND t.adapter IS ?"
        " AND t.generated <> '' AND t.asked_at BETWEEN ? AND ?",
        (user_id, adapter, since, until),
    )[0]
    return Votes(row["up"], row["down"], row["corrected"])


@dataclass(frozen=True)
class Compared:
    """The votes on an adapter and on the base model in the same time."""

    adapter: Votes
    base: Votes


def compared(store: Store, adapter: Adapter) -> Compared:
    """All votes on an adapter, and those on the base model between its first reply and its last (or now)."""
    user_id = adapter.user_id
    row = store.rows(
        "SELECT min(asked_at) AS first, max(asked_at) AS last FROM turns WHERE user_id = ? AND adapter = ?",
        (user_id, adapter.id),
    )[0]
    own = votes_of(store, user_id=user_id, adapter=adapter.id)
    if row["first"] is None:
        return Compared(own, Votes())
    last = "~" if adapter.status == "live" else row["last"]
    return Compared(own, votes_of(store, user_id=user_id, adapter=None, since=row["first"], until=last))


def rivals(registry: Registry, adapter: Adapter) -> tuple[Votes, Votes]:
    """Votes on a live adapter, and on what would answer in its place.

    After it was promoted by hand, only what it has said since counts: its user knew the votes before.
    """
    store, user_id = registry.store, adapter.user_id
    before = registry.before(adapter)
    own = votes_of(store, user_id=user_id, adapter=adapter.id, since=adapter.live_at or "")
    return own, votes_of(store, user_id=user_id, adapter=before.id if before else None)


def roll_back_if_worse(registry: Registry, *, user_id: int, config: VotesConfig) -> RolledBack | None:
    """Let the one before answer again where the votes on the live adapter say so; call it after each vote."""
    with registry.store.transaction():
        adapter = registry.live(user_id) if config.rollback else None
        if adapter is None:
            return None
        votes, before = rivals(registry, adapter)
        verdict = judge_votes(votes, before, config)
        if not verdict.worse:
            return None
        now = registry.rollback(user_id=user_id, reason=verdict.sentence)
    return RolledBack(user_id, adapter.id, now.id if now else None, votes, before)


@dataclass(frozen=True)
class Judged:
    """A stored judgement and what followed from it."""

    feedback: Feedback
    rolled_back: RolledBack | None


def judge_turn(
    registry: Registry,
    turn_id: int,
    *,
    user_id: int,
    config: VotesConfig,
    vote: Literal["up", "down"] | None = None,
    correction: str | None = None,
) -> Judged:
    """Store a vote or a corrected text, and let it count at once: both or neither.

    :raises FamiliarError: the user has no turn of that id, or the correction is empty
    """
    with registry.store.transaction():
        given = give_feedback(registry.store, turn_id, user_id=user_id, vote=vote, correction=correction)
        return Judged(given, roll_back_if_worse(registry, user_id=user_id, config=config))
