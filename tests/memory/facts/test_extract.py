"""Only what is said plainly and by the person is a fact; the labelled sets are the measure."""

from __future__ import annotations

from datetime import date

import pytest

from memory.facts.extract import Told, claims_of, with_relations
from memory.facts.records import Claim

DAY = date(2026, 3, 11)


def claims(text: str, me: str | None = "user") -> list[tuple[str, str, str]]:
    """The facts of a text as triples."""
    return [(item.subject, item.attribute, item.value) for item in with_relations(claims_of(Told(text, DAY, me)))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yeah, I live in Oslo now.", [("user", "home", "Oslo")]),
        (
            "Hi! My name is Dana Reyes and I work for Halden Optics.",
            [("user", "name", "Dana Reyes"), ("user", "employer", "Halden Optics")],
        ),
        ("My sister Ann lives in Bergen.", [("user", "sister", "Ann"), ("Ann", "home", "Bergen")]),
        ("I no longer work at Halden.", [("user", "employer", "Halden")]),
        ("- **My shoe size** is 39", [("user", "shoe size", "39")]),
        ("张雅是我的同事，其生日是12月10日。", [("user", "同事", "张雅"), ("张雅", "birthday", "12-10")]),
        ("对了，我下属的电话是13700001111。", [("user's 下属", "phone number", "13700001111")]),
    ],
)  # fmt: skip
def test_plain_statements(text: str, expected: list[tuple[str, str, str]]) -> None:
    """Fillers, markup and several clauses don't hide them."""
    assert claims(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Do you live in Oslo?",
        "I'd love to live in Oslo.",
        "I thought my name was Bob, haha.",
        "She said “I live in Oslo”.",
        "Looks like a gorgeous church!",
        "I'm a big fan of it.",
        "I work at night.",
        "I used to live in Oslo.",
        "我以前住在奥斯陆。",
        "听说王芳是医生。",
        "",
        "🎉🎉🎉",
        "my " * 300,
    ],
)
def test_no_fact(text: str) -> None:
    """Questions, doubts, quotations, wishes, the past and noise state nothing."""
    assert claims(text) == []


def test_speaker_is_the_subject() -> None:
    """In a dialogue "I" is who said it; of an unknown writer nothing is believed about "I", but what is named is."""
    assert claims("I live in Oslo.", "Caroline") == [("Caroline", "home", "Oslo")]
    assert claims("I live in Oslo. Ben's boss is Ida.", None) == [("Ben", "boss", "Ida")]


def test_end_and_beginning_are_dated() -> None:
    """ "Last week" and "yesterday" are stored as the dates meant."""
    (moved,) = claims_of(Told("I moved to Oslo last week.", DAY))
    (quit_,) = claims_of(Told("I quit my job at Halden Optics yesterday.", DAY))
    assert moved == Claim("user", "home", "Oslo", "2026-03-02/2026-03-08")
    assert quit_ == Claim("user", "employer", "Halden Optics", "2026-03-10", ended=True)
