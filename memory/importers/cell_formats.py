"""Which cells of a workbook show a percentage or money, and as what: calamine gives the bare number.

Sheets are searched as bytes, not parsed: a large one would take ten times its size as a tree.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from memory.importers.cleaning import one_line
from memory.importers.number_formats import BUILT_IN, shown
from memory.importers.package import Package, attribute, children, descendants, open_package
from memory.importers.table import Row

_STYLED = re.compile(rb'<(?:\w+:)?c (?=[^>]*?\br="([A-Z]{1,3})(\d{1,7})")(?=[^>]*?\bs="(\d{1,5})")[^>]*(?<!/)>')
_OPEN_CELLS = re.compile(rb"<table:(table-row|table-cell|covered-table-cell)\b([^>]*)>")
_REPEATED = re.compile(rb'table:number-(?:columns|rows)-repeated="(\d{1,7})"')
_TYPED = re.compile(rb'office:value-type="(?:percentage|currency)"')
_TABLE = re.compile(rb'<table:table\b[^>]*?table:name="([^"]*)"')
_PARAGRAPH = re.compile(rb"<text:p\b[^>]*>(.*?)</text:p>", re.DOTALL)
_TAG = re.compile(rb"<[^>]*>")
_MOST_REPEATED = 1000
"""Cells alike in a row, or rows; more are there to fill the sheet."""


class CellFormats:
    """The formats of a workbook (XLSX or ODS); of others it knows none.

    :raises ConversionError: it is damaged or unpacks to too much
    """

    def __init__(self, data: bytes, name: str) -> None:
        self._data = data
        self._name = name
        self._codes: dict[int, str] = {}
        self._parts: dict[str, str] = {}
        if data.startswith(b"PK"):
            with open_package(data, name=name, what="workbook") as package:
                self._codes = _codes(package)
                self._parts = _sheet_parts(package) if self._codes else {}
                if package.names and "content.xml" in package.names:
                    self._parts = {"": "content.xml"}

    def show(self, sheet: str, rows: list[Row]) -> None:
        """Put what cells show in place of their numbers."""
        part = self._parts.get(sheet) or self._parts.get("")
        if part is None:
            return
        with open_package(self._data, name=self._name, what="workbook") as package:
            content = package.read(part) or b""
        for row, column, found in _shown_ods(content, sheet) if part == "content.xml" else self._styled(content):
            if row < len(rows) and column < len(rows[row]):
                value = rows[row][column]
                if isinstance(value, int | float) and not isinstance(value, bool):
                    text = shown(float(value), found) if part != "content.xml" else found
                    rows[row][column] = value if text is None else text

    def _styled(self, content: bytes) -> Iterator[tuple[int, int, str]]:
        for letters, digits, style in _STYLED.findall(content):
            code = self._codes.get(int(style))
            if code is not None:
                yield int(digits) - 1, _column(letters), code


def _column(letters: bytes) -> int:
    """Counted from 0."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _codes(package: Package) -> dict[int, str]:
    """By a cell's style, its format, of styles that show a percentage or money."""
    root = package.parse("xl/styles.xml")
    if root is None:
        return {}
    own = {
        int(attribute(item, "numFmtId") or -1): attribute(item, "formatCode") or ""
        for item in descendants(root, "numFmt")
    }
    styles = next(descendants(root, "cellXfs"), None)
    found = {}
    for number, style in enumerate(children(styles, "xf") if styles is not None else ()):
        id_ = int(attribute(style, "numFmtId") or 0)
        code = own.get(id_) or BUILT_IN.get(id_, "")
        if shown(1.0, code) is not None:
            found[number] = code
    return found


def _sheet_parts(package: Package) -> dict[str, str]:
    """By a sheet's name, the part that holds it."""
    root = package.parse("xl/workbook.xml")
    relations = package.relations("xl/workbook.xml")
    found = {}
    for sheet in descendants(root, "sheet") if root is not None else ():
        _, part = relations.get(attribute(sheet, "id") or "", ("", ""))
        if part:
            found[attribute(sheet, "name") or ""] = part
    return found


def _shown_ods(content: bytes, sheet: str) -> Iterator[tuple[int, int, str]]:
    """Cells of one sheet with the text that the program wrote for them, in the document's own language."""
    tables = [found for found in _TABLE.finditer(content) if _text(found.group(1)) == sheet]
    if not tables or not _TYPED.search(content):
        return
    end = content.find(b"</table:table>", tables[0].end())
    row, column, rows_alike = -1, 0, 1
    for cell in _OPEN_CELLS.finditer(content, tables[0].end(), end if end >= 0 else len(content)):
        alike = int(found.group(1)) if (found := _REPEATED.search(cell.group(2))) else 1
        if cell.group(1) == b"table-row":
            row, column, rows_alike = row + rows_alike, 0, alike
            continue
        if _TYPED.search(cell.group(2)) and (text := _text_of(content, cell.end())):
            for down in range(min(rows_alike, _MOST_REPEATED)):
                yield from ((row + down, column + right, text) for right in range(min(alike, _MOST_REPEATED)))
        column += alike


def _text_of(content: bytes, start: int) -> str:
    end = content.find(b"</table:table-cell>", start)
    found = _PARAGRAPH.search(content, start, end) if end >= 0 else None
    return _text(_TAG.sub(b"", found.group(1))) if found else ""


def _text(data: bytes) -> str:
    return one_line(html.unescape(data.decode("utf-8", "replace")))
