"""Long lists in parts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """Which part of a list is shown."""

    page: int
    """From 1."""
    size: int
    total: int

    @property
    def pages(self) -> int:
        """How many parts there are; an empty list has one."""
        return max(1, -(-self.total // self.size))

    @property
    def start(self) -> int:
        """Items before it."""
        return (self.page - 1) * self.size


def part_of(total: int, *, page: int, size: int) -> Part:
    """The wanted part, or the last one where there are fewer."""
    last = Part(1, size, total).pages
    return Part(min(page, last), size, total)
