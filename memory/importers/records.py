"""What a converter hands over, whatever the format: blocks of text or utterances, never both, and what went wrong.

These records cross a pipe (`wire`), so they hold nothing but text, numbers and None.
"""

from __future__ import annotations

import codecs
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from memory.errors import FamiliarError, UsageError
from memory.importers.ocr import Recogniser

_FIELDS = ("speaker", "text", "at", "id")
MAX_DEPTH = 4
"""Files within each other, as a picture in a mail in an archive; people's own reach three."""
MAX_MEMBERS = 50_000
"""An account of notes has thousands of pages; more members are there to exhaust memory."""
MAX_UNPACKED = 1_000_000_000
"""Bytes of all members together; they are read one at a time."""


class UnsupportedFormat(FamiliarError):
    """The file is in order, but of a kind that is not imported (the import skips it)."""


class ConversionError(FamiliarError):
    """The file should have been readable and is not (the import names it as failed)."""


class NoText(ConversionError):
    """A picture is in order, and nothing is written in it."""


class UnreadableFile(ConversionError):
    """The system does not let the file be read now; its content may be in order."""


@dataclass(frozen=True, slots=True)
class Block:
    """A run of text that shares a page and a section."""

    text: str
    page: int | None = None
    """Counted from 1."""
    section: str | None = None
    """Headings above the text, outermost first, joined by `` > ``."""


@dataclass(frozen=True, slots=True)
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
    part: str = ""
    """Its name within a file that holds several (a zip's member, a chat of an account); unique there, else empty."""
    sha256: str | None = None
    """Of its own bytes, where a file holds it as a file: the same member of two archives is one document."""
    me: str | None = None
    """Of a conversation: the speaker who is the user, where the export says whose account it is."""


@dataclass(frozen=True)
class Conversion:
    """What one file holds: one document, or several where it is an archive, a mailbox or an account of chats."""

    documents: tuple[ExtractedDocument, ...]
    warnings: tuple[str, ...] = ()
    """What is missing of the file as a whole, such as a part that can't be read, in words for the user."""


@dataclass(frozen=True)
class Hints:
    """What the user says of files that can't be told from their content."""

    encoding: str | None = None
    """A codec's name; without it the encoding is told from the bytes."""
    columns: tuple[tuple[str, str], ...] = ()
    """For tables that hold a dialogue: a field of `Utterance` (speaker, text, at, id) and the column that holds it."""


def hints_from(encoding: str | None, columns: str | None) -> Hints:
    """Hints as a person writes them: a codec's name, and ``speaker=From,text=Body``.

    :raises UsageError: Python has no such codec, or a column is given for no field of a dialogue
    """
    try:
        encoding = encoding and codecs.lookup(encoding).name
    except LookupError as exc:
        raise UsageError(f"--encoding is {encoding!r}, which is unknown; utf-8, gb18030 or cp1252 are known") from exc
    pairs = [part.partition("=") for part in (columns or "").split(",") if part.strip()]
    for field, _, column in pairs:
        if field.strip() not in _FIELDS or not column.strip():
            given = f"{field}={column}"
            raise UsageError(f"--columns has {given!r}; each part is one of {', '.join(_FIELDS)}, then = and a column")
    return Hints(encoding, tuple((field.strip(), column.strip()) for field, _, column in pairs))


@dataclass
class Allowance:
    """What all files within the one that the user named may still take, however they are nested."""

    members: int = MAX_MEMBERS
    unpacked: int = MAX_UNPACKED
    """Bytes."""
    refused: frozenset[str] = frozenset()
    """SHA-256 of files that are not to be tried, as a converting process died over each."""
    begins: Callable[[str], None] = lambda _: None
    """Told the SHA-256 of each file before it is read, so that whoever watches knows over which one a process dies."""

    def take_members(self, name: str, number: int) -> None:
        """Count the members of a file.

        :raises ConversionError: they are too many
        """
        if number > self.members:
            raise ConversionError(f"{name} has {number} members; of one file at most {MAX_MEMBERS} are read")
        self.members -= number

    def take(self, name: str, size: int, sha256: str) -> None:
        """Count the bytes of a member, which is about to be read.

        :raises ConversionError: they are too many, or the member is not to be tried
        """
        if size > self.unpacked:
            raise ConversionError(f"{name} is past the {MAX_UNPACKED // 1_000_000} MB that are unpacked of one file")
        self.unpacked -= size
        if sha256 in self.refused:
            raise ConversionError(f"{name} crashed the converter: it is damaged or made to do harm")
        self.begins(sha256)


@dataclass(frozen=True)
class SourceFile:
    """A file that is being converted, besides its content."""

    name: str
    """Its name, for messages."""
    title: str
    """Its name without the ending: the title of what has none."""
    hints: Hints = Hints()
    recogniser: Recogniser = dataclasses.field(default_factory=Recogniser)
    """Reads text in pictures; its budget is that of the file that the user named, whatever that holds."""
    depth: int = 0
    """How many files it lies in."""
    allowance: Allowance = dataclasses.field(default_factory=Allowance)
    """Shared like the recogniser."""
