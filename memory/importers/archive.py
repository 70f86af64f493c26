"""A ZIP archive becomes the documents of its members. Nothing is unpacked to disk, and members are read one at a time.

Reading ends before the time of the whole file does, so that what was read is kept; pictures are read last.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath

from memory.importers.members import Listing, Member, list_members
from memory.importers.note_blocks import resolved, texts_of
from memory.importers.note_names import is_note
from memory.importers.package import ZIP_DAMAGE
from memory.importers.records import Conversion, ConversionError, ExtractedDocument, SourceFile
from memory.importers.sniff import refuse_unsupported
from memory.importers.within import Convert, Within

_SLOW = (".pdf", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp")
"""Recognising text in one picture takes as long as reading a hundred notes."""
_HEAD = 4096
"""Bytes that tell a recording from a document, before the rest is unpacked."""


def read_archive(data: bytes, file: SourceFile, convert: Convert) -> Conversion:
    """The documents of all members that can be read; ``part`` of each is its path in the archive.

    :param convert: reads a member
    :raises ConversionError: it is damaged, made to do harm, or none of its members can be read
    """
    within = Within(file, convert)
    documents: list[ExtractedDocument] = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            listing = list_members(archive.infolist(), file.name)
            file.allowance.take_members(file.name, len(listing.members))
            for problem in listing.problems:
                within.refuse(problem)
            texts = _block_texts(archive, listing, file.recogniser.time_left)
            for member in _quick_first(listing.members):
                documents += within.read(member.name, _loader(archive, member, texts))
    except ZIP_DAMAGE as exc:
        raise ConversionError(f"{file.name} is a damaged ZIP archive ({exc})") from exc
    warnings = within.warnings("files")
    if not documents:
        raise ConversionError("; ".join((f"{file.name} holds nothing that can be imported", *warnings)))
    return Conversion(tuple(documents), warnings)


def _loader(archive: zipfile.ZipFile, member: Member, texts: dict[str, str]) -> Callable[[], bytes]:
    """Unpacks a member when it is called, a note with its references to other notes resolved."""

    def load() -> bytes:
        data = _unpacked(archive, member)
        return resolved(data, texts) if is_note(member.name) else data

    return load


def _unpacked(archive: zipfile.ZipFile, member: Member) -> bytes:
    """The bytes of a member.

    :raises UnsupportedFormat: its first bytes show that it is of a kind that is not imported
    :raises ConversionError: it is damaged
    """
    try:
        with archive.open(member.info) as stream:
            head = stream.read(_HEAD)
            refuse_unsupported(head, member.name)
            return head + stream.read()
    except (*ZIP_DAMAGE, KeyError) as exc:
        raise ConversionError(f"{member.name} is damaged ({exc})") from exc


def _block_texts(archive: zipfile.ZipFile, listing: Listing, time_left: Callable[[], float]) -> dict[str, str]:
    """Named blocks of all its notes: a reference often leads to another page."""
    texts: dict[str, str] = {}
    for member in listing.members:
        if is_note(member.name) and time_left() > 0:
            texts |= _block_texts_of(archive, member)
    return texts


def _block_texts_of(archive: zipfile.ZipFile, member: Member) -> dict[str, str]:
    try:
        data = archive.read(member.info)
    except (*ZIP_DAMAGE, KeyError):  # told when the member itself is read
        return {}
    return texts_of(data, PurePath(member.name).stem)


def _quick_first(members: Sequence[Member]) -> Iterator[Member]:
    yield from sorted(members, key=lambda member: member.name.lower().endswith(_SLOW))
