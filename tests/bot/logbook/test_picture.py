"""The picture of a trend."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from bot.logbook.picture import picture_of
from bot.logbook.showing import Shown, drawn
from bot.logbook.trend import summary_of
from memory.errors import FamiliarError
from memory.logs import LogEntry, LogGoal

FIRST = datetime(2026, 1, 1, 8, tzinfo=UTC)


def shown(kind: str, *, second: float | None = None, unit: str = "") -> Shown:
    """Twenty days of a kind, with a goal."""
    days = [FIRST + timedelta(days=n) for n in range(20)]
    entries = [LogEntry(n, 1, f"{n}", kind, 100.0 - n, second, unit, "", at, "test") for n, at in enumerate(days)]
    return Shown("", summary_of(kind, entries, zone=ZoneInfo("UTC")), LogGoal(kind, "reach", 90, unit, FIRST), unit)


@pytest.mark.parametrize("kind", ["weight", "steps", "blood_pressure"])
def test_a_picture_of_each_form(kind: str) -> None:
    """Points, bars, and two values; it is a PNG that is not blank."""
    data = picture_of(shown(kind, second=80 if kind == "blood_pressure" else None), language="zh")
    image = Image.open(io.BytesIO(data)).convert("L")
    assert image.size == (960, 540)
    assert len(image.getcolors(256) or range(257)) > 16


def test_it_is_drawn_in_the_unit_that_is_used() -> None:
    """Values, line and scale."""
    plain = drawn(shown("weight", unit="lb"))
    assert plain.unit == "lb"
    assert plain.summary is not None
    assert plain.summary.slope is not None
    assert next(iter(plain.summary.days.values())) == pytest.approx(220.46, abs=0.01)
    assert plain.summary.slope.per_week == pytest.approx(-7 / 0.45359237)
    assert drawn(shown("weight")).unit == "kg"
    pressure = drawn(shown("blood_pressure", second=80, unit="kPa"))
    assert pressure.unit == "mmHg"
    assert pressure.summary is not None
    assert max(pressure.summary.days.values()) == 100


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """So is that there is nothing to draw."""
    with pytest.raises(FamiliarError, match="no entries"):
        picture_of(Shown(""), language="en")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(FamiliarError, match=r"familiar-assistant\[plot\]"):
        picture_of(shown("weight"), language="en")
