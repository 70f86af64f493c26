"""The picture of a trend: each day's value, the fitted line where there is one, and the goal.

matplotlib comes with the extra `plot`. Where the machine has no font for the user's language, the picture is in
English, because the signs would be empty boxes.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

from bot.fact_picture import MISSING, choose_fonts, installed_fonts
from bot.logbook.kinds import KINDS, in_unit
from bot.logbook.showing import Shown, drawn, title_of
from bot.logbook.trend import Slope
from memory.errors import FamiliarError

_VALUE, _SECOND, _GOAL = "#2f5d9b", "#b1684c", "#2f7d4f"
_POINTS = 0.45
"""How opaque they are: the line lies over them."""


def picture_of(shown: Shown, *, language: str) -> bytes:
    """A PNG of 960 by 540 pixels.

    :raises FamiliarError: the extra is not installed, or there is nothing to draw
    """
    figure_of, dates = _matplotlib()
    if shown.summary is None:
        raise FamiliarError("there are no entries to draw")
    plain = drawn(shown)
    fonts, missing = choose_fonts(title_of(plain, language), installed_fonts())
    title = title_of(plain, "en" if missing else language)
    figure = figure_of(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        _paint(axes, plain)
        axes.set_title(title, fontsize=11, **({} if missing or not fonts else {"fontfamily": fonts}))
        locator = dates.AutoDateLocator(minticks=3, maxticks=8)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
        data = io.BytesIO()
        figure.savefig(data, dpi=150, format="png")
    return data.getvalue()


def _matplotlib() -> tuple[Any, Any]:
    try:
        from matplotlib import dates
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise FamiliarError(MISSING) from exc
    return Figure, dates


def _paint(axes: Any, shown: Shown) -> None:
    found = shown.summary
    assert found is not None
    days, kind = list(found.days), KINDS[found.kind]
    if kind.per_day == "sum":
        axes.bar(days, list(found.days.values()), color=_VALUE, alpha=0.6, width=0.9)
    else:
        axes.plot(days, list(found.days.values()), "o", color=_VALUE, markersize=4, alpha=_POINTS)
    _line(axes, found.slope, days, _VALUE)
    if found.seconds:
        axes.plot(list(found.seconds), list(found.seconds.values()), "o", color=_SECOND, markersize=4, alpha=_POINTS)
        _line(axes, found.second_slope, list(found.seconds), _SECOND)
    if shown.goal is not None:
        unit = shown.unit if shown.unit in kind.units else ""
        axes.axhline(in_unit(kind, shown.goal.value, unit), color=_GOAL, linestyle="--", linewidth=1.2)
    axes.grid(axis="y", color="0.9")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _line(axes: Any, slope: Slope | None, days: list[Any], colour: str) -> None:
    """The fitted line, dashed where its direction is in doubt."""
    if slope is None:
        return
    ends = [slope.first, days[-1]]
    style = "-" if slope.clear else ":"
    axes.plot(ends, [slope.at(day) for day in ends], style, color=colour, linewidth=2.4)
