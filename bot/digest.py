"""A digest: what was added, what is due and what was learned, in the user's form, length and language.

It is made from what is stored when it is told, so that nothing forgotten is in it. When it comes is a rule on the clock
of the user's zone, the same as a repeating reminder's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from bot.locales import say
from bot.reminders.parsing import Missing, parse_reminder
from bot.reminders.rules import Repeat, next_after, read_rule
from bot.reminders.wording import due_words
from memory.errors import FamiliarError
from memory.facts.records import USER
from memory.happened import Happened, NewFact, happened
from memory.records import Length, Profile, User
from memory.reminders import Reminder, reminders_of
from memory.store import Store

LATE = timedelta(minutes=5)
PERIOD = timedelta(days=1)
"""What a digest covers, and how far it looks ahead, where the user gets none regularly."""
_SHOWN: dict[Length, int] = {"short": 3, "medium": 8, "long": 25}
"""Items of each kind; the others are counted."""
_NOW = re.compile(r"now|today|现在|马上|今天", re.IGNORECASE)
_OFF = re.compile(r"off|stop|never|none|关|关闭|关掉|停|停止|取消|不要", re.IGNORECASE)
_EVERY = re.compile(r"^(?:weekly|every week)\s+(?:on\s+)?(?=[a-z])", re.IGNORECASE)
_USERS = f"{USER}'s "
_UNITS = ("day", "week", "month")


@dataclass(frozen=True)
class Digest:
    """What is to be told."""

    since: datetime
    until: datetime
    """When it is made; aware, like all moments here."""
    ahead: datetime
    """Reminders are named until then: the next digest."""
    happened: Happened
    due: tuple[Reminder, ...] = ()
    recommended: tuple[str, ...] = ()
    """Items with their reasons, a line each; alone they make no digest."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not self.due and self.happened == Happened()


def digest_wish(text: str, *, now: datetime, zone: ZoneInfo) -> Repeat | Literal["now", "off"] | None:
    """What a user wishes: a digest now, none any more, or one regularly; None where it can't be read.

    >>> digest_wish("weekly Monday 08:00", now=datetime(2026, 3, 2, 10, tzinfo=UTC), zone=ZoneInfo("UTC")).weekdays
    (0,)
    """
    plain = text.strip().rstrip(".!。！")
    if _NOW.fullmatch(plain):
        return "now"
    if _OFF.fullmatch(plain):
        return "off"
    wish = parse_reminder(_EVERY.sub("every ", plain), now=now, zone=zone, asked=True)
    if wish is None or isinstance(wish, Missing) or wish.text or wish.rule is None:
        return None
    return wish.rule if wish.rule.unit in _UNITS else None


def next_digest(rule: str, after: datetime, *, zone: ZoneInfo) -> datetime:
    """When a rule's next digest is due, on the zone's clock whatever it does.

    :raises FamiliarError: the rule can't be read, or the calendar ends before
    """
    due = next_after(read_rule(rule), after, zone=zone)
    if due is None:
        raise FamiliarError(f"the rule {rule!r} of a digest names no time that is still to come")
    return due


def digest_between(
    store: Store, user: User, *, since: datetime, until: datetime, ahead: datetime, recommended: tuple[str, ...] = ()
) -> Digest:
    """What a user's digest has to tell of the time between two moments, and of reminders up to a third."""
    due = tuple(item for item in reminders_of(store, user_id=user.id) if until < item.due <= ahead)
    return Digest(since, until, ahead, happened(store, user_id=user.id, since=since, until=until), due, recommended)


def digest_text(digest: Digest, profile: Profile, *, zone: ZoneInfo, was_due: datetime | None = None) -> str:
    """All that is shown of a digest.

    :param was_due: when it should have come, which is said where that is a while ago
    """
    language, now = profile.language, digest.until
    since = due_words(digest.since, now=now, zone=zone, language=language)
    if digest.is_empty:
        ahead = due_words(digest.ahead, now=now, zone=zone, language=language)
        return say(language, "digest_nothing", since=since, until=ahead)
    told = [say(language, "digest_title", since=since)]
    if was_due is not None and now - was_due > LATE:
        late = due_words(was_due, now=now, zone=zone, language=language)
        told.append(say(language, "reminder_late", due=late))
    sections = [
        (say(language, f"digest_{name}"), _some(items, profile)) for name, items in _items(digest, profile, zone)
    ]
    return "\n".join(told) + "\n\n" + _laid_out([section for section in sections if section[1]], profile)


def _items(digest: Digest, profile: Profile, zone: ZoneInfo) -> Sequence[tuple[str, Sequence[str]]]:
    language, seen = profile.language, digest.happened
    due = [f"{_due(item, digest, language, zone)}: {item.text}".rstrip(": ") for item in digest.due]
    adapters = [
        say(language, f"digest_{item.change.replace(' ', '_')}", adapter=item.id) for item in reversed(seen.adapters)
    ]
    return (
        ("due", due),
        ("documents", [item.title for item in reversed(seen.documents)]),
        ("notes", [item.title for item in reversed(seen.notes)]),
        ("facts", [_fact(item, language) for item in reversed(seen.facts)]),
        ("learning", [*adapters, *_judged(digest, language)]),
        ("recommended", digest.recommended),
    )


def _due(item: Reminder, digest: Digest, language: str, zone: ZoneInfo) -> str:
    return due_words(item.due, now=digest.until, zone=zone, language=language)


def _fact(item: NewFact, language: str) -> str:
    fact = item.fact
    whose = "" if fact.subject == USER else f"{fact.subject.removeprefix(_USERS)}, "
    said = f"{whose}{fact.attribute}: {fact.value}"
    return said if item.before is None else say(language, "digest_before", fact=said, before=item.before)


def _judged(digest: Digest, language: str) -> list[str]:
    judged = digest.happened.judged
    if not (judged.up or judged.down or judged.corrected):
        return []
    return [say(language, "digest_judged", up=judged.up, down=judged.down, corrected=judged.corrected)]


def _some(items: Sequence[str], profile: Profile) -> list[str]:
    """As many as the user's length allows, and how many more there are."""
    most = _SHOWN[profile.length]
    more = len(items) - most
    shown = [" ".join(item.split()).rstrip(" .。") for item in items[:most]]
    return [*shown, say(profile.language, "digest_more", n=more)] if more > 0 else shown


def _laid_out(sections: Sequence[tuple[str, Sequence[str]]], profile: Profile) -> str:
    if profile.form == "bullets":
        return "\n\n".join("\n".join([heading, *(f"- {item}" for item in items)]) for heading, items in sections)
    between, end = say(profile.language, "digest_between"), say(profile.language, "digest_end")
    return "\n".join(f"{heading} {between.join(items)}{end}" for heading, items in sections)


def since_default(now: datetime) -> datetime:
    """The beginning of a digest that somebody asks for who gets none regularly."""
    return now.astimezone(UTC) - PERIOD
