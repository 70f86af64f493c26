"""What becomes of a wish to be reminded, and what is said about it, the same in the terminal and in a chat."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from bot.locales import say
from bot.reminders.parsing import Wish
from bot.reminders.rules import read_rule, rule_text
from bot.reminders.wording import due_words, rule_words
from bot.reminders.zones import named_zone
from memory.reminders import Destination, NewReminder, Reminder


def reminder_from(wish: Wish, *, key: str, zone: ZoneInfo, to: Destination) -> NewReminder:
    """A wish as it is to be stored.

    :param key: what it is made from; the same key a second time adds nothing
    """
    rule = rule_text(wish.rule) if wish.rule else None
    return NewReminder(key, wish.text, wish.due, zone.key, to, rule)


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
