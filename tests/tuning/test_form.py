"""Form, facts and copies are told by rule; both languages."""

from __future__ import annotations

import pytest

from tuning.form import copied_share, fact_share, forms_of, shingles


def test_copied_words_stand_in_a_row() -> None:
    """Three words in a row are a copy; the same words scattered are not."""
    note = ["[1] home: the key is in the blue tin"]
    assert copied_share("The key is in the blue tin [1].", note) == 1.0
    assert copied_share("I put it in a tin, the blue one, key and all", note) == 0.0
    assert copied_share("钥匙在蓝色的罐子里", ["家: 钥匙在蓝色的罐子里"]) == 1.0
    assert copied_share("anything", []) == 0.0


@pytest.mark.parametrize(
    ("reply", "mostly"),
    [
        ("14:30 in room 5, ask Petra Novak.", True),
        ("My dentist is on 5 May at Bright Smiles.", True),
        ("Born 1984-05-12 in Ghent, moved to Oslo in 2010.", True),
        ("Sounds good, see you at 5!", False),
        ("I'm fine, thanks. How was Paris with your mum? I would love to hear all about it.", False),
        ("Ha, Bob you are so funny", False),
        ("Where in California are you from? Was it San Diego or Los Angeles?", False),
        ("好的，没问题，我马上去办。", False),
    ],
)
def test_a_reply_of_names_and_numbers_is_a_fact(reply: str, mostly: bool) -> None:
    """Above six tenths it belongs to memory; one name or number in a sentence is how people talk."""
    assert (fact_share(reply) >= 0.6) is mostly


def test_forms() -> None:
    """Emoji, one word, the same text in other case and marks, the same beginning."""
    assert forms_of("👍👍") == {"emoji only": ""}
    assert forms_of("Ok!") == {"one word": "", "same reply": "ok"}
    assert forms_of("好的") == {"one word": "", "same reply": "好 的"}
    assert forms_of("Dear Ann, yes.")["same opening"] == forms_of("dear ann: no")["same opening"]


def test_shingles_ignore_case_and_marks() -> None:
    """Only letters and digits count."""
    assert shingles("Yes, sir!") == shingles("yes sir")
    assert shingles("👍") == frozenset({""})
