"""Pictures of what `familiar eval replies` and `familiar eval continual` measured, with their intervals.

matplotlib comes with the extra `plot`; both functions raise FamiliarError where it is not installed, where there is
nothing to draw, or where the file can't be written.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.eval_continual import PERIODS, PeriodScores, changes
from bot.eval_replies import ArmScores
from bot.fact_picture import MISSING
from memory.errors import FamiliarError

_COLOURS = {"memory": "#5b7db1", "adapter": "#c98b2b", "both": "#2f7d4f"}


def draw_arms(rows: Sequence[ArmScores], path: Path) -> None:
    """Held-out loss of each arm less that of the base model, one group a person; below 0 is better."""
    people = list(dict.fromkeys((row.dialogue, row.speaker) for row in rows))
    figure, axes = _figure(len(people) > 0, width=3 + 1.6 * len(people))
    for offset, (arm, colour) in zip((-0.2, 0.0, 0.2), _COLOURS.items(), strict=True):
        found = [
            (people.index((row.dialogue, row.speaker)) + offset, row.minus_base)
            for row in rows
            if row.arm == arm and row.minus_base is not None
        ]
        values = [interval.value for _, interval in found]
        low = [interval.value - interval.low for _, interval in found]
        high = [interval.high - interval.value for _, interval in found]
        axes.errorbar(
            [place for place, _ in found], values, (low, high), fmt="o", color=colour, capsize=3, label=f"+{arm}"
        )
    axes.axhline(0, color="0.6", linewidth=1)
    axes.set_xticks(range(len(people)), [f"{name.split('.')[0]}\n{speaker}" for name, speaker in people])
    axes.set_xlim(-0.6, len(people) - 0.4)
    axes.set_ylabel("held-out loss less the base model's\n(nats per token, 95 % interval by day)")
    axes.legend(frameon=False)
    _save(figure, path)


def draw_periods(rows: Sequence[PeriodScores], path: Path) -> None:
    """For each person the held-out loss of each period, after each tune that came since."""
    people = [(item.dialogue, item.speaker) for item in changes(rows) if item.speaker]
    figure, all_axes = _figure(len(people) > 0, width=1 + 3 * len(people), columns=max(1, len(people)))
    axes_of = dict(zip(people, all_axes if len(people) > 1 else [all_axes], strict=True)) if people else {}
    for person, axes in axes_of.items():
        mine = [row for row in rows if (row.dialogue, row.speaker) == person]
        for period in range(1, PERIODS + 1):
            line = sorted((row.tunes, row.nll) for row in mine if row.period == period)
            colour = f"C{period - 1}"
            tuned = [(tunes, nll) for tunes, nll in line if tunes]
            axes.plot(*zip(*tuned, strict=True), "o-", color=colour, label=f"period {period}")
            base = [nll for tunes, nll in line if not tunes]
            axes.plot([0] * len(base), base, "x", color=colour)
        axes.set_title(f"{person[0].split('.')[0]}, {person[1]}", fontsize=10)
        axes.set_xticks(range(PERIODS + 1), ["base", *map(str, range(1, PERIODS + 1))])
        axes.set_xlabel("periods learned")
    next(iter(axes_of.values())).set_ylabel("held-out loss (nats per token)")
    next(iter(axes_of.values())).legend(frameon=False, fontsize=8)
    _save(figure, path)


def _figure(anything: bool, *, width: float, columns: int = 1) -> tuple[Any, Any]:
    try:
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise FamiliarError(MISSING) from exc
    if not anything:
        raise FamiliarError("there is nothing to draw: no measurement is finished")
    figure = Figure(figsize=(width, 3.8), layout="constrained")
    return figure, figure.subplots(1, columns)


def _save(figure: Any, path: Path) -> None:
    try:
        figure.savefig(path, dpi=110)
    except (OSError, ValueError) as exc:
        raise FamiliarError(f"{path} can't be written: {exc}; name a file such as replies.png") from exc
