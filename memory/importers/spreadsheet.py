"""Workbooks of Excel (new, binary and old) and OpenDocument: a block a sheet, dates as dates, values as last computed.

calamine reads all four kinds, tells a date by the cell's format and the workbook's epoch (1900 or 1904), and takes a
thirteenth of openpyxl's time. It holds a sheet as a full rectangle, so one value in the last cell of an empty sheet
would take the process down: how far the values reach is looked at first.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from memory.importers.package import Package, attribute, descendants, open_package, property_of
from memory.importers.records import Block, ConversionError, ExtractedDocument
from memory.importers.table import MergedCells, Row, table_lines

MAX_CELLS = 10_000_000
"""Of the rectangle that a sheet's values span."""
_DIMENSION = re.compile(rb'<(?:\w+:)?dimension ref="[A-Z]{1,3}\d+:([A-Z]{1,3})(\d+)"')
_VALUE = re.compile(rb'<(?:\w+:)?c (?:[^>]*? )?r="([A-Z]{1,3})(\d+)"[^>]*[^/]>')


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

    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        for about in workbook.sheets_metadata:
            if about.typ != SheetTypeEnum.WorkSheet:
                continue
            sheet = workbook.get_sheet_by_name(about.name)
            rows: list[Row] = [list(row) for row in sheet.to_python(skip_empty_area=False)]
            ranges = sheet.merged_cell_ranges or []
            merged = tuple(MergedCells(top, left, bottom, right) for (top, left), (bottom, right) in ranges)
            yield Sheet(about.name, about.visible != SheetVisibleEnum.Visible, rows, merged)
    except PasswordError as exc:
        raise ConversionError(f"{name} needs a password to open; save a copy without one and import that") from exc
    except (CalamineError, OSError, ValueError) as exc:
        raise ConversionError(f"{name} is a damaged workbook ({exc})") from exc


def _beside(data: bytes, name: str) -> tuple[list[str], str | None, str | None]:
    """Comments, title and date, which calamine doesn't read, once size and extent have been found bearable."""
    with open_package(data, name=name, what="workbook") as package:
        for part in package.names:
            if part.startswith("xl/worksheets/sheet") and part.endswith(".xml"):
                _check_extent(package.read(part) or b"", name)
        comments = [line for part in package.names if "omments" in part for line in _comments(package, part)]
        core = package.parse("docProps/core.xml" if "docProps/core.xml" in package.names else "meta.xml")
        return comments, property_of(core, "title"), property_of(core, "modified", "date", "created")


def _check_extent(sheet: bytes, name: str) -> None:
    dimension = _DIMENSION.search(sheet[:4096])
    if dimension is not None and _area(*dimension.groups()) <= MAX_CELLS:
        return
    reached = [(_column(letters), int(digits)) for letters, digits in _VALUE.findall(sheet)]
    width = max((column for column, _ in reached), default=0)
    height = max((row for _, row in reached), default=0)
    if width * height > MAX_CELLS:
        raise ConversionError(
            f"{name} has a sheet of {height} rows and {width} columns; at most {MAX_CELLS} cells are read. Delete what "
            "stands far below or beside the table"
        )


def _area(letters: bytes, digits: bytes) -> int:
    return _column(letters) * int(digits)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _comments(package: Package, part: str) -> Iterator[str]:
    root = package.parse(part) if part.startswith("xl/") and part.endswith(".xml") else None
    authors = [author.text or "" for author in descendants(root, "author")] if root is not None else []
    for comment in descendants(root, "comment") if root is not None else ():
        text = " ".join("".join(found.text or "" for found in descendants(comment, "t")).split())
        number = attribute(comment, "authorId") or ""
        author = authors[int(number)] if number.isdigit() and int(number) < len(authors) else "unknown"
        if text:
            yield f"Comment by {author or 'unknown'} on {attribute(comment, 'ref')}: {text}"
