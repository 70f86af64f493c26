"""PDF: text by page, and never a silent loss."""

from __future__ import annotations

import pytest

from memory.importers.pdf import page_list, read_pdf
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


def test_page_list() -> None:
    """Runs are written as ranges."""
    assert page_list([3]) == "page 3"
    assert page_list([1, 2, 3, 7, 9, 10]) == "pages 1-3, 7, 9-10"
