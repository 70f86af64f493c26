"""What publishers say of a value: by rule, out of a reviewed table that names its sources, never by a model.

A danger is told with each entry that reaches it; it says to see a doctor, not what the matter is. A range names what a
publisher calls an average. Neither is a diagnosis, and nothing here speaks of medicines or doses.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any, Literal

from bot.logbook.kinds import Entry

Level = Literal["now", "today"]


@dataclass(frozen=True)
class Danger:
    """A value at which its source tells people to get medical help."""

    id: str
    kind: str
    level: Level
    source: str
    url: str
    above: float | None = None
    below: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    second_above: float | None = None
    second_at_least: float | None = None
    """Of the second value: one of both is enough."""
    unless: str = ""
    """A note with which it does not hold."""

    def reached(self, entry: Entry) -> bool:
        """Whether an entry is one to warn of."""
        if entry.kind != self.kind or (self.unless and entry.note == self.unless):
            return False
        value, second = entry.value, entry.second
        return (
            (self.above is not None and value > self.above)
            or (self.below is not None and value < self.below)
            or (self.at_least is not None and value >= self.at_least)
            or (self.at_most is not None and value <= self.at_most)
            or (self.second_above is not None and second is not None and second > self.second_above)
            or (self.second_at_least is not None and second is not None and second >= self.second_at_least)
        )


@dataclass(frozen=True)
class Named:
    """What a publisher calls values from a first one on."""

    kind: str
    first: float
    en: str
    zh: str
    source: str
    url: str
    second: float | None = None
    """Or the second value from this one on."""
    note: str = ""
    """Only for entries with this note."""

    def name(self, language: str) -> str:
        """The name in a language."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True)
class Thresholds:
    """The table."""

    dangers: tuple[Danger, ...]
    ranges: tuple[Named, ...]


@cache
def thresholds() -> Thresholds:
    """The reviewed table, `thresholds.toml`."""
    text = resources.files("bot.logbook").joinpath("thresholds.toml").read_text(encoding="utf-8")
    rows: Mapping[str, Sequence[Mapping[str, Any]]] = tomllib.loads(text)
    return Thresholds(tuple(Danger(**row) for row in rows["danger"]), tuple(Named(**row) for row in rows["range"]))


def danger_of(entry: Entry) -> Danger | None:
    """The danger that an entry reaches, the most urgent one; None where it reaches none.

    Of a blood pressure whose values stand the wrong way round, the higher one is the upper.
    """
    if entry.kind == "blood_pressure" and entry.second is not None and entry.second > entry.value:
        entry = replace(entry, value=entry.second, second=entry.value)
    found = [danger for danger in thresholds().dangers if danger.reached(entry)]
    return min(found, key=lambda item: item.level != "now", default=None)


def names_of(kind: str, value: float, second: float | None = None, *, note: str = "") -> list[Named]:
    """What each publisher calls a value of a kind, or of "bmi" (kg/m²)."""
    last: dict[str, Named] = {}
    for item in thresholds().ranges:
        fits = value >= item.first or (item.second is not None and second is not None and second >= item.second)
        if item.kind == kind and item.note in ("", note) and fits:
            last[item.source] = item
    return list(last.values())
