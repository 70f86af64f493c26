"""A number as its cell shows it, where the format says what it means: a percentage or an amount of money.

Formats are those of Excel (ECMA-376 part 1, 18.8.31). Of others the number stays as it is stored, exact.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

BUILT_IN = {9: "0%", 10: "0.00%"}
"""Formats that files name by number only; money among them has the sign of whoever opens the file."""
_MONEY = frozenset(
    (
        *("eur", "usd", "gbp", "chf", "cny", "rmb", "jpy", "kr", "kr.", "sek", "nok", "dkk", "zł", "pln", "kč", "czk"),
        *(
            "ft",
            "huf",
            "руб.",
            "руб",
            "р.",
            "rub",
            "лв.",
            "lei",
            "元",
            "円",
            "원",
            "tl",
            "try",
            "inr",
            "rs",
            "r$",
            "brl",
        ),
    )
)
"""Words for money; a sign of it is told by its kind in Unicode."""
_TOKEN = re.compile(
    r'"([^"]*)"|\\(.)|_.|\*.|\[\$([^\]-]*)[^\]]*\]|(\[[^\]]*\])|([#0?](?:[#0?,.]|\s(?=[#0?]))*)|(%)|(.)', re.DOTALL
)
_MOST_DECIMALS = 15


@dataclass(frozen=True)
class _Section:
    """One of the parts of a format that semicolons separate."""

    before: str
    digits: str
    after: str
    percent: bool
    money: bool


def shown(value: float, code: str) -> str | None:
    """What the cell shows; None where the format is neither of a percentage nor of money.

    :param code: as in ``0.0%`` or ``"$"#,##0.00;[Red]-"$"#,##0.00``
    """
    sections = [_section(part) for part in _parts(code)]
    first = sections[0] if sections else None
    if first is None or not (first.percent or first.money):
        return None
    second = sections[1] if len(sections) > 1 else None
    if value < 0 and second is not None and second.digits:
        return _written(-value, second)
    text = _written(abs(value), first)
    return f"-{text}" if text is not None and value < 0 else text


def _parts(code: str) -> list[str]:
    """Sections: for numbers over 0, below, 0 itself and text."""
    return re.findall(r'(?:"[^"]*"|\\.|\[[^\]]*\]|[^;"\\\[])+', code)


def _section(part: str) -> _Section | None:
    """None where the section depends on a condition or has no place for digits."""
    before, digits, after = "", "", ""
    percent = money = False
    for quoted, escaped, currency, bracket, places, sign, other in _TOKEN.findall(part):
        if re.match(r"\[[<>=]", bracket):
            return None
        digits = digits or places
        literal = quoted or escaped or currency or sign or other
        percent |= bool(sign)
        money |= bool(currency) or _is_money(literal)
        if not digits:
            before += literal
        elif not places:
            after += literal
    return _Section(before.lstrip(), digits.strip(), after.rstrip(), percent, money) if digits else None


def _is_money(literal: str) -> bool:
    word = literal.strip().lower()
    return word in _MONEY or any(unicodedata.category(char) == "Sc" for char in literal)


def _written(value: float, section: _Section) -> str | None:
    whole, _, fraction = section.digits.partition(".")
    thousands = len(section.digits) - len(section.digits.rstrip(","))
    decimals = min(_MOST_DECIMALS, len(re.findall(r"[#0?]", fraction)))
    needed = len(re.findall("0", fraction))
    try:
        number = Decimal(repr(value)) * (100 if section.percent else 1) / 1000**thousands
        number = number.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    except InvalidOperation:  # more digits than a decimal holds
        return None
    text = f"{number:,f}" if "," in whole.rstrip(",") else f"{number:f}"
    while decimals > needed and text.endswith("0"):
        text, decimals = text[:-1], decimals - 1
    return f"{section.before}{text.rstrip('.') if not decimals else text}{section.after}"
