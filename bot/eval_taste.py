"""Recommendations measured on made users, whose taste is known because this module states it.

The model of taste. There are ten topics of ten words and two manners of four phrases. An item draws one topic, a
second one that gives it one word of four, a manner and a quality q ~ N(0, 0.5); its text is a template filled with
words of its topics and a phrase of its manner. A user u has an affinity a ~ N(0, 1.5) to each topic and m ~ N(0, 1.5)
to the second manner over the first; halfway through, the affinities to two topics are drawn anew. Items come in
random order, one an hour. The user selects one with probability sigmoid(a[first] + 0.3 a[second] + m [manner]
+ q - 0.2), and one answer in twenty is turned round. A third of the answers are ratings: 3 + 2 (2 p - 1) + N(0, 0.5),
cut to 1..5, where p is that probability. So topics can be told by embeddings, quality by what others choose, and
manner and change only by a model that learns.

Each user's newest part is held out, as the gate does it. Popularity counts what the others selected of all items,
which a home of one person can't know; forty more users are drawn for that, to whom nothing is recommended.
``implicit``, where it is installed, factorises all users' older choices by alternating least squares. The row "truth"
scores by p itself, which no ranker can better but by chance.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory.embedding import Embedder
from memory.taste_ranking import nearness
from tuning.config import TasteConfig
from tuning.preference import Choice, auc, interval, ndcg, recent_titles, split_by_time

Floats = NDArray[np.float64]

_TOPICS = tuple(
    tuple(words.split(", "))
    for words in (
        "sailing, harbour, tide, mast, ferry, anchor, reef, lighthouse, dinghy, current",
        "sourdough, yeast, crust, oven, flour, rye, bakery, dough, brioche, kneading",
        "chess, gambit, endgame, opening, pawn, tactics, rook, tournament, checkmate, clock",
        "tomatoes, compost, pruning, seedlings, orchard, soil, roses, greenhouse, mulch, bulbs",
        "telescope, nebula, orbit, comet, galaxy, eclipse, planet, satellite, star charts, meteor",
        "violin, quartet, sonata, orchestra, conductor, cello, rehearsal, score, opera, soloist",
        "marathon, training plan, hill sprints, pacing, blisters, trail, stretching, cadence, race, heart rate",
        "Rust, compiler, garbage collector, pointer, thread, parser, debugger, cache, kernel, type system",
        "mortgage, index fund, inflation, pension, dividend, budget, savings rate, bond, tax, interest",
        "castle, medieval siege, knight, monastery, crusade, parchment, plague, guild, dynasty, feudal law",
    )
)
_MANNERS = (
    ("a gentle first introduction", "told as a story", "ten easy tips", "a short and cheerful tour"),
    ("an exhaustive reference", "with all proofs and tables", "a critical survey of sources", "a rigorous treatise"),
)
_TEMPLATES = (
    "{a} and {b}: {phrase}, with a chapter on {c} and {d}",
    "{phrase} of {a}, from {b} to {c}, and what {d} has to do with it",
    "What {a} teaches about {b}; {phrase} for whoever cares for {c} and {d}",
)
_FLIPPED, _RATED = 0.05, 1 / 3
OTHERS = 40
"""Users who are there to make items popular."""
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class MadeItem:
    """An item and what it was made from."""

    text: str
    topics: tuple[int, int]
    manner: int
    quality: float


@dataclass(frozen=True)
class MadeData:
    """Items, and each user's choices among them, oldest first."""

    items: tuple[MadeItem, ...]
    users: tuple[tuple[Choice, ...], ...]
    truth: tuple[tuple[float, ...], ...]
    """The probability with which each choice would select its item, but for what is turned round."""


@dataclass(frozen=True)
class TasteFigures:
    """Means over users on their held-out items, with 95 % bootstrap intervals over users."""

    ranker: str
    users: int
    auc: float
    auc_low: float
    auc_high: float
    ndcg: float
    ndcg_low: float
    ndcg_high: float

    def line(self) -> str:
        """For a person."""
        return (
            f"{self.ranker:12} AUC {self.auc:.3f} [{self.auc_low:.3f}, {self.auc_high:.3f}]"
            f"  NDCG@10 {self.ndcg:.3f} [{self.ndcg_low:.3f}, {self.ndcg_high:.3f}]  ({self.users} users)"
        )


Scorer = Callable[[int, Sequence[Choice], Sequence[Choice]], Floats]
"""Scores of a user's held-out choices, by the user's number and their older choices."""


def made_data(*, users: int, choices: int, items: int, recent: int, seed: int = 0) -> MadeData:
    """Draw items and choices as the module describes it."""
    drawn = random.Random(seed)
    made = tuple(_item(drawn) for _ in range(items))
    chosen = [_choices(drawn, made, choices, recent) for _ in range(users)]
    return MadeData(made, tuple(found for found, _ in chosen), tuple(truth for _, truth in chosen))


def _item(drawn: random.Random) -> MadeItem:
    first, second = drawn.sample(range(len(_TOPICS)), 2)
    manner = drawn.randrange(2)
    a, b, c = drawn.sample(_TOPICS[first], 3)
    words = {"a": a, "b": b, "c": c, "d": drawn.choice(_TOPICS[second])}
    text = drawn.choice(_TEMPLATES).format(**words, phrase=drawn.choice(_MANNERS[manner]))
    return MadeItem(text, (first, second), manner, drawn.gauss(0, 0.5))


def _choices(
    drawn: random.Random, items: Sequence[MadeItem], count: int, recent: int
) -> tuple[tuple[Choice, ...], tuple[float, ...]]:
    affinity = [drawn.gauss(0, 1.5) for _ in _TOPICS]
    manner = drawn.gauss(0, 1.5)
    found, chosen, truth = list[Choice](), list[str](), list[float]()
    for number, place in enumerate(drawn.sample(range(len(items)), count)):
        if number == count // 2:
            for topic in drawn.sample(range(len(_TOPICS)), 2):
                affinity[topic] = drawn.gauss(0, 1.5)
        item = items[place]
        wish = affinity[item.topics[0]] + 0.3 * affinity[item.topics[1]] + manner * item.manner
        likely = float(1 / (1 + np.exp(-(wish + item.quality - 0.2))))
        truth.append(likely)
        selected = (drawn.random() < likely) != (drawn.random() < _FLIPPED)
        rating = min(5.0, max(1.0, 3 + 2 * (2 * likely - 1) + drawn.gauss(0, 0.5))) if drawn.random() < _RATED else None
        at = (_BEGIN + timedelta(hours=number)).isoformat()
        found.append(Choice(place, item.text, recent_titles(chosen, recent), selected, rating, at))
        if selected:
            chosen.append(item.text)
    return tuple(found), tuple(truth)


def evaluate_taste(
    data: MadeData,
    embedder: Embedder,
    encoder: Path,
    config: TasteConfig,
    *,
    users: int,
    note: Callable[[str], None] = lambda _: None,
) -> list[TasteFigures]:
    """Every ranker on the same held-out choices, popularity first.

    :param users: the first so many are recommended to
    :raises FamiliarError: the encoder can't be loaded
    """
    parts = [split_by_time(user, share=config.held_out) for user in data.users]
    vectors = embedder.embed_passages([item.text for item in data.items])
    scorers: dict[str, Scorer] = {
        "popularity": popularity_scorer([train for train, _ in parts]),
        "embeddings": embedding_scorer(vectors),
        "model": model_scorer(encoder, config, note=note),
        "truth": lambda user, _train, test: np.array(data.truth[user][-len(test) :]),
    }
    factors = implicit_scorer([train for train, _ in parts], len(data.items))
    if factors is not None:
        scorers["implicit"] = factors
    return [_figures(name, scorer, parts[:users]) for name, scorer in scorers.items()]


def popularity_scorer(trains: Sequence[Sequence[Choice]]) -> Scorer:
    """How many others selected an item among their older choices."""

    def score(user: int, train: Sequence[Choice], test: Sequence[Choice]) -> Floats:
        del train
        others = [
            choice.item for number, part in enumerate(trains) if number != user for choice in part if choice.selected
        ]
        return np.array([others.count(choice.item) for choice in test], np.float64)

    return score


def embedding_scorer(vectors: NDArray[np.float32]) -> Scorer:
    """Nearness to what was selected over what was turned down, as lists without a model have it."""

    def score(user: int, train: Sequence[Choice], test: Sequence[Choice]) -> Floats:
        del user
        good = vectors[[choice.item for choice in train if choice.selected]]
        bad = vectors[[choice.item for choice in train if not choice.selected]]
        return nearness(vectors[[choice.item for choice in test]], good, bad).astype(np.float64)

    return score


def model_scorer(encoder: Path, config: TasteConfig, *, note: Callable[[str], None]) -> Scorer:
    """A model of each user's own older choices, trained as `familiar items train` does."""

    def score(user: int, train: Sequence[Choice], test: Sequence[Choice]) -> Floats:
        from tuning.preference_model import fit, open_learner
        from tuning.preference_model import score as score_items

        learner = open_learner(encoder, config)
        fitted = fit(learner, train, config, lambda _: None)
        note(f"user {user + 1}: {fitted.steps} steps, the best after {fitted.best_step}")
        found = score_items(learner, test, rated=sum(choice.rating is not None for choice in train))
        return np.array(found.scores, np.float64)

    return score


def implicit_scorer(trains: Sequence[Sequence[Choice]], items: int) -> Scorer | None:
    """Alternating least squares over all users; None where ``implicit`` is not installed."""
    try:
        from implicit.als import AlternatingLeastSquares
    except ImportError:
        return None
    from scipy.sparse import csr_matrix

    rows, columns = zip(
        *((user, choice.item) for user, part in enumerate(trains) for choice in part if choice.selected), strict=True
    )
    table = csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(len(trains), items))
    model: Any = AlternatingLeastSquares(factors=16, random_state=0)
    model.fit(table, show_progress=False)

    def score(user: int, train: Sequence[Choice], test: Sequence[Choice]) -> Floats:
        del train
        found = model.item_factors[[choice.item for choice in test]] @ model.user_factors[user]
        return np.asarray(found, np.float64)

    return score


def _figures(name: str, scorer: Scorer, parts: Sequence[tuple[Sequence[Choice], Sequence[Choice]]]) -> TasteFigures:
    aucs, gains = [], []
    for user, (train, test) in enumerate(parts):
        labels, scores = np.array([float(bool(choice.selected)) for choice in test]), scorer(user, train, test)
        aucs.append(auc(labels, scores))
        gains.append(ndcg(labels, scores))
    return TasteFigures(
        name,
        len(parts),
        float(np.mean(aucs)),
        *interval(np.array(aucs)),
        float(np.mean(gains)),
        *interval(np.array(gains)),
    )
