"""Beginnings of prompts kept on disk, so that the first turn after a start does not wait for a cold one.

They hold what people wrote: the files are their owner's alone, and whatever is forgotten, all of them are deleted, in
the transaction that forgets. A process that still has a beginning in memory then must not write it again, so each
erasure leaves a new mark, and what was kept under another mark is dropped. A file is valid for one model, adapter,
number format and version of the libraries; those of others are deleted at the first look, the oldest where room ends.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bot.engines.prefix import PrefixKey
from memory.errors import FamiliarError

FOLDER = "beginnings"
"""Below the home."""
_MARK, _LOCK = "mark", ".lock"
_ENDING = ".safetensors"


class SavedPrefixes:
    """The files of one home for one model.

    :param folder: made where it is missing
    :param valid_for: all on which keys and values depend besides tokens and adapter
    :param most_mb: most room for all files
    :param mark: what `mark_of` gave before any prompt was there; empty: none is
    :raises FamiliarError: the folder can't be written
    """

    def __init__(self, folder: Path, *, valid_for: str, most_mb: int, mark: str = "") -> None:
        self._folder = folder
        self._model = _hash(valid_for)
        self._most = most_mb * 2**20
        self._mark = mark or mark_of(folder, most_mb=most_mb)
        with _locked(folder):
            for file in _files(folder):
                if not file.name.startswith(self._model):
                    file.unlink(missing_ok=True)

    def read(self, key: PrefixKey) -> bytes | None:
        """What is kept under a key."""
        file = self._file(key)
        try:
            content = file.read_bytes()
            os.utime(file)
        except OSError:
            return None
        return content

    def write(self, key: PrefixKey, content: bytes) -> None:
        """Keep it, unless something was erased since; the files used longest ago make room.

        :raises FamiliarError: it can't be written
        """
        if len(content) > self._most:
            return
        with _locked(self._folder):
            if self._mark and _read_mark(self._folder) == self._mark:
                _write_private(self._file(key), content)
                self._make_room()

    def forgotten(self) -> bool:
        """Whether something was erased since the last call."""
        before, self._mark = self._mark, _read_mark(self._folder)
        return before != self._mark

    def _file(self, key: PrefixKey) -> Path:
        return self._folder / f"{self._model}-{_hash(repr(key))}{_ENDING}"

    def _make_room(self) -> None:
        files = sorted(_files(self._folder), key=lambda file: file.stat().st_mtime)
        total = sum(file.stat().st_size for file in files)
        for oldest in files:
            if total <= self._most:
                break
            total -= oldest.stat().st_size
            oldest.unlink()


def mark_of(folder: Path | None, *, most_mb: int) -> str:
    """What the next erasure changes, made where it is missing; empty where nothing is kept.

    Asked for when an engine is opened: a prompt may hold what is erased while the model is read for it.

    :raises FamiliarError: the folder can't be written
    """
    if folder is None or most_mb <= 0:
        return ""
    with _locked(folder):
        if not _read_mark(folder):
            _new_mark(folder)
        return _read_mark(folder)


def saved_prefixes(folder: Path | None, *, valid_for: str, most_mb: int, mark: str = "") -> SavedPrefixes | None:
    """The files of a folder, or none where there is none or no room is given; what lies there then is deleted.

    :raises FamiliarError: the folder can't be written
    """
    if folder is None:
        return None
    if most_mb <= 0:
        PrefixEraser(folder).sweep()
        return None
    return SavedPrefixes(folder, valid_for=valid_for, most_mb=most_mb, mark=mark)


class PrefixEraser:
    """Deletes all kept beginnings of a home; an Eraser of memory.erasure.

    :param folder: as of `SavedPrefixes`
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def erase(self, *, user_id: int, turn_ids: Sequence[int], document_ids: Sequence[int]) -> None:
        """Delete them, whoever's they are: a shared page stands in prompts of all. They are only worth some seconds.

        :raises FamiliarError: they can't be deleted
        """
        del user_id, turn_ids, document_ids
        self.sweep()

    def sweep(self) -> None:
        """Delete them all, and have no process write what it holds.

        :raises FamiliarError: they can't be deleted
        """
        if self._folder.is_dir():
            with _locked(self._folder):
                _new_mark(self._folder)
                for file in _files(self._folder):
                    file.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if file.suffix in (_ENDING, ".new")]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _read_mark(folder: Path) -> str:
    """Empty where there is none that can be read, as on Windows while it is replaced: no beginning is valid then."""
    with suppress(OSError, ValueError):
        return (folder / _MARK).read_text(encoding="ascii")
    return ""


def _new_mark(folder: Path) -> None:
    _write_private(folder / _MARK, secrets.token_hex(8).encode())


def _write_private(path: Path, content: bytes) -> None:
    """Replace in one step a file that nobody else can read."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    draft.replace(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time writes or deletes.

    :raises FamiliarError: the folder can't be written
    """
    from filelock import FileLock

    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(folder / _LOCK, mode=0o600):
            yield
    except OSError as exc:
        raise FamiliarError(f"{folder} can't be written: {exc.strerror or exc}") from exc
