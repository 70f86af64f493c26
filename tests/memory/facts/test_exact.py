"""A fact answers a question only where it explains every word of it."""

from __future__ import annotations

import pytest

from memory.facts.exact import answers
from memory.facts.records import Fact

SCHOOL = Fact(1, 1, "Emi", "school", "NYU", "2024", "2024", None, False, False, ())
HOME = Fact(2, 1, "Ottilie", "home", "Bremen", "2026", "2026", None, False, False, ())
SISTER = Fact(3, 1, "user", "sister", "Ottilie", "2026", "2026", None, False, False, ())
PASSPORT = Fact(4, 1, "user", "passport expiry", "2036-03-03", "2026", "2026", None, False, False, ())
YU = Fact(5, 1, "user", "妹妹", "小雨", "2026", "2026", None, False, False, ())
KUNMING = Fact(6, 1, "小雨", "home", "昆明", "2026", "2026", None, False, False, ())


@pytest.mark.parametrize(
    ("question", "fact", "links"),
    [
        ("Which school does Emi go to?", SCHOOL, ()),
        ("Where does Ottilie live now?", HOME, ()),
        ("Where does my sister live?", HOME, (SISTER,)),
        ("When does my passport expire?", PASSPORT, ()),
        ("我妹妹住在哪里？", KUNMING, (YU,)),
        ("你知道小雨现在住哪儿吗？", KUNMING, ()),
    ],
)
def test_explained(question: str, fact: Fact, links: tuple[Fact, ...]) -> None:
    """By the fact, by the words for its attribute, by the links, and by words that only ask."""
    assert answers(question, fact, links)


@pytest.mark.parametrize(
    ("question", "fact"),
    [
        ("When did Emi go to the LGBTQ conference?", SCHOOL),
        ("When did Emi start school?", SCHOOL),
        ("Where did Ottilie live in Paris?", HOME),
        ("Who lives with Ottilie in Bremen on weekdays?", HOME),
        ("When does my driving licence expire?", PASSPORT),
        ("小雨在北京住哪家酒店？", KUNMING),
    ],
)
def test_something_else_is_asked(question: str, fact: Fact) -> None:
    """A word that nothing explains, or a time that the value does not hold."""
    assert not answers(question, fact, ())
