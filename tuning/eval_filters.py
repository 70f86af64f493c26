"""How good the filters are, on planted texts of our own: half were there to tune the rules on, half were held out.

``planted.jsonl`` holds texts with and without a secret or an insult, English and Chinese; those without look alike on
purpose, so precision is that of a hard case and not of a chat.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

from tuning.filters import Detectors


@dataclass(frozen=True)
class Planted:
    """One text and what it holds."""

    part: str
    """ "dev" or "held out"."""
    what: str
    """ "personal" or "toxic": which filter it is for."""
    kind: str | None
    """None: nothing."""
    text: str


@dataclass(frozen=True)
class FilterFigures:
    """One filter on one part."""

    filter: str
    part: str
    planted: int
    lookalikes: int
    recall: float
    """Share of the planted ones that were found."""
    precision: float | None
    """Share of the found ones that were planted; None where nothing was found."""
    missed: tuple[str, ...]
    """Kinds of those that were not found, one each."""

    def line(self) -> str:
        """For a person."""
        precision = "-" if self.precision is None else f"{self.precision:.3f}"
        missed = f"  missed: {', '.join(self.missed)}" if self.missed else ""
        return (
            f"{self.filter:9} {self.part:9} {self.planted} planted, {self.lookalikes} lookalikes:"
            f" recall {self.recall:.3f}, precision {precision}{missed}"
        )


def read_planted() -> list[Planted]:
    """The planted texts."""
    text = resources.files("tuning").joinpath("planted.jsonl").read_text(encoding="utf-8")
    return [Planted(**json.loads(line)) for line in text.splitlines()]


def evaluate_filters(detectors: Detectors) -> Iterator[FilterFigures]:
    """Both filters on both parts."""
    rows = read_planted()
    for what in ("personal", "toxic"):
        for part in ("dev", "held out"):
            yield figures([row for row in rows if (row.what, row.part) == (what, part)], detectors)


def figures(rows: Sequence[Planted], detectors: Detectors) -> FilterFigures:
    """Recall and precision on texts of one filter and part."""
    ask = detectors.toxic if rows[0].what == "toxic" else detectors.personal
    found = [bool(ask(row.text)) for row in rows]
    planted = [row for row in rows if row.kind]
    right = sum(hit for row, hit in zip(rows, found, strict=True) if row.kind)
    return FilterFigures(
        filter=rows[0].what,
        part=rows[0].part,
        planted=len(planted),
        lookalikes=len(rows) - len(planted),
        recall=round(right / len(planted), 3),
        precision=round(right / sum(found), 3) if any(found) else None,
        missed=tuple(row.kind for row, hit in zip(rows, found, strict=True) if row.kind and not hit),
    )
