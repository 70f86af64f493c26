"""Which files an import takes: those below the folders that were named, and nothing that a link inside them points to.

A link in a folder may lead anywhere (`notes/escape.md` -> `~/.ssh/id_rsa`), so links are never followed there; a link
that the user names is. What is passed over gets a receipt that says why: hidden, what editors leave behind, what the
folder's own ignore files name, and the home of this program, which an import changes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from memory.importers.ignoring import IGNORE_FILES, Rules
from memory.importers.records import ConversionError, UnreadableFile, UnsupportedFormat
from memory.importers.sniff import refuse_unsupported
from memory.records import Receipt

_HEAD = 4096
_OWN = "Familiar's own folder"


@dataclass(frozen=True)
class FoundFile:
    """A file to import."""

    path: Path
    """As it is reached from what the user named; receipts show it."""
    source: str
    """Its real absolute path."""
    named: bool = False
    """The user named the file itself, not a folder around it."""


def find_files(paths: Iterable[Path], *, without: Path | None = None) -> Iterator[FoundFile | Receipt]:
    """Files in order of name, each once; receipts for what is passed over or can't be listed.

    :param without: a folder that is passed over wherever it lies
    """
    seen: set[str] = set()
    walk = _Walk(str(without.resolve()) if without is not None else None)
    for path in paths:
        for found in walk.below(path.expanduser()):
            if isinstance(found, FoundFile):
                if found.source in seen:
                    continue
                seen.add(found.source)
            yield found


@dataclass(frozen=True)
class _Walk:
    without: str | None

    def below(self, named: Path) -> Iterator[FoundFile | Receipt]:
        """What a path that the user named stands for."""
        try:
            real = named.resolve(strict=True)
        except (OSError, RuntimeError, ValueError):  # RuntimeError: a link to itself
            reason = "a link to nothing" if named.is_symlink() else "there is no such file or folder"
            yield Receipt(shown(named), "failed", reason=reason)
            return
        if str(real) == self.without:
            yield Receipt(shown(named), "skipped", reason=_OWN)
        elif real.is_dir():
            yield from self._folder(named, real, Rules())
        else:
            problem = _name_problem(str(real))
            yield (
                Receipt(shown(named), "failed", reason=problem) if problem else FoundFile(named, str(real), named=True)
            )

    def _folder(self, named: Path, real: Path, outer: Rules) -> Iterator[FoundFile | Receipt]:
        try:
            entries = sorted(os.scandir(real), key=lambda entry: entry.name)
        except OSError as exc:
            yield Receipt(shown(named), "failed", reason=f"the folder can't be read: {exc.strerror}")
            return
        rules = outer.within(real) if any(entry.name in IGNORE_FILES for entry in entries) else outer
        for entry in entries:
            path = named / entry.name
            problem, reason = _name_problem(entry.path), self._passed_over(entry, rules)
            if reason is not None:
                yield Receipt(shown(path), "skipped", reason=reason)
            elif problem is not None:
                yield Receipt(shown(path), "failed", reason=problem)
            elif entry.is_dir():
                yield from self._folder(path, real / entry.name, rules)
            else:
                yield FoundFile(path, entry.path)

    def _passed_over(self, entry: os.DirEntry[str], rules: Rules) -> str | None:
        if entry.name.startswith((".", "~$")):
            return "hidden"
        if entry.is_symlink() or os.path.realpath(entry.path) != entry.path:  # the latter: a Windows junction
            return "a link, which may lead out of the folder; name its target"
        if entry.path == self.without:
            return _OWN
        if entry.name.endswith("~") or (entry.name.startswith("#") and entry.name.endswith("#")):
            return "an editor's copy of another file"
        return rules.reason(entry.path, is_folder=entry.is_dir())


def shown(path: Path) -> str:
    """A path as text that can be stored and printed, whatever bytes its name has."""
    return os.fsencode(path).decode("utf-8", errors="replace")


def _name_problem(path: str) -> str | None:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return "its name is no UTF-8 text; rename it"
    return None


def read_file(file: FoundFile, *, max_mb: int) -> bytes:
    """The bytes of a file that can be imported.

    :raises UnsupportedFormat: it is empty, no regular file or of a kind known from its first bytes
    :raises UnreadableFile: it can't be read
    :raises ConversionError: it is too large
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
        raise UnreadableFile(f"{name} can't be read: {exc.strerror or exc}") from exc


def check_size(size: int, name: str, *, max_mb: int) -> None:
    """Refuse what is over the configured size.

    :raises ConversionError: ``size`` in bytes is over ``max_mb``
    """
    if size > max_mb * 1_000_000:
        raise ConversionError(f"{name} has {size / 1e6:.0f} MB; [import] max_file_mb is {max_mb}")
