"""An export in a ZIP archive: only the members that hold conversations are unpacked, one at a time, under limits.

Photos and recordings beside them cost nothing, however large. zipfile stops at the size that an entry declares, so
the limits are checked on what the archive says before anything is read.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from memory.importers.package import ZIP_DAMAGE, check_members
from memory.importers.records import ConversionError


class Packed:
    """An open export."""

    def __init__(self, archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> None:
        self._archive = archive
        self._members = {member.filename: member for member in members}
        self.names = tuple(sorted(self._members))
        """Of the members that may be read, in order."""

    def read(self, member: str) -> bytes:
        """The bytes of a member; empty where there is none of that name."""
        return self._archive.read(self._members[member]) if member in self._members else b""


@contextmanager
def open_export(data: bytes, wanted: Callable[[str], bool], *, name: str) -> Iterator[Packed]:
    """The members whose names are wanted; damage found while it is open is told as the file's.

    :raises ConversionError: it is damaged, locked, or unpacks to too much
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [item for item in archive.infolist() if wanted(item.filename) and not item.is_dir()]
            check_members(members, name, called="files of messages", content="messages")
            yield Packed(archive, members)
    except ZIP_DAMAGE as exc:
        raise ConversionError(f"{name} is a damaged or locked archive ({exc})") from exc
