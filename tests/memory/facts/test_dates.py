"""What people call a date becomes the date meant, counted from the day on which they said it."""

from __future__ import annotations

from datetime import date

import pytest

from memory.facts.dates import Tense, begins, find_dates, normalise_dates, number

WEDNESDAY = date(2026, 3, 11)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yesterday", "2026-03-10"),
        ("the day before yesterday", "2026-03-09"),
        ("last night", "2026-03-10"),
        ("next Friday", "2026-03-20"),
        ("this Friday", "2026-03-13"),
        ("last Saturday", "2026-03-07"),
        ("last week", "2026-03-02/2026-03-08"),
        ("last month", "2026-02"),
        ("next year", "2027"),
        ("2 weeks ago", "2026-02-23/2026-03-01"),
        ("three years ago", "2023"),
        ("in two months", "2026-05"),
        ("14 June 2031", "2031-06-14"),
        ("February 2, 2026", "2026-02-02"),
        ("July 2025", "2025-07"),
        ("in July", "2025-07"),
        ("since 2019", "2019"),
        ("2026-05-08", "2026-05-08"),
        ("3 May", "05-03"),
        ("昨天", "2026-03-10"),
        ("大前天", "2026-03-08"),
        ("下周五", "2026-03-20"),
        ("上周六", "2026-03-07"),
        ("下下周六", "2026-03-28"),
        ("三年前", "2023"),
        ("两个月前", "2026-01"),
        ("上个月", "2026-02"),
        ("去年3月", "2025-03"),
        ("2030年5月8日", "2030-05-08"),
        ("8月15日", "08-15"),
    ],
)
def test_date_meant(text: str, value: str) -> None:
    """English and Chinese, as exact as the words are."""
    assert [item.value for item in find_dates(text, said=WEDNESDAY)] == [value]


@pytest.mark.parametrize(
    "text", ["I may go", "31 April", "2 months", "a few days ago", "半年前", "room 2026", "13月40日"]
)
def test_no_date(text: str) -> None:
    """What names no day, or none that the calendar has, is none."""
    assert find_dates(text, said=WEDNESDAY) == []


@pytest.mark.parametrize(
    ("text", "tense", "value"),
    [
        ("on 9 April", "future", "2026-04-09"),
        ("on 9 April", "past", "2025-04-09"),
        ("on 9 January", "future", "2027-01-09"),
        ("on Friday", "past", "2026-03-06"),
        ("on Friday", "future", "2026-03-13"),
    ],
)
def test_tense_says_which_is_meant(text: str, tense: Tense, value: str) -> None:
    """A day without year or week lies behind in the past tense, and ahead in the future."""
    assert [item.value for item in find_dates(text, said=WEDNESDAY, tense=tense)] == [value]


def test_dates_are_written_in_their_place() -> None:
    """The rest of the text stays as it was."""
    assert normalise_dates("due next Friday at 9", said=WEDNESDAY) == "due 2026-03-20 at 9"


def test_begins() -> None:
    """Dates of any exactness compare by their first day."""
    assert [begins(value) for value in ("2023", "2026-02", "2026-03-02/2026-03-08")] == [
        "2023-01-01",
        "2026-02-01",
        "2026-03-02",
    ]


def test_numbers() -> None:
    """Digits, English words and Chinese numerals."""
    assert [number(text) for text in ("34", "six", "thirty-four", "二十九", "十", "两", "many")] == [
        34,
        6,
        34,
        29,
        10,
        2,
        None,
    ]
