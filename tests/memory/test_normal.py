"""Questions find what was written with other signs for the same letters; what is stored stays as written."""

from __future__ import annotations

import pytest

from memory.chunking import embedded_text
from memory.normal import searchable
from memory.query import understand
from memory.records import Passage
from memory.words import index_words


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("classi\ufb01es the o\ufb03ce", "classifies office"),
        ("Ｃａｂｉｎ ＡＢＣ－１２３", "cabin abc123"),
        ("refriger\u00adator", "refrigerator"),
        ("pass\u200bword", "password"),
        ("\u200eRouter\u202c", "router"),
        ("we under-\nstand it", "understand"),
        ("a well-\nknown cafe", "well-known"),
        ("Arbeits\u00ad\nplatz", "Arbeitsplatz"),
        ("Nord-\nSüd", "Nord Süd"),
        ("\ue000key\uf0b7hook", "key hook"),
        ("key\x07board\x9dhook", "hook"),
        ("ｶﾞﾗｽ", "ガラス"),
        ("⽔⾞", "水车"[0] + "車"),
        ("𝗯𝗼𝗹𝗱 offer", "bold"),
        ("ﻣﺮﺣﺒﺎ", "مرحبا"),
        ("12\u202f000\u00a0kr", "000 kr"),
    ],
)
def test_a_question_finds_the_other_spelling(written: str, asked: str) -> None:
    """anydoc#172: ligatures, wide forms, soft and line-end hyphens, invisible and private signs hide no word."""
    assert set(understand(asked).words) <= set(index_words(written).split())


@pytest.mark.parametrize("text", ["plain", "2024-\n05", "- a\n- b", "x -\ny", "½ cup, 10²", "Ünïcode’s"])
def test_what_needs_no_change_is_left_alone(text: str) -> None:
    """Dates, lists, fractions and accents are not touched."""
    assert searchable(text) == text


def test_what_is_embedded_is_normalised_and_what_is_stored_is_not() -> None:
    """The passage keeps the original for display."""
    passage = Passage("the o\ufb03ce re\u00adopens", section="A")
    assert embedded_text(passage, title="T").endswith("the office reopens")
    assert passage.text == "the o\ufb03ce re\u00adopens"
