"""A training's losses as one SVG without a library: points in, coordinates out; the template draws them.

Losses have a scale from the least to the greatest, with room; the picture has a viewBox, so that it is as wide as its
column on any screen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tuning.curves import Point

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 12, 28


@dataclass(frozen=True)
class Mark:
    """A line of the scale: where it is, and what stands at it."""

    at: float
    text: str


@dataclass(frozen=True)
class Dot:
    """A validation."""

    x: float
    y: float
    step: int
    loss: float


@dataclass(frozen=True)
class Curve:
    """Everything that the template draws."""

    training: str
    """The points of a polyline."""
    validation: str
    dots: tuple[Dot, ...]
    across: tuple[Mark, ...]
    up: tuple[Mark, ...]
    first: float
    """Training loss at the first step."""
    last: float
    steps: int


def curve_of(points: Sequence[Point]) -> Curve | None:
    """The curve of a run; None where there is too little to draw one."""
    points = [point for point in points if math.isfinite(point.loss)]
    training = [point for point in points if point.kind == "training"]
    checks = [point for point in points if point.kind == "validating"]
    if len(training) < 2:
        return None
    steps = max(point.step for point in points)
    ticks = scale([point.loss for point in points])
    low, high = ticks[0], ticks[-1]

    def x(step: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (step - 1) / max(1, steps - 1), 1)

    def y(loss: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (high - loss) / (high - low), 1)

    return Curve(
        training=" ".join(f"{x(point.step)},{y(point.loss)}" for point in training),
        validation=" ".join(f"{x(point.step)},{y(point.loss)}" for point in checks),
        dots=tuple(Dot(x(point.step), y(point.loss), point.step, point.loss) for point in checks),
        across=tuple(Mark(x(step), str(step)) for step in sorted({1, (1 + steps) // 2, steps})),
        up=tuple(Mark(y(tick), f"{tick:g}") for tick in ticks),
        first=training[0].loss,
        last=training[-1].loss,
        steps=steps,
    )


def scale(values: Sequence[float]) -> list[float]:
    """Four to seven round numbers that span the values.

    >>> scale([0.3, 1.9])
    [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    low, high = min(values), max(values)
    rough = max(high - low, abs(high) * 0.01, 1e-6) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(place * step, 10) for place in range(first, max(last, first + 1) + 1)]
