"""Which members of a ZIP archive are read, under which names: decided from its directory, before a byte is unpacked.

An archive is written by anyone: names may lead out of a folder, be in any encoding or hide a link; sizes may lie, and
entries may overlap so that a few kilobytes unpack to terabytes. An archive that is made to do harm is refused whole;
what is merely not to be read is left out with a reason.
"""

from __future__ import annotations

import itertools
import re
import stat
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

from memory.importers.cleaning import clean
from memory.importers.encodings import decode_together
from memory.importers.note_names import is_view, unquoted, without_ids
from memory.importers.package import MAX_RATIO
from memory.importers.records import MAX_MEMBERS, MAX_UNPACKED, ConversionError
from memory.importers.within import Names

MAX_MEMBER = 200_000_000
"""Unpacked bytes of one member: what a file of its own may have by default."""
_FREE = 5_000_000
"""Unpacked bytes to which the limit on the ratio doesn't apply."""
_LOCAL_HEADER = 30
"""Bytes before the name of a member, without which no two entries can lie."""

_JUNK = frozenset(("__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db"))
_OLD = re.compile(r"(?:^|/)logseq/(?:(?:bak|version-files)/|[^/]+\.(?:edn|css|js)$)")
"""Where Logseq keeps what was changed and deleted, and its settings."""
_NAME_IS_UTF8 = 0x800
_ENCRYPTED = 0x1
_DRIVE = re.compile(r"^[A-Za-z]:")


@dataclass(frozen=True)
class Member:
    """A file in an archive."""

    name: str
    """Readable and harmless, unique in the archive: no drive, no leading slash, no ``..``."""
    info: zipfile.ZipInfo


@dataclass(frozen=True)
class Listing:
    """What an archive holds."""

    members: tuple[Member, ...]
    problems: tuple[str, ...] = ()
    """Members that can't be read, each with its reason."""


def list_members(infos: Sequence[zipfile.ZipInfo], name: str) -> Listing:
    """Members to read, in the archive's order; folders, hidden files and what systems add are passed over silently.

    :raises ConversionError: the archive is made to do harm
    """
    _refuse_bombs(infos, name)
    members: list[Member] = []
    problems: list[str] = []
    names = Names()
    paths = ["/".join(_harmless(readable)) for readable in _readable_names(infos)]
    known = frozenset(paths)
    for info, path in zip(infos, paths, strict=True):
        if info.is_dir() or not path or _is_junk(path) or is_view(path, known):
            continue
        if reason := _reason_against(info):
            problems.append(f"{path} {reason}")
            continue
        members.append(Member(names.unique(without_ids(path)), info))
    return Listing(tuple(members), tuple(problems))


def _refuse_bombs(infos: Sequence[zipfile.ZipInfo], name: str) -> None:
    if len(infos) > MAX_MEMBERS:
        raise ConversionError(f"{name} has {len(infos)} members; at most {MAX_MEMBERS} are read")
    unpacked = sum(info.file_size for info in infos)
    if unpacked > MAX_UNPACKED:
        limit = MAX_UNPACKED // 1_000_000
        raise ConversionError(f"{name} unpacks to {unpacked // 1_000_000} MB; at most {limit} MB are read")
    ordered = sorted(infos, key=lambda info: info.header_offset)
    for before, after in itertools.pairwise(ordered):
        if before.header_offset + _LOCAL_HEADER + before.compress_size > after.header_offset:
            raise ConversionError(f"{name} has members that overlap; it is made to do harm")


def _reason_against(info: zipfile.ZipInfo) -> str | None:
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link, which may lead anywhere"
    if info.flag_bits & _ENCRYPTED:
        return "is under a password"
    if info.file_size > MAX_MEMBER:
        return f"unpacks to {info.file_size // 1_000_000} MB; at most {MAX_MEMBER // 1_000_000} MB are read"
    if info.file_size > _FREE and info.file_size > MAX_RATIO * info.compress_size:
        return f"unpacks to {info.file_size // max(1, info.compress_size)} times its size; it is made to do harm"
    return None


def _readable_names(infos: Sequence[zipfile.ZipInfo]) -> list[str]:
    """Names in the encoding of the system that packed them; zipfile takes all that aren't marked as UTF-8 for cp437."""
    raw = [None if info.flag_bits & _NAME_IS_UTF8 else _raw_name(info) for info in infos]
    decoded = iter(decode_together([name for name in raw if name is not None]))
    return [info.orig_filename if name is None else next(decoded) for info, name in zip(infos, raw, strict=True)]


def _raw_name(info: zipfile.ZipInfo) -> bytes | None:
    try:
        return info.orig_filename.encode("cp437")
    except UnicodeEncodeError:
        return None


def _harmless(path: str) -> list[str]:
    path = _DRIVE.sub("", clean(path.partition("\0")[0]).replace("\\", "/"))
    pieces = (unquoted(piece).replace("/", "\u2215").strip() for piece in path.split("/"))
    return [part for part in pieces if part not in ("", ".", "..")]


def _is_junk(path: str) -> bool:
    parts = path.split("/")
    return any(part.startswith((".", "~$")) or part.lower() in _JUNK for part in parts) or bool(_OLD.search(path))
