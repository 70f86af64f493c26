"""How well sentences without a source are told from those that have one, on made pairs of passage and sentence.

The pairs of examples/support are in English and Chinese: copies, paraphrases, dates and numbers written otherwise, and
sentences across languages; and beside them other names, numbers and days, invented details and denials. The limits
were chosen with the pairs of "dev" in view; those held back were written afterwards and changed nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.config import ChatConfig
from bot.support import find_unsupported, least_of, statements
from memory.embedding import Embedder
from memory.evaluation import read_rows
from memory.records import Chunk, Hit

PAIRS = Path(__file__).resolve().parents[1] / "examples" / "support" / "pairs.jsonl"


@dataclass(frozen=True)
class SupportFigures:
    """What was marked in one part of the pairs."""

    split: str
    supported: int
    wrongly_marked: float
    """Share of the supported sentences."""
    unsupported: int
    marked: float
    """Share of the unsupported ones."""
    marked_by_words: float
    """The same by missing names, numbers and denials alone."""

    def line(self) -> str:
        """The row for a terminal."""
        return (
            f"{self.split:5} of {self.unsupported} unsupported sentences marked {self.marked} (by names and numbers"
            f" alone {self.marked_by_words}), of {self.supported} supported ones {self.wrongly_marked}"
        )


def evaluate_support(*, embedder: Embedder, chat: ChatConfig, path: Path = PAIRS) -> Iterator[SupportFigures]:
    """The figures of both parts.

    :raises FamiliarError: the file is not there or has a row that is none
    """
    rows = list(read_rows(path, ("id", "split", "question", "passage", "sentence", "supported")))
    for split in ("dev", "held"):
        yield _figures(split, [row for row in rows if row["split"] == split], embedder=embedder, chat=chat)


def _figures(split: str, rows: Sequence[dict[str, Any]], *, embedder: Embedder, chat: ChatConfig) -> SupportFigures:
    marks: dict[bool, list[bool]] = {True: [], False: []}
    by_words = 0
    for row in rows:
        hit = Hit(_chunk(row), 1.0)
        found = find_unsupported(
            statements(row["sentence"]), [hit], question=row["question"], embedder=embedder, least=least_of(chat)
        )
        marks[row["supported"]].append(bool(found))
        by_words += not row["supported"] and any(item.missing for item in found)
    return SupportFigures(
        split,
        supported=len(marks[True]),
        wrongly_marked=_share(sum(marks[True]), len(marks[True])),
        unsupported=len(marks[False]),
        marked=_share(sum(marks[False]), len(marks[False])),
        marked_by_words=_share(by_words, len(marks[False])),
    )


def _share(part: int, whole: int) -> float:
    return round(part / whole, 3) if whole else 0.0


def _chunk(row: dict[str, Any]) -> Chunk:
    return Chunk(
        id=1,
        user_id=1,
        document_id=1,
        turn_id=None,
        position=0,
        text=row["passage"],
        start=0,
        end=len(row["passage"]),
        page=None,
        section=None,
        speaker=row.get("speaker"),
        at=row.get("at"),
        external_ids=(),
        source="chat",
        title="chat",
    )
