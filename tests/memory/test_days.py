"""A day is the same day however it is written."""

from __future__ import annotations

import pytest

from memory.days import Day, day_words, named_days


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("on 2026-05-08", (Day(5, 8, 2026),)),
        ("on 5 January 2024 and May 3rd, 2023", (Day(1, 5, 2024), Day(5, 3, 2023))),
        ("in May 2023", (Day(5, None, 2023),)),
        ("in June", (Day(6),)),
        ("on 4 July", (Day(7, 4),)),
        ("2024年1月5日", (Day(1, 5, 2024),)),
        ("5月6号和2025年3月", (Day(5, 6), Day(3, None, 2025))),
        ("may I march in 2023?", ()),
        ("version 2026-99-99", ()),
    ],
)
def test_dates_are_read_as_far_as_they_are_named(text: str, days: tuple[Day, ...]) -> None:
    """Day, month and year in the usual English and Chinese forms; a verb is no month."""
    assert named_days(text) == days


@pytest.mark.parametrize(
    "text",
    [
        "born on January 2",
        "born on the 2nd of January 1990",
        "1990-01-02",
        "生日是1月2号",
        "生日是01月02日",
        "１月２日",
        "2 Jan",
    ],
)
def test_day_is_one_word(text: str) -> None:
    """The word for the second of January."""
    assert day_words(text) == ["day0102"]


@pytest.mark.parametrize("text", ["in January 1990", "1月", "POL-358", "13月2日", "no number", ""])
def test_no_day_no_word(text: str) -> None:
    """A month alone, a code and a month that does not exist are no days."""
    assert day_words(text) == []
