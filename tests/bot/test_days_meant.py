"""Words for days get the day that they mean, from when they were said; nothing else does."""

from __future__ import annotations

import dataclasses

import pytest

from bot.days_meant import days_meant, remark_on_days
from tests.bot.test_prompts import CHUNK


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "We met yesterday and leave next week.",
            (("yesterday", "2026-01-01"), ("next week", "2026-01-05/2026-01-11")),
        ),
        ("昨天去的。", (("昨天", "2026-01-01"),)),
        ("It was on 3 May 2025, and today is today.", ()),
        ("A few weeks ago.", ()),
    ],
)
def test_days_are_counted_from_when_it_was_said(text: str, expected: tuple[tuple[str, str], ...]) -> None:
    """2 January 2026 was a Friday; named dates, the day itself and vague words are left out."""
    assert days_meant(text, "2026-01-02T10:00:00") == expected


@pytest.mark.parametrize("said", [None, "2026", "2026-01"])
def test_without_a_day_nothing_is_counted(said: str | None) -> None:
    """A month says nothing of which day yesterday was."""
    assert days_meant("yesterday", said) == ()


def test_only_what_somebody_said_has_a_day() -> None:
    """A document's "yesterday" is its author's, who may have written it long before the file's date."""
    text = "We left yesterday."
    said = dataclasses.replace(CHUNK, text=text, speaker="Tom")
    assert remark_on_days(text, said) == "yesterday = 2026-01-01"
    assert remark_on_days("In two weeks or next week.", said).endswith("next week = 2026-01-05 to 2026-01-11")
    assert remark_on_days(text, dataclasses.replace(said, speaker=None)) == ""
