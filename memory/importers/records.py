"""What a converter hands over, whatever the format: blocks of text or utterances, never both, and what went wrong.

These records cross a pipe as JSON, so they hold nothing but text, numbers and None.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from memory.errors import FamiliarError


class UnsupportedFormat(FamiliarError):
    """The file is in order, but of a kind that is not imported (the import skips it)."""


class ConversionError(FamiliarError):
    """The file should have been readable and is not (the import names it as failed)."""


@dataclass(frozen=True)
class Block:
    """A run of text that shares a page and a section."""

    text: str
    page: int | None = None
    """Counted from 1."""
    section: str | None = None
    """Headings above the text, outermost first, joined by `` > ``."""


@dataclass(frozen=True)
class Utterance:
    """One row of a dialogue."""

    id: str
    speaker: str
    text: str
    at: str | None = None
    """ISO 8601, as the source gave it."""
    user: str | None = None
    """Whose memory the row belongs to, where a file holds several persons' (evaluation sets)."""
    role: str | None = None


@dataclass(frozen=True)
class ExtractedDocument:
    """A file after conversion."""

    title: str
    format: str
    blocks: tuple[Block, ...] = ()
    utterances: tuple[Utterance, ...] = ()
    warnings: tuple[str, ...] = ()
    """What of the file is missing here, in words for the user."""
    at: str | None = None
    """When it was written, where the file says so (ISO 8601)."""

    def as_json(self) -> dict[str, Any]:
        """Plain values for the pipe; `from_json` undoes it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ExtractedDocument:
        """The record that `as_json` was called on."""
        return cls(
            title=values["title"],
            format=values["format"],
            blocks=tuple(Block(**item) for item in values["blocks"]),
            utterances=tuple(Utterance(**item) for item in values["utterances"]),
            warnings=tuple(values["warnings"]),
            at=values["at"],
        )
