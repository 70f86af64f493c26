"""What is said about a stored reminder, the same in the terminal and in a chat."""

from __future__ import annotations

from datetime import datetime

from bot.locales import say
from bot.reminders.rules import read_rule
from bot.reminders.wording import due_words, rule_words
from bot.reminders.zones import named_zone
from memory.reminders import Reminder


def kept_words(item: Reminder, *, now: datetime, language: str) -> str:
    """That a reminder was made, and when it comes.

    :raises FamiliarError: its rule or its zone can't be read
    """
    when = when_words(item, now=now, language=language)
    if not item.text:
        return say(language, "reminder_kept_untitled", when=when)
    return say(language, "reminder_kept", when=when, text=item.text)


def when_words(item: Reminder, *, now: datetime, language: str) -> str:
    """When a reminder is due, and how it repeats.

    :raises FamiliarError: its rule or its zone can't be read
    """
    due = due_words(item.due, now=now, zone=named_zone(item.zone), language=language)
    if item.rule is None:
        return due
    return say(language, "reminder_repeats", rule=rule_words(read_rule(item.rule), language=language), due=due)
