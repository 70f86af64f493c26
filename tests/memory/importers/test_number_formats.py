"""Numbers as their cells show them."""

from __future__ import annotations

import pytest

from memory.importers.number_formats import shown


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (0.25, "0%", "25%"),
        (0.125, "0.0%", "12.5%"),
        (0.125, "0.##%", "12.5%"),
        (0.5, "0.##%", "50%"),
        (12.5, "#,##0%", "1,250%"),
        (-0.03, "0%", "-3%"),
        (-0.03, "0%;[Red](0%)", "(3%)"),
        (1234.5, '"$"#,##0.00', "$1,234.50"),
        (1234.5, "$#,##0.00", "$1,234.50"),
        (1234.5, "[$€-407] #,##0.00", "€ 1,234.50"),
        (1234.5, '#,##0.00\\ "€"', "1,234.50 €"),
        (1234.5, "#,##0.00 [$€-407]", "1,234.50 €"),
        (-1234.5, '_("$"* #,##0.00_);_("$"* \\(#,##0.00\\);_("$"* "-"??_);_(@_)', "$(1,234.50)"),
        (99, "[$CHF] 0", "CHF 99"),
        (99, '"¥"0', "¥99"),
        (99, '0"元"', "99元"),
        (2500000, '"$"#,##0.0,,"M"', "$2.5M"),
        (2.675, '"$"0.00', "$2.68"),
        (0, "0%", "0%"),
    ],
)
def test_percentages_and_money(value: float, code: str, text: str) -> None:
    """With their signs, places and thousands."""
    assert shown(value, code) == text


@pytest.mark.parametrize(
    "code",
    ["General", "0.00", "#,##0", '"total" 0.00', '0.0" kg"', "yyyy-mm-dd", "@", "", '[>100]"$"0;0', '"a%b"0', ";;;"],
)
def test_other_numbers_stay_exact(code: str) -> None:
    """As they are stored: a rounded weight would be a wrong one."""
    assert shown(45413.25, code) is None


@pytest.mark.parametrize("value", [1e300, float("inf"), float("nan"), -0.0])
def test_numbers_beyond_all_measure(value: float) -> None:
    """Are none or a text, never an error."""
    assert shown(value, "0.00%") in (None, "0.00%", "-0.00%") or "e" not in str(shown(value, "0.00%"))
