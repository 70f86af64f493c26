"""A file of each format with facts planted where readers lose them, made on the spot, with what must not be read.

Office files are made by the libraries that people's own tools use (they belong to the extra test); the others are
written byte by byte, so that nothing between the quirk and the reader can mend it.
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True)
class Fact:
    """Words that must stand together on one line of what was read."""

    words: tuple[str, ...]
    place: str | None = None
    """What the passage must give as its file within the file, section or ``page N``."""


@dataclass(frozen=True)
class MadeFile:
    """A file and what a person would find in it."""

    name: str
    quirks: str
    data: bytes
    facts: tuple[Fact, ...]
    absent: tuple[str, ...] = ()
    """What was deleted in it, or is no text of it."""


def made_files() -> list[MadeFile]:
    """One file or more for each format.

    :raises ImportError: the libraries of the extra test are missing
    """
    makers: tuple[Callable[[], MadeFile], ...] = (
        *(_xlsx, _xlsx_1904, _xls, _csv, _tsv, _pptx, _docx, _epub, _rtf, _odt, _json, _json_lines),
        *(_html, _markdown, _pdf, _scanned_pdf, _png, _jpeg_on_its_side),
    )
    return [make() for make in makers]


def _fact(*words: str, place: str | None = None) -> Fact:
    return Fact(words, place)


def packed(members: dict[str, str | bytes]) -> bytes:
    """A ZIP archive of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            stored = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(name, content, compress_type=stored)
    return out.getvalue()


# ---- tables ----------------------------------------------------------------------------------------------------------


def _saved(document: Any) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _xlsx() -> MadeFile:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Budget"
    sheet.append(["Household plan", None, None, None])
    sheet.append(["Room", "Costs", None, "Due"])
    sheet.append([None, "Paint", "Floor", None])
    sheet.append(["Kitchen", 120, 340.5, date(2024, 5, 1)])
    sheet.append(["Bathroom", 80, 99, datetime(2024, 6, 15, 9, 30)])
    sheet.append(["Total", "=B4+B5", None, None])
    sheet.append(["Discount", 0.25, 1234.5, None])
    sheet["B7"].number_format, sheet["C7"].number_format = "0%", '"$"#,##0.00'
    for cells in ("A1:D1", "A2:A3", "B2:C2", "D2:D3"):
        sheet.merge_cells(cells)
    hidden = book.create_sheet("Archive")
    hidden.append(["Year", "Plumber"])
    hidden.append(["old", "Mr Yilmaz"])
    hidden.sheet_state = "hidden"
    members = {}
    with zipfile.ZipFile(io.BytesIO(_saved(book))) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            members[name] = content.replace(b"<f>B4+B5</f><v/>", b"<f>B4+B5</f><v>200</v>").replace(
                b"<f>B4+B5</f><v></v>", b"<f>B4+B5</f><v>200</v>"
            )
    facts = (
        _fact("Household plan", place="Budget"),
        _fact("Kitchen", "Costs", "Floor", "340.5", place="Budget"),
        _fact("Kitchen", "Due", "2024-05-01", place="Budget"),
        _fact("Bathroom", "2024-06-15", "09:30", place="Budget"),
        _fact("Total", "200", place="Budget"),
        _fact("Discount", "25%", "$1,234.50", place="Budget"),
        _fact("Plumber", "Mr Yilmaz", place="Archive"),
    )
    return MadeFile(
        "plan.xlsx", "merged headers, dates, a formula, a share, a hidden sheet", packed({**members}), facts
    )


def _xlsx_1904() -> MadeFile:
    import openpyxl
    from openpyxl.utils.datetime import CALENDAR_MAC_1904

    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904
    book.active.title = "Log"
    book.active.append(["Who", "Born"])
    book.active.append(["Ada", date(2011, 12, 24)])
    return MadeFile("mac.xlsx", "the epoch of 1904", _saved(book), (_fact("Ada", "Born", "2011-12-24", place="Log"),))


_XLS = (
    "c-rk)O=uHA6#izDG(Y6uRA_|~idL=dLA-cr6Q#DNgepQ+1WirAP)W+_MK4xsj)LGx@lvP<5vpGNK?S{e5Gr~Q6d}>0Cq=<SoAteyT}i7#BU-4;"
    "x6C(h-pt#1JHI>gVm?-#xzkz0G7Q3ny5&b(lTK0aJBcVL-?CVAVjl%dV@<*DqmFFz;9=;wm-~?Wy9NWd-A{>u_Y@9e64`R8kX%LV79VnoeHb8C"
    "xJH^VI>f8E@G;?a!ndU4BjL1YE(#A&*{V8(`Bb)dr#*@f7~PT=2EX^7*t`+VcC_OekK(hJRHLj1yUb$l#2U-!atARB>d=uwsbF$Cg6jwX2MPU|"
    "O#jeO6$$F>S$wsUz!zs$KS^r+>gp9p|81$>`y0KFI&r!Fvf&1%U>%i7Qb7noH|Kb;-z-j^T);+fnu7}%J6?7(7fKWj=gfi!$ma6JT!7bhSqq{|"
    ")`F1Cksxs%5s_muQ=;U|!i`TaGvlMFBchp-^}n%8Y+|Qi;T&6#aaeK;Ve$gKB5xBuFK^u-a;I>DoTs>FwA~hlr=`pV$?c(fb_iajHaE#zNUnU`"
    "d%vslA+?p{xslqL#N6xD47zF8%9A}m)96!u>gpB7gOn31dqsIC-0{=u;xnSQ@0Pt4MzF~9i4YTRq_}m|kCb7z6<e!cSSzvS_IOP7vv+ZPzR6Z^"
    "(`-Fx#Bo;|E#0&W2cV&$p`oFnp`oGir%?8PxywEyc<ldvuYIqxNTIH;N&Z{xLz$jabg0~e62&G?w={m%!=s#csTJBd_l1lxs@=o{#>J0`md7uh"
    "+f?)Stk^L6_oh&*_19bR^B>p$9ZECNg#"
)
"""A workbook of Excel 97 as xlwt writes it, which no library that is still kept can."""


def _xls() -> MadeFile:
    data = zlib.decompress(base64.b85decode(_XLS))
    return MadeFile("trips.xls", "Excel 97", data, (_fact("Nadia", "When", "2019-11-03", "41.5", place="Trips"),))


def _csv() -> MadeFile:
    text = 'Name;Price;Note\nTea;2,50;"first line\nsecond; line"\nCafé;3,10;"said ""thanks"""\n'
    facts = (
        _fact("Tea", "Price", "2,50"),
        _fact("Tea", "first line", "second; line"),
        _fact("Café", 'said "thanks"'),
    )
    return MadeFile("prices.csv", "semicolons, a quoted newline, cp1252", text.encode("cp1252"), facts)


def _tsv() -> MadeFile:
    text = "Name\tCity\nZoë\tOslo, Norway\n王芳\t上海\n"
    facts = (_fact("Zoë", "City", "Oslo, Norway"), _fact("王芳", "City", "上海"))
    return MadeFile("people.tsv", "tabs, UTF-16 with a mark", text.encode("utf-16"), facts)


# ---- office documents ------------------------------------------------------------------------------------------------


def _pptx() -> MadeFile:
    from pptx import Presentation
    from pptx.util import Inches

    show = Presentation()
    first = show.slides.add_slide(show.slide_layouts[5])
    first.shapes.title.text = "Harbour project"
    group = first.shapes.add_group_shape()
    box = group.shapes.add_textbox(Inches(1), Inches(2), Inches(3), Inches(1))
    box.text_frame.text = "The crane arrives in Bergen"
    second = show.slides.add_slide(show.slide_layouts[5])
    second.shapes.title.text = "Costs"
    table = second.shapes.add_table(2, 2, Inches(1), Inches(2), Inches(4), Inches(1)).table
    for (row, column), text in {(0, 0): "Item", (0, 1): "Euro", (1, 0): "Crane", (1, 1): "71000"}.items():
        table.cell(row, column).text = text
    second.notes_slide.notes_text_frame.text = "Ask Ingrid about the discount"
    facts = (
        _fact("The crane arrives in Bergen", place="page 1"),
        _fact("Crane", "71000", place="Costs"),
        _fact("Ask Ingrid about the discount", place="page 2"),
    )
    return MadeFile("harbour.pptx", "a group, a table, notes", _saved(show), facts)


def _docx() -> MadeFile:
    from docx import Document

    document = Document()
    document.add_heading("Contract", level=1)
    document.add_paragraph("The rent is ")
    table = document.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "Deposit", "900 euros"
    changed = (
        b'<w:p><w:r><w:t>The rent is </w:t></w:r><w:del w:id="1"><w:r><w:delText>615</w:delText></w:r></w:del>'
        b'<w:ins w:id="2"><w:r><w:t>640 euros</w:t></w:r></w:ins></w:p>'
    )
    with zipfile.ZipFile(io.BytesIO(_saved(document))) as archive:
        members: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    body = bytes(members["word/document.xml"])  # type: ignore[arg-type] # every member was read as bytes above
    plain = b'<w:p><w:r><w:t xml:space="preserve">The rent is </w:t></w:r></w:p>'
    members["word/document.xml"] = body.replace(plain, changed)
    facts = (_fact("The rent is", "640 euros", place="Contract"), _fact("Deposit", "900 euros"))
    return MadeFile("contract.docx", "a tracked change, a table", packed(members), facts, absent=("615",))


def _odt() -> MadeFile:
    names = (
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
    )
    content = (
        f"<office:document-content {names}><office:body><office:text><text:tracked-changes><text:changed-region>"
        "<text:deletion><text:p>Sell the boat</text:p></text:deletion></text:changed-region></text:tracked-changes>"
        '<text:h text:outline-level="1">Garden</text:h><text:p>The shed key hangs<text:s text:c="2"/>behind the '
        "<text:span>blue</text:span> door.<text:note><text:note-citation>1</text:note-citation><text:note-body>"
        "<text:p>Spare key with Olga</text:p></text:note-body></text:note></text:p><table:table><table:table-row>"
        "<table:table-cell><text:p>Roses</text:p></table:table-cell><table:table-cell><text:p>12 plants</text:p>"
        "</table:table-cell></table:table-row></table:table></office:text></office:body></office:document-content>"
    )
    data = packed({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})
    facts = (
        _fact("The shed key hangs", "behind the blue door", place="Garden"),
        _fact("Roses", "12 plants"),
        _fact("Spare key with Olga"),
    )
    return MadeFile("garden.odt", "a tracked deletion, a note, a table", data, facts, absent=("Sell the boat",))


def _rtf() -> MadeFile:
    text = (
        rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial;}{\f2\fcharset134 Sim;}}"
        rb"{\info{\title Travel}}{\*\generator secret tool}{\stylesheet{\s1 Heading;}}"
        rb"\pard\outlinelevel0 Visas\par\pard The fee is 45 \u8364? in M\'fcnchen.\par"
        rb"{\f1\'cc\'ee\'f1\'ea\'e2\'e0} in May\par{\f2\'b1\'b1\'be\'a9} in June\par{\deleted Lisbon}{\v hidden}\par}"
    )
    facts = (_fact("The fee is 45 €", "München", place="Visas"), _fact("Москва in May"), _fact("北京 in June"))
    return MadeFile(
        "visas.rtf", "three codepages, deleted text", text, facts, absent=("Lisbon", "secret tool", "Arial")
    )


def _epub() -> MadeFile:
    def page(body: str) -> str:
        head = '<head><title/><link rel="stylesheet" href="a.css"/></head>'
        return f'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">{head}<body>{body}</body></html>'

    opf = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<dc:title>The Lighthouse</dc:title></metadata><manifest>"
        '<item id="n" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
        '<item id="b" href="b%20two.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>'
    )
    nav = '<nav><ol><li><a href="a.xhtml">The storm</a></li><li><a href="b%20two.xhtml">The keeper</a></li></ol></nav>'
    root = "<container><rootfiles><rootfile full-path='OEBPS/book.opf'/></rootfiles></container>"
    data = packed(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": root,
            "OEBPS/book.opf": opf,
            "OEBPS/nav.xhtml": page("<h1>Table of contents</h1>" + nav),
            "OEBPS/a.xhtml": page("<header><h1>I</h1></header><p>The lamp failed at 3:40.</p>"),
            "OEBPS/b two.xhtml": page("<p>Tomas kept the log.</p>"),
        }
    )
    facts = (_fact("The lamp failed at 3:40", place="The storm"), _fact("Tomas kept the log", place="The keeper"))
    quirks = "an empty title element, an escaped name, the spine's order"
    return MadeFile("lighthouse.epub", quirks, data, facts, absent=("Table of contents",))


# ---- texts -----------------------------------------------------------------------------------------------------------


def _json() -> MadeFile:
    value = {
        "owner": "Ada",
        "pets": [{"name": "Momo", "kind": "cat", "born": 2019}, {"name": "Rex", "kind": "dog", "born": None}],
        "house": {"address": {"city": "Turin"}, "photo": "data:image/png;base64," + "QUJD" * 300},
    }
    facts = (
        _fact("owner", "Ada"),
        _fact("Momo", "cat", "2019", place="pets"),
        _fact("address", "city", "Turin", place="house"),
    )
    return MadeFile(
        "home.json", "a list of records, an encoded picture", json.dumps(value).encode(), facts, ("QUJDQUJD",)
    )


def _json_lines() -> MadeFile:
    text = '{"city": "Lyon", "visits": 3}\n{broken\n{"city": "Porto", "visits": 12345678901234567890}\n'
    facts = (_fact("Lyon", "visits", "3"), _fact("Porto", "12345678901234567890"))
    return MadeFile("cities.jsonl", "a broken line", text.encode(), facts)


def _html() -> MadeFile:
    text = (
        "<!DOCTYPE html><title>News</title><nav>Home Login</nav><main><h1>Quarterly Report</h1><p>Revenue rose.</p>"
        "<p>Hello <b>world</b>!</p></main><div id='cookie-banner'>We use cookies</div><script>track()</script>"
    )
    facts = (_fact("Revenue rose", place="Quarterly Report"), _fact("Hello world!"))
    return MadeFile("news.html", "navigation, a banner, a script", text.encode(), facts, ("Login", "cookies", "track"))


def _markdown() -> MadeFile:
    text = "# 菜谱\n\n豆腐要先煎。\n\n## 面条\n\n加王芳的辣酱。\n"
    facts = (_fact("豆腐要先煎", place="菜谱"), _fact("加王芳的辣酱", place="面条"))
    return MadeFile("recipes.md", "Chinese, GB18030", text.encode("gb18030"), facts)


# ---- pages and pictures ----------------------------------------------------------------------------------------------


def drawn(lines: Sequence[str], *, size: tuple[int, int] = (1000, 700), text_size: int = 30) -> Any:
    """A PIL picture of lines of text."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(text_size)
    for number, line in enumerate(lines):
        pen.text((60, 60 + number * 2 * text_size), line, font=font, fill="black")
    return picture


def pdf_of(pages: Sequence[str | Any]) -> bytes:
    """A PDF whose pages are a line of text each, or a PIL picture that fills the page."""
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", font]
    kids = []
    for page in pages:
        resources = b"/Font << /F1 3 0 R >>"
        content = b""
        if isinstance(page, str):
            content = f"BT /F1 12 Tf 50 700 Td ({page}) Tj ET".encode("latin-1")
        else:
            out = io.BytesIO()
            page.save(out, "JPEG", quality=90)
            about = b"/Type /XObject /Subtype /Image /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode"
            objects.append(
                b"<< %s /Width %d /Height %d /Length %d >>\nstream\n%s\nendstream"
                % (about, *page.size, len(out.getvalue()), out.getvalue())
            )
            resources = b"/XObject << /I %d 0 R >>" % len(objects)
            content = b"q 600 0 0 800 0 0 cm /I Do Q"
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents %d 0 R /Resources << %s >> >>"
            % (len(objects), resources)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    return pdf_from(objects)


def pdf_from(objects: Sequence[bytes]) -> bytes:
    """A PDF of numbered objects, the first of which is its catalogue."""
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)
    return bytes(out)


def _pdf() -> MadeFile:
    pages = ("The passport expires on 3 May 2031", "The locker number is 118")
    facts = tuple(_fact(text, place=f"page {number}") for number, text in enumerate(pages, start=1))
    return MadeFile("papers.pdf", "text on two pages", pdf_of(pages), facts)


def _scanned_pdf() -> MadeFile:
    scan = drawn(["Invoice number INV-2041", "Total 318.40 EUR"], size=(1200, 1600), text_size=40)
    facts = (
        _fact("Typed page", place="page 1"),
        _fact("INV-2041", place="page 2"),
        _fact("318.40 EUR", place="page 2"),
    )
    return MadeFile("mixed.pdf", "a typed and a scanned page", pdf_of(["Typed page", scan]), facts)


def _png() -> MadeFile:
    out = io.BytesIO()
    drawn(["Door code 4471", "Gate opens at 7:15"]).save(out, "PNG")
    return MadeFile("note.png", "a picture of text", out.getvalue(), (_fact("Door code 4471"), _fact("7:15")))


def _jpeg_on_its_side() -> MadeFile:
    picture = drawn(["Meter reading 58213"], size=(900, 300), text_size=44).rotate(90, expand=True)
    exif = picture.getexif()
    exif[274] = 6  # to be turned by 90 degrees clockwise
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif, quality=92)
    return MadeFile("meter.jpg", "upright by EXIF only", out.getvalue(), (_fact("Meter reading 58213"),))
