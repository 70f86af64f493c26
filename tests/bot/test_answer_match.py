"""A reply holds an expected answer whatever its writing, and not when a date or most of it is another."""

from __future__ import annotations

import pytest

from bot.answer_match import holds_answer


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("She went on 2023-05-07. [1]", "7 May 2023"),
        ("It was May 7th, 2023.", "7 May 2023"),
        ("It was on 7 May.", "7 May 2023"),
        ("2023年5月7日去的", "7 May 2023"),
        ("On 2022-03-01.", "2022"),
        ("On June 12, 2023.", "June 2023"),
        ("Since 2016.", "since approximately 2016"),
        ("Last week (last week = 2023-05-29 to 2023-06-04).", "The week before 9 June 2023"),
        ("In the week before June 9, 2023", "The week before 9 June 2023"),
        ("On 2023-05-21.", "The sunday before 25 May 2023"),
        ("On 30 June 2023.", "two days before 2 July 2023"),
        ("For 12 years.", "twelve years"),
        ("She went twice.", "two times"),
        ("她七十岁。", "70岁"),
        ("She likes painting, pottery and camping.", "pottery, camping, painting, swimming"),
        ("A Necklace [2]", "necklaces"),
        ("No, she would not.", "No"),
        ("她住在北京。", "北京"),
    ],
)
def test_the_same_answer_in_another_writing(reply: str, expected: str) -> None:
    """Dates, numbers, plural and order don't matter, and three of four parts are enough."""
    assert holds_answer(reply, expected)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("It was on 8 May 2023.", "7 May 2023"),
        ("It was in May 2023.", "7 May 2023"),
        ("It was on 8 May 2022.", "May 2023"),
        ("On 9 June 2023.", "The week before 9 June 2023"),
        ("On 25 May 2023.", "The sunday before 25 May 2023"),
        ("In 2021.", "2022"),
        ("On 12 May.", "12 years"),
        ("Only pottery.", "pottery, camping, painting, swimming"),
        ("I don't know.", "a guinea pig"),
        ("", "a necklace"),
        ("anything", ""),
    ],
)
def test_another_answer(reply: str, expected: str) -> None:
    """A date must be held whatever else is, as exactly as the answer names it."""
    assert not holds_answer(reply, expected)
