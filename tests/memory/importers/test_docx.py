"""DOCX as its author sees it with all changes accepted."""

from __future__ import annotations

import pytest

from memory.importers.docx import read_docx
from memory.importers.records import Block, ConversionError
from tests.memory.importers.files import NAMESPACES, docx, paragraph, zip_bomb_docx

_STYLES = (
    '<w:style w:styleId="H1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:styleId="H2"><w:name w:val="Unterpunkt"/><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>'
    '<w:style w:styleId="Own"><w:name w:val="My heading"/><w:basedOn w:val="H1"/></w:style>'
)


def _blocks(body: str, **parts: str) -> list[Block]:
    data = docx(body, styles=_STYLES, parts={f"word/{name}.xml": xml for name, xml in parts.items()})
    return list(read_docx(data, name="a.docx", title="a").blocks)


def test_headings_make_sections() -> None:
    """Headings are known by style name, outline level or the style that theirs is based on."""
    body = paragraph("Report", style="H1") + paragraph("Cost", style="H2") + paragraph("12 euros")
    blocks = _blocks(body + paragraph("End", style="Own") + paragraph("bye"))
    assert blocks == [Block("Report\nCost\n12 euros", section="Report > Cost"), Block("End\nbye", section="End")]


def test_insertions_count_and_deletions_do_not() -> None:
    """all2md#480: the sums that were struck out are not read, those put in are."""
    body = (
        "<w:p><w:r><w:t>Price </w:t></w:r><w:del><w:r><w:delText>100</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>250</w:t></w:r></w:ins><w:moveFrom><w:r><w:t> gone</w:t></w:r></w:moveFrom></w:p>"
        "<w:ins><w:p><w:r><w:t>A whole new paragraph</w:t></w:r></w:p></w:ins>"
    )
    assert _blocks(body) == [Block("Price 250\nA whole new paragraph")]


def test_text_boxes_are_read_once() -> None:
    """docling#1529: a box's text is read, and not a second time from its fallback."""
    inner = f"<w:txbxContent>{paragraph('in the box')}</w:txbxContent>"
    box = f"<mc:AlternateContent><mc:Choice>{inner}</mc:Choice><mc:Fallback>{inner}</mc:Fallback></mc:AlternateContent>"
    assert _blocks(f"<w:p><w:r><w:t>outside</w:t></w:r><w:r>{box}</w:r></w:p>") == [Block("outside\nin the box")]


def test_tables_are_rows_of_text() -> None:
    """A row is a line, and a deleted row none."""
    rows = [("Item", "Price"), ("Tea", "3")]
    cells = "".join("<w:tr>" + "".join(f"<w:tc>{paragraph(c)}</w:tc>" for c in row) + "</w:tr>" for row in rows)
    gone = f"<w:tr><w:trPr><w:del/></w:trPr><w:tc>{paragraph('old')}</w:tc></w:tr>"
    assert _blocks(f"<w:tbl>{cells}{gone}</w:tbl>") == [Block("Item | Price\nTea | 3")]


def test_lists_comments_and_footnotes_are_labelled() -> None:
    """Notes stand in their own sections with who wrote them."""
    item = "<w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>milk</w:t></w:r></w:p>"
    comment = f'<w:comment w:author="Ada">{paragraph("too dear")}</w:comment>'
    footnote = f"<w:footnote>{paragraph('see page 4')}</w:footnote>"
    blocks = _blocks(
        item,
        comments=f"<w:comments {NAMESPACES}>{comment}</w:comments>",
        footnotes=f"<w:footnotes {NAMESPACES}>{footnote}</w:footnotes>",
    )
    assert blocks == [
        Block("- milk"),
        Block("see page 4", section="Footnotes"),
        Block("Comment by Ada: too dear", section="Comments"),
    ]


@pytest.mark.parametrize("data", [docx("")[:-30], docx("<w:p>"), docx("").replace(b"word/document", b"word/documeXX")])
def test_a_damaged_file_is_named(data: bytes) -> None:
    """A cut archive, broken XML and a missing part each end in one line."""
    with pytest.raises(ConversionError, match=r"a\.docx is a damaged Word document"):
        read_docx(data, name="a.docx", title="a")


def test_a_document_that_unpacks_to_too_much_is_refused() -> None:
    """The sizes are checked before anything is unpacked."""
    with pytest.raises(ConversionError, match=r"unpacks to 40\d MB of XML; at most 300 MB"):
        read_docx(zip_bomb_docx(400), name="bomb.docx", title="bomb")


def test_an_external_entity_is_not_read() -> None:
    """XML in a document can't pull in files of the machine."""
    xml = (
        '<!DOCTYPE x [<!ENTITY leak SYSTEM "file:///etc/hostname">]>'
        f"<w:document {NAMESPACES}><w:body><w:p><w:r><w:t>a&leak;b</w:t></w:r></w:p></w:body></w:document>"
    )
    found = read_docx(docx("", parts={"word/document.xml": xml}), name="a.docx", title="a")
    assert found.blocks[0].text in ("a", "ab")
