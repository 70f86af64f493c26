"""Files within a file (members of an archive, attachments), each read as a file of its own would be.

However they are nested, they share what the outermost file may take: levels, members, unpacked bytes, pictures and
time. One bad file never sinks the others: it is named, and the numbers that are told are true.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath

from memory.importers.alarm import limited
from memory.importers.problems import first_few
from memory.importers.records import (
    MAX_DEPTH,
    Conversion,
    ConversionError,
    ExtractedDocument,
    SourceFile,
    UnsupportedFormat,
)

Convert = Callable[[bytes, str], Conversion]
"""Reads a file within the one that is being read, from its bytes and its name."""
STEP = "!/"
"""Between the name of a container and the name of what lies in it."""

_LONGEST_TITLE = 120
"""Characters of a title that name a document within a file."""
_SHOWN = 8
"""Files that are named one by one; of more the number is told."""


class Within:
    """Reads the files within one file and counts what could not be read.

    :param convert: reads each of them
    :raises ConversionError: the file lies too deep within others
    """

    def __init__(self, file: SourceFile, convert: Convert) -> None:
        if file.depth >= MAX_DEPTH:
            raise ConversionError(f"{file.name} lies in more than {MAX_DEPTH} files within each other")
        self._file = file
        self._convert = convert
        self._met = 0
        self._read = 0
        self._late = 0
        self._unknown: list[str] = []
        self.failed: list[str] = []

    def read(self, name: str, load: Callable[[], bytes]) -> tuple[ExtractedDocument, ...]:
        """The documents of a file, ``part`` of each beginning with its name; none where it can't be read.

        :param name: unique within this file
        :param load: gives its bytes, and raises what `memory.importers.convert` does
        """
        self._met += 1
        if self._file.recogniser.time_left() <= 0:
            self._late += 1
            return ()
        found: tuple[ExtractedDocument, ...] = ()
        try:
            with limited(self._file.recogniser.time_left):
                found = self._documents(name, load())
            self._read += 1
        except UnsupportedFormat:
            self._unknown.append(name)
        except ConversionError as exc:
            self.failed.append(_told(name, exc))
        except MemoryError:
            raise
        except Exception as exc:  # noqa: BLE001 - the edge of a job: a parser may raise anything on a damaged file
            self.failed.append(f"{name} could not be read ({type(exc).__name__}: {exc})"[:300])
        return found

    def refuse(self, problem: str) -> None:
        """Count a file that is not even tried, with the reason."""
        self._met += 1
        self.failed.append(problem)

    def _documents(self, name: str, data: bytes) -> tuple[ExtractedDocument, ...]:
        sha256 = hashlib.sha256(data).hexdigest()
        self._file.allowance.take(name, len(data), sha256)
        if not data.strip():
            return ()  # an empty note lacks nothing
        read = self._convert(data, PurePath(name).name)
        self.failed += [f"{name}: {warning}" for warning in read.warnings]
        return tuple(
            replace(item, part=f"{name}{STEP}{item.part}") if item.part else replace(item, part=name, sha256=sha256)
            for item in read.documents
        )

    def warnings(self, what: str) -> tuple[str, ...]:
        """What is missing, with the number of files in all.

        :param what: what the files are, as in "3 of 4 files in it were read"
        """
        total = f"{self._read} of {self._met} {what} in it were read" if self._read < self._met else None
        late = f"{self._late} were left for want of time; [import] convert_seconds allows more" if self._late else None
        names = first_few(self._unknown, most=_SHOWN, what="files")
        unknown = f"not of a kind that is imported: {', '.join(names)}" if names else None
        failed = first_few(self.failed, most=_SHOWN, what="files")
        return tuple(text for text in (total, *failed, unknown, late) if text)


def _told(name: str, error: ConversionError) -> str:
    """The reason, with the file's path in place of its bare name."""
    reason = str(error)
    base = PurePath(name).name
    return (name + reason.removeprefix(base) if reason.startswith(base) else f"{name}: {reason}")[:300]


def title_step(title: str) -> str:
    """A title as a step of a path: a slash in it would look like another step."""
    return title.replace("/", "\u2215")[:_LONGEST_TITLE]


def file_step(name: str) -> str:
    """A file's name as a step of a path, whatever folders it claims to lie in."""
    return name.replace("/", "_").replace("\\", "_")


class Names:
    """Names that are each given once."""

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()

    def unique(self, name: str) -> str:
        """The name, with a number where it was given before; upper and lower case are one, as on many systems."""
        given = name
        while self._given[given.casefold()]:
            self._given[name.casefold()] += 1
            given = f"{name} ({self._given[name.casefold()]})"
        self._given[given.casefold()] = 1
        return given
