"""Notes that are imported together: a block that one of them names by its id reads as that block.

Only notes of the same import are looked into, so nothing is read that the user didn't name; they are searched as
bytes, and not before the first note that refers to a block.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import PurePath

from memory.importers.note_blocks import has_references, resolved, texts_of
from memory.importers.note_names import is_note

_LONGEST = 5_000_000
"""Bytes of a note whose blocks are gathered."""


class NoteFolder:
    """The notes of one import.

    :param sources: real paths of its files
    """

    def __init__(self, sources: Iterable[str]) -> None:
        self._notes = [source for source in sources if is_note(source)]
        self._texts: dict[str, str] | None = None

    def resolved(self, source: str, data: bytes) -> bytes:
        """A file's bytes, those of a note with its references to blocks of other notes replaced by their text."""
        if len(self._notes) < 2 or not is_note(source) or not has_references(data):
            return data
        if self._texts is None:
            self._texts = {}
            for note in self._notes:
                for id_, text in texts_of(_bytes(note), PurePath(note).stem).items():
                    self._texts.setdefault(id_, text)
        return resolved(data, self._texts)


def _bytes(source: str) -> bytes:
    """The content; nothing of what can't be read, which its own import tells."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(source, flags), "rb") as stream:
            is_file = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
            return stream.read(_LONGEST) if is_file else b""
    except OSError:
        return b""
