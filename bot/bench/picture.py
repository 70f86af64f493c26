"""A picture of what `familiar bench` measured: a bar a row, and the limit that it is held to.

Ratios, milliseconds and tokens a second have no common scale, so each bar is its figure over its limit, and a row
without a limit is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bot.bench.rows import BenchRow
from bot.fact_picture import MISSING
from memory.errors import FamiliarError

_KEPT, _MISSED = "#2f7d4f", "#b5443a"


def draw_rows(rows: Sequence[BenchRow], path: Path) -> None:
    """Write the picture; its kind is that of the file's ending.

    :raises FamiliarError: matplotlib is not installed, no row has a limit, or the file can't be written
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise FamiliarError(MISSING) from exc
    limited = [(row, row.limit) for row in rows if row.limit]
    if not limited:
        raise FamiliarError("there is nothing to draw: none of these figures has a limit")
    figure = Figure(figsize=(9, 1 + 0.4 * len(limited)), layout="constrained")
    axes = figure.subplots()
    shares = [row.value / limit for row, limit in limited]
    axes.barh(range(len(limited)), shares, color=[_KEPT if row.passed else _MISSED for row, _ in limited])
    for place, ((row, limit), share) in enumerate(zip(limited, shares, strict=True)):
        axes.text(share, place, f" {row.value:.3g} {row.unit} ({row.bound} {limit:g})", va="center", fontsize=8)
    axes.set_yticks(range(len(limited)), [row.name for row, _ in limited], fontsize=8)
    axes.invert_yaxis()
    axes.axvline(1, color="0.3", linewidth=1)
    axes.set_xlim(0, 1.6 * max(1.0, *shares))
    axes.set_xlabel("figure over its limit")
    try:
        figure.savefig(path, dpi=110)
    except (OSError, ValueError) as exc:
        raise FamiliarError(f"{path} can't be written: {exc}; name a file such as bench.png") from exc
