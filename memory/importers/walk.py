"""Which files an import takes: those below the folders that were named, and nothing that a link inside them points to.

A link in a folder may lead anywhere (`notes/escape.md` -> `~/.ssh/id_rsa`), so links are never followed there; a link
that the user names is. What is passed over gets a receipt that says why.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from memory.importers.records import ConversionError, UnsupportedFormat
from memory.importers.sniff import refuse_unsupported
from memory.records import Receipt

_HEAD = 4096


@dataclass(frozen=True)
class FoundFile:
    """A file to import."""

    path: Path
    """As it is reached from what the user named; receipts show it."""
    source: str
    """Its real absolute path."""


def find_files(paths: Iterable[Path]) -> Iterator[FoundFile | Receipt]:
    """Files in order of name, each once; receipts for what is passed over or can't be listed."""
    seen: set[str] = set()
    for path in paths:
        for found in _below(path.expanduser()):
            if isinstance(found, FoundFile):
                if found.source in seen:
                    continue
                seen.add(found.source)
            yield found


def _below(named: Path) -> Iterator[FoundFile | Receipt]:
    try:
        real = named.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):  # RuntimeError: a link to itself
        reason = "a link to nothing" if named.is_symlink() else "there is no such file or folder"
        yield Receipt(str(named), "failed", reason=reason)
        return
    yield from _folder(named, real) if real.is_dir() else [FoundFile(named, str(real))]


def _folder(shown: Path, real: Path) -> Iterator[FoundFile | Receipt]:
    try:
        entries = sorted(os.scandir(real), key=lambda entry: entry.name)
    except OSError as exc:
        yield Receipt(str(shown), "failed", reason=f"the folder can't be read: {exc.strerror}")
        return
    for entry in entries:
        path = shown / entry.name
        if entry.name.startswith((".", "~$")):
            yield Receipt(str(path), "skipped", reason="hidden")
        elif entry.is_symlink() or os.path.realpath(entry.path) != entry.path:  # the latter: a Windows junction
            yield Receipt(str(path), "skipped", reason="a link, which may lead out of the folder; name its target")
        elif entry.is_dir():
            yield from _folder(path, real / entry.name)
        else:
            yield FoundFile(path, entry.path)


def read_file(file: FoundFile, *, max_mb: int) -> bytes:
    """The bytes of a file that can be imported.

    :raises UnsupportedFormat: it is empty, no regular file or of a kind known from its first bytes
    :raises ConversionError: it can't be read or is too large
    """
    name = file.path.name
    # neither a link put in the file's place since, nor a pipe that nobody writes to, may hold up the import
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(file.source, flags), "rb") as stream:
            state = os.fstat(stream.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise UnsupportedFormat(f"{name} is no regular file")
            if not state.st_size:
                raise UnsupportedFormat(f"{name} is empty")
            head = stream.read(_HEAD)
            refuse_unsupported(head, name)
            check_size(state.st_size, name, max_mb=max_mb)
            return head + stream.read()
    except OSError as exc:
        raise ConversionError(f"{name} can't be read: {exc.strerror or exc}") from exc


def check_size(size: int, name: str, *, max_mb: int) -> None:
    """Refuse what is over the configured size.

    :raises ConversionError: ``size`` in bytes is over ``max_mb``
    """
    if size > max_mb * 1_000_000:
        raise ConversionError(f"{name} has {size / 1e6:.0f} MB; [import] max_file_mb is {max_mb}")
