"""A tune starts by itself when enough is new and the last one is long enough ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tuning.config import TuneConfig
from tuning.schedule import due

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
CONFIG = TuneConfig(min_examples=40, min_hours=20.0)


@pytest.mark.parametrize(
    ("hours_ago", "new", "expected"),
    [(None, 40, True), (None, 39, False), (21.0, 40, True), (20.0, 40, True), (19.9, 400, False), (100.0, 0, False)],
)
def test_due_needs_examples_and_hours(hours_ago: float | None, new: int, expected: bool) -> None:
    """Both conditions hold, limits included; the first tune waits for examples only."""
    last = None if hours_ago is None else NOW - timedelta(hours=hours_ago)
    assert due(NOW, last, new, CONFIG).due is expected


def test_reason_says_what_is_missing() -> None:
    """Too few examples: how many there are and how many are needed."""
    assert "too few new examples: 3; need 40" in due(NOW, None, 3, CONFIG).reason
    assert "wait 19.0 h" in due(NOW, NOW - timedelta(hours=1), 50, CONFIG).reason


def test_switched_off_is_never_due() -> None:
    """[tuning] enabled = false stops tunes that start by themselves."""
    assert not due(NOW, None, 1000, TuneConfig(enabled=False)).due
