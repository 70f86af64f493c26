"""What a message is about: multinomial logistic regression over the home's embeddings, with a calibrated confidence.

The embeddings are those of the home, so nothing else is loaded. Sentence embeddings of one model share a large common
part, which is taken off first (Arora et al. 2017, "A simple but tough-to-beat baseline"). The confidence is calibrated
on what the fit has not seen, by five folds: a temperature (Guo et al. 2017, "On calibration of modern neural
networks"), then Platt's logistic over that confidence and the nearness to a known question. Messages about something
else altogether take part in that as wrong ones, because a regression is sure of what is far from all it has seen.
Fitted anew at each start: a few hundred messages take a fraction of a second, and nothing derived lies on a disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.desk.deciding import Prediction
from memory.errors import FamiliarError
from memory.regression import fit_logistic

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

FEWEST = 3
"""Messages of an intent from which on it is learned."""
_FOLDS = 5
_RIDGE = 0.003
_STEPS = 300
_TEMPERATURES = np.geomspace(0.05, 20.0, 121)
_FOREIGN = 0.5
"""Messages about something else for each about an intent, when the confidence is calibrated: a third of all."""
_MOST_COMPARED = 4000


@dataclass(frozen=True)
class _Fitted:
    """A regression and what it was fitted on."""

    weights: Floats
    """(d + 1, k), the intercept last."""
    rows: Floats
    """(n, d)"""
    labels: Labels

    def evidence(self, rows: Floats, temperature: float) -> tuple[Labels, Floats]:
        """The best intent (m,) of rows, and (m, 2): log-odds of its chance, cosine to its nearest known question."""
        chances = _softmax(_logits(rows, self.weights) / temperature)
        best = chances.argmax(axis=1)
        sure = np.clip(chances.max(axis=1), 1e-6, 1 - 1e-6)
        near = np.where(self.labels[None, :] == best[:, None], rows @ self.rows.T, -1.0).max(axis=1)
        return best, np.stack([np.log(sure / (1 - sure)), near], axis=1)


@dataclass(frozen=True)
class IntentModel:
    """A fitted classifier."""

    intents: tuple[str, ...]
    middle: Floats
    """(d,): the common part of all embeddings."""
    fitted: _Fitted
    temperature: float
    platt: Floats
    """(3,): of log-odds, nearness, and the intercept."""

    def predict(self, vector: NDArray[np.float32]) -> Prediction:
        """The intent of a message by its embedding (d,)."""
        row = _centred(vector[None, :].astype(np.float64), self.middle)
        best, evidence = self.fitted.evidence(row, self.temperature)
        return Prediction(self.intents[int(best[0])], float(_chance(evidence, self.platt)[0]))


def fit_intents(
    vectors: NDArray[np.float32], intents: Sequence[str], *, foreign: NDArray[np.float32]
) -> IntentModel | None:
    """A classifier of those intents that have enough messages; None where they are fewer than two.

    :param vectors: (n, d) embeddings of the messages
    :param foreign: (m, d) of messages about something else
    """
    names = tuple(sorted({name for name in intents if intents.count(name) >= FEWEST}))
    if len(names) < 2:
        return None
    kept = np.array([place for place, name in enumerate(intents) if name in names])[-_MOST_COMPARED:]
    labels = np.array([names.index(intents[place]) for place in kept], np.int64)
    rows = vectors[kept].astype(np.float64)
    middle = rows.mean(axis=0)
    rows = _centred(rows, middle)
    fitted = _Fitted(_fit(rows, labels, len(names)), rows, labels)
    folds = _folds(rows, labels, len(names))
    logits = np.zeros((len(rows), len(names)))
    for out, fold in folds:
        logits[out] = _logits(rows[out], fold.weights)
    temperature = _temperature(logits, labels)
    others = fitted.evidence(_centred(foreign.astype(np.float64), middle), temperature)[1]
    platt = _platt(folds, rows, labels, temperature, others)
    return IntentModel(names, middle, fitted, temperature, platt)


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


def _fit(rows: Floats, labels: Labels, count: int) -> Floats:
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


def _folds(rows: Floats, labels: Labels, count: int) -> list[tuple[NDArray[np.bool_], _Fitted]]:
    """Regressions, each with the messages that it has not seen; folds hold of each intent about the same."""
    order = np.argsort(labels, kind="stable")
    fold = np.empty(len(labels), np.int64)
    fold[order] = np.arange(len(labels)) % _FOLDS
    found = []
    for number in range(_FOLDS):
        out = fold == number
        kept = rows[~out], labels[~out]
        found.append((out, _Fitted(_fit(*kept, count), *kept)))
    return found


def _temperature(logits: Floats, labels: Labels) -> float:
    """The temperature of the least negative log-likelihood, of a grid whose neighbours differ by a twentieth."""
    own = np.arange(len(labels))
    losses = [-float(np.log(_softmax(logits / by)[own, labels] + 1e-12).mean()) for by in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _platt(
    folds: Sequence[tuple[NDArray[np.bool_], _Fitted]], rows: Floats, labels: Labels, temperature: float, others: Floats
) -> Floats:
    """Coefficients (3,) of the chance that the intent is right, given the evidence."""
    evidence, right = np.zeros((len(rows), 2)), np.zeros(len(rows))
    for out, fold in folds:
        best, evidence[out] = fold.evidence(rows[out], temperature)
        right[out] = best == labels[out]
    shares = np.concatenate([np.full(len(rows), 1.0 / len(rows)), np.full(len(others), _FOREIGN / max(1, len(others)))])
    truth = np.concatenate([right, np.zeros(len(others))])
    return fit_logistic(np.vstack([evidence, others]), truth, shares / shares.sum())


def _chance(evidence: Floats, platt: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-(evidence @ platt[:-1] + platt[-1]))))
