"""Silence counts as content only where the user went on without a complaint, a day ago."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.tuning.test_dataset import TURN
from tuning.accepted import accepted_turns, complains, repeats

NOW = datetime(2026, 2, 3, 12, tzinfo=UTC)


def turns(*texts: str, conversation: int = 3) -> list:  # type: ignore[type-arg]
    """Turns of one conversation, numbered from 1."""
    return [replace(TURN, id=n, user_text=text, conversation_id=conversation) for n, text in enumerate(texts, 1)]


def accepted(rows: list, judged: set[int] | None = None) -> list[int]:  # type: ignore[type-arg]
    return [turn.id for turn in accepted_turns(rows, judged=judged or set(), now=NOW)]


def test_going_on_accepts_what_was_answered_before() -> None:
    """The last turn is never accepted: nobody has said anything after it."""
    rows = turns("Where is the key?", "Thanks! And the ferry?", "no, that's wrong", "Where is the ladder?")
    assert accepted(rows) == [1, 3]


def test_judged_young_and_unwritten_replies_are_left() -> None:
    """What has feedback speaks for itself; within a day it may still get some; a fixed phrase is no reply."""
    rows = turns("one thing", "another matter", "third subject", "fourth topic", "fifth idea")
    rows[1] = replace(rows[1], asked_at="2026-02-03T10:00:00+00:00")
    rows[2] = replace(rows[2], prompt=())
    assert accepted(rows, {1}) == [4]


def test_only_the_same_conversation_counts() -> None:
    """A message elsewhere accepts nothing."""
    first, second = turns("one thing"), turns("another matter", conversation=4)
    assert accepted([first[0], replace(second[0], id=2)]) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("No, I meant the other one", True),
        ("that's not right", True),
        ("That’s wrong", True),
        ("try again", True),
        ("不对，我问的是钥匙", True),
        ("你答非所问", True),
        ("no problem, thanks", False),
        ("Great. What about Monday?", False),
        ("好的，谢谢", False),
        ("I know nothing about boats", False),
    ],
)
def test_complaints(text: str, complaint: bool) -> None:
    """In both languages, with either apostrophe."""
    assert complains(text) is complaint


def test_asking_again_is_no_acceptance() -> None:
    """Most of the words again; one word in common is another question."""
    assert repeats("where is the garage key then?", "Where is the garage key?")
    assert not repeats("Where is the ferry?", "When is the garage cleaned?")
