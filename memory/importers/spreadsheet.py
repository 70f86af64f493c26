"""Workbooks of Excel (new, binary and old) and OpenDocument: a block a sheet, dates as dates, values as last computed.

calamine reads all four kinds, tells a date by the cell's format and the workbook's epoch (1900 or 1904), and takes a
thirteenth of openpyxl's time. It holds a sheet as a full rectangle, so one value in the last cell of an empty sheet
would take the process down: where values reach that far, the empty rows and columns between them are taken out first.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from memory.importers.cell_formats import CellFormats
from memory.importers.compound_file import refuse_rings
from memory.importers.package import Package, attribute, descendants, open_package, property_of
from memory.importers.records import Block, ConversionError, ExtractedDocument
from memory.importers.table import MergedCells, Row, table_lines

MAX_CELLS = 10_000_000
"""Of the rectangle that a sheet's values span."""
_DIMENSION = re.compile(rb'<(?:\w+:)?dimension ref="[A-Z]{1,3}\d+:([A-Z]{1,3})(\d+)"')
_VALUE = re.compile(rb'<(?:\w+:)?c (?:[^>]*? )?r="([A-Z]{1,3})(\d{1,7})"[^>]*(?<!/)>')
_CELL = re.compile(rb'(<(?:\w+:)?c (?:[^>]*? )?r=")([A-Z]{1,3})(\d{1,7})("[^>]*/?>)')
_ROW_NUMBER = re.compile(rb'(<(?:\w+:)?row\b[^>]*?) r="\d+"')
_SPANS = re.compile(rb"<(?:\w+:)?(dimension|mergeCell) [^>]*/>|</?(?:\w+:)?mergeCells[^>]*>")


@dataclass(frozen=True)
class Sheet:
    """A sheet of cells as they were computed last."""

    name: str
    hidden: bool
    rows: list[Row]
    merged: tuple[MergedCells, ...]


def read_spreadsheet(data: bytes, *, name: str, title: str) -> ExtractedDocument:
    """One block a sheet, its name as section; comments in a section of their own.

    :raises ConversionError: it is damaged, locked, unpacks to too much or holds no text
    """
    comments, own_title, at = _beside(data, name) if data.startswith(b"PK") else ([], None, None)
    blocks = []
    hidden = []
    for sheet in read_sheets(data, name=name):
        lines = table_lines(sheet.rows, merged=sheet.merged)
        if lines:
            blocks.append(Block("\n".join(lines), section=sheet.name))
            hidden += [sheet.name] if sheet.hidden else []
    if comments:
        blocks.append(Block("\n".join(comments), section="Comments"))
    if not blocks:
        raise ConversionError(f"{name} holds no text")
    warnings = (f"hidden sheets were read too: {', '.join(hidden)}",) if hidden else ()
    return ExtractedDocument(own_title or title, "spreadsheet", tuple(blocks), warnings=warnings, at=at)


def read_sheets(data: bytes, *, name: str) -> Iterator[Sheet]:
    """All sheets with cells, in the workbook's order.

    :raises ConversionError: it is damaged or locked
    """
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

    if not data.startswith(b"PK"):
        refuse_rings(data, name)
    try:
        closed = _without_gaps(data, name) if data.startswith(b"PK") else data
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(closed))
        formats = CellFormats(closed, name)
        for about in workbook.sheets_metadata:
            if about.typ != SheetTypeEnum.WorkSheet:
                continue
            sheet = workbook.get_sheet_by_name(about.name)
            rows: list[Row] = [list(row) for row in sheet.to_python(skip_empty_area=False)]
            formats.show(about.name, rows)
            ranges = sheet.merged_cell_ranges or []
            merged = tuple(MergedCells(top, left, bottom, right) for (top, left), (bottom, right) in ranges)
            yield Sheet(about.name, about.visible != SheetVisibleEnum.Visible, rows, merged)
    except PasswordError as exc:
        raise ConversionError(f"{name} needs a password to open; save a copy without one and import that") from exc
    except (CalamineError, OSError, ValueError) as exc:
        raise ConversionError(f"{name} is a damaged workbook ({exc})") from exc


def _beside(data: bytes, name: str) -> tuple[list[str], str | None, str | None]:
    """Comments, title and date, which calamine doesn't read."""
    with open_package(data, name=name, what="workbook") as package:
        comments = [line for part in package.names if "omments" in part for line in _comments(package, part)]
        core = package.parse("docProps/core.xml" if "docProps/core.xml" in package.names else "meta.xml")
        return comments, property_of(core, "title"), property_of(core, "modified", "date", "created")


def _without_gaps(data: bytes, name: str) -> bytes:
    """The workbook, rewritten where the rectangle that a sheet's values span is too large."""
    with open_package(data, name=name, what="workbook") as package:
        sheets = [part for part in package.names if part.startswith("xl/worksheets/") and part.endswith(".xml")]
        closed = {part: text for part in sheets if (text := _closed(package.read(part) or b"", name)) is not None}
        if not closed:
            return data
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for part in dict.fromkeys(package.names):
                archive.writestr(part, closed.get(part) or package.read(part) or b"")
        return out.getvalue()


def _closed(sheet: bytes, name: str) -> bytes | None:
    """The sheet with its rows and columns moved together; None where it may stay as it is. Merged cells are lost."""
    dimension = _DIMENSION.search(sheet[:4096])
    if dimension is not None and _area(*dimension.groups()) <= MAX_CELLS:
        return None
    cells = _VALUE.findall(sheet)
    columns = {letters: number for number, letters in enumerate(sorted({c for c, _ in cells}, key=_column), start=1)}
    rows = {digits: number for number, digits in enumerate(sorted({r for _, r in cells}, key=int), start=1)}
    if max(map(_column, columns), default=0) * max(map(int, rows), default=0) <= MAX_CELLS:
        return None
    if len(columns) * len(rows) > MAX_CELLS:
        raise ConversionError(
            f"{name} has a sheet of {len(rows)} rows and {len(columns)} columns; at most {MAX_CELLS} cells are read"
        )

    def moved(cell: re.Match[bytes]) -> bytes:
        letters, digits = cell.group(2), cell.group(3)
        if letters not in columns or digits not in rows:  # a cell without a value
            return b""
        return cell.group(1) + _letters(columns[letters]) + b"%d" % rows[digits] + cell.group(4)

    return _CELL.sub(moved, _ROW_NUMBER.sub(rb"\1", _SPANS.sub(b"", sheet)))


def _area(letters: bytes, digits: bytes) -> int:
    return _column(letters) * int(digits)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _letters(number: int) -> bytes:
    letters = b""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = bytes([65 + rest]) + letters
    return letters


def _comments(package: Package, part: str) -> Iterator[str]:
    root = package.parse(part) if part.startswith("xl/") and part.endswith(".xml") else None
    authors = [author.text or "" for author in descendants(root, "author")] if root is not None else []
    for comment in descendants(root, "comment") if root is not None else ():
        text = " ".join("".join(found.text or "" for found in descendants(comment, "t")).split())
        number = attribute(comment, "authorId") or ""
        author = authors[int(number)] if number.isdigit() and int(number) < len(authors) else "unknown"
        if text:
            yield f"Comment by {author or 'unknown'} on {attribute(comment, 'ref')}: {text}"
