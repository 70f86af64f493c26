"""Text in pictures, within a budget."""

from __future__ import annotations

import subprocess
import sys
import time

from PIL import ImageOps

from bot.bench.made_files import drawn
from memory.importers.ocr import MISSING, Line, Recogniser, in_reading_order


def _column(x: float, words: list[str], width: float = 300) -> list[Line]:
    return [Line(text, x, 30 * row, x + width, 30 * row + 20) for row, text in enumerate(words)]


def test_columns_of_prose_are_read_one_after_the_other() -> None:
    """Two columns side by side are not welded line by line."""
    lines = _column(0, ["a1", "a2", "a3", "a4"]) + _column(320, ["b1", "b2", "b3", "b4"])
    assert in_reading_order(lines) == ["a1", "a2", "a3", "a4", "b1", "b2", "b3", "b4"]


def test_a_heading_over_two_columns_comes_first() -> None:
    """What runs across the gutter stands where it stood."""
    columns = [
        Line(line.text, line.left, line.top + 60, line.right, line.bottom + 60)
        for line in _column(0, ["a1", "a2", "a3"]) + _column(320, ["b1", "b2", "b3"])
    ]
    heading = Line("heading", 100, 0, 520, 20)
    assert in_reading_order([*columns, heading]) == ["heading", "a1", "a2", "a3", "b1", "b2", "b3"]


def test_rows_of_a_table_stay_together() -> None:
    """A label and its figure are one line, however far apart."""
    lines = _column(0, ["Rent", "Water", "Total"], 60) + _column(400, ["640", "31", "671"], 40)
    assert in_reading_order(lines) == ["Rent 640", "Water 31", "Total 671"]


def test_words_are_read_with_their_spaces() -> None:
    """Recognition of the older models glued English words together."""
    found = Recogniser().read(drawn(["The door code is 4471"]))
    assert found is not None
    assert (found.text, found.complete) == ("The door code is 4471", True)


def test_one_line_on_a_large_empty_page_is_found() -> None:
    """A page with a number and nothing else, dark on light or light on dark."""
    page = drawn(["Box 17"], size=(1500, 2000), text_size=28)
    for picture in (page, ImageOps.invert(page)):
        found = Recogniser().read(picture)
        assert found is not None
        assert found.text == "Box 17"


def test_the_budget_is_counted_in_pages_and_seconds() -> None:
    """What watches the clock hears of each page; a page over the budget is not read."""
    begun: list[float] = []
    reader = Recogniser(pages=2, page_begins=lambda: begun.append(time.monotonic()))
    page = drawn(["one"], size=(300, 150))
    assert [reader.read(page) is None for _ in range(3)] == [False, False, True]
    assert len(begun) == 2
    assert Recogniser(seconds=0).read(page) is None


def test_a_page_that_takes_too_long_gives_what_was_read() -> None:
    """The clock is looked at between two lines."""
    found = Recogniser(page_seconds=0).read(drawn(["one", "two"]))
    assert found is not None
    assert not found.complete


_WITHOUT = """
import sys
for package in ("rapidocr", "onnxruntime", "pypdfium2"):
    sys.modules[package] = None
from bot.bench.made_files import drawn, pdf_of
from memory.importers.convert import convert
import io
out = io.BytesIO()
drawn(["Door 4471"], size=(300, 150)).save(out, "PNG")
try:
    convert(out.getvalue(), "note.png")
except Exception as exc:
    print(exc)
print(convert(pdf_of(["typed", drawn(["x"], size=(60, 80))]), "a.pdf").documents[0].warnings)
"""


def test_a_missing_extra_is_named() -> None:
    """Without its packages a picture's receipt says what to install, and a PDF's typed pages are read all the same."""
    done = subprocess.run([sys.executable, "-c", _WITHOUT], capture_output=True, text=True, check=True)
    picture, document = done.stdout.splitlines()
    assert picture == f"note.png is a picture; {MISSING}"
    assert "pip install 'familiar-assistant[ocr]'" in MISSING
    assert document == str(("no text on page 2 of 2 (scanned or empty)", MISSING))
