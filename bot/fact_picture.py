"""A picture of the graph over facts. Labels are drawn in a font that has their characters; what no font of the machine
has is told, because it would become empty boxes.

matplotlib comes with the extra `plot`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory.errors import FamiliarError
from memory.facts.graph import Graph, Node

MISSING = "a picture needs the extra plot: pip install 'familiar-assistant[plot]'"
_SHOWN = 4
"""Attributes of a node that are written under its name."""
_LONGEST = 28
_PLACEHOLDERS = ("last resort", "lastresort", "unifont upper")
"""Fonts that draw a sign for "not there" for every character."""


def draw(graph: Graph, path: Path) -> frozenset[str]:
    """Write the picture (PNG, or what the name ends with); returns the characters that no font of this machine has.

    :raises FamiliarError: the extra is not installed, there is nothing to draw, or the file can't be written
    """
    figure_of = _matplotlib()
    if not graph.nodes:
        raise FamiliarError("there is no fact to draw; `familiar facts --all` lists what is known")
    texts = [label(node) for node in graph.nodes] + [edge.relation for edge in graph.edges]
    fonts, missing = choose_fonts("".join(texts), installed_fonts())
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing")  # the caller says it in one line
            _paint(figure_of, graph, fonts).savefig(path, dpi=150)
    except (OSError, ValueError) as exc:
        raise FamiliarError(f"{path} can't be written: {exc}; name a file such as facts.png") from exc
    return missing


def _matplotlib() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise FamiliarError(MISSING) from exc
    return Figure


def installed_fonts() -> dict[str, frozenset[int]]:
    """The machine's fonts with the characters that they have."""
    from matplotlib import font_manager

    found = {}
    for entry in font_manager.fontManager.ttflist:
        if entry.name not in found and entry.style == "normal" and not entry.name.lower().startswith(_PLACEHOLDERS):
            found[entry.name] = frozenset(font_manager.get_font(entry.fname).get_charmap())
    return found


def choose_fonts(text: str, fonts: Mapping[str, Iterable[int]]) -> tuple[list[str], frozenset[str]]:
    """Fonts that together have the characters of a text, fewest first, and the characters that none has.

    >>> choose_fonts("ab", {"A": [97], "B": [97, 98]})
    (['B'], frozenset())
    """
    left = {ord(sign) for sign in text if not sign.isspace()}
    having = {name: left & set(signs) for name, signs in fonts.items()}
    chosen: list[str] = []
    while left and having:
        best = max(having, key=lambda name: (len(having[name] & left), name == "DejaVu Sans"))
        if not having[best] & left:
            break
        chosen.append(best)
        left -= having.pop(best)
    return chosen, frozenset(map(chr, left))


def label(node: Node) -> str:
    """A node's name and the first things that are known of it."""
    lines = [_short(f"{attribute}: {value}") for attribute, value in node.known[:_SHOWN]]
    more = [f"+{len(node.known) - _SHOWN}"] if len(node.known) > _SHOWN else []
    return "\n".join([_short(node.name), *lines, *more])


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _paint(figure_of: Any, graph: Graph, fonts: Sequence[str]) -> Any:
    at = dict(zip([node.key for node in graph.nodes], layout(graph), strict=True))
    side = 4 + 1.6 * math.sqrt(len(graph.nodes))
    figure = figure_of(figsize=(side * 1.3, side))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.margins(0.2)
    style = {"family": list(fonts)} if fonts else {}
    for edge in graph.edges:
        start, end = at[edge.source], at[edge.target]
        axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "0.5", "shrinkA": 20, "shrinkB": 20})
        axes.text(
            *((start + end) / 2), edge.relation, color="0.3", size=8, ha="center", backgroundcolor="white", **style
        )
    for node in graph.nodes:
        box = {"boxstyle": "round", "facecolor": "#eef3fb", "edgecolor": "#5b7db1"}
        axes.text(*at[node.key], label(node), size=8, ha="center", va="center", bbox=box, **style)
    axes.update_datalim(np.array(list(at.values())))
    axes.autoscale_view()
    return figure


def layout(graph: Graph, *, steps: int = 200) -> NDArray[np.float64]:
    """Places (n, 2) where nodes keep apart and relations pull together (Fruchterman and Reingold, 1991).

    It begins on a circle, not at random: the same graph gives the same picture.
    """
    count = len(graph.nodes)
    turns = np.linspace(0, 2 * math.pi, count, endpoint=False)
    at = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    places = {node.key: n for n, node in enumerate(graph.nodes)}
    ends = [(places[edge.source], places[edge.target]) for edge in graph.edges]
    links = np.array(ends, np.int64).reshape(-1, 2)
    apart = 1.6 / math.sqrt(max(count, 1))
    for step in range(steps):
        between = at[:, None] - at[None]
        distance = np.maximum(np.linalg.norm(between, axis=2), 1e-3)
        moved = (between * (apart**2 / distance**2)[..., None]).sum(axis=1) - 0.3 * at
        pulls = (at[links[:, 0]] - at[links[:, 1]]) * (
            np.linalg.norm(at[links[:, 0]] - at[links[:, 1]], axis=1) / apart
        )[:, None]
        np.add.at(moved, links[:, 0], -pulls)
        np.add.at(moved, links[:, 1], pulls)
        length = np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9)
        at = at + moved / length * np.minimum(length, 0.1 * (1 - step / steps))
    return at
