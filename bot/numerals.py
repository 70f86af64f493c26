"""The numbers in a text, whichever language they are written in: what a translated sentence must share with its source.

"3 月 3 日" and "3 March", "七十岁" and "70", "1.2万" and "12,000" hold the same numbers. Names change with the
language and numbers don't, so across languages only numbers can be checked.
"""

from __future__ import annotations

import re

from memory.words import fold

_UNITS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen""".split()  # noqa: SIM905 - read as a text
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()  # noqa: SIM905
_MONTHS = """january february march april may june july august september october november
    december""".split()  # noqa: SIM905
_VALUES = (
    {word: n for n, word in enumerate(_UNITS)}
    | {word: 10 * n for n, word in enumerate(_TENS, 2)}
    | {word: n for n, word in enumerate(_ORDINALS, 1)}
    | {word: n for n, word in enumerate(_MONTHS, 1)}
)
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000}
_WORD = "|".join(sorted([*_VALUES, *_SCALES], key=len, reverse=True))
_DIGITS = {sign: n for n, sign in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_CHINESE_SCALES = {"十": 10, "百": 100, "千": 1000}
_GROUPS = {"万": 10_000, "亿": 100_000_000} | _SCALES
_NUMBER = re.compile(
    rf"(?P<digits>\d+(?:[,，]\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?)\s*(?P<group>[万亿]|thousand|million|billion)?"
    rf"|(?P<chinese>[零〇一二两三四五六七八九十百千万亿]+)"
    rf"|\b(?P<words>(?:{_WORD})(?:[ -](?:and )?(?:{_WORD}))*)\b"
)


def numbers_of(text: str, *, ones: bool = True) -> set[str]:
    """Every number as plain decimal text; a month's name counts as its number, in English if capitalised.

    :param ones: without them a lone 一, "one" and "first" count as no number, as mostly in "一起" and "no one"
    """
    found: set[str] = set()
    for match in _NUMBER.finditer(fold(re.sub(r"\bma(?:y|rch)\b", "", text))):
        if not ones and match.group() in ("一", "one", "first"):
            continue
        if match["digits"]:
            found.add(_plain(float(re.sub("[,，]", "", match["digits"])) * _GROUPS.get(match["group"] or "", 1)))
        else:
            found.add(str(_chinese(match["chinese"]) if match["chinese"] else _english(match["words"])))
    return found


def is_number(claim: str) -> bool:
    """Whether a claim is a number and nothing else, so that another way to write it says the same."""
    return bool(re.fullmatch(r"\d[\d,.]*(?:st|nd|rd|th)?|[A-Za-z]+", claim)) and bool(numbers_of(claim))


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _english(text: str) -> int:
    total = current = 0
    for word in re.findall(_WORD, text):
        if word == "hundred":
            current = (current or 1) * 100
        elif word in _SCALES:
            total, current = total + (current or 1) * _SCALES[word], 0
        else:
            current += _VALUES[word]
    return total + current


def _chinese(text: str) -> int:
    if all(sign in _DIGITS for sign in text):
        return int("".join(str(_DIGITS[sign]) for sign in text))
    total = section = digit = 0
    for sign in text:
        if sign in _DIGITS:
            digit = _DIGITS[sign]
        elif sign in _CHINESE_SCALES:
            section, digit = section + (digit or 1) * _CHINESE_SCALES[sign], 0
        else:
            total, section, digit = (total + section + digit or 1) * _GROUPS[sign], 0, 0
    return total + section + digit
