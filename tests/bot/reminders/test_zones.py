"""Whose clock a time is meant on."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bot.reminders.zones import at_local, machine_zone, zone_of
from memory.errors import UsageError
from memory.records import Profile


def test_a_profile_names_its_zone() -> None:
    """Else it is the machine's."""
    assert zone_of(Profile(zone="Asia/Shanghai")) == ZoneInfo("Asia/Shanghai")
    assert zone_of(Profile()) == machine_zone()


@pytest.mark.parametrize("name", ["Berlin/Europe", "../etc/passwd", "/etc/localtime", " ", "a\0b"])
def test_an_unknown_zone_is_named(name: str) -> None:
    """With what would be right."""
    with pytest.raises(UsageError, match="is no time zone; write a name such as"):
        zone_of(Profile(zone=name))


def test_the_machines_zone_follows_tz(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule in TZ, which names no zone, is passed over."""
    monkeypatch.setenv("TZ", ":America/New_York")
    assert machine_zone() == ZoneInfo("America/New_York")
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0")
    assert machine_zone().key


def test_times_that_are_left_out_or_come_twice() -> None:
    """Forward by the gap, and the first of two."""
    berlin = ZoneInfo("Europe/Berlin")
    assert at_local(datetime(2026, 3, 29, 2, 30), berlin).isoformat() == "2026-03-29T03:30:00+02:00"
    assert at_local(datetime(2026, 10, 25, 2, 30), berlin).isoformat() == "2026-10-25T02:30:00+02:00"
