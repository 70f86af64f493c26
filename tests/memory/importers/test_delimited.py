"""CSV as people's programs write it."""

from __future__ import annotations

import pytest

from memory.importers.convert import convert
from memory.importers.delimited import csv_rows, read_csv
from memory.importers.records import ConversionError
from memory.importers.table import table_lines


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\n1,2\n", [["a", "b"], ["1", "2"]]),
        ("name;price\nA;1,5\nB;2,5\n", [["name", "price"], ["A", "1,5"], ["B", "2,5"]]),
        ("1,5;2,5\n3,5;4,5\n", [["1,5", "2,5"], ["3,5", "4,5"]]),
        ("a\thello, you\nb\tyes, no\n", [["a", "hello, you"], ["b", "yes, no"]]),
        ("a|b\r\n1|2\r\n", [["a", "b"], ["1", "2"]]),
        ("sep=;\na;b\n1;2", [["a", "b"], ["1", "2"]]),
    ],
)
def test_the_delimiter_parts_the_rows_evenly(text: str, rows: list[list[str]]) -> None:
    """Comma, semicolon, tab and pipe; a decimal comma is no delimiter."""
    assert csv_rows(text) == rows


@pytest.mark.parametrize("text", ["first,second\nhello\nworld", "hello\nworld, you\nfoo\nbar", "one"])
def test_a_single_column_is_not_split(text: str) -> None:
    """future-agi#1517: csv.Sniffer takes the letter o for the delimiter here."""
    assert csv_rows(text) == [[line] for line in text.split("\n")]


def test_quoted_newlines_delimiters_and_quotes() -> None:
    """dataprof#423: a line end within quotes is part of the cell."""
    text = 'Name,Note\nAnn,"two\nlines, even"\nBo,"a ""quote"""\n'
    assert csv_rows(text) == [["Name", "Note"], ["Ann", "two\nlines, even"], ["Bo", 'a "quote"']]


def test_a_quote_that_is_never_closed_takes_in_no_more_than_its_row() -> None:
    """One stray quote must not swallow the rest of the file."""
    rows = [f"row {n},{n}" for n in range(100)]
    rows[3] = '"row 3,3'
    assert len(csv_rows("name,number\n" + "\n".join(rows))) == 101


def test_a_huge_cell_is_read() -> None:
    """The csv module's own limit is 131,072 characters."""
    assert len(csv_rows("a,b\n1," + "x" * 500_000)[1][1]) == 500_000


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings_of_exports(encoding: str) -> None:
    """lobehub#13615: exports of advertising accounts are UTF-16 with tabs."""
    found = convert("Name\tStadt\nJörg Müller\tKöln, am schönen Rhein\n".encode(encoding), "export.csv").documents[0]
    assert found.blocks[0].text == "Name: Jörg Müller; Stadt: Köln, am schönen Rhein"


def test_a_file_of_blanks_fails() -> None:
    """No text is a reason, not an empty document."""
    with pytest.raises(ConversionError, match="holds no text"):
        read_csv(",,\n,,\n", name="a.csv", title="a")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Name;Preis\nCafé Müller;3,10 €\nStraße 5;„teuer“ – 20 €\n", "cp1252"),
        ("Имя;Город\nАнна Петрова;Москва\nИван;Казань\n", "cp1251"),
        ("姓名,城市\n王芳,上海市\n李雷,北京市朝阳区\n", "gb18030"),
        ("Nazwa;Cena\nŻółta łódź;3,10\nGęś;2\n", "cp1250"),
    ],
)
def test_tables_in_old_encodings(text: str, encoding: str) -> None:
    """lobehub#13615: Excel saves CSV in the system's code page; a table read in another one only seems to be."""
    (document,) = convert(text.encode(encoding), "a.csv").documents
    assert document.blocks[0].text == "\n".join(table_lines([list(row) for row in csv_rows(text)]))
