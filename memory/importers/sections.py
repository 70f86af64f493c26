"""Where in a document's outline a piece of text stands."""

from __future__ import annotations

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
