"""What a benchmark says: a ratio within one run, which carries over to other machines where seconds don't."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class BenchRow:
    """One measured figure and the limit that it is held to."""

    name: str
    value: float
    limit: float | None
    """None: reported only."""
    unit: str
    bound: Literal["at least", "at most"] = "at least"

    @property
    def passed(self) -> bool:
        """Whether the figure keeps its limit."""
        if self.limit is None:
            return True
        return self.value >= self.limit if self.bound == "at least" else self.value <= self.limit

    def line(self) -> str:
        """The row for a terminal."""
        figure = f"{self.name}: {self.value:.3g} {self.unit}"
        if self.limit is None:
            return figure
        return f"{figure} ({self.bound} {self.limit:g}: {'kept' if self.passed else 'MISSED'})"
