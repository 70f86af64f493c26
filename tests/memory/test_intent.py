"""Messages are told apart the same way every time."""

from __future__ import annotations

import pytest

from memory.intent import Intent, intent_of, only_emoji, told_part


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is the wifi password at the cabin?", "question"),
        ("and when does it expire", "question"),
        ("wifi password cabin", "question"),
        ("tell me where Tom lives", "question"),
        ("外婆的红烧肉要放多少糖", "question"),
        ("护照什么时候到期？", "question"),
        ("I moved to Oslo last week.", "statement"),
        ("我下周去上海。", "statement"),
        ("The dentist is on Friday", "statement"),
        ("Write a haiku about autumn", "request"),
        ("帮我翻译这句话", "request"),
        ("Hello there!", "greeting"),
        ("谢谢！", "greeting"),
        ("How are you today?", "greeting"),
        ("hi what is my name", "question"),
    ],
)
def test_intent(text: str, expected: Intent) -> None:
    """Questions without a mark, noun phrases and Chinese are recognised."""
    assert intent_of(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My new phone number is 555. When is the dentist?", "My new phone number is 555."),
        ("Where is it?", ""),
        ("我搬到了上海。你记得吗？", "我搬到了上海。"),
    ],
)
def test_told_part(text: str, expected: str) -> None:
    """Only what was told is kept, not what was asked beside it."""
    assert told_part(text) == expected


@pytest.mark.parametrize(
    ("text", "emoji"),
    [
        *[(text, True) for text in ("😀", "👍🏽 ❤️", "1️⃣", "🇩🇪", "👨‍👩‍👧", "❤‍🔥😂")],
        *[(text, False) for text in ("", "1", "ok 👍", "!", "#", "😀" * 500 + "a")],
    ],
)
def test_emoji_alone_greet(text: str, emoji: bool) -> None:
    """They ask nothing that memory could answer; joined, coloured and flags count as one."""
    assert only_emoji(text) == emoji
    assert (intent_of(text) == "greeting") == emoji
