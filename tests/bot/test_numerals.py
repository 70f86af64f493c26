"""Numbers are the same numbers in digits and words, in English and Chinese."""

from __future__ import annotations

import pytest

from bot.numerals import is_number, numbers_of


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("3 March 2026", {"3", "2026"}),
        ("二〇二六年三月三日", {"2026", "3"}),
        ("He is seventy-five", {"75"}),
        ("她今年七十五岁", {"75"}),
        ("18,400 euros", {"18400"}),
        ("一万八千四百欧元", {"18400"}),
        ("1.2万", {"12000"}),
        ("two hundred and ten", {"210"}),
        ("1.5 million", {"1500000"}),
        ("We may go; they march.", set()),
        ("十月", {"10"}),
        ("no figures, 没有", set()),
    ],
)
def test_numbers(text: str, numbers: set[str]) -> None:
    """Groups of thousands, scales, months and digit strings are read."""
    assert numbers_of(text) == numbers


def test_ones() -> None:
    """A lone one is mostly no number, but may support one."""
    assert numbers_of("大家一起去 with no one", ones=False) == set()
    assert numbers_of("一月", ones=True) == {"1"}


def test_codes_are_no_numbers() -> None:
    """A code must be found as it is; a plain number may be written otherwise."""
    assert is_number("18,400")
    assert is_number("seven")
    assert not is_number("heron-42")
    assert not is_number("Anna")
