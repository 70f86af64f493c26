"""Index and question are split into words by the same rules, in every script."""

from __future__ import annotations

import sqlite3

import pytest

from memory.words import content_words, index_words, split_words


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("cameras", "my camera"),
        ("dancing", "she danced and dances"),
        ("running", "a run"),
        ("movies", "one movie"),
        ("study", "studies"),
        ("CAFÉ", "cafe"),
        ("ＡＢＣ", "abc"),
        ("悬空", "重跑gen-itgc后50条悬空引用清零"),
        ("itgc", "重跑gen-itgc后50条悬空引用清零"),
        ("POL-358", "policy POL-358 ends"),
        ("don't", "I don't know"),
    ],
)
def test_word_is_found_in_another_form(question: str, text: str) -> None:
    """Plural, tense, case, accents, width, Chinese inside a clause, and codes."""
    assert set(split_words(question)) <= set(split_words(text))


def test_code_is_one_word_besides_its_parts() -> None:
    """The whole of a code or date is rarer than its parts, which other codes share."""
    assert "pol358" in split_words("POL-358")
    assert "20260508" in split_words("2026-05-08")
    assert "pol358" not in split_words("POL-359 and 358")


def test_words_that_differ_stay_apart() -> None:
    """Stemming does not merge short words or words that end alike."""
    assert len({split_words(word)[0] for word in ("bus", "business", "sing", "red", "reed", "glass")}) == 6


def test_question_keeps_what_it_is_about() -> None:
    """Stop words go, unless nothing else is there; each word once."""
    assert content_words("What is the wifi password of the wifi?") == ["wifi", "password"]
    assert content_words("Who are you?") == ["who", "are", "you"]
    assert content_words("-!? 🍕") == []


def test_tokenizer_of_sqlite_leaves_words_as_they_are() -> None:
    """What is indexed is found again letter by letter in FTS5's list of words."""
    text = "Straße İstanbul naïve Ελλάδα привет 日本語のカメラ 한국어 x2 2026-05-08 don't ﬁne ½ हिन्दी"
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE t USING fts5(words, tokenize = 'unicode61 remove_diacritics 2')")
    db.execute("INSERT INTO t VALUES (?)", (index_words(text, speaker="Zoë", section="Ünder"),))
    db.execute("CREATE VIRTUAL TABLE terms USING fts5vocab(t, row)")
    stored = {row[0] for row in db.execute("SELECT term FROM terms")}
    db.close()
    assert stored == set(split_words(f"Zoë Ünder {text}"))
