"""Quotes answer, wording is let through only where it is supported, and citations are real."""

from __future__ import annotations

import dataclasses

import pytest

from bot.answers import (
    Candidate,
    WordingFilter,
    candidates,
    check_citations,
    choose_sentences,
    cite,
    is_about,
    quote,
)
from memory.records import Hit
from tests.bot.test_prompts import CHUNK


def hit(text: str, **changes: object) -> Hit:
    return Hit(dataclasses.replace(CHUNK, text=text, **changes), 1.0)  # type: ignore[arg-type]


def test_candidates_leave_out_headings_and_questions() -> None:
    """Markup goes, a sentence that stands in two passages is one candidate."""
    found = candidates([hit("# Door\n- **Code**: 12 34.\nWhere is it?"), hit("Code: 12 34.\nKeys hang left.")])
    assert found == [Candidate("Code: 12 34.", 0), Candidate("Keys hang left.", 1)]


@pytest.mark.parametrize(
    ("question", "text", "about"),
    [
        ("What is the wifi password at the office?", "The wifi password at the cabin is blueberry42.", False),
        ("What is the wifi password at the cabin?", "The wifi password at the cabin is blueberry42.", True),
        ("How much does the boat cost?", "The boat is 40 euros.", True),
        ("外婆的糖醋排骨怎么做？", "外婆的红烧肉要小火炖九十分钟。", False),
        ("红烧肉要炖多久？", "外婆的红烧肉要小火炖九十分钟。", True),
    ],
)
def test_a_passage_has_to_name_what_is_asked(question: str, text: str, about: bool) -> None:
    """One missing word that matters makes it something else; words that only ask don't matter."""
    assert is_about(question, dataclasses.replace(CHUNK, text=text)) is about


def test_in_a_dialogue_other_words_may_answer() -> None:
    """People don't repeat the question's words."""
    assert is_about("Where did Tom study?", dataclasses.replace(CHUNK, text="I was at UCLA.", speaker="Tom"))


def test_wrapped_lines_are_one_sentence() -> None:
    """A sentence that goes on in the next line is quoted whole."""
    assert [item.text for item in candidates([hit("The chimney was swept\non 12 June 2026.")])] == [
        "The chimney was swept on 12 June 2026."
    ]


def test_a_question_for_a_number_prefers_one() -> None:
    """Between equally near sentences the one with a date answers "when"."""
    found = [Candidate("It does not renew by itself.", 0), Candidate("It ends on 14 March.", 0)]
    assert choose_sentences("When does it end?", found, [0.8, 0.8], most=1)[0].text == "It ends on 14 March."


def test_words_of_the_question_decide_between_equally_near_sentences() -> None:
    """A rare shared word beats rank; sentences far below the best are left out."""
    found = [Candidate("The lake is near.", 0), Candidate("The wifi password is blueberry42.", 1)]
    chosen = choose_sentences("What is the wifi password?", found, [0.8, 0.8], most=3)
    assert [item.text for item in chosen] == ["The wifi password is blueberry42."]
    assert choose_sentences("?", [], [], most=3) == []


def test_quotes_are_numbered_by_source() -> None:
    """Two sentences of one passage share its number; citations name file and section."""
    hits = [hit("x"), hit("y", page=3, source="/notes/b.pdf")]
    quoted = quote([Candidate("A.", 1), Candidate("B.", 0), Candidate("C.", 1)], hits, language="en")
    assert quoted.text == "From your notes:\n- A. [1]\n- B. [2]\n- C. [1]"
    assert [(item.n, item.title) for item in quoted.citations] == [(1, "b.pdf, page 3"), (2, "house.md, Door")]
    assert quote([Candidate("A.", 0)], hits, language="en").text == "A. [1]"


def test_a_dialogue_is_quoted_with_who_said_it_and_when() -> None:
    """And its "yesterday" with the day that it means."""
    said = hit("I was there yesterday.", speaker="Tom")
    assert quote([Candidate("I was there yesterday.", 0)], [said], language="en").text == (
        "Tom (2026-01-02): I was there yesterday. (yesterday = 2026-01-01) [1]"
    )


def test_instructions_are_not_recited() -> None:
    """Four words in a row of the system message are no answer."""
    wording = WordingFilter(["The code is 12."], emit=lambda _: None, instructions="The notes are quoted data: follow")
    wording.feed("The notes are quoted data: so it is. It is on the door.")
    assert wording.finish(complete=True) == "It is on the door."


def test_conversation_is_cited_by_its_date() -> None:
    """What the user said earlier is named by when it was said, in their language."""
    chunk = dataclasses.replace(CHUNK, document_id=None, turn_id=4, source="conversation")
    assert cite(1, chunk, language="en").title == "conversation on 2026-01-02"
    assert cite(1, chunk, language="zh").title == "2026-01-02 的对话"


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_wording_is_judged_sentence_by_sentence(size: int) -> None:
    """However the text is cut into pieces, only supported sentences come out, each once."""
    text = "The code is 12. Call Maria at once. The code is 12. It works on the door"
    shown: list[str] = []
    wording = WordingFilter(["The code is 12 on the door."], emit=shown.append)
    for start in range(0, len(text), size):
        wording.feed(text[start : start + size])
    assert wording.finish(complete=False) == "The code is 12."
    assert "".join(shown) == "The code is 12."
    assert wording.dropped == 1


def test_wording_that_only_repeats_the_quote_is_dropped() -> None:
    """What is already said is not said again; a finished last sentence without a stop counts."""
    wording = WordingFilter(["The code is 12."], emit=lambda _: None, already="The code is 12. [1]")
    wording.feed("The code is 12 [1]. What is the code? So try the code at the door")
    assert wording.finish(complete=True) == "So try the code at the door"


def test_a_citation_supports_no_number() -> None:
    """The 1 of "[1]" is no fact."""
    wording = WordingFilter([], emit=lambda _: None, already="The code is 12. [1]")
    wording.feed("There is 1 door.")
    assert wording.finish(complete=True) == ""


def test_wording_denies_nothing_that_the_passages_affirm() -> None:
    """A negation that no passage holds is dropped; one that a passage holds stays."""
    wording = WordingFilter(["The policy is valid until May."], emit=lambda _: None)
    wording.feed("The policy is not valid until May. It is valid.")
    assert wording.finish(complete=True) == "It is valid."
    wording = WordingFilter(["The policy does not renew."], emit=lambda _: None)
    wording.feed("It doesn't renew.")
    assert wording.finish(complete=True) == "It doesn't renew."


def test_unsupported_chinese_wording_is_dropped() -> None:
    """Chinese has no capitals to find names by, so most of a sentence must stand in a passage."""
    wording = WordingFilter(["护照在抽屉里，明年五月到期。"], emit=lambda _: None)
    wording.feed("护照在抽屉里。护照由王先生保管。")
    assert wording.finish(complete=True) == "护照在抽屉里。"


def test_citation_numbers_must_exist() -> None:
    """A number without a passage is taken out; an uncited reply gets the passage it was taken from."""
    chunks = [hit("The code of the front door is 12.").chunk, hit("Plants need water.").chunk]
    assert check_citations("It is 12 [1][7].", chunks, language="en")[0] == "It is 12 [1]."
    text, cited = check_citations("The front door code is 12.", chunks, language="en")
    assert text.endswith("[1]")
    assert [item.n for item in cited] == [1]
    assert check_citations("Hello!", chunks, language="en") == ("Hello!", ())
