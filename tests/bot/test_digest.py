"""A digest's schedule and its words: pure, in both languages and forms, across clock changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.digest import Digest, digest_text, digest_wish, next_digest
from bot.reminders.rules import Repeat, rule_text
from memory.facts.records import Fact
from memory.happened import AdapterChange, Happened, Judged, NewFact
from memory.records import Document, Profile
from memory.reminders import Destination, Reminder

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 2, 10, tzinfo=BERLIN)  # a Monday


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("daily 08:00", ("day", (), "08:00")),
        ("daily at 8pm", ("day", (), "20:00")),
        ("every morning at 8", ("day", (), "08:00")),
        ("weekly Monday 08:00", ("week", (0,), "08:00")),
        ("weekly on Friday at 17:30", ("week", (4,), "17:30")),
        ("every weekday at 7", ("week", (0, 1, 2, 3, 4), "07:00")),
        ("daily", ("day", (), "09:00")),
        ("每天8点", ("day", (), "08:00")),
        ("每天早上八点", ("day", (), "08:00")),
        ("每周一 8点", ("week", (0,), "08:00")),
    ],
)
def test_a_schedule_is_read(text: str, rule: tuple[str, tuple[int, ...], str]) -> None:
    """In English and Chinese, as a command and as people say it."""
    wish = digest_wish(text, now=NOW, zone=BERLIN)
    assert isinstance(wish, Repeat)
    assert (wish.unit, wish.weekdays, f"{wish.start:%H:%M}") == rule


@pytest.mark.parametrize("text", ["now", "Now.", "现在"])
def test_one_can_be_had_now(text: str) -> None:
    """In both languages."""
    assert digest_wish(text, now=NOW, zone=BERLIN) == "now"


@pytest.mark.parametrize("text", ["off", "stop", "关", "取消"])
def test_they_can_be_ended(text: str) -> None:
    """In both languages."""
    assert digest_wish(text, now=NOW, zone=BERLIN) == "off"


@pytest.mark.parametrize("text", ["sometimes", "every 5 minutes", "every hour", "tomorrow at 9", "daily 8 news", "x"])
def test_what_is_no_schedule_is_not_taken_for_one(text: str) -> None:
    """A single time, what comes too often, and other words."""
    assert digest_wish(text, now=NOW, zone=BERLIN) is None


def test_eight_stays_eight_when_the_clock_changes() -> None:
    """One day of 23 hours in spring, one of 25 in autumn."""
    rule = rule_text(Repeat("day", datetime(2026, 1, 1, 8)))
    for month, day, hours in ((3, 28, 23), (10, 24, 25)):
        before = datetime(2026, month, day, 8, tzinfo=BERLIN)
        due = next_digest(rule, before, zone=BERLIN)
        assert due.astimezone(BERLIN).hour == 8
        assert due.astimezone(UTC) - before.astimezone(UTC) == timedelta(hours=hours)


def document(number: int, title: str, format_: str = "markdown") -> Document:
    """A document of that title."""
    return Document(number, 1, "x", title, format_, "0", None, None, None, "2026-03-02", 1)


def made(count: int = 1) -> Digest:
    """A digest with so many documents and one of everything else."""
    fact = Fact(1, 1, "user's sister", "home", "Bern", "2026-03-01", "2026-03-01", None, False, False, ())
    reminder = Reminder(
        *(1, 1, None, "k", "call Mum", NOW.astimezone(UTC) + timedelta(hours=3), "Europe/Berlin", None),
        *(Destination("telegram"), "2026", None, None),
    )
    seen = Happened(
        tuple(document(n, f"File {n}") for n in range(1, count + 1)),
        (document(99, "buy milk.", "note"),),
        (NewFact(fact, "Basel"),),
        (AdapterChange("ada-2", "live"), AdapterChange("ada-3", "rolled back")),
        Judged(2, 1, 1),
    )
    return Digest(NOW - timedelta(hours=26), NOW, NOW + timedelta(days=1), seen, (reminder,))


def test_prose_and_bullets_say_the_same() -> None:
    """As the user likes it."""
    prose = digest_text(made(), Profile(), zone=BERLIN)
    assert prose == (
        "Your digest, since Sunday 08:00:\n\n"
        "Coming up: today at 13:00: call Mum.\n"
        "Documents: File 1.\n"
        "Notes: buy milk.\n"
        "Learned: sister, home: Bern (before: Basel).\n"
        "Manner: adapter ada-3 was rolled back; adapter ada-2 answers;"
        " replies judged: 2 good, 1 bad, 1 corrected."
    )
    bullets = digest_text(made(), Profile(form="bullets"), zone=BERLIN)
    assert "Coming up:\n- today at 13:00: call Mum\n\nDocuments:\n- File 1" in bullets


def test_a_digest_speaks_chinese() -> None:
    """All of it but what people wrote themselves."""
    text = digest_text(made(), Profile(language="zh"), zone=BERLIN)
    assert text.startswith("您的摘要，自周日 08:00起：")
    assert "即将到来： 今天 13:00: call Mum。" in text
    assert "评价过的回复：2 个好，1 个不好，1 个已更正。" in text


@pytest.mark.parametrize(("length", "shown"), [("short", 3), ("medium", 8), ("long", 25)])
def test_the_length_says_how_much_is_named(length: str, shown: int) -> None:
    """The newest first; the others are counted."""
    profile = replace(Profile(), length=length)  # type: ignore[arg-type]
    text = digest_text(made(30), profile, zone=BERLIN)
    assert f"File 30; File 29; File 28{';' if shown > 3 else ''}" in text
    assert f"and {30 - shown} more." in text
    assert text.count("File") == shown


def test_a_late_one_says_when_it_was_due() -> None:
    """Not one that is five minutes late."""
    late = digest_text(made(), Profile(), zone=BERLIN, was_due=NOW - timedelta(hours=2))
    assert "(late: was due today at 08:00)" in late
    assert "late" not in digest_text(made(), Profile(), zone=BERLIN, was_due=NOW - timedelta(minutes=4))


def test_nothing_is_said_to_be_nothing() -> None:
    """With the time that it is about."""
    empty = Digest(NOW - timedelta(days=1), NOW, NOW + timedelta(days=1), Happened())
    assert empty.is_empty
    assert not made(0).is_empty
    text = digest_text(empty, Profile(), zone=BERLIN)
    assert text == "Nothing is new since Sunday 10:00, and nothing is due until tomorrow at 10:00."
