"""What a message is about: multinomial logistic regression over the home's embeddings, with a calibrated confidence.

The embeddings are those of the home, so nothing else is loaded. Sentence embeddings of one model share a large common
part, which is taken off first (Arora et al. 2017, "A simple but tough-to-beat baseline"). The confidence is the
softmax's, divided by a temperature that is fitted on messages held out of the fit, by five folds (Guo et al. 2017,
"On calibration of modern neural networks"). A regression is sure of what is far from anything that it has seen, so a
message also has to be as near to an imported one as these are to each other. Fitted anew at each start: a few hundred
messages take a fraction of a second, and nothing derived lies on a disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.desk.deciding import Prediction
from memory.errors import FamiliarError

Floats = NDArray[np.float64]

FEWEST = 3
"""Messages of an intent from which on it is learned."""
_FOLDS = 5
_RIDGE = 0.003
_STEPS = 300
_TEMPERATURES = np.geomspace(0.05, 20.0, 121)
_STRANGER = 0.05
"""Share of the imported messages that lie farther from all others of their intent than what still counts as known."""
_MOST_COMPARED = 4000


@dataclass(frozen=True)
class IntentModel:
    """A fitted classifier."""

    intents: tuple[str, ...]
    weights: Floats
    """(d + 1, k), the intercept last."""
    middle: Floats
    """(d,): the common part of all embeddings."""
    temperature: float
    examples: Floats
    """(n, d): what it was fitted on, centred and of length one."""
    labels: NDArray[np.int64]
    least_near: float
    """Cosine to an example of its intent from which on a message counts as known."""

    def predict(self, vector: NDArray[np.float32]) -> Prediction:
        """The intent of a message by its embedding (d,)."""
        row = _centred(vector[None, :].astype(np.float64), self.middle)
        chances = _softmax(_logits(row, self.weights) / self.temperature)[0]
        best = int(chances.argmax())
        near = float((self.examples[self.labels == best] @ row[0]).max(initial=-1.0))
        return Prediction(self.intents[best], float(chances[best]), near >= self.least_near)


def fit_intents(vectors: NDArray[np.float32], intents: Sequence[str]) -> IntentModel | None:
    """A classifier of those intents that have enough messages; None where they are fewer than two.

    :param vectors: (n, d) embeddings of the messages
    """
    names = tuple(sorted({name for name in intents if intents.count(name) >= FEWEST}))
    if len(names) < 2:
        return None
    kept = np.array([place for place, name in enumerate(intents) if name in names])
    labels = np.array([names.index(intents[place]) for place in kept], np.int64)
    rows = vectors[kept].astype(np.float64)
    middle = rows.mean(axis=0)
    rows = _centred(rows, middle)
    return IntentModel(
        intents=names,
        weights=_fit(rows, labels, len(names)),
        middle=middle,
        temperature=_temperature(_held_out(rows, labels, len(names)), labels),
        examples=rows[:_MOST_COMPARED],
        labels=labels[:_MOST_COMPARED],
        least_near=_least_near(rows[:_MOST_COMPARED], labels[:_MOST_COMPARED]),
    )


def calibration_error(confidence: Sequence[float], right: Sequence[bool], *, bins: int = 10) -> float:
    """Expected calibration error: mean distance of confidence and accuracy over bins of equal width.

    :raises FamiliarError: there is nothing to measure
    """
    if not confidence:
        raise FamiliarError("there is no prediction whose calibration could be measured")
    sure, hit = np.array(confidence), np.array(right, float)
    places = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = [abs(float(sure[places == n].sum() - hit[places == n].sum())) for n in range(bins)]
    return sum(gaps) / len(sure)


def _centred(rows: Floats, middle: Floats) -> Floats:
    rows = rows - middle
    lengths: Floats = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-9))


def _logits(rows: Floats, weights: Floats) -> Floats:
    return np.asarray(rows @ weights[:-1] + weights[-1])


def _softmax(logits: Floats) -> Floats:
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(chances / chances.sum(axis=1, keepdims=True))


def _fit(rows: Floats, labels: NDArray[np.int64], count: int) -> Floats:
    """Weights (d + 1, k) at the least of the mean cross-entropy plus a ridge, by Nesterov's accelerated gradient.

    Rows have length one, so the loss is smooth with a constant of one half and the ridge, and the step is its inverse.
    """
    inputs = np.hstack([rows, np.ones((len(rows), 1))])
    truth = np.eye(count)[labels]
    weights = ahead = np.zeros((inputs.shape[1], count))
    step = 1.0 / (1.0 + _RIDGE)
    for turn in range(_STEPS):
        gradient = inputs.T @ (_softmax(inputs @ ahead) - truth) / len(rows) + _RIDGE * ahead
        after = ahead - step * gradient
        ahead = after + turn / (turn + 3.0) * (after - weights)
        weights = after
    return np.asarray(weights)


def _held_out(rows: Floats, labels: NDArray[np.int64], count: int) -> Floats:
    """The logits (n, k) of each message by a fit that has not seen it; folds hold of each intent about the same."""
    order = np.argsort(labels, kind="stable")
    fold = np.empty(len(labels), np.int64)
    fold[order] = np.arange(len(labels)) % _FOLDS
    logits = np.zeros((len(rows), count))
    for number in range(_FOLDS):
        out = fold == number
        logits[out] = _logits(rows[out], _fit(rows[~out], labels[~out], count))
    return logits


def _temperature(logits: Floats, labels: NDArray[np.int64]) -> float:
    """The temperature of the least negative log-likelihood, of a grid whose neighbours differ by a twentieth."""
    own = np.arange(len(labels))
    losses = [-float(np.log(_softmax(logits / by)[own, labels] + 1e-12).mean()) for by in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _least_near(rows: Floats, labels: NDArray[np.int64]) -> float:
    nearest = []
    for place, label in enumerate(labels):
        same = labels == label
        same[place] = False
        nearest.append(float((rows[same] @ rows[place]).max(initial=-1.0)))
    return float(np.quantile(nearest, _STRANGER))
