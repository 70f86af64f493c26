"""Rows that are understood one at a time."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest

from memory.importers.table import MergedCells, Row, Value, cell_text, table_lines


def test_each_row_repeats_its_headers() -> None:
    """A passage that holds the hundredth row alone says what its cells mean; empty cells say nothing."""
    rows: list[Row] = [["Name", "City", "Phone"], ["Ann", "Oslo", None], ["Bo", "", 118]]
    assert table_lines(rows) == ["Name: Ann; City: Oslo", "Name: Bo; Phone: 118"]


@pytest.mark.parametrize(
    "rows",
    [
        [["Ann", 3], ["Bo", 4]],
        [["2024-05-01", "rent"], ["2024-05-02", "milk"]],
        [["tea", "hot"], ["tea", "cold"], ["milk", "hot"]],
        [["1,5 €", "20 %"], ["2,5 €", "30 %"]],
    ],
)
def test_a_first_row_of_data_is_no_header(rows: list[Row]) -> None:
    """Numbers, days and words that stand in their column again are values."""
    assert table_lines(rows)[0] == " | ".join(map(cell_text, rows[0]))
    assert len(table_lines(rows)) == len(rows)


def test_years_may_be_headers() -> None:
    """A column called 2023 doesn't turn the headers into data."""
    assert table_lines([["Region", 2023, 2024], ["North", 5, 6]]) == ["Region: North; 2023: 5; 2024: 6"]


def test_a_title_above_the_headers_is_kept() -> None:
    """It isn't taken for the header of the first column."""
    rows: list[Row] = [["Sales of May", None, None], [None, None, None], ["Who", "What", "Sum"], ["Ann", "tea", 3]]
    assert table_lines(rows) == ["Sales of May", "Who: Ann; What: tea; Sum: 3"]


def test_merged_headers_are_joined_to_those_below() -> None:
    """docling#1939: "Q1" over "Jan" and "Feb" names both columns."""
    rows: list[Row] = [["Who", "Q1", None], [None, "Jan", "Feb"], ["Ann", 1, 2]]
    merged = [MergedCells(0, 0, 1, 0), MergedCells(0, 1, 0, 2)]
    assert table_lines(rows, merged=merged) == ["Who: Ann; Q1 / Jan: 1; Q1 / Feb: 2"]


def test_merged_cells_belong_to_each_of_their_rows() -> None:
    """A group's name that spans its rows stands in each of them."""
    rows: list[Row] = [["Team", "Who"], ["Red", "Ann"], [None, "Bo"]]
    assert table_lines(rows, merged=[MergedCells(1, 0, 2, 0)])[1] == "Team: Red; Who: Bo"


def test_a_long_row_repeats_whose_it_is() -> None:
    """A row of many columns becomes several lines, each with its first cell."""
    rows: list[Row] = [["Name", *(f"question {n}" for n in range(60))], ["Ann", *(f"answer {n}" for n in range(60))]]
    lines = table_lines(rows)
    assert len(lines) > 1
    assert all(line.startswith("Name: Ann; ") and len(line) < 900 for line in lines)
    assert "question 59: answer 59" in lines[-1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3"),
        (0.1 + 0.2, "0.3"),
        (True, "true"),
        (datetime(2024, 5, 1), "2024-05-01"),
        (datetime(2024, 5, 1, 9, 5), "2024-05-01 09:05"),
        (date(2024, 5, 1), "2024-05-01"),
        (time(8, 15), "08:15"),
        (timedelta(hours=30, minutes=5), "30:05:00"),
        ("two\nlines", "two lines"),
    ],
)
def test_values_are_written_as_people_write_them(value: Value, text: str) -> None:
    """No serial numbers, no trailing fractions, no line end inside of a row."""
    assert cell_text(value) == text
