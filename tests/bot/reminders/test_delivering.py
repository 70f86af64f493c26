"""What is told when a reminder is due: late ones say so, missed ones are counted and told once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.reminders.delivering import delivery_of
from bot.reminders.rules import Repeat, rule_text
from memory.errors import FamiliarError
from memory.reminders import Destination, Reminder

FRIDAY = datetime(2026, 3, 6, 8, 0, tzinfo=UTC)
"""09:00 in Berlin."""
DAILY = rule_text(Repeat("day", datetime(2026, 3, 1, 9)))


def reminder(*, rule: str | None = None, text: str = "call Mum", zone: str = "Europe/Berlin") -> Reminder:
    """One that is due on Friday at 09:00 in Berlin."""
    return Reminder(1, 1, None, "k", text, FRIDAY, zone, rule, Destination("telegram", 7), "", None, None)


def test_on_time() -> None:
    """The text alone; once is once."""
    found = delivery_of(reminder(), now=FRIDAY + timedelta(minutes=5), language="en")
    assert (found.text, found.following, found.late, found.missed) == ("Reminder: call Mum", None, False, 0)
    assert delivery_of(reminder(text=""), now=FRIDAY, language="en").text == "You wished to be reminded now."


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "Reminder: call Mum\n(late: was due Friday 09:00)"), ("zh", "提醒：call Mum\n（迟到：原定 周五 09:00）")],
)
def test_late(language: str, text: str) -> None:
    """More than five minutes late, it says when it was due, on the user's clock."""
    found = delivery_of(reminder(), now=FRIDAY + timedelta(days=2), language=language)
    assert (found.text, found.late) == (text, True)


def test_missed_times_are_told_once() -> None:
    """The last one counts as due; the next is the first that is still ahead, at 09:00 after the clock change too."""
    found = delivery_of(reminder(rule=DAILY), now=FRIDAY + timedelta(days=3, minutes=1), language="en")
    assert found.text == "Reminder: call Mum\n(and 3 earlier times while I was away)"
    assert (found.late, found.missed) == (False, 3)
    assert found.following == FRIDAY + timedelta(days=4)
    one = delivery_of(reminder(rule=DAILY), now=FRIDAY + timedelta(days=1, hours=1), language="en")
    assert one.text.splitlines()[1:] == ["(late: was due today at 09:00)", "(and 1 earlier time while I was away)"]
    later = delivery_of(reminder(rule=DAILY), now=datetime(2026, 3, 28, 8, 0, tzinfo=UTC), language="zh")
    assert later.following == datetime(2026, 3, 29, 7, 0, tzinfo=UTC)
    assert later.text.endswith("（我不在时还错过了 22 次）")


def test_what_cannot_be_read_is_an_error() -> None:
    """A rule or zone that this version does not know is named, not guessed."""
    for broken in (reminder(rule="daily"), reminder(zone="Mars/Base")):
        with pytest.raises(FamiliarError, match=r"can't be read|no time zone"):
            delivery_of(broken, now=FRIDAY, language="en")
