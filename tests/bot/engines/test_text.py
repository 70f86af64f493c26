"""What a person sees of what the model writes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bot.engines.text import Detokenizer, VisibleText


def pieces(raw: str, *, size: int, reasoning: bool = False) -> tuple[list[str], str]:
    """Feed ``raw`` in pieces of ``size`` characters; the pieces shown, and the text."""
    visible = VisibleText(reasoning=reasoning)
    shown = [visible.push(raw[at : at + size]) for at in range(0, len(raw), size)]
    return [*shown, visible.finish()], visible.text


def by_bytes(ids: Sequence[int]) -> str:
    """A byte-level tokenizer's decoding: half a character becomes U+FFFD."""
    return bytes(ids).decode("utf-8", errors="replace")


def test_characters_of_several_bytes_come_whole() -> None:
    """No piece holds half a character, and nothing is lost."""
    text = "Grüße, 你好 🙂!"
    detokenizer = Detokenizer(by_bytes)
    given = [detokenizer.push(byte) for byte in text.encode()]
    assert "".join(given) == text
    assert not any("\ufffd" in piece for piece in given)
    assert given[0] == "G"


def test_half_a_character_at_the_end_is_not_shown() -> None:
    """A reply that is cut inside a character ends before it."""
    detokenizer = Detokenizer(by_bytes)
    assert "".join(detokenizer.push(byte) for byte in "a🙂".encode()[:-1]) == "a"


def test_spaces_between_words_survive() -> None:
    """Tokenizers that drop the space of a first token still give separated words."""
    words = ["▁Hello", "▁new", "▁world"]
    detokenizer = Detokenizer(lambda ids: "".join(words[token] for token in ids).replace("▁", " ").lstrip())
    assert [detokenizer.push(token) for token in range(3)] == ["Hello", " new", " world"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    ("raw", "reasoning", "text"),
    [
        ("Hello there.", False, "Hello there."),
        ("  \n Hello.\n\n ", False, "Hello."),
        ("<think>secret</think>\n\nHello.", False, "Hello."),
        ("<think>\n\n</think>\n\n", False, ""),
        ("secret</think>Hello.", True, "Hello."),
        ("secret and the budget ends", True, ""),
        ("secret </thin", True, ""),
        ("Yes. <think>secret", False, "Yes."),
        ("One. <think>a</think> Two.", False, "One. Two."),
        ("a < b and <b>bold</b> <thing>", False, "a < b and <b>bold</b> <thing>"),
        ("it ends with <thin", False, "it ends with <thin"),
    ],
)
def test_reasoning_is_never_shown(raw: str, reasoning: bool, text: str, size: int) -> None:
    """Whatever the pieces are, what is shown adds up to the text, which holds no reasoning part."""
    shown, final = pieces(raw, size=size, reasoning=reasoning)
    assert final == text
    assert "".join(shown) == text


@pytest.mark.parametrize("size", [1, 4, 100])
def test_a_closing_tag_alone_ends_reasoning(size: int) -> None:
    """The template opened the part unseen: the text is only what follows the tag."""
    assert pieces("secret</think>\nHello.", size=size)[1] == "Hello."


def test_ordinary_text_is_not_held_back() -> None:
    """Only a possible tag and white space wait for what follows."""
    visible = VisibleText()
    assert [visible.push(piece) for piece in ("Hello", " ", "you", " <", "3")] == ["Hello", "", " you", "", " <3"]
