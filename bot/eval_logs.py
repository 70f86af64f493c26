"""How well entries are read out of messages, on phrasings in English and Chinese, and on talk that is no entry.

The phrasings of examples/logs that are held back were written before the parser; "dev" ones were in view while its
rules were made.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot.logbook.parsing import Said, read_entries
from memory.evaluation import read_rows

PHRASINGS = Path(__file__).resolve().parents[1] / "examples" / "logs" / "phrasings.jsonl"
ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 6, 12, tzinfo=ZONE)
"""A Friday; when all phrasings count as written."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class LogFigures:
    """What was read out of the phrasings of one kind of entry, or out of ordinary talk."""

    split: str
    kind: str
    """"talk" for what is no entry."""
    phrasings: int
    right: int
    """All entries of the message with their values and times, and none besides."""

    @property
    def share(self) -> float:
        """Right ones of all."""
        return round(self.right / self.phrasings, 3)

    def line(self) -> str:
        """The row for a terminal."""
        return f"{self.split:5} {self.kind:14} {self.right:3} of {self.phrasings:3}  {self.share}"


def evaluate_logs(path: Path = PHRASINGS) -> Iterator[LogFigures]:
    """The figures by kind, first of those in view, then of those held back; a message counts for each of its kinds.

    :raises FamiliarError: the file is not there or has a row that is none
    """
    rows = list(read_rows(path, ("id", "split", "language", "text", "entries")))
    for split in ("dev", "held"):
        counts: dict[str, list[bool]] = defaultdict(list)
        for row in rows:
            if row["split"] == split:
                right = is_right(row)
                counts["all" if row["entries"] else "talk"].append(right)
                for kind in {entry["kind"] for entry in row["entries"]}:
                    counts[kind].append(right)
        for kind in sorted(counts):
            yield LogFigures(split, kind, len(counts[kind]), sum(counts[kind]))


def is_right(row: Row) -> bool:
    """Whether a phrasing is read as its label says."""
    found = read_entries(row["text"], now=NOW, zone=ZONE).said
    return len(found) == len(row["entries"]) and all(map(_same, _ordered(found), _labels(row["entries"])))


def _ordered(found: Sequence[Said]) -> list[Said]:
    return sorted(found, key=lambda item: item.entry.kind)


def _labels(entries: Sequence[Row]) -> list[Row]:
    return sorted(entries, key=lambda item: str(item["kind"]))


def _same(said: Said, label: Row) -> bool:
    entry, second = said.entry, label.get("second")
    return (
        entry.kind == label["kind"]
        and math.isclose(entry.value, label["value"], rel_tol=1e-3)
        and (entry.second is None) == (second is None)
        and (second is None or math.isclose(entry.second or 0, second, rel_tol=1e-3))
        and said.at.isoformat().startswith(label.get("at", ""))
    )
