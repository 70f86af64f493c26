"""Days as people name them, counted back from an injected today."""

from __future__ import annotations

from datetime import date

import pytest

from bot.since import parse_since
from memory.errors import FamiliarError

TODAY = date(2026, 3, 31)
"""A Tuesday at the end of a long month."""


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-02-28", "2026-02-28"),
        ("2026-02", "2026-02-01"),
        ("2025", "2025-01-01"),
        ("2026-02-28T10:00:00Z", "2026-02-28"),
        ("2026年2月3日", "2026-02-03"),
        ("12月24日", "2025-12-24"),
        ("3月", "2026-03-01"),
        ("4 May", "2025-05-04"),
        ("May 4th, 2024", "2024-05-04"),
        ("since March", "2026-03-01"),
        ("today", "2026-03-31"),
        ("昨天", "2026-03-30"),
        ("last week", "2026-03-23"),
        ("上周", "2026-03-23"),
        ("上周以来", "2026-03-23"),
        ("本周", "2026-03-30"),
        ("last month", "2026-02-01"),
        ("上个月", "2026-02-01"),
        ("this year", "2026-01-01"),
        ("去年", "2025-01-01"),
        ("3 days ago", "2026-03-28"),
        ("a month ago", "2026-02-28"),
        ("one year ago", "2025-03-31"),
        ("三天前", "2026-03-28"),
        ("最近两周", "2026-03-17"),
        ("the last 10 days", "2026-03-21"),
        ("Monday", "2026-03-30"),
        ("tuesday", "2026-03-31"),
        ("last Tuesday", "2026-03-24"),
        ("上周五", "2026-03-27"),
        ("周日", "2026-03-29"),
    ],
)
def test_since(text: str, day: str) -> None:
    """Dates, parts of dates, named spans and weekdays in both languages."""
    assert parse_since(text, today=TODAY) == day


@pytest.mark.parametrize("text", ["soon", "2026-13-01", "31 February", "", "last", "999999 years ago", "百年前"])
def test_no_day(text: str) -> None:
    """What names no day is refused, with what would be right."""
    with pytest.raises(FamiliarError, match="2026-03-01"):
        parse_since(text, today=TODAY)
