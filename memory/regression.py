"""The two convex fits behind ``ranking.json``, in numpy alone: both take a few Newton steps.

Listwise softmax likelihood: the chance of a candidate is its exponentiated score over the sum of all candidates'
(ListNet's top-one probability, Cao et al. 2007); what is maximised is the mean log chance of the evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class RankedList:
    """One question: features (m, f) of its candidates, which of them are right (at least one), and its share."""

    features: Doubles
    right: NDArray[np.bool_]
    share: float


def fit_listwise(lists: Sequence[RankedList], *, ridge: float) -> Doubles:
    """Weights (f,) that maximise the mean log-softmax of the right candidates, less ``ridge`` times their square."""
    size = lists[0].features.shape[1]
    weights = np.zeros(size)
    loss, gradient, curvature = _listwise(lists, weights, ridge)
    for _ in range(100):
        step = np.linalg.solve(curvature, gradient)
        length = 1.0
        while (tried := _listwise(lists, weights - length * step, ridge))[0] > loss and length > 1e-6:
            length /= 2.0
        weights = weights - length * step
        loss, gradient, curvature = tried
        if float(np.abs(length * step).max()) < 1e-6:
            break
    return weights


def _listwise(lists: Sequence[RankedList], weights: Doubles, ridge: float) -> tuple[float, Doubles, Doubles]:
    """Loss, gradient and curvature at some weights."""
    loss = 0.5 * ridge * float(weights @ weights)
    gradient, curvature = ridge * weights, ridge * np.eye(len(weights))
    for item in lists:
        logits = item.features @ weights
        logits = logits - logits.max()
        chances = np.exp(logits)
        total = chances.sum()
        chances = chances / total
        mean = chances @ item.features
        loss -= item.share * float(logits[item.right].mean() - np.log(total))
        gradient = gradient - item.share * (item.features[item.right].mean(axis=0) - mean)
        curvature = curvature + item.share * (
            (item.features * chances[:, None]).T @ item.features - np.outer(mean, mean)
        )
    return loss, gradient, curvature


def fit_logistic(rows: Doubles, labels: Doubles, shares: Doubles, *, ridge: float = 1e-3) -> Doubles:
    """Coefficients (f + 1,), the intercept last, of a logistic regression with weighted rows (n, f).

    The ridge applies to features brought to unit variance, so that none is held back for its unit.
    """
    middle, spread = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-9)
    inputs = np.hstack([(rows - middle) / spread, np.ones((len(rows), 1))])
    weights = np.zeros(inputs.shape[1])
    penalty = ridge * np.eye(len(weights))
    penalty[-1, -1] = 1e-9
    for _ in range(60):
        chances = 1.0 / (1.0 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        gradient = inputs.T @ (shares * (chances - labels)) + penalty @ weights
        curvature = (inputs * (shares * chances * (1 - chances))[:, None]).T @ inputs + penalty
        step = np.linalg.solve(curvature, gradient)
        weights = weights - step
        if float(np.abs(step).max()) < 1e-8:
            break
    slopes = weights[:-1] / spread
    return np.append(slopes, weights[-1] - slopes @ middle)
