"""The answer to "when?": what is a time, what is a way out, and what is about something else."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bot.reminders.answering import GivenUp, answer_to_when
from bot.reminders.parsing import Missing, Wish

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 2, 10, tzinfo=ZONE)  # a Monday
ASKED = Missing("when", "call Mum")


def answered(text: str, asked: Missing = ASKED) -> Wish | Missing | GivenUp | None:
    """What becomes of an answer."""
    return answer_to_when(asked, text, now=NOW, zone=ZONE)


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("tomorrow at 9", "2026-03-03T09:00"),
        ("ok, tomorrow at 9 please", "2026-03-03T09:00"),
        ("9", "2026-03-03T09:00"),
        ("at noon", "2026-03-02T12:00"),
        ("maybe Friday?", "2026-03-06T09:00"),
        ("what about tomorrow?", "2026-03-03T09:00"),
        ("let's say in an hour", "2026-03-02T11:00"),
        ("every weekday at 8", "2026-03-03T08:00"),
        ("明天上午九点吧", "2026-03-03T09:00"),
        ("好的，明天九点", "2026-03-03T09:00"),
        ("半小时后", "2026-03-02T10:30"),
    ],
)
def test_a_time_with_little_around_it_is_the_answer(text: str, due: str) -> None:
    """Also with a polite word or a doubt."""
    wish = answered(text)
    assert isinstance(wish, Wish)
    assert (wish.text, wish.due.isoformat()[:16]) == ("call Mum", due)


@pytest.mark.parametrize("text", ["never mind", "Forget it.", "no thanks", "cancel", "算了", "不用了", "取消吧"])
def test_there_is_a_way_out(text: str) -> None:
    """In both languages."""
    assert answered(text) == GivenUp()


@pytest.mark.parametrize(
    "text",
    [
        "The meeting with Bob is tomorrow at 9",
        "I like pizza",
        "what is the capital of France",
        "I have 3 cats",
        "What did Ann say yesterday?",
        "明天九点和小王开会，帮我准备一下材料",
        "你好",
        "",
        "tomorrow " * 30,
    ],
)
def test_what_tells_more_than_a_time_is_no_answer(text: str) -> None:
    """The chat answers it."""
    assert answered(text) is None


def test_a_time_that_is_over_or_unclear_is_asked_for_again() -> None:
    """What it is about stays."""
    assert answered("2 May 2020") == Missing("future", "call Mum")
    assert answered("monday") == Missing("when", "call Mum")


def test_what_was_asked_about_nothing_may_be_answered_with_both() -> None:
    """As after /remind alone."""
    wish = answered("tomorrow at 9 call Mum", Missing("when", ""))
    assert isinstance(wish, Wish)
    assert wish.text == "call Mum"
