"""What can be logged: each kind with its unit, the units that it is also said in, and what is plausible.

Values are kept in the kind's own unit, whatever they were said in. ``possible`` bounds what any person can have, and
what lies outside is refused; ``usual`` bounds what is stored without asking back. Both are wide on purpose: they are
there to catch slips of the hand ("712" for "71.2") and say nothing about health (`bot.logbook.thresholds`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PerDay = Literal["mean", "sum", "last"]
Verdict = Literal["usual", "unusual", "impossible"]


@dataclass(frozen=True)
class Unit:
    """A unit as a line through the kind's own one: own = (value - offset) * factor."""

    factor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class Range:
    """From a lowest to a highest value, both included."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether a value is within."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Kind:
    """A kind of entry."""

    name: str
    unit: str
    """In which values are kept."""
    usual: Range
    possible: Range
    per_day: PerDay = "mean"
    """What a day with several entries counts as."""
    units: Mapping[str, Unit] = field(default_factory=dict)
    """Other units, by their name."""
    second_unit: str = ""
    """Of a second value: diastolic pressure, or the minutes of a run; empty: there is none."""
    second_usual: Range = field(default_factory=lambda: Range(0, 0))
    digits: int = 1
    """Decimals that are shown."""


@dataclass(frozen=True)
class Entry:
    """What somebody says of themselves, before it has a time and a place."""

    kind: str
    value: float
    """In the kind's own unit."""
    second: float | None = None
    unit: str = ""
    """As it was said."""
    note: str = ""
    """"fasting", "after a meal", "after exercise", "resting", or the name of an exercise."""


_DISTANCE = {"m": Unit(0.001), "mi": Unit(1.609344)}
_LENGTH = {"m": Unit(100), "in": Unit(2.54), "ft": Unit(30.48), "mm": Unit(0.1)}
_MINUTES = {"h": Unit(60)}


def _moved(name: str, usual: float, possible: float) -> Kind:
    run = Range(0.05, usual), Range(0.01, possible)
    return Kind(name, "km", *run, "sum", _DISTANCE, "min", Range(1, 1000))


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "weight",
            "kg",
            Range(30, 200),
            Range(2, 650),
            units={"lb": Unit(0.45359237), "st": Unit(6.35029318), "jin": Unit(0.5)},
        ),
        Kind("height", "cm", Range(120, 210), Range(40, 275), "last", _LENGTH, digits=0),
        Kind("waist", "cm", Range(50, 160), Range(25, 350), units=_LENGTH, digits=0),
        Kind(
            "blood_pressure",
            "mmHg",
            Range(70, 230),
            Range(40, 380),
            units={"kPa": Unit(7.50062)},
            second_unit="mmHg",
            second_usual=Range(40, 140),
            digits=0,
        ),
        Kind("heart_rate", "bpm", Range(35, 200), Range(10, 350), digits=0),
        # 18.016 g/mol: a millimole a litre is 18.016 milligrams a decilitre
        Kind("glucose", "mmol/L", Range(2.2, 25), Range(0.3, 80), units={"mg/dL": Unit(1 / 18.016)}),
        Kind("temperature", "°C", Range(34, 41.5), Range(20, 46), units={"°F": Unit(5 / 9, 32)}),
        Kind("oxygen", "%", Range(80, 100), Range(30, 100), digits=0),
        Kind("sleep", "h", Range(1, 14), Range(0, 24), "sum", {"min": Unit(1 / 60)}),
        Kind("steps", "steps", Range(0, 60_000), Range(0, 300_000), "sum", digits=0),
        _moved("run", 60, 400),
        _moved("walk", 60, 200),
        _moved("ride", 300, 1000),
        _moved("swim", 15, 100),
        Kind("workout", "min", Range(1, 360), Range(0.5, 1440), "sum", _MINUTES, digits=0),
        Kind("meditation", "min", Range(1, 240), Range(0.5, 1440), "sum", _MINUTES, digits=0),
        Kind(
            "water",
            "L",
            Range(0.02, 6),
            Range(0.001, 25),
            "sum",
            {"ml": Unit(0.001), "glass": Unit(0.25), "oz": Unit(0.0295735), "pint": Unit(0.473176)},
            digits=2,
        ),
        Kind("coffee", "cups", Range(0, 12), Range(0, 60), "sum"),
        Kind("alcohol", "drinks", Range(0, 15), Range(0, 100), "sum"),
        Kind("cigarettes", "cigarettes", Range(0, 60), Range(0, 200), "sum", digits=0),
        Kind("mood", "/10", Range(0, 10), Range(0, 10)),
    )
}
"""A glass of water is taken for 250 ml; a pint is the American one."""

MOVED = ("run", "walk", "ride", "swim")
"""Kinds of a distance, to which a time may belong."""


def in_own_unit(kind: Kind, value: float, unit: str) -> float:
    """A value in the kind's own unit.

    :raises KeyError: it is not measured in that unit

    >>> round(in_own_unit(KINDS["weight"], 11, "st"), 2), in_own_unit(KINDS["temperature"], 212, "°F")
    (69.85, 100.0)
    """
    if unit in ("", kind.unit):
        return value
    to = kind.units[unit]
    return (value - to.offset) * to.factor


def in_unit(kind: Kind, value: float, unit: str) -> float:
    """The other way: a kept value in the unit that somebody uses.

    :raises KeyError: it is not measured in that unit
    """
    if unit in ("", kind.unit):
        return value
    to = kind.units[unit]
    return value / to.factor + to.offset


def plausible(entry: Entry) -> Verdict:
    """Whether a value can be stored as it is, has to be asked back, or is none that a person can have."""
    kind = KINDS[entry.kind]
    if not kind.possible.holds(entry.value):
        return "impossible"
    if entry.kind == "blood_pressure" and (entry.second is None or entry.second >= entry.value):
        return "impossible"
    if entry.second is not None and not kind.second_usual.holds(entry.second):
        return "unusual"
    return "usual" if kind.usual.holds(entry.value) else "unusual"
