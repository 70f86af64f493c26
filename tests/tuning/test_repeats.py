"""Endless repeats are recognised and ordinary repetition is not."""

from __future__ import annotations

import itertools

import pytest

from tuning.repeats import repeats_from


@pytest.mark.parametrize("copies", [8, 9, 20])
def test_a_repeated_sentence_is_cut_after_its_first_copy(copies: int) -> None:
    """Wherever in the sentence the text breaks off."""
    start, again = "Sorry. ", "I'm not a job search assistant. "
    for cut in range(5):
        text = (start + again * copies)[: -cut or None]
        end = repeats_from(text)
        assert text[:end].rstrip() == "Sorry. I'm not a job search assistant."


def test_one_character_for_ever_is_a_loop() -> None:
    """Short pieces count once there are many."""
    assert repeats_from("Wow" + "!" * 200) == 4
    assert repeats_from("Wow" + "!" * 100) is None


def test_a_loop_that_counts_is_a_loop() -> None:
    """The same long line under ever new numbers is one."""
    line = "{}. Drink a glass of warm water before you go to bed.\n"
    assert repeats_from("".join(line.format(number) for number in range(10, 15))) is not None


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"{n} x 7 = {n * 7:2}\n" for n in range(10, 60)),
        "| --- | --- | --- | --- |\n| a | b | c | d |\n",
        "Row, row, row your boat\n" * 3,
        "We will, we will rock you. " * 3 + "We are the champions.",
        "".join(f"{one}{other} " for one, other in itertools.product("abcdefghij", repeat=2)),
        "",
    ],
)
def test_ordinary_repetition_is_no_loop(text: str) -> None:
    """Tables, sums, refrains and lists go on."""
    assert repeats_from(text) is None
