"""Passages are exact pieces of the document, none longer than the embedder reads."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.chunking import chunk_document, embedded_text, full_text
from memory.importers.records import Block, ExtractedDocument, Utterance
from memory.records import Passage
from memory.words import split_words


def _chunks(document: ExtractedDocument, *, characters: int = 900, tokens: int = 512) -> list[Passage]:
    return chunk_document(document, max_characters=characters, max_tokens=tokens, count_tokens=_count)


def _count(text: str) -> int:
    return len(text) // 2 + 2  # about as dense as Chinese in the real model


_BLOCKS = st.lists(
    st.builds(
        Block, st.text("ab 。，你好.\n#`-|", min_size=1, max_size=400), st.integers(1, 3), st.sampled_from([None, "S"])
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(_BLOCKS, st.sampled_from(["markdown", "text"]), st.integers(40, 120))
def test_lossless_and_within_limits(blocks: list[Block], kind: str, characters: int) -> None:
    """Each passage is what its offsets say; in order, they leave out white space only; none exceeds a limit."""
    document = ExtractedDocument("T", kind, tuple(blocks))
    text = full_text(document)
    passages = _chunks(document, characters=characters, tokens=40)
    at = 0
    for passage in passages:
        assert text[passage.start : passage.end] == passage.text
        assert not text[at : passage.start].strip()
        assert len(passage.text) <= characters
        assert _count(embedded_text(passage, title="T")) <= 40
        at = passage.end
    assert not text[at:].strip()


def test_page_and_section_are_never_crossed() -> None:
    """Two pages are two passages even where both are short, so that the citation is true."""
    document = ExtractedDocument("T", "pdf", (Block("one", page=1), Block("two", page=2, section="B")), at="2024-01-01")
    assert _chunks(document) == [
        Passage("one", 0, 3, page=1, at="2024-01-01"),
        Passage("two", 5, 8, page=2, section="B", at="2024-01-01"),
    ]


def test_a_turn_is_a_passage_with_its_speaker_date_and_id() -> None:
    """Dialogue is not merged: a turn can be cited."""
    turns = (Utterance("D1", "Ada", "Hi", "2024-01-01"), Utterance("D2", "Bo", "Yes"))
    document = ExtractedDocument("T", "dialogue", utterances=turns)
    assert full_text(document) == "Ada: Hi\nBo: Yes"
    assert _chunks(document) == [
        Passage("Hi", 5, 7, speaker="Ada", at="2024-01-01", external_ids=("D1",)),
        Passage("Yes", 12, 15, speaker="Bo", external_ids=("D2",)),
    ]


def test_a_long_turn_keeps_its_id_in_every_part() -> None:
    """A hit in the middle of a monologue is traced to its row."""
    document = ExtractedDocument("T", "dialogue", utterances=(Utterance("D1", "Ada", "A long word. " * 200),))
    passages = _chunks(document)
    assert len(passages) > 2
    assert {passage.external_ids for passage in passages} == {("D1",)}


def test_long_chinese_is_cut_by_the_models_tokens() -> None:
    """sentence-transformers#4060: a fact at the end of a passage is within what the model reads."""
    document = ExtractedDocument("T", "text", (Block("我们今天去了公园，看到很多花。" * 58 + "密码是苍鹭。"),))
    passages = _chunks(document, tokens=300)
    assert all(_count(embedded_text(passage, title="T")) <= 300 for passage in passages)
    assert passages[-1].text.endswith("密码是苍鹭。")


def test_a_heading_is_not_left_alone() -> None:
    """The splitter's stubs join the text that they head."""
    text = "# Soup\n\n" + "Lentils are washed and cooked until soft. " * 22
    passages = _chunks(ExtractedDocument("Soup", "markdown", (Block(text.strip(), section="Soup"),)))
    assert min(len(passage.text) for passage in passages) > 100


@pytest.mark.parametrize(
    ("passage", "expected"),
    [
        (Passage("Hi", speaker="Ada"), "Ada: Hi"),
        (Passage("wet", section="Roof > Leaks"), "House\nRoof > Leaks\nwet"),
        (Passage("wet", section="House > Roof"), "House > Roof\nwet"),
        (Passage("wet"), "House\nwet"),
    ],
)
def test_what_is_embedded_names_where_it_is_from(passage: Passage, expected: str) -> None:
    """Words under a heading are found by the heading's words too."""
    assert embedded_text(passage, title="House") == expected


def test_long_titles_do_not_crowd_out_the_text() -> None:
    """Context is cut, the passage is not."""
    found = embedded_text(Passage("wet", section="s" * 999), title="t" * 999)
    assert len(found) < 300
    assert found.endswith("wet")
    assert split_words(found)[-1] == "wet"
