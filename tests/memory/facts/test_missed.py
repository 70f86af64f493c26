"""A model is asked about sentences that likely state a fact which no rule read, and about no others."""

from __future__ import annotations

from datetime import date

import pytest

from memory.facts.extract import Told
from memory.facts.missed import MOST_CHARACTERS, missed, telling

DAY = date(2026, 3, 11)


@pytest.mark.parametrize(
    "text",
    [
        "Since May I've been with Orbis as a welder.",
        "Peanuts make my sister ill, she is allergic.",
        "My family comes from a village near Oaxaca.",
        "我从小在兰州长大。",
        "妹妹在学钢琴。",
    ],
)
def test_likely_facts_are_asked_about(text: str) -> None:
    """In either language, of the user, of relatives and of others by name."""
    assert missed(Told(text, DAY)) == (text,)


@pytest.mark.parametrize(
    "text",
    [
        "I live in Utrecht.",  # a rule read it
        "Where does my sister live?",
        "Maybe I'll take that job in Lyon.",
        'He said "my job is a joke".',
        "I wish I lived near my sister.",
        "Your job sounds great to my sister.",
        "That was fun!",
        "The weather is nice today.",
        "如果我住在兰州就好了。",
        "今天天气很好。",
    ],
)
def test_others_are_not(text: str) -> None:
    """Known, asked, doubted, quoted, wished, told of the other, or of nobody."""
    assert missed(Told(text, DAY)) == ()


def test_where_it_is_unknown_who_speaks_nothing_is_asked() -> None:
    """A book or a mail is not asked about."""
    assert missed(Told("Since May I've been with Orbis as a welder.", DAY, me=None)) == ()


def test_only_the_sentences_that_the_rules_left_are_asked_about() -> None:
    """The others of the same passage are known."""
    text = "I live in Utrecht. Since May I've been with Orbis as a welder. Where are you?"
    assert missed(Told(text, DAY)) == ("Since May I've been with Orbis as a welder.",)
    assert telling(Told(text, DAY)) == ("I live in Utrecht.", "Since May I've been with Orbis as a welder.")


def test_a_long_passage_is_bounded() -> None:
    """So that a request stays short."""
    text = " ".join(f"Since May {n} I've been with Orbis as a welder." for n in range(100))
    asked = missed(Told(text, DAY))
    assert len(asked) > 1
    assert sum(map(len, asked)) <= MOST_CHARACTERS
