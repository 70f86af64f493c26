"""The picture of the graph: drawn with fonts that have its characters, and honest where none has."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from bot.fact_picture import MISSING, choose_fonts, draw, label, layout
from memory.errors import FamiliarError
from memory.facts.graph import Edge, Graph, Node

GRAPH = Graph(
    (Node("user", "user", (("home", "Ghent"),)), Node("ottilie", "Ottilie", ()), Node("emeka obi", "Emeka Obi", ())),
    (Edge("user", "ottilie", "sister"),),
)


def test_a_picture_is_written(tmp_path: Path) -> None:
    """A PNG that can be opened, larger than nothing; Latin needs no other font."""
    from PIL import Image

    assert draw(GRAPH, tmp_path / "g.png") == frozenset()
    with Image.open(tmp_path / "g.png") as picture:
        assert picture.format == "PNG"
        assert len(set(picture.convert("L").tobytes())) > 50


def test_characters_that_no_font_has_are_told(tmp_path: Path) -> None:
    """A character of the private use area is in no font that writes names."""
    graph = Graph((Node("x", "X\U0010fffd", ()),), ())
    assert draw(graph, tmp_path / "g.png") == {"\U0010fffd"}


def test_fonts_are_chosen_by_what_they_have() -> None:
    """Chinese takes a second font where one has it; what is missing is named."""
    fonts = {"DejaVu Sans": map(ord, "abcé"), "Noto Sans CJK": map(ord, "ab小雨")}
    assert choose_fonts("abcé小 雨", {name: set(signs) for name, signs in fonts.items()}) == (
        ["DejaVu Sans", "Noto Sans CJK"],
        frozenset(),
    )
    assert choose_fonts("a小", {"DejaVu Sans": {97}}) == (["DejaVu Sans"], frozenset("小"))
    assert choose_fonts("", {}) == ([], frozenset())


def test_layout_keeps_apart_and_is_the_same_each_time() -> None:
    """No two nodes lie on each other."""
    at = layout(GRAPH)
    assert at.shape == (3, 2)
    assert np.array_equal(at, layout(GRAPH))
    distances = np.linalg.norm(at[:, None] - at[None], axis=2)[np.triu_indices(3, 1)]
    assert distances.min() > 0.2
    assert distances[0] == distances.min()  # the two that are related


def test_labels_are_short() -> None:
    """A node with much known of it stays readable."""
    node = Node("x", "x" * 80, tuple((f"a{n}", "v") for n in range(9)))
    assert label(node).splitlines()[-1] == "+5"
    assert max(map(len, label(node).splitlines())) == 28


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    """Nothing to draw, a format that does not exist, a folder that is not there."""
    with pytest.raises(FamiliarError, match="no fact to draw"):
        draw(Graph((), ()), tmp_path / "g.png")
    for name in ("g.nothing", "no/such/folder/g.png"):
        with pytest.raises(FamiliarError, match="can't be written"):
            draw(GRAPH, tmp_path / name)


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names it."""
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(FamiliarError) as raised:
        draw(GRAPH, tmp_path / "g.png")
    assert str(raised.value) == MISSING
    assert "familiar-assistant[plot]" in MISSING
