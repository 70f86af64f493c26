"""Folders followed until the caller stops: what changes, moves or goes on disk does so in memory, once it has settled.

Each round looks at all files of the folders, so that nothing depends on which events a system reports; events only say
when to look. A file that is being written is left until it stays as it is, and one that is missing for a moment, as
when an editor saves by renaming, is not gone. A deletion is believed where the folder itself is there, holds files
still and lies on the disk where the file lay: what is only unplugged or renamed as a whole costs no memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from memory.errors import FamiliarError
from memory.files import Files, ImportedFile, is_gone, look
from memory.importers.walk import FoundFile, find_files, shown
from memory.ingest import GoOn, Ingestor, OnProgress
from memory.preparing import Request, is_of
from memory.records import Receipt
from memory.store import Store
from memory.storing import Writer

_SETTLE_SECONDS = 1.0
"""How long a file must stay as it is before it is read."""

Identity = tuple[int, int, int] | None


class Changes(Protocol):
    """What knows when a look is worth while."""

    def wait(self, at_most: float | None, go_on: GoOn) -> None:
        """Return when something may have changed, after so many seconds, or soon after ``go_on`` says no.

        :param at_most: None: as long as it may take until the next change is looked for
        """
        ...


@dataclass(frozen=True)
class Gone:
    """Imported files that are not on disk any more."""

    files: tuple[ImportedFile, ...] = ()
    """Surely deleted."""
    doubts: tuple[str, ...] = ()
    """Why others, which are not there either, are not taken for deleted."""


def find_gone(store: Store, paths: Sequence[Path], *, user_id: int) -> Gone:
    """Which of the files imported from these folders have been deleted since; those that moved are known by now."""
    files: dict[str, ImportedFile] = {}
    doubts: list[str] = []
    doubted: set[str] = set()
    for named in paths:
        root = named.expanduser().resolve()
        below = Files(store).below(str(root), user_id=user_id)
        missing = [file for file in below if is_gone(file.path)]
        doubt = _doubt(root, len(missing), len(below)) if missing else None
        devices = {folder: _device(folder) for folder in {os.path.dirname(file.path) for file in missing}}
        away = {file.path for file in missing if devices[os.path.dirname(file.path)] != file.state.device}
        if doubt is None and away:
            doubt = f"{len(away)} files below {root} lay on a disk that is not there now; they stay in memory"
        doubts += [doubt] if doubt is not None else []
        if missing and _doubt(root, len(missing), len(below)):  # asked again: it may have been unplugged meanwhile
            away = {file.path for file in missing}
        files |= {file.path: file for file in missing}
        doubted |= away
    return Gone(tuple(file for path, file in files.items() if path not in doubted), tuple(doubts))


def _doubt(root: Path, missing: int, imported: int) -> str | None:
    what = f"what was imported from it ({imported} files) stays in memory"
    try:
        if not root.is_dir():
            return f"{root} is not there: {what}"
        if missing == imported and all(name.startswith(".") for name in os.listdir(root)):
            return f"{root} is empty: {what}; `familiar forget` removes it"
    except OSError as exc:
        return f"{root} can't be looked at ({exc.strerror}): {what}"
    return None


def _device(folder: str) -> int | None:
    """The disk of a folder, or of the nearest one around it that is there."""
    for path in (Path(folder), *Path(folder).parents):
        state = look(str(path))
        if state is not None:
            return state.device
    return None


@dataclass(frozen=True)
class Followed:
    """What is followed, and for whom."""

    paths: tuple[Path, ...]
    request: Request


class Follower:
    """Imports folders and keeps memory as they are.

    :param ingestor: called in each round, since another embedder may serve by then
    :param forget: erases documents whose files are gone
    :param tell: is told why missing files are not taken for deleted, once each
    """

    def __init__(
        self,
        store: Store,
        followed: Followed,
        *,
        ingestor: Callable[[], Ingestor],
        forget: Callable[[Sequence[int]], None],
        tell: Callable[[str], None],
        settle_seconds: float = _SETTLE_SECONDS,
    ) -> None:
        self._store = store
        self._files = Files(store)
        self._followed = followed
        self._ingestor = ingestor
        self._forget = forget
        self._tell = tell
        self._settle_seconds = settle_seconds
        self._told: set[str] = set()
        self._done: dict[str, Identity] = {}
        """How each file was when it was last imported."""
        self._last: dict[str, Identity] = {}
        """How each file was at the last look."""

    def start(self, *, on_progress: OnProgress | None = None, go_on: GoOn) -> Iterator[Receipt]:
        """Import everything, with one receipt a file, then remove what is gone."""
        found = self._walk()
        self._done = self._last = _identities(found)
        yield from self._ingestor().import_files(found, self._followed.request, on_progress=on_progress, go_on=go_on)
        if go_on():
            yield from self._remove()

    def follow(self, changes: Changes, *, go_on: GoOn) -> Iterator[Receipt]:
        """Receipts of what changes, as it does, until ``go_on`` says no."""
        settled = False  # something may have changed while all was imported
        while go_on():
            changes.wait(None if settled else self._settle_seconds, go_on)
            if not go_on():
                return
            found = self._walk()
            now, before = _identities(found), self._last
            self._last = now
            ready = [file for file in _files(found) if self._is_ready(file.source, now, before)]
            yield from self._import(ready, found, now, go_on)
            lost = self._done.keys() - now.keys()
            if go_on() and lost - before.keys():  # they were missing the last time as well
                if any(is_gone(source) for source in lost):  # and not only passed over now
                    yield from self._remove(but=lost & before.keys())
                self._let_go(lost - before.keys())
            settled = now == before and not lost & before.keys()

    def _let_go(self, lost: Collection[str]) -> None:
        """No longer miss files of which nothing is noted any more; the others are looked for again."""
        user_id = self._followed.request.user_id
        for source in lost:
            if self._files.at(source, user_id=user_id) is None:
                del self._done[source]

    def _is_ready(self, source: str, now: Mapping[str, Identity], before: Mapping[str, Identity]) -> bool:
        """Whether a file has changed since it was imported, and not since the last look."""
        state = now[source]
        return state is not None and state != self._done.get(source) and state == before.get(source)

    def _import(
        self, ready: Sequence[FoundFile], found: Sequence[FoundFile | Receipt], now: Mapping[str, Identity], go_on: GoOn
    ) -> Iterator[Receipt]:
        if ready:
            yield from self._ingestor().import_files(ready, self._followed.request, among=_files(found), go_on=go_on)
            if go_on():
                self._done |= {file.source: now[file.source] for file in ready}

    def _walk(self) -> list[FoundFile | Receipt]:
        return list(find_files(self._followed.paths, without=self._store.path.parent))

    def _remove(self, *, but: Collection[str] = ()) -> Iterator[Receipt]:
        """Erase what was imported from files that are gone.

        :param but: missing for a moment only, as far as is known
        """
        user_id = self._followed.request.user_id
        gone = find_gone(self._store, self._followed.paths, user_id=user_id)
        for doubt in gone.doubts:
            self._tell_once(doubt)
        files = [file for file in gone.files if file.path not in but]
        deleted = {file.path for file in files}
        lost = {file.path: self._documents_lost(file, deleted) for file in files}
        try:
            if any(lost.values()):
                self._forget([id_ for ids in lost.values() for id_ in ids])
        except FamiliarError as exc:  # erased, but bytes stay where another process is reading, for instance
            self._tell_once(str(exc))
        left = {document.id for document in self._store.documents(user_id=user_id)}
        for file in files:
            if not left & set(lost[file.path]):
                self._files.drop(file.path, user_id=user_id)
                reason = "its file is gone" if lost[file.path] else "its file is gone; nothing is stored of it alone"
                yield Receipt(self._shown(file.path), "removed", next(iter(lost[file.path]), None), reason=reason)

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._tell(text)
            self._told.add(text)

    def _documents_lost(self, file: ImportedFile, deleted: Collection[str]) -> list[int]:
        """The documents of a deleted file, without those that pass to another file with the same content."""
        writer = Writer(self._store, embedder="")
        with self._store.transaction():
            documents = self._store.documents_by_id(file.documents, user_id=self._followed.request.user_id)
            own = [each for each in documents if is_of(each.source, file.path)]
            return [each.id for each in own if not writer.pass_on(each, deleted=deleted)]

    def _shown(self, path: str) -> str:
        """A path as the user named the folder around it."""
        for named in self._followed.paths:
            root = named.expanduser().resolve()
            if Path(path).is_relative_to(root):
                return shown(named / Path(path).relative_to(root))
        return path


def _files(found: Sequence[FoundFile | Receipt]) -> list[FoundFile]:
    return [file for file in found if isinstance(file, FoundFile)]


def _identities(found: Sequence[FoundFile | Receipt]) -> dict[str, Identity]:
    states = {file.source: look(file.source) for file in _files(found)}
    return {source: state.identity if state is not None else None for source, state in states.items()}
