"""RTF: letters of all scripts, and no control words."""

from __future__ import annotations

import pytest

from memory.importers.records import Block, ConversionError
from memory.importers.rtf import read_rtf


def _text(body: bytes) -> str:
    found = read_rtf(rb"{\rtf1\ansi\ansicpg1252\deff0" + body + b"}", name="a.rtf", title="a")
    return "\n".join(block.text for block in found.blocks)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb"Caf\'e9 \u8364?5", "Café €5"),
        (rb"\uc2\u22909\'ba\'c3", "好"),
        (rb"\u-10179?\u-8704? ok", "😀 ok"),
        (rb"\uc0\u233 t\u233", "été"),
        (rb"a\~b \{c\} d\\e\_f", "a\u00a0b {c} d\\e-f"),
        (rb"\ldblquote q\rdblquote\emdash\bullet", "“q”—•"),
        (rb"one\line two\par three", "one\ntwo\nthree"),
        (b"split\r\n across lines", "split across lines"),
    ],
)
def test_letters(body: bytes, text: str) -> None:
    """Escapes, fallbacks for old readers, surrogate pairs and line ends of the file itself."""
    assert _text(body) == text


def test_each_font_has_its_own_codepage() -> None:
    """Russian and Chinese in one file; a character of two bytes may end in a plain letter."""
    fonts = rb"{\fonttbl{\f1\fcharset204 A;}{\f2\fcharset128 B;}}"
    assert _text(fonts + rb"{\f1\'cc\'ee\'f1} and {\f2\'83A\'83\'93}") == "Мос and アン"


def test_what_is_no_text_is_left_out() -> None:
    """Tables of fonts, pictures, headers, field codes, deleted and hidden words."""
    body = (
        rb"{\fonttbl{\f0 Arial;}}{\colortbl;\red0;}{\*\generator Word;}{\header Page 1}{\pict 89504e47}{\deleted old }"
        rb"{\v secret}\bin3 \\{}x{\field{\*\fldinst HYPERLINK http://a.b}{\fldrslt link}} text"
    )
    assert _text(body) == "xlink text"


def test_tables_and_notes() -> None:
    """A row is a line; footnotes stand at the end."""
    found = read_rtf(rb"{\rtf1 Tea\cell 3\cell\row end{\footnote see p. 4}\par}", name="a.rtf", title="a")
    assert found.blocks == (Block("Tea | 3\nend"), Block("see p. 4", section="Notes"))


def test_outline_levels_make_sections() -> None:
    """As Word writes headings."""
    body = rb"{\rtf1 \pard\outlinelevel0 Trip\par\pard ferry\par\pard\outlinelevel1 Cost\par\pard 12\par}"
    found = read_rtf(body, name="a.rtf", title="a")
    assert found.blocks == (Block("Trip\nferry", section="Trip"), Block("Cost\n12", section="Trip > Cost"))


def test_no_text_fails() -> None:
    """An empty letter is no success."""
    with pytest.raises(ConversionError, match="holds no text"):
        read_rtf(rb"{\rtf1\ansi}", name="a.rtf", title="a")
