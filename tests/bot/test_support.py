"""A sentence without a source is found by its names, numbers, words and meaning; what states no fact is not judged."""

from __future__ import annotations

import dataclasses

import pytest

from bot.support import Least, find_unsupported, marked, statements
from memory.records import Hit, UnsupportedSentence
from tests.bot.test_prompts import CHUNK
from tests.embedder import WordEmbedder

LEAST = Least(words=0.5, meaning=0.86)
DOOR = "The code of the front door is 4711. The key hangs in the shed."
SAID = "I went to a concert yesterday, it was loud!"


def hit(text: str, **changes: object) -> Hit:
    return Hit(dataclasses.replace(CHUNK, text=text, **changes), 1.0)  # type: ignore[arg-type]


def found(reply: str, *texts: str, question: str = "", **changes: object) -> list[tuple[str, tuple[str, ...]]]:
    hits = [hit(text, **changes) for text in texts]
    marks = find_unsupported(statements(reply), hits, question=question, embedder=WordEmbedder(), least=LEAST)
    return [(item.text, item.missing) for item in marks]


@pytest.mark.parametrize(
    "sentence",
    [
        "What would you like to know?",
        "Good morning!",
        "I think that is lovely.",
        "Let me know if you need more.",
        "I have nothing about that in your notes or our conversations.",
        "The notes do not mention a garage.",
        "There is no information about it.",
        "Here is what I found:",
        "Yes.",
        "我觉得很好。",
        "笔记里没有提到车库。",
        "您想知道什么？",
    ],
)
def test_what_states_no_fact_is_not_judged(sentence: str) -> None:
    """Questions, greetings, opinions, offers, and that nothing is known."""
    assert statements(sentence) == []
    assert [item.text for item in statements(f"{sentence}\nThe key hangs in the shed.")] == [
        "The key hangs in the shed."
    ]


def test_a_citation_belongs_to_the_sentence_before_it() -> None:
    """Before or after the stop, one or several."""
    items = statements("- **The code** is 4711. [1] The key is in the shed [2, 3].\n钥匙在棚子里【2】。")
    assert [(item.plain, item.cited) for item in items] == [
        ("The code is 4711.", (1,)),
        ("The key is in the shed.", (2, 3)),
        ("钥匙在棚子里。", (2,)),
    ]


@pytest.mark.parametrize(
    ("reply", "missing"),
    [
        ("The code is 4712.", ("4712",)),
        ("The key is with Marek.", ("Marek",)),
        ("The key does not hang in the shed.", ("not",)),
        ("The garden has beautiful roses.", ()),
    ],
)
def test_what_stands_in_no_source_is_found(reply: str, missing: tuple[str, ...]) -> None:
    """Other numbers, other names, a denial, and what has neither words nor meaning in common."""
    assert found(reply, DOOR) == [(reply, missing)]


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("The code is 4711 [1].", DOOR),
        ("According to note 1, the key hangs in the shed.", DOOR),
        ("There are 12 doors.", "There are twelve doors."),
        ("The concert was on 1 January 2026.", SAID),
        ("外婆今年70岁。", "外婆今年七十岁了。"),
    ],
)
def test_what_stands_in_another_writing_is_supported(reply: str, text: str) -> None:
    """Numbers by value, days by what "yesterday" meant when it was said."""
    assert found(reply, text, speaker="Tom") == []


def test_a_sentence_is_held_against_what_it_cites() -> None:
    """Another passage does not support it, unless it cites none, or only one that is not there."""
    other = "Plants need water on Mondays."
    assert found("The code is 4711 [2].", DOOR, other) == [("The code is 4711 [2].", ("4711",))]
    assert found("The code is 4711.", DOOR, other) == found("The code is 4711 [7].", DOOR, other) == []


def test_repeating_the_question_is_no_evidence() -> None:
    """Only what the answer adds must stand in the passage, and a name may come from the question."""
    question = "Where does the gardener Ines keep the ladder?"
    assert found("Ines keeps the ladder in the shed.", DOOR, question=question) == []
    kept = "The gardener keeps the ladder in the cellar."
    assert found(kept, DOOR, question=question) == [(kept, ())]


class Near(WordEmbedder):
    """Finds any two texts equal in meaning, and counts how often it is asked."""

    asked = 0

    def embed_passages(self, texts):  # type: ignore[no-untyped-def]
        self.asked += 1
        return super().embed_passages(["same"] * len(texts))


def test_meaning_is_asked_once_and_only_where_words_don_t_settle_it() -> None:
    """One call for all sentences of a reply; none where words do."""
    embedder, hits = Near(), [hit(DOOR)]
    reply = "There are roses beside it. They painted everything green."
    assert find_unsupported(statements(reply), hits, question="", embedder=embedder, least=LEAST) == ()
    assert embedder.asked == 1
    settled = statements("The code is 4711. The key is with Marek.")
    assert len(find_unsupported(settled, hits, question="", embedder=embedder, least=LEAST)) == 1
    assert embedder.asked == 1


def test_marks_stand_behind_sentence_and_citation() -> None:
    """In the reader's language; a sentence that the reply no longer holds leaves no mark."""
    items = [UnsupportedSentence(text, (), 0.0, 0.5) for text in ("It is  red.", "It is old [2].", "Gone.")]
    assert marked("It is red. [1] It is old [2].", items, language="en") == "It is red. [1] (?) It is old [2]. (?)"
    assert marked("It is red.", items, language="zh") == "It is red. （？）"


def test_marks_break_neither_code_nor_tables() -> None:
    """Code, headings and a table's head are not judged; a row is marked in its last cell."""
    code = "```python\nprint('Oslo')\n```\n## Trip to Rome"
    head = "| Door | Key of |\n|:---|---|\n| front | Tom [1] |"
    reply = f"{code}\n{head}\n| back | Oslo [1] |\nThe code is 4712."
    stated = statements(reply)
    assert [item.text for item in stated] == ["| front | Tom [1] |", "| back | Oslo [1] |", "The code is 4712."]
    items = [UnsupportedSentence(item.text, (), 0.0, 0.5) for item in stated[1:]]
    shown = marked(reply, items, language="en")
    assert shown == f"{code}\n{head}\n| back | Oslo [1] (?) |\nThe code is 4712. (?)"
    assert statements("~~~\nThe code is 4712.") == []
    assert len(statements("The code is 4712 | 4713.\nIt is old.")) == 2
