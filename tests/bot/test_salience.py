"""Which sentences are taken for a summary: pure decisions over sentences and vectors."""

from __future__ import annotations

import numpy as np
import pytest

from bot.salience import (
    Sentence,
    choose,
    fact_density,
    language_of_text,
    salience,
    split_chunks,
    unwrap,
    wanted_count,
    without_translations,
)
from memory.records import Chunk
from tests.embedder import WordEmbedder


def chunk(text: str, *, document: int = 1, id: int | None = None, title: str = "Notes") -> Chunk:
    """A passage of a document."""
    return Chunk(
        id=id or document,
        user_id=1,
        document_id=document,
        turn_id=None,
        position=0,
        text=text,
        start=0,
        end=len(text),
        page=None,
        section=None,
        speaker=None,
        at=None,
        external_ids=(),
        source=f"/notes/{document}.md",
        title=title,
    )


@pytest.mark.parametrize(
    "line",
    [
        "# A heading",
        "Page 3 of 10",
        "第 3 页",
        "tags: [cabin, house]",
        "https://example.org/a",
        "© 2026 Somebody Ltd, all rights reserved",
        "Accept all cookies",
        "Introduction ........ 12",
        "| --- | --- |",
        "Where is the key?",
        "The following things:",
        "ok then",
    ],
)
def test_boilerplate_is_left_out(line: str) -> None:
    """Headings, page marks, menus, metadata, questions and lines without content are no sentences to quote."""
    found = split_chunks([chunk(f"{line}\nThe key hangs in the woodshed behind the can.")])
    assert [item.text for item in found] == ["The key hangs in the woodshed behind the can."]


def test_sentences_are_verbatim_and_once() -> None:
    """List marks go, words stay, and what two documents say alike is taken once."""
    found = split_chunks(
        [chunk("- Wifi: heron-42\n- Call Anna on Monday.", document=1), chunk("Wifi: heron-42", document=2)]
    )
    assert [(item.text, item.chunk.id, item.order) for item in found] == [
        ("Wifi: heron-42", 1, 0),
        ("Call Anna on Monday.", 1, 1),
    ]


def test_unwrap() -> None:
    """Lines broken to a width are joined; lists, headings and rows are not."""
    assert unwrap("The chimney was swept\non 12 June.\n- a nail\n- a can") == (
        "The chimney was swept on 12 June.\n- a nail\n- a can"
    )
    assert unwrap("外婆的砂锅是一九七二年结婚十五周年时买的，现在在妈妈家里，\n盖子上有一道裂纹。") == (
        "外婆的砂锅是一九七二年结婚十五周年时买的，现在在妈妈家里，盖子上有一道裂纹。"
    )
    assert unwrap("Lentils, red\nOnions, two") == "Lentils, red\nOnions, two"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The key is in the shed.", "en"),
        ("钥匙在棚子里。", "zh"),
        ("密码是 heron-42，在 cabin 用。", "zh"),
        ("Der Schlüssel ist nicht in dem Haus und das Licht ist an.", "other"),
        ("カギは小屋にあります。", "other"),
        ("Ключ висит в сарае.", "other"),
    ],
)
def test_language(text: str, language: str) -> None:
    """English, Chinese, or neither."""
    assert language_of_text(text) == language


def test_count_grows_with_documents_and_length() -> None:
    """Longer profiles get more sentences; a short text is never quoted nearly whole; there is a limit."""
    counts = [wanted_count(length, documents=20, sentences=200) for length in ("short", "medium", "long")]
    assert counts == [20, 40, 80]
    assert wanted_count("long", documents=1, sentences=6) == 4
    assert wanted_count("short", documents=1, sentences=1) == 1
    assert wanted_count("short", documents=3, sentences=4) == 3
    assert wanted_count("short", documents=500, sentences=5000) == 20


def test_figures_and_dates_are_facts() -> None:
    """A figure says more than a name, a name more than neither."""
    assert fact_density("Rent is 640 euros from 1 May.") > fact_density("We met Anna.") > fact_density("it went well")


def test_every_document_gets_its_turn() -> None:
    """With as many sentences as documents each gives one, though one document is full of facts."""
    full = "The rent is 640 euros. The deposit is 1,280 euros. The contract ends on 31 May 2027."
    found = split_chunks([chunk(full, document=1), chunk("The dog sleeps under the stairs now.", document=2)])
    vectors = WordEmbedder().embed_passages([item.text for item in found])
    taken = choose(found, vectors, salience(found, vectors), count=2)
    assert [found[n].place for n in taken] == ["document 1", "document 2"]


def test_repetition_is_avoided() -> None:
    """Of two sentences that say the same only one is taken."""
    found = [Sentence(text, chunk(text), n) for n, text in enumerate(("a", "b", "c"))]
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert choose(found, vectors, np.array([1.0, 0.9, 0.5], np.float32), count=2) == [0, 2]


def test_translated_pages_go() -> None:
    """The page that exists in the user's language is kept in that language, a page that exists in no other too."""
    rng = np.random.default_rng(3)
    meaning = rng.normal(size=(3, 4, 16))
    texts = [
        "The key hangs there",
        "It costs a lot of money",
        "and the boat",
        "of the day",
        "钥匙挂在那里",
        "这要花很多钱",
        "还有船",
        "那一天的事",
    ]
    rows, found = [], []
    for page, (document, offset, shift) in enumerate([(1, 0, 4.0), (2, 4, -4.0), (3, 4, -4.0)]):
        for n in range(4):
            language = np.zeros(16)
            language[0] = shift
            source = meaning[0] if document in (1, 2) else meaning[2]
            rows.append(source[n] + language + 0.1 * rng.normal(size=16))
            text = texts[offset + n] + (str(page) if document == 3 else "")
            found.append(Sentence(text, chunk(text, document=document), n))
    vectors = np.array(rows, np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    kept = without_translations(found, vectors, language="en")
    assert {found[n].place for n in kept} == {"document 1", "document 3"}
    kept = without_translations(found, vectors, language="zh")
    assert {found[n].place for n in kept} == {"document 2", "document 3"}
