"""What every reader of other programs' logs gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from bot.logbook.kinds import Entry


@dataclass(frozen=True)
class Imported:
    """An entry of a file."""

    entry: Entry
    at: datetime
    """Aware."""
    source: str
    """The program: "apple", "google", "csv"."""
    whole_day: bool = False
    """It counts a day, which stays the same one wherever the export was made."""

    @property
    def key(self) -> str:
        """The same in each export that holds the entry: one entry of a kind a moment and program.

        The value is part of it only in tables, whose rows often have a day and no time.
        """
        day = self.at.date().isoformat()
        moment = day if self.whole_day else self.at.astimezone(UTC).isoformat(timespec="seconds")
        value = f":{self.entry.value:.6g}" if self.source == "csv" else ""
        return f"{self.source}:{self.entry.kind}:{moment}{value}"
