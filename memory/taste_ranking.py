"""Which items come first, and why: score, recency, what was shown lately, variety. Pure.

What is preferred is a model's score where one may be used (`tuning.preference`), moved by what the user said since it
was trained; else how much nearer an item lies to what the user selected than to what they turned down. With few
opinions popularity counts instead, so that there is a list from the first item on. A reason names only items that the
user did select, and only where the item is nearer to them than most are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from memory.taste import Event, Item, selected

Floats = NDArray[np.float32]
Verb = Literal["liked", "bought", "wrote", "opened", "more"]

NEAREST = 3
"""Selected, and turned down, items to which an item's cosines are averaged: one odd like moves little."""
_DOUBT = 5.0
"""Opinions at which they weigh as much as popularity does (a pseudo-count)."""
_RECENCY, _SEEN = 0.15, 0.5
"""Weights beside a preference of 0..1: a new item's head start, and what being shown just now costs."""
_SEEN_DAYS = 3.0
"""After so long being shown costs half as much."""
_NAMED = 2
"""Items that a reason names."""


@dataclass(frozen=True)
class Signals:
    """What is known of n items that may be recommended."""

    preference: Floats
    """(n,) any scale; greater is better."""
    popularity: Floats
    """(n,) how many others selected each."""
    age_days: Floats
    """(n,) since it was added."""
    unseen_days: Floats
    """(n,) since it was last shown; infinite where it was not."""
    opinions: int
    """Items that the user has said something of."""


@dataclass(frozen=True)
class Reason:
    """Why an item is recommended."""

    verb: Verb | Literal["popular", "new"]
    titles: tuple[str, ...] = ()
    """Items that the user did this with."""
    count: int = 0
    """Of "popular": how many others selected it."""


def nearness(vectors: Floats, selected: Floats, rejected: Floats) -> Floats:
    """How much nearer (n,) items are to what was selected than to what was turned down.

    :param vectors: (n, d) of unit length, as are ``selected`` (s, d) and ``rejected`` (r, d); s and r may be 0
    """
    return _near(vectors, selected) - _near(vectors, rejected)


def _near(vectors: Floats, to: Floats) -> Floats:
    if not len(to):
        return np.zeros(len(vectors), np.float32)
    nearest = np.sort(vectors @ to.T, axis=1)[:, -NEAREST:]
    return np.asarray(nearest.mean(axis=1), np.float32)


def standard(scores: Floats) -> Floats:
    """Scores (n,) of mean 0 and deviation 1; all 0 where they are equal."""
    spread = float(scores.std()) if len(scores) else 0.0
    if spread < 1e-9:
        return np.zeros(len(scores), np.float32)
    return np.asarray((scores - scores.mean()) / spread, np.float32)


def moved(model: Floats, since: Floats, *, opinions: int) -> Floats:
    """A model's scores (n,) with the nearness to what was said since it was trained.

    :param opinions: items that something was said of since; with five both count alike, with many nearness twice
    """
    weight = 2 * opinions / (opinions + _DOUBT)
    return np.asarray(standard(model) + weight * standard(since), np.float32)


def scores(signals: Signals, *, half_life_days: float) -> Floats:
    """One score (n,) for each item.

    :param half_life_days: after which a new item's head start is half as long
    """
    sure = signals.opinions / (signals.opinions + _DOUBT)
    wanted = sure * _unit(signals.preference) + (1 - sure) * _unit(np.log1p(signals.popularity))
    recency = np.exp2(-signals.age_days / half_life_days)
    seen = np.exp2(-signals.unseen_days / _SEEN_DAYS)
    return np.asarray(wanted + _RECENCY * recency - _SEEN * seen, np.float32)


def _unit(values: Floats) -> Floats:
    spread = float(np.ptp(values)) if len(values) else 0.0
    return np.asarray((values - values.min()) / spread, np.float32) if spread > 1e-9 else np.zeros_like(values)


def varied(scores: Floats, vectors: Floats, *, k: int, variety: float) -> list[int]:
    """Places of the k items to show, best first, each unlike those before it.

    Maximal marginal relevance (Carbonell and Goldstein 1998, https://doi.org/10.1145/290941.291025) on scores and
    cosines, each brought to 0..1.

    :param variety: 0: by score alone; 1: by unlikeness alone
    """
    if not len(scores):
        return []
    likeness = vectors @ vectors.T
    likeness = _unit(likeness.ravel()).reshape(likeness.shape)
    wanted, chosen = (1 - variety) * _unit(scores), list[int]()
    left = np.ones(len(scores), np.bool_)
    while len(chosen) < min(k, len(scores)):
        alike = likeness[:, chosen].max(axis=1) if chosen else np.zeros(len(scores), np.float32)
        best = int(np.argmax(np.where(left, wanted - variety * alike, -np.inf)))
        chosen.append(best)
        left[best] = False
    return chosen


def verb_of(event: Event) -> Verb | None:
    """What a user did with an item that they selected, as a reason may say it; None where they did not select it."""
    if not selected(event):
        return None
    match event.action:
        case "bought" | "wrote" | "opened" | "more":
            return event.action
        case _:
            return "liked"


def reason(place: int, vectors: Floats, chosen: Sequence[tuple[str, Event]], chosen_vectors: Floats) -> Reason | None:
    """The nearest selected items, if this one is nearer to them than the candidates are on average.

    :param place: of the item among the candidates, whose vectors (n, d) are given
    :param chosen: titles of selected items with what the user did last, in the order of ``chosen_vectors`` (s, d)
    """
    if not chosen:
        return None
    cosines = vectors @ chosen_vectors.T
    gain = cosines[place] - cosines.mean(axis=0)
    order = sorted(range(len(chosen)), key=lambda at: -cosines[place][at])
    near = [at for at in order if gain[at] > 0]
    if not near:
        return None
    verb = verb_of(chosen[near[0]][1])
    same = [at for at in near[: 2 * _NAMED] if verb_of(chosen[at][1]) == verb]
    return Reason(verb or "liked", tuple(chosen[at][0] for at in same[:_NAMED]))


def signals_of(
    items: Sequence[Item], events: Sequence[Event], *, preference: Floats, popularity: Floats, now: datetime
) -> Signals:
    """The signals of items at a moment."""
    shown = {event.item: event.at for event in events if event.action == "shown"}
    ages = np.array([_days(item.added_at, now) for item in items], np.float32)
    unseen = np.array([_days(shown[item.id], now) if item.id in shown else np.inf for item in items], np.float32)
    said = {event.item for event in events if selected(event) is not None}
    return Signals(preference, popularity, ages, unseen, len(said))


def _days(at: str, now: datetime) -> float:
    return max(0.0, (now - datetime.fromisoformat(at)).total_seconds() / 86400)
