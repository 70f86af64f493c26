"""Training examples as the page shows them: what would be learned, what is left out, and why."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.examples import states
from bot.web.views.paging import Part, part_of
from tuning.data_report import DataReport
from tuning.dataset import Example
from tuning.preparing import Prepared

_LISTED = 40


@dataclass(frozen=True)
class Lesson:
    """An example and what becomes of it."""

    example: Example
    state: str
    """ "approved", "to learn", or why it is left out."""

    @property
    def learned(self) -> bool:
        """Whether the next tune learns it."""
        return self.state in ("approved", "to learn")


@dataclass(frozen=True)
class Lessons:
    """Examples, newest first."""

    part: Part
    items: tuple[Lesson, ...]
    report: DataReport


def lessons_of(prepared: Prepared, *, page: int = 1) -> Lessons:
    """What was prepared, in parts."""
    found = [Lesson(*row) for row in states(prepared)]
    part = part_of(len(found), page=page, size=_LISTED)
    return Lessons(part, tuple(found[part.start : part.start + part.size]), prepared.report)
