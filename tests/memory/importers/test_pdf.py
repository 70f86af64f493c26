"""PDF: text by page, and never a silent loss."""

from __future__ import annotations

import io

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject, StreamObject

from bot.bench.made_files import drawn, pdf_of
from memory.importers.ocr import Recogniser
from memory.importers.pdf import read_pdf
from memory.importers.records import ConversionError
from tests.memory.importers.files import locked_pdf, pdf


def test_pages_are_numbered_and_pages_without_text_named() -> None:
    """hermes#81680: pages that are scans are listed, not passed over."""
    found = read_pdf(pdf(["one", "", "", "four", ""]), name="a.pdf", title="a")
    assert [(block.page, block.text) for block in found.blocks] == [(1, "one"), (4, "four")]
    assert found.warnings == ("no text on pages 2-3, 5 of 5 (scanned or empty)",)


def test_a_pdf_without_any_text_fails() -> None:
    """paperless-ngx#13351: no success is reported at zero text."""
    with pytest.raises(ConversionError, match="holds no text"):
        read_pdf(pdf(["", ""]), name="scan.pdf", title="scan")


def test_ligatures_are_spelled_out() -> None:
    """pypdf#3975: "classifies" set with a ligature is found by its letters."""
    assert read_pdf(pdf(["classi~es"]), name="a.pdf", title="a").blocks[0].text == "classifies"


def test_an_empty_user_password_opens() -> None:
    """PageIndex#426: a file with restricted permissions only opens as it does in a viewer."""
    assert read_pdf(locked_pdf(["open"], user_password=""), name="a.pdf", title="a").blocks[0].text == "open"


def test_a_real_password_is_refused_kindly() -> None:
    """A locked file says that it needs a password and what to do."""
    with pytest.raises(ConversionError, match=r"a\.pdf needs a password to open; save a copy without one"):
        read_pdf(locked_pdf(["shut"], user_password="secret"), name="a.pdf", title="a")


@pytest.mark.parametrize("cut", [30, 200, 400])
def test_a_cut_off_file_is_named_as_damaged_or_empty(cut: int) -> None:
    """Any beginning of a PDF ends in one line of reason."""
    with pytest.raises(ConversionError, match=r"a\.pdf (is a damaged PDF|holds no text)"):
        read_pdf(pdf(["one", "two"])[:cut], name="a.pdf", title="a")


def test_scanned_pages_are_recognised_and_typed_ones_taken_as_they_are() -> None:
    """A page that is a picture, also one on which a scanner left its mark; an empty page stays one."""
    scan = drawn(["Invoice INV-2041"], size=(900, 1200), text_size=40)
    found = read_pdf(pdf_of(["typed", scan, ""]), name="a.pdf", title="a")
    assert [(block.page, block.text) for block in found.blocks] == [(1, "typed"), (2, "Invoice INV-2041")]
    assert found.warnings == (
        "no text on page 3 of 3 (scanned or empty)",
        "text on page 2 was recognised from pictures",
    )


def test_pages_over_the_budget_are_named() -> None:
    """A scan of many pages gives what was done and says what is missing."""
    scan = drawn(["page"], size=(600, 800), text_size=40)
    found = read_pdf(pdf_of([scan] * 4), name="a.pdf", title="a", recogniser=Recogniser(pages=2))
    assert [block.page for block in found.blocks] == [1, 2]
    assert "pages 3-4 not recognised: [import] ocr_pages and ocr_seconds allow no more in one file" in found.warnings


def test_a_missing_page_is_named_once() -> None:
    """By the reason why it was not read, not as an empty one besides."""
    scan = drawn(["Invoice 41"], size=(600, 800), text_size=40)
    found = read_pdf(pdf_of(["typed", scan, scan]), name="a.pdf", title="a", recogniser=Recogniser(pages=1))
    assert [warning for warning in found.warnings if "page 3" in warning] == [
        "page 3 not recognised: [import] ocr_pages and ocr_seconds allow no more in one file"
    ]
    cut = read_pdf(pdf_of(["typed", scan]), name="a.pdf", title="a", recogniser=Recogniser(page_seconds=0))
    assert len([warning for warning in cut.warnings if "page 2" in warning]) == 1


def test_a_font_without_a_map_to_letters_is_read_as_drawn() -> None:
    """anydoc#172: what can only be seen is recognised from the drawn page."""
    found = read_pdf(_without_letters(["Secret recipe"]), name="a.pdf", title="a")
    assert found.blocks[0].text == "Secret recipe"
    assert found.warnings == ("text on page 1 was recognised from pictures",)


def _without_letters(pages: list[str]) -> bytes:
    """A PDF whose font says that each of its letters is a private-use character."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf_of(pages))))
    private = b"".join(b"<%02x> <%04x>\n" % (code, 0xE000 + code) for code in range(32, 127))
    table = StreamObject()
    table.set_data(
        b"/CMapName /x def 1 begincodespacerange <00> <ff> endcodespacerange\n95 beginbfchar\n%sendbfchar" % private
    )
    for page in writer.pages:
        page["/Resources"]["/Font"]["/F1"][NameObject("/ToUnicode")] = writer._add_object(table)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
