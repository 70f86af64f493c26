"""A tune starts by itself when enough is new and the last one is long enough ago."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from memory.errors import UsageError
from tuning.config import TuneConfig
from tuning.schedule import Missed, Surroundings, due, within
from tuning.surroundings import look_around

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


HOUR = timedelta(hours=1)


def test_a_missed_adapter_is_trained_again_at_once() -> None:
    """Neither few new examples nor a recent tune delays it."""
    said = due(NOW, NOW - HOUR, 0, CONFIG, missed=Missed(NOW - HOUR / 2, 12))
    assert said.due
    assert "is trained again without what was forgotten" in said.reason


def test_a_missed_adapter_starts_nothing_that_is_switched_off_or_has_too_little() -> None:
    """The owner's switch and the fewest pairs hold as ever."""
    missed = Missed(NOW - HOUR, 12)
    assert not due(NOW, None, 100, TuneConfig(enabled=False), missed=missed).due
    assert "too few pairs: 9; need 10" in due(NOW, None, 100, CONFIG, missed=Missed(NOW - HOUR, 9)).reason


def test_a_tune_that_failed_is_not_tried_again_at_once() -> None:
    """After an attempt without success the usual hours pass."""
    missed = Missed(NOW - 3 * HOUR, 12)
    assert "wait 18.0 h" in due(NOW, NOW - 2 * HOUR, 0, CONFIG, missed=missed).reason
    assert due(NOW, NOW - 21 * HOUR, 0, CONFIG, missed=Missed(NOW - 22 * HOUR, 12)).due


@pytest.mark.parametrize(
    ("surroundings", "changes", "reason"),
    [
        (Surroundings(on_battery=True), {}, "runs on its battery"),
        (Surroundings(on_battery=True), {"on_battery": True}, None),
        (Surroundings(load=0.71), {}, "the machine is busy: 71%, at most 70%"),
        (Surroundings(load=0.7), {}, None),
        (Surroundings(), {"hours": "22:00-07:00"}, "it is 12:00; tunes start within 22:00-07:00"),
        (Surroundings(), {"hours": "11:30-12:01"}, None),
    ],
)
def test_machine_and_hours_are_respected(
    surroundings: Surroundings, changes: dict[str, Any], reason: str | None
) -> None:
    """No tune by itself on battery, under load or outside its hours, unless the settings allow it."""
    found = due(NOW, None, 50, replace(CONFIG, **changes), surroundings)
    assert found.due is (reason is None)
    assert (reason or "") in found.reason


def test_hours_go_over_midnight_and_leave_out_their_end() -> None:
    """22:00-07:00 holds before and after midnight; a span that is none is an error of the setting."""
    night = [hour for hour in range(24) if within(time(hour, 0), "22:00-07:00")]
    assert night == [0, 1, 2, 3, 4, 5, 6, 22, 23]
    assert [hour for hour in range(24) if within(time(hour, 0), "9:00-11:00")] == [9, 10]
    for wrong in ("22-7", "25:00-07:00", "night"):
        with pytest.raises(UsageError, match=r"\[tuning\] hours is"):
            within(time(1), wrong)


def test_look_at_this_machine_gives_figures() -> None:
    """Load is a share of the processors, whatever this machine is."""
    seen = look_around()
    assert seen.load >= 0
    assert isinstance(seen.on_battery, bool)
