"""Names and numbers are found, and looked up in the sources without being fooled by case, plural or neighbours."""

from __future__ import annotations

import pytest

from bot.grounding import claims, overlap, sentences, unsupported


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is here. The code is 12.5 now! Really?", ["It is here.", "The code is 12.5 now!", "Really?"]),
        ("Dr. Lee called. He was late.", ["Dr. Lee called.", "He was late."]),
        ("密码是蓝莓。明天见！好", ["密码是蓝莓。", "明天见！", "好"]),
        ("- one\n- two", ["- one", "- two"]),
        ("  ", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    """English and Chinese are split; abbreviations and decimals are not."""
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The password is heron-42.", ["heron-42"]),
        ("Your policy POL-358 ends on 2026-05-08.", ["POL-358", "2026-05-08"]),
        ("Call Anna Berg at 555 0101.", ["Call", "Anna", "Berg", "555", "0101"]),
        ("Maria called. It's fine.", ["Maria"]),
        ("There are three keys.", ["three"]),
        ("会议在3月5日，外婆今年七十岁。", ["3", "5", "七十岁"]),
    ],
)
def test_claims(text: str, expected: list[str]) -> None:
    """Ids, dates, names and number words are claims; a usual opener of a sentence is not, an invented name is."""
    assert claims(text) == expected


@pytest.mark.parametrize(
    ("text", "sources", "missing"),
    [
        ("The password is blueberry42.", ["wifi password: blueberry42"], []),
        ("The password is 42.", ["wifi password: blueberry42"], ["42"]),
        ("You can ask Maria.", ["maria lives in Oslo"], []),
        ("It is 555-0101.", ["no phone here"], ["555-0101"]),
        ("It costs 4 euros.", ["it costs 40 euros"], ["4"]),
        ("She met Tom's sister.", ["Tom has a sister"], []),
        ("Marek lives there.", ["Somebody lives there"], ["Marek"]),
        ("价格是30元。", ["价格是130元"], ["30"]),
        ("外婆七十岁。", ["外婆今年一百七十岁"], ["七十岁"]),
        ("外婆七十岁。", ["外婆今年七十岁了"], []),
        ("十月十一日去。", ["十月十一日：大熊猫基地"], []),
    ],
)
def test_unsupported(text: str, sources: list[str], missing: list[str]) -> None:
    """A number inside a longer one is no support; case and possessives don't matter."""
    assert unsupported(text, sources) == missing


def test_overlap_is_a_share_of_the_sentence() -> None:
    """Half of the words found is a half; an empty sentence has no support."""
    assert overlap("red cameras", "a camera") == 0.5
    assert overlap("", "anything") == 0.0
