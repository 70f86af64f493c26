"""Units and plausible values."""

from __future__ import annotations

import doctest
import math

import pytest

from bot.locales import LANGUAGES, say
from bot.logbook import kinds, normal, wishes, words
from bot.logbook.kinds import KINDS, Entry, in_own_unit, in_unit, plausible
from bot.logbook.wording import entry_words, unit_words
from bot.logbook.words import kind_in


@pytest.mark.parametrize(
    ("kind", "value", "unit", "own"),
    [
        ("weight", 157, "lb", 71.21),
        ("weight", 142, "jin", 71),
        ("temperature", 98.6, "°F", 37),
        ("glucose", 180.16, "mg/dL", 10),
        ("height", 70, "in", 177.8),
        ("run", 26.2188, "mi", 42.195),
        ("water", 8, "glass", 2),
        ("sleep", 450, "min", 7.5),
        ("blood_pressure", 16, "kPa", 120.01),
    ],
)
def test_units_are_converted(kind: str, value: float, unit: str, own: float) -> None:
    """To the kind's own and back."""
    converted = in_own_unit(KINDS[kind], value, unit)
    assert converted == pytest.approx(own, abs=0.01)
    assert in_unit(KINDS[kind], converted, unit) == pytest.approx(value)


def test_slips_are_noticed() -> None:
    """What is unusual is told from what is impossible; a lower pressure above the upper one is."""
    assert plausible(Entry("weight", 71.2)) == "usual"
    assert plausible(Entry("weight", 240)) == "unusual"
    assert plausible(Entry("weight", 712)) == "impossible"
    assert plausible(Entry("blood_pressure", 128, 82)) == "usual"
    assert plausible(Entry("blood_pressure", 82, 128)) == "impossible"
    assert plausible(Entry("blood_pressure", 128)) == "impossible"
    assert plausible(Entry("blood_pressure", 150, 145)) == "unusual"
    assert plausible(Entry("steps", math.inf)) == "impossible"


def test_ranges_lie_within_each_other() -> None:
    """What is usual is possible, of every kind."""
    for kind in KINDS.values():
        assert kind.possible.low <= kind.usual.low < kind.usual.high <= kind.possible.high


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_has_its_words(language: str) -> None:
    """Its name, which is understood, and its units."""
    for kind in KINDS.values():
        assert kind_in(say(language, f"log_kind_{kind.name}")) == kind.name
        assert entry_words(Entry(kind.name, kind.usual.low, kind.second_usual.low or None), language)
        assert all(unit_words(unit, language) for unit in (kind.unit, *kind.units))


def test_values_are_said_as_they_were_given() -> None:
    """In the unit that was used, with the kind's own beside it."""
    said = [
        entry_words(Entry("weight", 71.214, None, "lb"), "en"),
        entry_words(Entry("weight", 71, None, "jin"), "zh"),
        entry_words(Entry("run", 5, 27.5, "km"), "en"),
        entry_words(Entry("sleep", 7.333, None, "h"), "en"),
        entry_words(Entry("glucose", 5.5, None, "mmol/L", "fasting"), "en"),
        entry_words(Entry("steps", 8000, None, "steps"), "zh"),
    ]
    assert said == [
        "weight 157 lb (71.2 kg)",
        "体重 142 斤 (71 kg)",
        "run 5 km (27:30)",
        "sleep 7 h 20 min",
        "glucose 5.5 mmol/L (fasting)",
        "步数 8,000 步",
    ]


@pytest.mark.parametrize("module", [kinds, normal, wishes, words], ids=lambda module: module.__name__)
def test_examples_hold(module: object) -> None:
    """Those of the docstrings."""
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]
