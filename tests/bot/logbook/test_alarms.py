"""Dangerous values in talk that is no entry."""

from __future__ import annotations

import pytest

from bot.eval_logs import NOW, ZONE
from bot.logbook.alarms import dangers_spoken_of
from bot.logbook.thresholds import danger_of


def dangers(text: str) -> list[str]:
    """Their names in the table."""
    found = map(danger_of, dangers_spoken_of(text, now=NOW, zone=ZONE, units={}))
    return [danger.id for danger in found if danger is not None]


@pytest.mark.parametrize(
    ("text", "danger"),
    [
        ("my bp is 190/125, what should i do?", "pressure_high"),
        ("My father's BP is 190/125. what now", "pressure_high"),
        ("BP 125/190?", "pressure_high"),
        ("血压190/125怎么办", "pressure_high"),
        ("高压190，低压125，头疼", "pressure_high"),
        ("oxygen is only 85% and i'm short of breath", "oxygen_low"),
        ("血氧只有85%，喘不上气", "oxygen_low"),
        ("my temperature is 104.9 F and i am confused", "fever_very_high"),
        ("孩子发烧40.6度怎么办", "fever_very_high"),
        ("blood sugar 45 and shaking", "glucose_low"),
        ("血糖2.5，心慌，怎么办", "glucose_low"),
        ("my glucose meter shows 19 mmol/l, help", "glucose_high"),
        ("my heart rate is 150 at rest, is that ok?", "heart_fast"),
    ],
)
def test_a_value_that_is_asked_about_is_found(text: str, danger: str) -> None:
    """In a question, beside a complaint, of somebody else."""
    assert dangers(text) == [danger]


@pytest.mark.parametrize(
    "text",
    [
        "If BP is above 180/120 call 911",
        "my target bp is 180/120",
        "BP is 120/80, is that ok?",
        "last year my bp was 190/125",
        "3 days ago my bp was 190/125, should i worry?",
        "add sugar 2 cups",
        "it took 1 hr 35 min",
        "my heart rate hits 170 during runs",
        "the oven temp is 200",
        "air is 21% oxygen",
    ],
)
def test_what_is_no_measurement_of_now_is_left(text: str) -> None:
    """Limits, former days, recipes, exertion."""
    assert dangers(text) == []
