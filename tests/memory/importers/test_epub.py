"""Books: chapters in the order of the spine, under their titles."""

from __future__ import annotations

import pytest

from bot.bench.made_files import packed
from memory.importers.epub import read_epub
from memory.importers.records import Block, ConversionError, ExtractedDocument

_CONTAINER = "<container><rootfiles><rootfile full-path='OPS/book.opf'/></rootfiles></container>"


def _page(body: str, head: str = "<title>t</title>") -> str:
    return f'<html xmlns="http://www.w3.org/1999/xhtml"><head>{head}</head><body>{body}</body></html>'


def _read(pages: dict[str, str | bytes], *, items: str = "", guide: str = "", **parts: str) -> ExtractedDocument:
    manifest = "".join(f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in pages)
    spine = "".join(f'<itemref idref="{name}"/>' for name in pages)
    opf = f"<package><manifest>{manifest}{items}</manifest><spine>{spine}</spine>{guide}</package>"
    members: dict[str, str | bytes] = {"META-INF/container.xml": _CONTAINER, "OPS/book.opf": opf}
    members |= {f"OPS/{name}": page for name, page in pages.items()} | parts
    return read_epub(packed(members), name="a.epub", title="a")


def test_the_spine_gives_the_order() -> None:
    """Names of files say nothing."""
    found = _read({"z.xhtml": _page("<p>first</p>"), "a.xhtml": _page("<p>second</p>")})
    assert [block.text for block in found.blocks] == ["first", "second"]


def test_an_empty_element_of_xhtml_takes_in_nothing() -> None:
    """To an HTML parser ``<title/>`` begins a title that never ends, ``<a id/>`` a link around the chapter."""
    page = _page('<p><a id="p1"/>The lamp<br/>failed.</p><script src="x"/><p>End.</p>', head="<title/>")
    assert _read({"a.xhtml": page}).blocks == (Block("The lamp\nfailed.\nEnd."),)


def test_titles_come_from_the_ncx() -> None:
    """EPUB 2: the chapter's title and the headings within it."""
    ncx = (
        '<ncx><navMap><navPoint><navLabel><text>The storm</text></navLabel><content src="a.xhtml#start"/></navPoint>'
        "</navMap></ncx>"
    )
    items = '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
    page = _page("<header><h2>Night</h2></header><p>Rain.</p><aside>A note.</aside>")
    found = _read({"a.xhtml": page}, items=items, **{"OPS/toc.ncx": ncx})
    assert found.blocks == (Block("Night\nRain.\nA note.", section="The storm > Night"),)


def test_contents_and_cover_are_left_out() -> None:
    """What the guide calls the table of contents is no text of the book."""
    guide = '<guide><reference type="toc" href="toc.xhtml"/></guide>'
    found = _read({"toc.xhtml": _page("<p>Chapter 1 ... 5</p>"), "a.xhtml": _page("<p>text</p>")}, guide=guide)
    assert [block.text for block in found.blocks] == ["text"]


def test_the_declared_encoding_is_used() -> None:
    """Old books are in windows-1251 and say so in the XML declaration only."""
    page = '<?xml version="1.0" encoding="windows-1251"?>' + _page("<p>Москва</p>")
    assert _read({"a.xhtml": page.encode("cp1251")}).blocks[0].text == "Москва"


def test_a_protected_book_is_refused_and_scrambled_fonts_are_not() -> None:
    """DRM encrypts chapters; scrambled fonts are in many books that anyone may read."""
    method = "<encryption><EncryptedData><EncryptionMethod Algorithm='{}'/></EncryptedData></encryption>"
    pages: dict[str, str | bytes] = {"a.xhtml": _page("<p>text</p>")}
    fonts = method.format("http://www.idpf.org/2008/embedding")
    assert _read(pages, **{"META-INF/encryption.xml": fonts}).blocks[0].text == "text"
    locked = method.format("http://www.w3.org/2001/04/xmlenc#aes128-cbc")
    with pytest.raises(ConversionError, match="copy-protected"):
        _read(pages, **{"META-INF/encryption.xml": locked})
