"""Presentations: the slide's number is the page, its title the section."""

from __future__ import annotations

import io
from typing import Any

import pytest
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from bot.bench.made_files import packed
from memory.importers.pptx import read_pptx
from memory.importers.records import Block, ConversionError, ExtractedDocument


def _read(show: Any) -> ExtractedDocument:
    out = io.BytesIO()
    show.save(out)
    return read_pptx(out.getvalue(), name="a.pptx", title="a")


def _slide(show: Any, title: str) -> Any:
    slide = show.slides.add_slide(show.slide_layouts[5])
    slide.shapes.title.text = title
    return slide


def _box(shapes: Any, text: str) -> None:
    shapes.add_textbox(Inches(1), Inches(2), Inches(3), Inches(1)).text_frame.text = text


def test_slides_groups_and_notes() -> None:
    """Text within nested groups is read, and notes stand beside their slide."""
    show = Presentation()
    slide = _slide(show, "Harbour")
    outer = slide.shapes.add_group_shape()
    _box(outer.shapes.add_group_shape().shapes, "deep inside")
    slide.notes_slide.notes_text_frame.text = "ask Ingrid"
    assert list(_read(show).blocks) == [
        Block("Harbour\ndeep inside", page=1, section="Harbour"),
        Block("ask Ingrid", page=1, section="Harbour > Notes"),
    ]


def test_slides_come_in_the_order_of_the_presentation() -> None:
    """A slide that was moved keeps its part's name; pages follow what a viewer shows."""
    show = Presentation()
    _slide(show, "first made")
    _slide(show, "second made")
    order = show.slides._sldIdLst
    order.insert(0, order[1])
    assert [(block.page, block.section) for block in _read(show).blocks] == [(1, "second made"), (2, "first made")]


def test_tables_and_charts() -> None:
    """Rows are lines; a chart gives its categories with their values."""
    show = Presentation()
    slide = _slide(show, "Figures")
    table = slide.shapes.add_table(1, 2, Inches(1), Inches(2), Inches(4), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "Crane", "71000"
    data = CategoryChartData()
    data.categories = ["May", "June"]
    data.add_series("Ships", (4, 9))
    slide.shapes.add_chart(XL_CHART_TYPE.PIE, Inches(1), Inches(3), Inches(3), Inches(3), data)
    lines = _read(show).blocks[0].text.split("\n")
    assert "Crane | 71000" in lines
    assert "Ships: May 4; June 9" in lines


def test_slides_without_text_are_named() -> None:
    """A slide that is a picture is not passed over silently."""
    show = Presentation()
    _slide(show, "one")
    show.slides.add_slide(show.slide_layouts[6])
    assert _read(show).warnings == ("no text on slide 2 of 2",)


def test_a_package_without_a_presentation_is_damaged() -> None:
    """One line of reason."""
    with pytest.raises(ConversionError, match=r"a\.pptx is a damaged presentation"):
        read_pptx(packed({"ppt/x.xml": "<a/>"}), name="a.pptx", title="a")
