"""CSV and TSV: the delimiter is told by how evenly it parts the rows, quotes honoured, among four that people use.

`csv.Sniffer` is not asked: it takes any character for a delimiter, the letter o included, and sees half of the file.
"""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter

from memory.importers.cleaning import clean
from memory.importers.records import Block, ConversionError, ExtractedDocument
from memory.importers.table import Row, table_lines

_DELIMITERS = ("\t", ";", "|", ",")
"""In the order in which they win over each other: commas stand inside of numbers and sentences."""
_BLANK = ' \t;|,"'
_SAMPLE = 100_000
_EVEN = 0.7
"""Share of rows that a delimiter must part into the same number of cells, at least two."""


def read_csv(text: str, *, name: str, title: str) -> ExtractedDocument:
    """One block with a line a row; see `table`.

    :raises ConversionError: it holds no row
    """
    rows: list[Row] = [list(row) for row in csv_rows(text)]
    lines = table_lines(rows)
    if not lines:
        raise ConversionError(f"{name} holds no text")
    return ExtractedDocument(title=title, format="csv", blocks=(Block("\n".join(lines)),))


def csv_rows(text: str) -> list[list[str]]:
    """The cells of each row that isn't blank; a text that no delimiter parts evenly has one column."""
    text = clean(text)
    first, _, rest = text.partition("\n")
    if first.lower().startswith("sep=") and len(first.strip()) == 5:  # Excel's own way to name the delimiter
        return _parsed(rest, first.strip()[4])
    delimiter = _delimiter(text)
    if delimiter is None:
        return [[line.strip().strip('"')] for line in text.split("\n") if line.strip(_BLANK)]
    return _parsed(text, delimiter)


def _delimiter(text: str) -> str | None:
    sample = text[:_SAMPLE]
    even = {}
    for delimiter in _DELIMITERS:
        rows = _read(sample, delimiter)
        widths = Counter(len(row) for row in (rows[:-1] if len(text) > _SAMPLE else rows))
        width, count = max(widths.items(), key=lambda item: item[1], default=(0, 0))
        share = count / max(1, widths.total())
        if width >= 2 and share >= _EVEN:
            even[delimiter] = share
    best = max(even.values(), default=0.0)
    return next((delimiter for delimiter, share in even.items() if share > best - 0.05), None)


def _parsed(text: str, delimiter: str) -> list[list[str]]:
    rows = _read(text, delimiter)
    swallowed = max((cell.count("\n") for row in rows[-1:] for cell in row), default=0)
    if swallowed > 20 and swallowed > len(rows) / 2 and text.count('"') % 2:
        rows = _read(text, delimiter, quotes=False)  # a quote that is never closed takes in all that follows
    return rows


def _read(text: str, delimiter: str, *, quotes: bool = True) -> list[list[str]]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # a cell may hold a whole letter; the file's size is limited
    lines = io.StringIO(text, newline="")
    if quotes:
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    else:
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, quoting=csv.QUOTE_NONE)
    return [row for row in reader if any(cell.strip() for cell in row)]
