"""Replies as Telegram takes them: no word lost, no entity out of place, never over the limit."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.telegram.render import LIMIT, Part, Span, clean, convert, plain_parts, reply_parts, split, utf16
from tests.telegram_api.records import Entity
from tests.telegram_api.validation import check_text

TABLE = "\n| h | $y_1$ |\n|---|---|\n| [l](http://x.y) `c` | **b** |\n"
MARKS = "** * _ __ ` || ~~ [ ](http://x.y) ![ - > # | <b> </b> $ \\ [^1] 1. &amp; word 好 😀 e\u0301 👩\u200d👩\u200d👧"
MARKS += r" $x^2$ $$ \( \) \[ \] \frac{a}{b} \begin{matrix}a\\b\end{matrix} $5 <br> | "
PIECES = st.sampled_from(
    [*MARKS.split(" "), "```\n", "\n", "\n\n", "- ", "> ", "# ", "| a ", " ", "---\n", "    ", TABLE]
)


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
        "it costs $5 and $6, 10$ too",
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


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("**so $x_1^2$ is**", "so x₁² is"),
        (r"half of it: \(\frac{a}{b}\), $5 and $10", "half of it: a/b, $5 and $10"),
        (r"\[ E = mc^2 \]", "E = mc²"),
        (r"water is \(\ce{H2O}\)", r"water is \(\ce{H2O}\)"),
        ("[here](http://x.y/$a$z) is $b$", "here is b"),
        ("open $x^2 and \\\\(a", "open $x^2 and \\(a"),
    ],
)
def test_formulas_are_read_as_unicode(markdown: str, text: str) -> None:
    """In styles and beside prices; one that is not known, or not closed yet, stays as written."""
    assert convert(markdown).text == text


def test_a_formula_of_several_rows_is_a_block() -> None:
    """So that its columns stand under each other."""
    part = convert("see\n\n\\[\n\\begin{matrix} a & b \\\\ c & d \\end{matrix}\n\\]\n\nend")
    assert part.text == "see\n\na  b\nc  d\n\nend"
    assert part.spans == (Span("pre", 5, 9),)


def test_a_wide_table_is_a_line_per_cell() -> None:
    """The row's first line is bold, an empty cell is left out, a break is a space, a link keeps its address."""
    long = "so long a text that no phone shows it in columns"
    part = convert(f"| Name | Says | |\n|---|---|---|\n| Mia | {long} | [l](http://x.y) |\n| Bo | a<br>b | |\n\nend")
    assert part.text == f"Name: Mia\nSays: {long}\nl (http://x.y)\n\nName: Bo\nSays: a b\n\nend"
    assert [(span.type, span.length) for span in part.spans] == [("bold", 9), ("bold", 8)]


def test_a_table_within_a_list_ends_with_its_line() -> None:
    """The paragraph after it begins on a new one, and an empty cell is no spoiler."""
    part = convert("- x\n\n  | a||\n  |---|---|\n  | b || \n\n  more")
    assert part.text.split("\n") == ["• x", "a |", "--+-", "b |", "more"]


def test_a_table_that_loses_a_cell_stays_as_written() -> None:
    """A row longer than its header would be cut."""
    text = "| a |\n|---|\n| 1 | 2 |"
    assert convert(text) == Part(text)


def test_code_goes_on_in_the_next_message() -> None:
    """In its language, from a line that begins a block, with the indentation of the rest kept."""
    block = "def f():\n    return '😀'\n"
    first, second = reply_parts(f"```python\n{block * 200}```")
    assert [(span.type, span.language) for span in (*first.spans, *second.spans)] == [("pre", "python")] * 2
    assert first.text.endswith("return '😀'")
    assert second.text.startswith("def f():\n    return")
    assert f"{first.text}\n{second.text}\n" == block * 200


def test_indentation_survives_a_cut_in_code() -> None:
    """Where every line is indented, the next message begins with the spaces of its line."""
    parts = reply_parts("```\n" + "    x = 'long enough'\n" * 400 + "```")
    for part in parts:
        assert part.text.startswith("    x")
        accepted(part)


def test_a_link_is_not_cut() -> None:
    """It goes to the next message as a whole, as does inline code."""
    for link, kind in (
        ("[" + "the words " * 40 + "](http://x.y)", "text_link"),
        ("`" + "the words " * 40 + "`", "code"),
    ):
        first, second = reply_parts("x" * 4000 + " " + link)
        assert first == Part("x" * 4000)
        assert [span.type for span in second.spans] == [kind]
    address = "http://x.y/" + "z" * 300
    assert [part.text for part in reply_parts("x" * 4000 + " " + address)] == ["x" * 4000, address]


def test_a_link_longer_than_a_message_is_cut_into_links() -> None:
    """Both have the address."""
    parts = reply_parts("[" + "word " * 1000 + "](http://x.y)")
    assert [[span.url for span in part.spans] for part in parts] == [["http://x.y"]] * 2


def test_a_heading_stays_with_its_text() -> None:
    """It begins the next message rather than end one."""
    first, second = reply_parts("x" * 4000 + "\n\n## Title\n\n" + "y " * 100)
    assert first.text == "x" * 4000
    assert second.text.startswith("Title\n\ny y")
