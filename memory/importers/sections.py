"""Where in a document's outline a piece of text stands."""

from __future__ import annotations

from collections.abc import Iterable

from memory.importers.records import Block

SEPARATOR = " > "


class Outline:
    """Headings as they come; `path` is the chain that the text after them stands under."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str]] = []

    def enter(self, level: int, heading: str) -> None:
        """A heading of a level (1 is outermost) closes those of its own and deeper levels."""
        while self._open and self._open[-1][0] >= level:
            self._open.pop()
        self._open.append((level, " ".join(heading.split())))

    @property
    def path(self) -> str | None:
        """Headings joined by `SEPARATOR`; None before the first."""
        return SEPARATOR.join(title for _, title in self._open if title) or None


def blocks_by_heading(lines: Iterable[tuple[int | None, str]]) -> list[Block]:
    """Lines, each with its level where it is a heading, as one block for each heading's text.

    Headings that follow one another without text between them begin one block together.
    """
    outline = Outline()
    blocks: list[Block] = []
    current: list[str] = []
    headings = 0  # how many of the lines so far are headings that have no text of their own yet
    for level, text in lines:
        if level and len(current) > headings:
            blocks.append(Block("\n".join(current), section=outline.path))
            current, headings = [], 0
        if level:
            outline.enter(level, text)
            headings += 1
        current.append(text)
    if current:
        blocks.append(Block("\n".join(current), section=outline.path))
    return blocks
