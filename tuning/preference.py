"""What a user chose and turned down as examples of their taste, and whether a model of it is good enough to rank.

Each item is one example: what was said of it last, with the items selected before. The newest are held out, as the
model is to rank what comes after. It is used only if it orders these better than popularity and plain embeddings do.
Pure; `tuning.preference_model` learns, `tuning.preference_job` runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory.taste import Event, Item, selected
from memory.taste_ranking import nearness
from tuning.config import TasteConfig
from tuning.gate import Check

Floats = NDArray[np.float64]

_DRAWS = 1000
_FEWEST = 5
"""Held-out items of each kind; of fewer an order says nothing."""


@dataclass(frozen=True)
class Choice:
    """One example: an item, what the user had selected before, and what they said of it."""

    item: int
    text: str
    """What is known of the item."""
    recent: tuple[str, ...]
    """Titles of the items selected last before it, newest first."""
    selected: bool | None
    """None: rated in between, which only the rating head learns."""
    rating: float | None
    """1 to 5."""
    at: str

    @property
    def turn_ids(self) -> tuple[int, ...]:
        """Items rest on no turn."""
        return ()

    @property
    def document_ids(self) -> tuple[int, ...]:
        """The item; those in ``recent`` are examples themselves."""
        return (self.item,)


def text_of(item: Item) -> str:
    """An item as a model reads it."""
    return item.text if item.text.startswith(item.title) else f"{item.title}\n{item.text}"


def recent_titles(chosen: Sequence[str], most: int) -> tuple[str, ...]:
    """The titles selected last, newest first."""
    return tuple(reversed(chosen[-most:])) if most else ()


def choices_of(items: Sequence[Item], events: Sequence[Event], *, recent: int) -> tuple[Choice, ...]:
    """The examples, oldest first.

    :param events: oldest first
    """
    known, chosen = {item.id: item for item in items}, list[str]()
    telling = [event for event in events if event.item in known and (_says(event))]
    last = {event.item: event for event in telling}
    found = []
    for event in sorted(last.values(), key=lambda event: event.at):
        item, wanted = known[event.item], selected(event)
        found.append(Choice(item.id, text_of(item), recent_titles(chosen, recent), wanted, event.rating, event.at))
        if wanted:
            chosen.append(item.title)
    return tuple(found)


def _says(event: Event) -> bool:
    return selected(event) is not None or event.rating is not None


def split_by_time(choices: Sequence[Choice], *, share: float) -> tuple[tuple[Choice, ...], tuple[Choice, ...]]:
    """Older and newest choices."""
    cut = len(choices) - round(share * len(choices))
    return tuple(choices[:cut]), tuple(choices[cut:])


# -- figures


def auc(labels: Floats, scores: Floats) -> float:
    """How often a selected item is scored above one that was turned down, ties counting half; 0.5 without both."""
    good, bad = scores[labels > 0.5], scores[labels <= 0.5]
    if not len(good) or not len(bad):
        return 0.5
    bad = np.sort(bad)
    below, up_to = np.searchsorted(bad, good, side="left"), np.searchsorted(bad, good, side="right")
    return float((below + up_to).mean() / 2 / len(bad))


def ndcg(labels: Floats, scores: Floats, *, k: int = 10) -> float:
    """Normalised discounted cumulative gain of the first k, the mean over all orders of equal scores; 0 without gain.

    Järvelin and Kekäläinen 2002 (https://doi.org/10.1145/582415.582418), gain 1 for a selected item; ties as McSherry
    and Najork 2008 average them.
    """
    discounts = np.where(np.arange(len(labels)) < k, 1 / np.log2(np.arange(2, len(labels) + 2)), 0.0)
    best = float((np.sort(labels)[::-1] * discounts).sum())
    if best == 0.0:
        return 0.0
    order = np.argsort(-scores, kind="stable")
    _, group = np.unique(-scores[order], return_inverse=True)
    means = np.bincount(group, weights=labels[order]) / np.bincount(group)
    return float((means[group] * discounts).sum()) / best


def accuracy(labels: Floats, probabilities: Floats) -> float:
    """Share of items whose probability is on the right side of a half."""
    return float(((probabilities > 0.5) == (labels > 0.5)).mean())


def interval(values: Floats, *, seed: int = 0) -> tuple[float, float]:
    """The 95 % bootstrap interval of a mean: the values (n,) drawn anew a thousand times (percentiles)."""
    draws = np.random.default_rng(seed).integers(0, len(values), (_DRAWS, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def chance_better(labels: Floats, scores: Floats, others: Floats, *, seed: int = 0) -> float:
    """Share of bootstrap draws of the items in which the AUC of ``scores`` is above that of ``others``."""
    draws = np.random.default_rng(seed).integers(0, len(labels), (_DRAWS, len(labels)))
    wins = [_sign(auc(labels[draw], scores[draw]) - auc(labels[draw], others[draw])) for draw in draws]
    return float(np.mean(wins))


def _sign(difference: float) -> float:
    return 0.5 if abs(difference) < 1e-12 else float(difference > 0)


# -- the gate


@dataclass(frozen=True)
class Baselines:
    """What ranks the held-out items without a model."""

    popularity: Floats
    """(n,) how many others selected each."""
    nearness: Floats
    """(n,) by plain embeddings, from what was known before these items."""


def baselines(
    train: Sequence[Choice],
    test: Sequence[Choice],
    vectors: Callable[[Sequence[int]], NDArray[np.float32]],
    popular: Floats,
) -> Baselines:
    """Popularity and nearness of held-out items.

    :param vectors: gives the vectors (n, d) of items by their numbers
    :param popular: (n,) of the held-out items
    """
    good = vectors([choice.item for choice in train if choice.selected])
    bad = vectors([choice.item for choice in train if choice.selected is False])
    near = nearness(vectors([choice.item for choice in test]), good, bad)
    return Baselines(popular, near.astype(np.float64))


def judge_preference(test: Sequence[Choice], scores: Floats, base: Baselines, config: TasteConfig) -> tuple[Check, ...]:
    """Whether a model may rank: it must order the held-out items better than both baselines.

    :param scores: the model's (n,) of ``test``
    """
    judged = np.array([choice.selected is not None for choice in test], np.bool_)
    labels = np.array([bool(choice.selected) for choice in test], np.float64)[judged]
    fewest = int(min((labels > 0.5).sum(), (labels <= 0.5).sum()))
    checks = [
        Check(
            "held out",
            fewest,
            _FEWEST,
            fewest >= _FEWEST,
            f"{len(labels)} newest items are held out, {fewest} of the rarer kind (at least {_FEWEST})",
        )
    ]
    for name, others in (("popularity", base.popularity), ("embeddings", base.nearness)):
        chance = chance_better(labels, scores[judged], others[judged], seed=config.seed)
        sentence = (
            f"AUC {auc(labels, scores[judged]):.3f} against {auc(labels, others[judged]):.3f} by {name}: better in"
            f" {chance:.0%} of draws (at least {config.probability:.0%})"
        )
        checks.append(Check(name, chance, config.probability, chance >= config.probability, sentence))
    return tuple(checks)
