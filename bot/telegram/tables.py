"""A table as a phone can show it: columns in fixed width while narrow, else a line per cell, and CSV for a program.

Telegram wraps lines in fixed width that don't fit, which makes columns unreadable; about forty fit a phone held
upright. Pure; widths are those of terminals, where a wide East Asian character takes two columns (Unicode annex 11).
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import regex

NARROW = 40
"""Columns of fixed width that a phone shows without wrapping."""
_GAP = " | "
_INVISIBLE = frozenset({"Mn", "Me", "Cf", "Cc"})
_FORMULA = re.compile(r"[=@\t\r]|[+-](?=.*[^\W\d])")


@dataclass(frozen=True)
class Table:
    """Cells as plain text; every row has as many as the header.

    :param alignments: per column ``none``, ``left``, ``center`` or ``right``
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    alignments: tuple[str, ...] = ()

    @property
    def blank(self) -> bool:
        """Whether there is nothing to show at all, not even columns."""
        return not self.rows and self.header in ((), ("",))

    @property
    def cells(self) -> tuple[str, ...]:
        """All texts, row by row."""
        return tuple(cell for row in (self.header, *self.rows) for cell in row)

    def mapped(self, change: Callable[[str], str]) -> Table:
        """The table with each text changed."""
        header = tuple(change(cell) for cell in self.header)
        return Table(header, tuple(tuple(change(cell) for cell in row) for row in self.rows), self.alignments)


def columns(text: str) -> int:
    """The columns that a text takes in fixed width."""
    return sum(_columns_of(character) for character in regex.findall(r"\X", text))


def _columns_of(character: str) -> int:
    first = character[0]
    flag = "\U0001f1e6" <= first <= "\U0001f1ff"
    if flag or "\ufe0f" in character or unicodedata.east_asian_width(first) in "WF":
        return 2
    return 0 if unicodedata.category(first) in _INVISIBLE else 1


def narrow(table: Table) -> bool:
    """Whether the columns fit a phone."""
    widths = _widths(_one_line(table))
    return sum(widths) + len(_GAP) * (len(widths) - 1) <= NARROW


def grid(table: Table) -> str:
    """The table in aligned columns, with a line under the header where rows follow."""
    flat = _one_line(table)
    widths = _widths(flat)
    sides = (*table.alignments, *["none"] * len(widths))
    lines = [
        _GAP.join(_padded(*cell) for cell in zip(row, widths, sides, strict=False)).rstrip()
        for row in (flat.header, *flat.rows)
    ]
    rule = ["-+-".join("-" * width for width in widths)] if table.rows else []
    return "\n".join([lines[0], *rule, *lines[1:]])


def records(table: Table) -> tuple[tuple[str, ...], ...]:
    """Per row its lines of "header: value", empty cells left out; the header alone where there are no rows."""
    flat = _one_line(table)
    lines = [
        tuple(_labelled(label, value) for label, value in zip(flat.header, row, strict=False) if value)
        for row in flat.rows
    ]
    return tuple(row for row in lines if row) or (tuple(label for label in flat.header if label),)


def csv_file(table: Table) -> bytes:
    """CSV by RFC 4180, after the byte order mark by which spreadsheet programs know UTF-8."""
    written = io.StringIO(newline="")
    csv.writer(written).writerows([[_inert(cell) for cell in row] for row in (table.header, *table.rows)])
    return written.getvalue().encode("utf-8-sig")


def _inert(cell: str) -> str:
    # A spreadsheet would compute such a cell, and its text may come from a document of somebody else
    # (https://owasp.org/www-community/attacks/CSV_Injection).
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _one_line(table: Table) -> Table:
    return table.mapped(lambda cell: " ".join(cell.split()))


def _widths(table: Table) -> list[int]:
    return [max(map(columns, cells)) for cells in zip(table.header, *table.rows, strict=False)]


def _padded(cell: str, width: int, side: str) -> str:
    missing = width - columns(cell)
    before = {"right": missing, "center": missing // 2}.get(side, 0)
    return " " * before + cell + " " * (missing - before)


def _labelled(label: str, value: str) -> str:
    if not label or label.endswith((":", "：")):
        return f"{label} {value}".strip()
    return f"{label}：{value}" if columns(label[-1]) == 2 and label[-1].isalpha() else f"{label}: {value}"
