"""OpenDocument texts and presentations."""

from __future__ import annotations

import pytest

from bot.bench.made_files import packed
from memory.importers.odf import read_odf
from memory.importers.records import Block, ConversionError, ExtractedDocument

_NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "text", "table", "draw", "presentation", "meta")
)


def _read(body: str, *, kind: str = "text", **parts: str) -> ExtractedDocument:
    inner = f"<office:body><office:{kind}>{body}</office:{kind}></office:body>"
    content = f"<office:document-content {_NAMES} xmlns:dc='http://purl.org/dc/elements/1.1/'>{inner}"
    members = {"content.xml": f"{content}</office:document-content>", **parts}
    return read_odf(packed(dict(members)), name="a.odt", title="a")


def test_headings_lists_and_spaces() -> None:
    """Runs of spaces and tabs are elements of their own."""
    body = (
        '<text:h text:outline-level="1">Trip</text:h>'
        '<text:p>a<text:s text:c="3"/>b<text:tab/>c<text:line-break/>d</text:p>'
        '<text:h text:outline-level="2">List</text:h>'
        "<text:list><text:list-item><text:p>milk</text:p></text:list-item></text:list>"
    )
    assert _read(body).blocks == (
        Block("Trip\na   b\tc\nd", section="Trip"),
        Block("List\n- milk", section="Trip > List"),
    )


def test_tracked_deletions_and_indexes_are_left_out() -> None:
    """What was struck out, and the table of contents that repeats each heading."""
    body = (
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>old</text:p></text:deletion>"
        "</text:changed-region></text:tracked-changes><text:table-of-content><text:p>Trip....1</text:p>"
        '</text:table-of-content><text:p>new<text:change-start text:change-id="1"/> words</text:p>'
    )
    assert _read(body).blocks == (Block("new words"),)


def test_notes_comments_and_boxes() -> None:
    """A note in the middle of a sentence doesn't break it; a box follows its paragraph."""
    body = (
        "<text:p>See<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>page 4</text:p>"
        "</text:note-body></text:note> here.<office:annotation><dc:creator>Ada</dc:creator><text:p>really?</text:p>"
        "</office:annotation><draw:frame><draw:text-box><text:p>boxed</text:p></draw:text-box></draw:frame></text:p>"
    )
    assert _read(body).blocks == (
        Block("See here.\nboxed"),
        Block("page 4\nComment by Ada: really?", section="Notes"),
    )


def test_a_claim_of_a_billion_spaces_is_bounded() -> None:
    """A number in a file is not believed."""
    assert len(_read('<text:p>a<text:s text:c="1000000000"/>b</text:p>').blocks[0].text) < 2000


def test_slides_have_numbers_and_notes() -> None:
    """ODP reads as PPTX does."""
    body = (
        '<draw:page><draw:frame presentation:class="title"><draw:text-box><text:p>Plan</text:p></draw:text-box>'
        "</draw:frame><draw:frame><draw:text-box><text:p>in May</text:p></draw:text-box></draw:frame>"
        "<presentation:notes><text:p>slowly</text:p></presentation:notes></draw:page>"
    )
    assert _read(body, kind="presentation").blocks == (
        Block("Plan\nin May", page=1, section="Plan"),
        Block("slowly", page=1, section="Plan > Notes"),
    )


def test_a_locked_file_is_refused_kindly() -> None:
    """It says that it needs a password."""
    manifest = "<manifest><file-entry><encryption-data/></file-entry></manifest>"
    with pytest.raises(ConversionError, match="needs a password"):
        _read("<text:p>x</text:p>", **{"META-INF/manifest.xml": manifest})
