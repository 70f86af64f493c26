"""Tables in columns, in lines and as CSV, worked out by hand."""

from __future__ import annotations

import csv
import io

import pytest

from bot.telegram.parsing import fixed_width_blocks
from bot.telegram.tables import NARROW, Table, columns, csv_file, grid, narrow, records


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("abc", 3),
        ("城市", 4),
        ("😀", 2),
        ("👩\u200d👩\u200d👧", 2),
        ("🇩🇪", 2),
        ("e\u0301", 1),
        ("1\ufe0f\u20e3", 2),
        ("a\u200bb", 2),
    ],
)
def test_columns_are_those_of_a_terminal(text: str, width: int) -> None:
    """A wide character and an emoji take two, an accent none."""
    assert columns(text) == width


def test_columns_are_aligned() -> None:
    """As the table asks; Chinese and emoji are counted by their width."""
    table = Table(("城市", "n", "x"), (("北京市", "21", "👍"), ("Ulm", "3", "b")), ("left", "right", "center"))
    assert grid(table).split("\n") == [
        "城市   |  n | x",
        "-------+----+---",
        "北京市 | 21 | 👍",
        "Ulm    |  3 | b",
    ]


def test_forty_columns_are_narrow() -> None:
    """And one more is not."""
    assert narrow(Table(("a", "b"), (("x" * (NARROW - 4), "y"),)))
    assert not narrow(Table(("a", "b"), (("x" * (NARROW - 3), "y"),)))
    assert not narrow(Table(("a",), (("城" * 21,),)))


def test_records_say_which_column_a_cell_is_of() -> None:
    """Empty cells and columns without a name need no more than there is."""
    table = Table(("Name", "城市", "", "Ask:"), (("Mia", "北京", "x", "why"), ("Bo", "", "", "")))
    assert records(table) == (("Name: Mia", "城市：北京", "x", "Ask: why"), ("Name: Bo",))
    assert records(Table(("a", ""), ())) == (("a",),)


def test_csv_is_read_by_a_spreadsheet() -> None:
    """With the byte order mark, quotes where needed, and no cell that would be computed."""
    table = Table(("a", "é"), (('say "x", y', "1\n2"), ("=1+1", "-5"), ("-x()", "+49 30")))
    data = csv_file(table)
    assert data.startswith(b"\xef\xbb\xbfa,")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert rows == [["a", "é"], ['say "x", y', "1\n2"], ["'=1+1", "-5"], ["'-x()", "+49 30"]]


def test_tables_are_found_between_code() -> None:
    """In the order of the text, their cells without marks; empty code counts for nothing."""
    markdown = "```\nx\n```\n\n| a | **b** |\n|--:|---|\n| `c` | [d](http://e.f) ![](g.png) |\n\n```\n```\n\n    y\n"
    table = Table(("a", "b"), (("c", "d (http://e.f) g.png"),), ("right", "none"))
    assert fixed_width_blocks(markdown) == (None, table, None)
