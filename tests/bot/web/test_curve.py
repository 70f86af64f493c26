"""The picture of a training's losses: inside its frame, on round numbers, and none where there is nothing to draw."""

from __future__ import annotations

import pytest

from bot.web.curve import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, curve_of, scale
from tuning.curves import Point


def test_losses_lie_inside_the_frame() -> None:
    """The first step stands left, the last right, a higher loss higher; validations are dots with their figures."""
    points = [Point("training", step, 3.0 / step, 0.001) for step in range(1, 11)]
    points += [Point("validating", 5, 0.9), Point("validating", 10, 0.4)]
    drawn = curve_of(points)
    assert drawn is not None
    pairs = [tuple(float(part) for part in pair.split(",")) for pair in drawn.training.split()]
    assert len(pairs) == 10
    assert pairs[0][0] == LEFT
    assert pairs[-1][0] == WIDTH - RIGHT
    assert all(TOP <= y <= HEIGHT - BOTTOM for _, y in pairs)
    assert [y for _, y in pairs] == sorted(y for _, y in pairs)
    assert [(dot.step, dot.loss) for dot in drawn.dots] == [(5, 0.9), (10, 0.4)]
    assert [mark.text for mark in drawn.across] == ["1", "5", "10"]
    assert (drawn.first, drawn.last, drawn.steps) == (3.0, 0.3, 10)


def test_too_little_is_not_drawn() -> None:
    """One step, no step, or no figure that is finite."""
    assert curve_of([]) is None
    assert curve_of([Point("training", 1, 2.0)]) is None
    assert curve_of([Point("training", step, float("nan")) for step in range(5)]) is None
    assert curve_of([Point("training", 1, 2.0), Point("training", 2, 2.0)]) is not None


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.3, 1.9], [0.0, 0.5, 1.0, 1.5, 2.0]),
        ([1.0, 1.0], [1.0, 1.0025]),
        ([0.0, 0.0], [0.0, 0.00000025]),
        ([2.31, 2.34], [2.31, 2.32, 2.33, 2.34]),
    ],
)
def test_scales_are_round(values: list[float], ticks: list[float]) -> None:
    """Round steps that span the values, and two of them at least."""
    assert scale(values) == pytest.approx(ticks)
