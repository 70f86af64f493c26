"""Questions are understood by pure rules, in English and Chinese."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.normal import searchable
from memory.query import (
    MAX_CHARACTERS,
    MAX_WORDS,
    expand,
    is_follow_up,
    names_speaker,
    sub_questions,
    understand,
)


@pytest.mark.parametrize(
    "text",
    ["and when does it expire?", "Why?", "How much was it?", "what about Tuesday?", "Where does she live?",
     "它什么时候到期？", "那密码呢？", "为什么？", "还有别的吗？"],
)  # fmt: skip
def test_follow_up_is_joined_with_what_was_said(text: str) -> None:
    """A question that points at something it does not name takes the last one along."""
    assert is_follow_up(text)
    assert expand(text, ["hello there", "When does my passport end?"]) == f"When does my passport end? {text}"


@pytest.mark.parametrize(
    "text",
    ["What is the wifi password at the cabin?", "When did Caroline go to the support group?",
     "What did Melanie do with her kids?", "我表哥今年多大了？", "外婆的红烧肉要炖多久？", "POL-358", "wifi"],
)  # fmt: skip
def test_question_that_stands_alone_stays_alone(text: str) -> None:
    """What names its subject is not mixed with what was said before."""
    assert expand(text, ["Tell me about Lisbon."]) == text


def test_follow_up_of_a_follow_up_reaches_back_to_the_subject() -> None:
    """Two short questions in a row still find what they are about."""
    said = ["When does my passport end?", "and where is it?"]
    assert expand("why?", said) == "When does my passport end? and where is it? why?"


def test_nothing_said_before_changes_nothing() -> None:
    """Without earlier messages even a follow-up is searched as it is."""
    assert expand("why?", []) == expand("why?", ["  "]) == "why?"


@pytest.mark.parametrize(
    ("text", "speaker", "named"),
    [
        ("What does Mel like?", "Melanie", True),
        ("what does MELANIE like", "melanie", True),
        ("Where is Ana Lopez?", "Ana", True),
        ("Is he in?", "Henry", False),
        ("Who are they?", "Theo", False),
        ("张伟在哪里", "John", False),
    ],
)
def test_speaker_is_named_by_name_or_short_form(text: str, speaker: str, named: bool) -> None:
    """Case does not matter; a common word that begins a name is not the name."""
    assert names_speaker(understand(text).spoken, speaker) is named


def test_long_question_keeps_its_telling_words() -> None:
    """Ten thousand characters are cut to what can be looked up, codes first."""
    query = understand("word" + "".join(f" w{'x' * (n % 9)}{chr(97 + n % 26)}" for n in range(3000)) + " POL-358")
    assert len(query.words) == MAX_WORDS
    assert len(query.text) == MAX_CHARACTERS
    assert "pol358" in query.words


@given(st.text(max_size=200), st.lists(st.text(max_size=50), max_size=3))
def test_any_text_is_a_question(text: str, recent: list[str]) -> None:
    """Nothing that can be typed makes understanding fail."""
    assert understand(text, recent=recent).text.endswith(searchable(text)[-10:])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Where does Ann live?", ("Where does Ann live?",)),
        ("Where does Ann live? Also, what is her dog called?", ("Where does Ann live", "what is her dog called?")),
        ("上司是做什么的？另外，论坛在哪里？", ("上司是做什么的", "论坛在哪里？")),
        ("天气真好。实际上我想问的是：手机怎么样？", ("手机怎么样？",)),
        ("I was out today. It rained. When is the dentist?", ("When is the dentist?",)),
        ("Hello. What does it cost? I mean POL-358.", ("What does it cost? I mean POL-358.",)),
        (
            'Nice day. Who wrote "I am off. Call me later." on the door?',
            ('Who wrote "I am off. Call me later." on the door?',),
        ),
        ("天气真好。内容是“分享经验。展望新年。”的活动在哪里？", ("内容是“分享经验。展望新年。”的活动在哪里？",)),
        ("主要内容是大家一起总结一年的工作。的活动在哪里？", ("主要内容是大家一起总结一年的工作。的活动在哪里？",)),
        ("天气真好。的确。活动在哪里？", ("活动在哪里？",)),
        ("!!! ???", ("!!! ???",)),
        ("", ("",)),
    ],
)
def test_questions_in_one_message_are_told_apart(text: str, parts: tuple[str, ...]) -> None:
    """Each question is searched alone; small talk around one is not."""
    assert sub_questions(text) == parts


def test_a_quotation_that_never_ends_takes_no_longer_than_others() -> None:
    """A pasted book with one mark too many: reading it anew for each sentence would take a minute."""
    text = "“" + "好。" * 120_000
    start = time.monotonic()
    assert sub_questions(text) == (text,)
    assert time.monotonic() - start < 20.0
