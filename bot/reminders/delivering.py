"""What is said when a reminder is due, and when it is due next: pure, so that lateness is tested with any clock.

Where the program did not run, a repeating reminder is told once with how often it was missed, never many times in a
row; a late one says when it was due, since "in ten minutes" is no longer true of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.locales import say
from bot.reminders.rules import next_after, passed_between, read_rule
from bot.reminders.wording import due_words
from bot.reminders.zones import named_zone
from memory.reminders import Reminder

LATE = timedelta(minutes=5)


@dataclass(frozen=True)
class Delivery:
    """One reminder that is due."""

    text: str
    """All that is shown."""
    following: datetime | None
    """The next time, for `memory.reminders.mark_delivered`; None ends it."""
    late: bool
    missed: int
    """Earlier times that nobody was told of."""


def delivery_of(reminder: Reminder, *, now: datetime, language: str) -> Delivery:
    """What to show of a reminder that is due at an aware moment.

    :raises FamiliarError: its rule or its zone can't be read
    """
    zone, now = named_zone(reminder.zone), now.astimezone(UTC)
    due, missed, following = reminder.due, 0, None
    if reminder.rule is not None:
        rule = read_rule(reminder.rule)
        missed, newest = passed_between(rule, due, now, zone=zone)
        due, following = newest or due, next_after(rule, max(due, now), zone=zone)
    text = say(language, "reminder_text", text=reminder.text) if reminder.text else say(language, "reminder_untitled")
    lines = [text]
    late = now - due > LATE
    if late:
        lines.append(say(language, "reminder_late", due=due_words(due, now=now, zone=zone, language=language)))
    if missed:
        key = "reminder_missed_one" if missed == 1 else "reminder_missed"
        lines.append(say(language, key, **({} if missed == 1 else {"n": missed})))
    return Delivery("\n".join(lines), following, late, missed)
