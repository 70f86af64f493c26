"""Each filter takes what it is for and nothing else; approvals and strike-outs stand where they should."""

from __future__ import annotations

from collections import Counter

import pytest

from memory.errors import FamiliarError
from tests.tuning.examples import example
from tests.tuning.tiny import HARMLESS
from tuning.dataset import Example
from tuning.filters import Choices, FilterConfig, Screened, near_duplicates, screen, too_many


class Words:
    """Detectors that know one word each."""

    def personal(self, text: str) -> tuple[str, ...]:
        """A phone."""
        return ("phone",) if "555" in text else ()

    def toxic(self, text: str) -> bool:
        """An insult."""
        return "idiot" in text

    def language(self, text: str) -> str | None:
        """German, or in doubt."""
        return "de" if "und" in text else None


def screened(*rows: Example, choices: Choices | None = None, languages: tuple[str, ...] = ()) -> Screened:
    return screen(rows, detectors=Words(), config=FilterConfig(languages), choices=choices or Choices())


ROWS = (
    example(1, "call 555, it is mine"),
    example(2, "you are an idiot, really"),
    example(3, "Hund und Katze sind hier"),
    example(4, "the key is in the shed", recalled=0.9),
    example(5, "14:30 in room 5, ask Petra Novak."),
    example(6, "sure, will do that"),
)


def test_each_reason_is_named() -> None:
    """One row each; what is in doubt stays, and without wanted languages any is wanted."""
    found = screened(*ROWS, languages=("en",))
    assert [(item.example.id, item.reason, item.detail) for item in found.left_out] == [
        ("turn:1", "secret or personal data", "phone"),
        ("turn:2", "toxic or biased", ""),
        ("turn:3", "other language", "de"),
        ("turn:4", "fact, belongs to memory", "copied from memory"),
        ("turn:5", "fact, belongs to memory", "names and numbers"),
    ]
    assert [item.id for item in found.examples] == ["turn:6"]
    assert "turn:3" in {item.id for item in screened(*ROWS).examples}


def test_an_approval_stands_above_taste_and_not_above_secrets() -> None:
    """What the user approved is learned in any language and tone, but never a phone number."""
    choices = Choices(approved=frozenset(row.id for row in ROWS))
    found = screened(*ROWS, choices=choices, languages=("en",))
    assert [item.reason for item in found.left_out] == ["secret or personal data"]


def test_what_was_struck_out_is_never_learned() -> None:
    """Before any other filter is asked."""
    found = screened(*ROWS, choices=Choices(struck=frozenset({"turn:6", "turn:1"})))
    assert {item.example.id: item.reason for item in found.left_out}["turn:1"] == "struck out"
    assert "turn:6" not in {item.id for item in found.examples}


def test_a_detector_that_fails_ends_it() -> None:
    """No verdict, no training."""

    class Broken(Words):
        def personal(self, text: str) -> tuple[str, ...]:
            raise FamiliarError(f"nothing is trained: no verdict on {len(text)} characters")

    with pytest.raises(FamiliarError, match="nothing is trained"):
        screen(ROWS, detectors=Broken(), config=FilterConfig(), choices=Choices())


LONG = "I would say we meet at the harbour after work and then walk along the water until we find the others"


def test_near_duplicates_keep_the_surest_then_the_newest() -> None:
    """A full stop more is the same exchange; the corrected one stays, else the newest; another question is another."""
    rows = [
        example(1, LONG, asked="where?", source="imported"),
        example(2, f"{LONG}.", asked="where ?", source="imported"),
        example(3, f"{LONG}!", asked="Where?", source="imported"),
        example(4, LONG, asked="an altogether different question about the plan for Saturday night, please"),
    ]
    assert [item.example.id for item in near_duplicates(rows)] == ["turn:2", "turn:1"]
    rows[0] = example(1, LONG, asked="where?", source="corrected")
    assert {item.example.id for item in near_duplicates(rows)} == {"turn:2", "turn:3"}
    assert {item.example.id for item in near_duplicates(rows, approved=frozenset({"turn:3"}))} == {"turn:2", "turn:1"}


def test_near_duplicates_are_those_that_comparing_all_finds() -> None:
    """The shortcut by rare shingles misses none: with each pair compared the same ones are double."""
    rows = [example(n, f"{LONG[: 60 + n % 9]} {'x' * (n % 4)}", asked=f"question number {n % 3}") for n in range(60)]
    from tuning.filters import _exchange, _near

    kept: list[Example] = []
    for row in reversed(rows):
        if not any(_near(_exchange(row), _exchange(other)) for other in kept):
            kept.append(row)
    gone = {item.example.id for item in near_duplicates(rows)}
    assert {row.id for row in rows} - gone == {row.id for row in kept}
    assert len(gone) > 20


def test_an_only_emoji_history_makes_no_bot() -> None:
    """Emoji alone is cut to nothing where there is nothing else, so that the tune says "too few pairs"."""
    gone, notes = too_many([example(n, "👍" * (1 + n % 4)) for n in range(40)], share=0.3)
    assert (len(gone), notes) == (40, ())
    assert Counter((item.reason, item.detail) for item in gone) == {("too many of one form", "emoji only"): 40}


def test_a_flood_is_cut_to_its_share_oldest_first() -> None:
    """Sixty thumbs beside fourteen sentences: three tenths of what is left are thumbs, the newest ones."""
    rows = [example(n, "👍") for n in range(60)] + [example(100 + n) for n in range(14)]
    gone, _ = too_many(rows, share=0.3)
    kept = [row for row in rows if row.id not in {item.example.id for item in gone}]
    assert [row.id for row in kept[:6]] == [f"turn:{n}" for n in range(54, 60)]
    assert len(kept) == 20


def test_one_sentence_for_everything_is_a_flood() -> None:
    """The same phrase over and over, even where it is nearly all there is."""
    rows = [example(n, "As I said, no.") for n in range(40)] + [example(100), example(101)]
    gone, notes = too_many(rows, share=0.3)
    assert (len(gone), notes) == (35, ())


def test_an_opening_that_is_nearly_all_there_is_stays_with_a_note() -> None:
    """A desk that begins each mail alike talks so; half of them alike is a flood."""
    desk = [example(n, f"Dear customer, case {n * 31} is in hand") for n in range(40)]
    gone, notes = too_many(desk, share=0.3)
    assert gone == []
    assert notes == ("40 of 40 replies have one form (same opening); it is taken for how they are meant",)
    others = [example(100 + n, f"{chr(97 + n)}{n} something else entirely") for n in range(20)]
    gone, notes = too_many([*desk, *others], share=0.3)
    assert (len(gone), notes) == (32, ())


def test_few_of_a_form_are_no_flood_and_approved_ones_stay() -> None:
    """Five are never too many; what was approved one by one is kept whatever its form."""
    assert too_many([example(n, "👍") for n in range(5)], share=0.3) == ([], ())
    rows = [example(n, "👍") for n in range(20)]
    gone, _ = too_many(rows, share=0.3, approved=frozenset(f"turn:{n}" for n in range(12)))
    assert {item.example.id for item in gone} == {f"turn:{n}" for n in range(12, 20)}


def test_harmless_detectors_find_nothing() -> None:
    """What other tests stand on."""
    rows = (example(1, "call 555"), example(2))
    found = screen(rows, detectors=HARMLESS, config=FilterConfig(), choices=Choices())
    assert (found.examples, found.left_out) == (rows, ())
