"""Cuts of a long text: within the limit, at the border that reads best, never within a character."""

from __future__ import annotations

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.telegram.render import Part, Span, split, utf16
from bot.telegram.splitting import cuts
from tests.bot.telegram.test_render import accepted

FAMILY, FLAG, THUMB, KEYCAP, ACCENT = "👩\u200d👩\u200d👧", "🇩🇪", "👍🏽", "1\ufe0f\u20e3", "e\u0301"
PIECES = st.lists(
    st.sampled_from([FAMILY, FLAG, THUMB, KEYCAP, ACCENT, "word", "好的", "。", ". ", " ", "\n", "\n\n", "    ", "😀"]),
    max_size=60,
).map("".join)
TYPES = st.sampled_from(["bold", "pre", "text_link", "code"])


@given(PIECES, st.integers(12, 40), st.lists(st.tuples(st.integers(0, 200), st.integers(1, 30))))
@settings(max_examples=300, deadline=None)
def test_the_pieces_are_the_text(text: str, limit: int, whole: list[tuple[int, int]]) -> None:
    """In order and within the limit; no cut is within a character as seen."""
    code = [(first, first + length) for first, length in whole[::2]]
    ranges = cuts(text, limit=limit, code=code, whole=[(first, first + length) for first, length in whole[1::2]])
    assert "".join(text[first:end] for first, end in ranges) == text
    assert all(utf16(text[first:end]) <= limit for first, end in ranges)
    assert {end for _, end in ranges} <= {match.end() for match in regex.finditer(r"\X", text)}


@given(PIECES, st.integers(12, 40), TYPES, st.integers(0, 30), st.integers(1, 60))
@settings(max_examples=300, deadline=None)
def test_no_message_loses_anything_but_white_space(text: str, limit: int, kind: str, start: int, length: int) -> None:
    """What is not blank stands in the messages in order, and entities stay within them and over the same text."""
    ends = [0, *(utf16(text[: match.end()]) for match in regex.finditer(r"\X", text))]
    first = ends[start % len(ends)]
    last = ends[min(start % len(ends) + length, len(ends) - 1)]
    span = Span(kind, first, last - first, url="http://x.y" if kind == "text_link" else None)
    parts = split(Part(text, (span,) if last > first else ()), limit=limit)
    assert "".join("".join(part.text.split()) for part in parts) == "".join(text.split())
    covered = ""
    for part in parts:
        assert utf16(part.text) <= limit
        accepted(part)
        units = part.text.encode("utf-16-le")
        covered += "".join(units[one.offset * 2 : one.end * 2].decode("utf-16-le") for one in part.spans)
    inside = text.encode("utf-16-le")[first * 2 : last * 2].decode("utf-16-le")
    assert "".join(covered.split()) == "".join(inside.split())


@pytest.mark.parametrize("character", [FAMILY, FLAG, THUMB, KEYCAP, ACCENT])
def test_a_character_of_several_code_points_stays_whole(character: str) -> None:
    """Families, flags, skin tones, keycaps and accents."""
    text = "x" + character * 100
    assert all(text[first:end].removeprefix("x").replace(character, "") == "" for first, end in cuts(text, limit=20))


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("aaa aaa\n\nbb. bb", ["aaa aaa\n\n", "bb. bb"]),
        ("aaa aaa\nbb. bb bb", ["aaa aaa\n", "bb. bb bb"]),
        ("aaa. aaa bb bb bb", ["aaa. aaa bb ", "bb bb"]),
        ("aaaaaaa. a bb bb", ["aaaaaaa. ", "a bb bb"]),
        ("今天天气很好。我们去散步吧", ["今天天气很好。", "我们去散步吧"]),
        ("aaaaaaaaaaaaaaaaaa", ["aaaaaaaaaaaa", "aaaaaa"]),
    ],
)
def test_the_best_border_is_taken(text: str, pieces: list[str]) -> None:
    """Paragraph before line before sentence before word, in the second half of what fits."""
    assert [text[first:end] for first, end in cuts(text, limit=12)] == pieces


def test_code_is_cut_at_a_line_and_best_before_a_block() -> None:
    """Not at its blank line within a function."""
    text = "f(){\n a\n\n b\n}\ng"
    assert [text[first:end] for first, end in cuts(text, limit=14, code=[(0, 15)])] == ["f(){\n a\n\n b\n}\n", "g"]


def test_what_stays_whole_goes_to_the_next_message() -> None:
    """Even from the first half of one."""
    assert cuts("aa " + "b" * 10, limit=12, whole=[(3, 13)]) == [(0, 3), (3, 13)]
    assert cuts("a" * 13, limit=12, whole=[(0, 13)]) == [(0, 12), (12, 13)]


def test_nothing_has_no_pieces() -> None:
    """And a short text is one."""
    assert cuts("", limit=5) == []
    assert cuts("abcde", limit=5) == [(0, 5)]
