"""Values at which people are told to get help, and what publishers call an average: by the table, with its source."""

from __future__ import annotations

import re

import pytest

from bot.locales import LANGUAGES, say
from bot.logbook.kinds import KINDS, Entry
from bot.logbook.thresholds import danger_of, names_of, thresholds
from bot.logbook.wording import danger_words

NOW, TODAY = "now", "today"


@pytest.mark.parametrize(
    ("entry", "level"),
    [
        (Entry("blood_pressure", 179, 119), None),
        (Entry("blood_pressure", 180, 100), TODAY),
        (Entry("blood_pressure", 150, 120), TODAY),
        (Entry("blood_pressure", 125, 190), NOW),
        (Entry("blood_pressure", 82, 128), None),
        (Entry("blood_pressure", 181, 80), NOW),
        (Entry("blood_pressure", 150, 121), NOW),
        (Entry("blood_pressure", 91, 60), None),
        (Entry("blood_pressure", 90, 60), TODAY),
        (Entry("heart_rate", 130), None),
        (Entry("heart_rate", 131), NOW),
        (Entry("heart_rate", 170, note="after exercise"), None),
        (Entry("heart_rate", 41), None),
        (Entry("heart_rate", 40), NOW),
        (Entry("heart_rate", 38, note="after exercise"), NOW),
        (Entry("glucose", 3.0), None),
        (Entry("glucose", 2.9), NOW),
        (Entry("glucose", 16.6), None),
        (Entry("glucose", 300 / 18.016), NOW),
        (Entry("temperature", 39.3), None),
        (Entry("temperature", 39.4), TODAY),
        (Entry("temperature", (104.8 - 32) * 5 / 9), TODAY),
        (Entry("temperature", (104.9 - 32) * 5 / 9), NOW),
        (Entry("temperature", 35.0), None),
        (Entry("temperature", 34.9), NOW),
        (Entry("oxygen", 95), None),
        (Entry("oxygen", 94), TODAY),
        (Entry("oxygen", 92), NOW),
        (Entry("weight", 200), None),
        (Entry("mood", 0), None),
    ],
    ids=lambda value: f"{value.kind} {value.value:g}" if isinstance(value, Entry) else str(value),
)
def test_dangers_begin_where_their_source_says(entry: Entry, level: str | None) -> None:
    """On one side of each limit nothing is said, on the other what is to be done."""
    found = danger_of(entry)
    assert (found.level if found else None) == level
    assert bool(danger_words(entry, "en")) == (level is not None)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_danger_has_its_words_and_a_source(language: str) -> None:
    """To see a doctor; no medicine and no dose is named."""
    for danger in thresholds().dangers:
        limit = danger.above or danger.at_least or danger.below or danger.at_most or 0
        around = [Entry(danger.kind, value, 60) for value in (limit - 0.1, limit, limit + 1)]
        entry = next(item for item in around if danger.reached(item))
        text = danger_words(entry, language)
        assert danger_of(entry) is not danger or danger.url in text
        assert not re.search(r"\bmg\b|tablet|insulin|pill|片|胰岛素|剂量", say(language, f"log_danger_{danger.id}"))
        assert re.match(r"https://", danger.url)


def names(kind: str, value: float, second: float | None = None, note: str = "") -> list[str]:
    """What publishers call a value."""
    return [item.en for item in names_of(kind, value, second, note=note)]


def test_averages_have_the_names_of_their_publishers() -> None:
    """The higher of the two categories of a blood pressure counts."""
    assert names("blood_pressure", 118, 69) == ["normal", "non-elevated"]
    assert names("blood_pressure", 124, 79) == ["elevated", "elevated"]
    assert names("blood_pressure", 118, 84) == ["high blood pressure, stage 1", "elevated"]
    assert names("blood_pressure", 128, 92) == ["high blood pressure, stage 2", "hypertension"]
    assert [names("bmi", value)[0] for value in (18.4, 18.5, 25, 30)] == [
        "underweight",
        "normal weight",
        "overweight",
        "obesity",
    ]
    assert names("glucose", 70 / 18.016, note="fasting") == ["normal"]
    assert names("glucose", 99 / 18.016, note="fasting") == ["normal"]
    assert names("glucose", 100 / 18.016, note="fasting") == ["the range of prediabetes"]
    assert names("glucose", 126 / 18.016, note="fasting") == ["the range of diabetes, if a second test confirms it"]


def test_a_name_for_fasting_is_for_fasting_alone() -> None:
    """And of a heart rate for one at rest."""
    assert names("glucose", 9.0, note="after a meal") == names("glucose", 9.0) == []
    assert names("heart_rate", 110) == []
    assert names("heart_rate", 64, note="resting") == ["normal (60 to 100)"]


def test_the_table_is_of_known_kinds() -> None:
    """Each row names a kind, and every publisher's first row begins at 0, so that each value has a name."""
    rows = thresholds().ranges
    assert {item.kind for item in rows} <= {*KINDS, "bmi"}
    assert {item.kind for item in thresholds().dangers} <= set(KINDS)
    for source in {(item.kind, item.source) for item in rows}:
        assert min(item.first for item in rows if (item.kind, item.source) == source) == 0
