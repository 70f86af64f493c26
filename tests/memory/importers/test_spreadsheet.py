"""Workbooks: dates are dates, whatever the epoch, and nothing is lost without a word."""

from __future__ import annotations

import io
import struct
from datetime import date, datetime, time

import openpyxl
import pytest
from openpyxl.comments import Comment
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from bot.bench.made_files import made_files, packed
from memory.importers.convert import convert
from memory.importers.records import ConversionError, ExtractedDocument
from memory.importers.spreadsheet import _letters, read_sheets, read_spreadsheet


def _read(book: openpyxl.Workbook) -> ExtractedDocument:
    out = io.BytesIO()
    book.save(out)
    return read_spreadsheet(out.getvalue(), name="a.xlsx", title="a")


@pytest.mark.parametrize("epoch", [None, CALENDAR_MAC_1904])
def test_dates_follow_format_and_epoch(epoch: datetime | None) -> None:
    """genspark-ai/genoffice#584: serial numbers never reach the model, and a number that only looks like one stays."""
    book = openpyxl.Workbook()
    if epoch:
        book.epoch = epoch
    book.active.append(["what", "when"])
    book.active.append(["day", date(2024, 5, 1)])
    book.active.append(["moment", datetime(2024, 5, 1, 13, 30)])
    book.active.append(["clock", time(8, 15)])
    book.active.append(["sum", 45413])
    book.active["B5"].number_format = '"total" 0.00'
    assert _read(book).blocks[0].text.split("\n") == [
        "what: day; when: 2024-05-01",
        "what: moment; when: 2024-05-01 13:30",
        "what: clock; when: 08:15",
        "what: sum; when: 45413",
    ]


def test_chinese_and_localised_date_formats() -> None:
    """Formats with words or a locale in them are dates as well."""
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    book.active.append([45413, 45413])
    book.active["A2"].number_format = 'yyyy"年"m"月"d"日"'
    book.active["B2"].number_format = "[$-407]d. mmmm yyyy;@"
    assert _read(book).blocks[0].text == "a: 2024-05-01; b: 2024-05-01"


def test_percentages_and_money_read_as_they_are_shown() -> None:
    """A share of 0.25 is a quarter to nobody who reads 0.25 in a list of prices."""
    book = openpyxl.Workbook()
    book.active.append(["what", "share", "price", "weight"])
    book.active.append(["tea", 0.25, 1234.5, 0.25])
    book.active["B2"].number_format = "0%"
    book.active["C2"].number_format = '"$"#,##0.00'
    book.active["D2"].number_format = "0.0"
    book.create_sheet("More").append(["rent", "share"])
    book["More"].append([812, 0.031])
    book["More"]["A2"].number_format = "#,##0.00\\ [$€-407]"
    book["More"]["B2"].number_format = "0.0%"
    first, second = _read(book).blocks
    assert first.text == "what: tea; share: 25%; price: $1,234.50; weight: 0.25"
    assert second.text == "rent: 812.00 €; share: 3.1%"


def test_opendocument_shows_what_its_program_wrote() -> None:
    """In the document's own language, cells that are alike and rows that repeat included."""

    def cell(kind: str, value: str, text: str, more: str = "") -> str:
        return (
            f'<table:table-cell office:value-type="{kind}" office:value="{value}"{more}><text:p>{text}</text:p>'
            "</table:table-cell>"
        )

    def words(*texts: str) -> str:
        return "".join(
            f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>' for text in texts
        )

    alike = ' table:number-columns-repeated="2"'
    rows = (
        f"<table:table-row>{words('what', 'share', 'also', 'price')}</table:table-row>"
        f'<table:table-row table:number-rows-repeated="2">{words("tea")}{cell("percentage", "0.25", "25 %", alike)}'
        f"{cell('currency', '1234.5', '1.234,50 €')}</table:table-row>"
        f"<table:table-row>{words('oil')}{cell('float', '0.25', '0,25')}</table:table-row>"
    )
    space = "urn:oasis:names:tc:opendocument:xmlns"
    names = " ".join(f'xmlns:{key}="{space}:{key}:1.0"' for key in ("office", "table", "text"))
    content = (
        f"<office:document-content {names}><office:body><office:spreadsheet>"
        f'<table:table table:name="Other"><table:table-row>{words("x")}</table:table-row></table:table>'
        f'<table:table table:name="A &amp; B">{rows}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    entry = f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
    manifest = f'<manifest:manifest xmlns:manifest="{space}:manifest:1.0">{entry}</manifest:manifest>'
    data = packed({"mimetype": kind, "content.xml": content, "META-INF/manifest.xml": manifest})
    (document,) = convert(data, "a.ods").documents
    assert document.blocks[1].text.split("\n") == [
        *["what: tea; share: 25 %; also: 25 %; price: 1.234,50 €"] * 2,
        "what: oil; share: 0.25",
    ]


def test_sheets_are_sections_and_hidden_ones_named() -> None:
    """A hit says which sheet it is from."""
    book = openpyxl.Workbook()
    book.active.title = "Plan"
    book.active.append(["a"])
    secret = book.create_sheet("Old")
    secret.append(["b"])
    secret.sheet_state = "veryHidden"
    found = _read(book)
    assert [(block.section, block.text) for block in found.blocks] == [("Plan", "a"), ("Old", "b")]
    assert found.warnings == ("hidden sheets were read too: Old",)


def test_comments_are_read_with_author_and_cell() -> None:
    """What was written about a cell is often the only explanation of it."""
    book = openpyxl.Workbook()
    book.active["A1"] = "x"
    book.active["A1"].comment = Comment("ask the bank", "Ada")
    assert _read(book).blocks[-1].text == "Comment by Ada on A1: ask the bank"


def test_an_old_workbook_is_read() -> None:
    """Excel 97 is told by a stream in its container, whatever the ending."""
    (xls,) = (file for file in made_files() if file.name == "trips.xls")
    found = convert(xls.data, "table.csv").documents[0]
    assert (found.format, found.blocks[0].section) == ("spreadsheet", "Trips")
    assert "Who: Nadia; When: 2019-11-03" in found.blocks[0].text


def test_a_value_in_the_last_cell_of_the_sheet_costs_nothing() -> None:
    """The rectangle that it spans would take half a terabyte; the empty rows and columns are taken out."""
    book = openpyxl.Workbook()
    book.active.append(["Who", "Fare"])
    book.active.append(["Ann", 41.5])
    book.active["C2"].number_format = "0.00"
    book.active["XFD1048576"] = "stray"
    assert _read(book).blocks[0].text == "Who: Ann; Fare: 41.5\nstray"


def test_a_sheet_with_too_many_values_is_refused() -> None:
    """A diagonal of values spans all rows and columns even once the gaps are out."""
    sheet = "".join(f'<row r="{n}"><c r="{_letters(n).decode()}{n}"><v>1</v></c></row>' for n in range(1, 4001))
    with pytest.raises(ConversionError, match="4000 rows and 4000 columns; at most 10000000 cells"):
        list(read_sheets(packed({"xl/worksheets/sheet1.xml": sheet}), name="a.xlsx"))


def test_an_open_document_sheet_is_a_spreadsheet() -> None:
    """ODS differs from ODT by the type that it begins with."""
    names = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    names += 'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    names += 'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    cells = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    day = '<table:table-cell office:value-type="date" office:date-value="2024-05-01"><text:p>1/5/24</text:p>'
    day += "</table:table-cell>"
    content = (
        f"<office:document-content {names}><office:body><office:spreadsheet><table:table table:name='Trips'>"
        f"<table:table-row>{cells.format('Who')}{cells.format('When')}</table:table-row>"
        f"<table:table-row>{cells.format('Ann')}{day}</table:table-row>"
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    manifest = '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    mimetype = "application/vnd.oasis.opendocument.spreadsheet"
    data = packed({"mimetype": mimetype, "content.xml": content, "META-INF/manifest.xml": manifest})
    block = convert(data, "a.ods").documents[0].blocks[0]
    assert (block.section, block.text) == ("Trips", "Who: Ann; When: 2024-05-01")


def test_a_damaged_workbook_is_named() -> None:
    """One line of reason."""
    with pytest.raises(ConversionError, match=r"a\.xlsx is a damaged workbook"):
        read_spreadsheet(packed({"xl/workbook.xml": "<broken"}), name="a.xlsx", title="a")


def _xls_with(table: int, value: int) -> bytes:
    """The made workbook of Excel 97 with a number of its allocation table (or of its header, below 0) changed."""
    data = bytearray(next(made.data for made in made_files() if made.name == "trips.xls"))
    (first,) = struct.unpack_from("<I", data, 76)
    place = 68 if table < 0 else (first + 1) * 512 + 4 * table
    struct.pack_into("<I", data, place, value)
    return bytes(data)


@pytest.mark.parametrize(("table", "value"), [(0, 0), (2, 1), (-1, 0)])
def test_a_ring_of_sectors_is_refused(table: int, value: int) -> None:
    """calamine follows it till the process is aborted, and an archive around it would be lost."""
    with pytest.raises(ConversionError, match=r"a\.xls is a damaged"):
        convert(_xls_with(table, value), "a.xls")
