"""Replies as Telegram takes them: no word lost, no entity out of place, never over the limit."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.telegram.render import LIMIT, Part, Span, clean, convert, plain_parts, reply_parts, split, utf16
from tests.telegram_api.records import Entity
from tests.telegram_api.validation import check_text

MARKS = "** * _ __ ` || ~~ [ ](http://x.y) ![ - > # | <b> </b> $ \\ [^1] 1. &amp; word 好 😀 e\u0301 👩\u200d👩\u200d👧"
PIECES = st.sampled_from([*MARKS.split(" "), "```\n", "\n", "\n\n", "- ", "> ", "# ", "| a ", " ", "---\n", "    "])


def accepted(part: Part) -> None:
    """Telegram's checks, as the loopback server makes them."""
    entities = tuple(Entity(span.type, span.offset, span.length, {"url": span.url}) for span in part.spans)
    shown = check_text(part.text, entities, limit=LIMIT, too_long="too long")
    assert shown.text == part.text
    assert len(shown.entities) == len(part.spans)


@given(st.lists(PIECES, max_size=40).map("".join))
@settings(max_examples=150, deadline=None)
@example("**bold `code` bold**")
@example("**`x`** and *a **b* c**")
@example("[link `c`](http://x.y)")
def test_whatever_a_model_writes_is_accepted(markdown: str) -> None:
    """Any mixture of Markdown marks gives what Telegram takes, and nothing only for nothing."""
    parts = reply_parts(markdown)
    assert bool(parts) == bool(markdown.strip())
    for part in parts:
        accepted(part)


@pytest.mark.parametrize(
    "text",
    [
        "Sure! 1 - done.",
        "Wi-Fi: <none> and x < y, a<b>c",
        "it costs $5 and $6, x^2$ too",
        "see [^1] for snake_case_name and 2 * 3 * 4",
        "C:\\new\\table",
        "<div>kept</div>",
    ],
)
def test_plain_text_stays_as_it_is(text: str) -> None:
    """Punctuation, angle brackets, dollars and footnote marks are shown, not taken for markup, nor escaped."""
    assert convert(text) == Part(text)


def test_styles_links_and_code_become_entities() -> None:
    """Offsets count UTF-16 units; a style is cut around code, which can't hold it."""
    part = convert("😀 **bold `x` b** _it_ [l](http://x.y)")
    assert part.text == "😀 bold x b it l"
    found = [
        (span.type, part.text.encode("utf-16-le")[span.offset * 2 : span.end * 2].decode("utf-16-le"))
        for span in part.spans
    ]
    assert found == [("bold", "bold "), ("code", "x"), ("bold", " b"), ("italic", "it"), ("text_link", "l")]


def test_a_table_is_shown_in_fixed_width() -> None:
    """With its words in columns; pipes that are no table are left alone."""
    part = convert("| a | b |\n|---|---|\n| 1 | two words |\n\nend")
    (span,) = part.spans
    assert span.type == "pre"
    assert "1 | two words" in part.text
    assert convert("foo | bar, and foo \\| bar").text == "foo | bar, and foo | bar"


@pytest.mark.parametrize("text", ["![a](http://x/a_b.png)", "before ![](http://x/a_b.png) after", "![x](y.png)"])
def test_an_image_does_not_sink_the_answer(text: str) -> None:
    """It becomes its description with the address, or stays as it was written."""
    (part,) = reply_parts(text)
    accepted(part)
    assert part.text
    assert all(word in part.text for word in ("before", "after") if word in text)


def test_headings_and_lists_get_no_decoration() -> None:
    """No pins and pencils that the assistant did not write."""
    assert convert("# Title\n\n- a\n- [x] b").text == "Title\n\n• a\n☑ b"


@pytest.mark.parametrize("character", ["😀", "👩‍👩‍👧", "é", "👍🏽"])
def test_a_long_reply_is_never_cut_within_a_character(character: str) -> None:
    """5000 emoji have 10,000 units and more: each message fits, and together they are the whole."""
    text = "a" + character * 5000
    parts = plain_parts(text)
    assert all(utf16(part.text) <= LIMIT for part in parts)
    assert "".join(part.text for part in parts) == text
    assert all(part.text.removeprefix("a").replace(character, "") == "" for part in parts)


def test_a_cut_is_made_between_paragraphs_lines_or_words() -> None:
    """Where there is one in the second half of a message."""
    paragraphs = "\n\n".join(["word " * 300] * 5)
    assert [part.text.count("word") for part in plain_parts(paragraphs)] == [600, 600, 300]
    assert all(part.text.endswith("word") for part in plain_parts("word " * 3000))


def test_entities_are_clipped_at_a_cut() -> None:
    """Bold over two messages is bold in both."""
    first, second = split(Part("x" * 5000, (Span("bold", 0, 5000),)))
    assert [span.length for span in (*first.spans, *second.spans)] == [4096, 904]
    accepted(first)
    accepted(second)


def test_the_footer_stands_under_the_last_message() -> None:
    """Sources come once, at the end."""
    parts = reply_parts("word " * 1500, "Sources:\n[1] cabin.md")
    assert len(parts) == 2
    assert parts[-1].text.endswith("\n\nSources:\n[1] cabin.md")


def test_half_a_surrogate_pair_can_be_sent() -> None:
    """Text from a damaged file becomes the replacement character."""
    assert plain_parts("a\ud83d") == (Part("a\ufffd"),)


def test_quotes_and_links_do_not_cross() -> None:
    """Of two that do, one stays."""
    spans = [Span("blockquote", 0, 10), Span("text_link", 5, 10, url="http://x.y"), Span("bold", 3, 9)]
    assert [span.type for span in clean(spans)] == ["bold", "text_link", "bold"]
