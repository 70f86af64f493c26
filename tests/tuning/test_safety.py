"""The word list is not readable by eye, and finds whole words only."""

from __future__ import annotations

from tuning.safety import slur_words, slurs_in


def test_list_decodes_to_distinct_words() -> None:
    """Each line is base64 of one folded word."""
    words = slur_words()
    assert len(words) == len(set(words)) > 20
    assert all(word == word.casefold().strip() != "" for word in words)


def test_whole_words_are_found_in_any_case() -> None:
    """Inside another word of the alphabet it is none; Chinese has no spaces."""
    words = ("blorp", "坏词")
    assert slurs_in(["what a BLORP!", "nothing"], words) == (0,)
    assert slurs_in(["two blorps"], words) == (0,)
    assert slurs_in(["blorpish unblorp"], words) == ()
    assert slurs_in(["这是坏词吗"], words) == (1,)


def test_each_word_of_the_list_is_found() -> None:
    """The list works, and an ordinary text holds none of it."""
    words = slur_words()
    assert set(slurs_in(words)) == set(range(len(words)))
    assert slurs_in(["The dam in Holland was fixed by a kind man from Pakistan who sells snow gear."]) == ()
