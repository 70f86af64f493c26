"""Files become documents that search finds: each whole or not at all, each with a receipt.

A document's text, words and vectors are stored in one transaction, so a crash at any moment leaves all or none of it.
The next files are read and converted while the model embeds, and what it embedded before is stored: it waits for
nobody. Small documents are embedded together, as a model is fed badly by one note at a time, and of a new version only
passages that changed. Original files are not kept.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memory.chunking import embedded_text
from memory.config import ImportConfig
from memory.counters import count
from memory.embedding import Embedder
from memory.importers.converter import Converter
from memory.importers.note_folder import NoteFolder
from memory.importers.walk import FoundFile, find_files
from memory.preparing import ImportOptions, Part, Prepared, Preparer, Ready, Request
from memory.records import Receipt
from memory.store import Store
from memory.storing import Writer
from memory.versions import EMBEDDED, stored_vectors

__all__ = ["GoOn", "ImportOptions", "Ingestor", "OnProgress", "Request"]

_AHEAD = 64
"""Files converted before their turn: enough short notes to fill the embedder's calls."""
_EMBEDDED_AT_ONCE = 256
"""Passages given to the embedder in one call: several batches, so that it can put texts of a length together."""

Vectors = NDArray[np.float32]
OnProgress = Callable[[float, int], None]
"""Files embedded (the last perhaps in part) and files in all."""
GoOn = Callable[[], bool]
"""Asked between two batches: False ends the import. It may wait before it answers; meanwhile the batch before is
stored, so that who stops the whole process does so within `Store.quiet`."""


class Ingestor:
    """Imports files and uploads into a store."""

    def __init__(self, store: Store, embedder: Embedder, config: ImportConfig) -> None:
        self._store = store
        self._embedder = embedder
        self._config = config
        self._writer = Writer(store, embedder=embedder.key)

    def import_paths(
        self,
        paths: Iterable[Path],
        *,
        user_id: int,
        options: ImportOptions | None = None,
        on_progress: OnProgress | None = None,
        go_on: GoOn | None = None,
    ) -> Iterator[Receipt]:
        """One receipt a file, in order of path; what was imported stays when the caller stops in the middle.

        :raises FamiliarError: the store can't be written, which is no file's fault and ends the import
        """
        found = list(find_files(paths, without=self.home))
        request = Request(user_id, options or ImportOptions())
        yield from self.import_files(found, request, on_progress=on_progress, go_on=go_on)

    @property
    def home(self) -> Path:
        """The folder that every import changes, and which none can take in."""
        return self._store.path.parent

    def import_files(
        self,
        found: Sequence[FoundFile | Receipt],
        request: Request,
        *,
        among: Iterable[FoundFile] = (),
        on_progress: OnProgress | None = None,
        go_on: GoOn | None = None,
    ) -> Iterator[Receipt]:
        """The same for files that a walk has found.

        :param among: more files of the same folder, in whose notes blocks are looked up
        """
        report, go_on = on_progress or _ignore, go_on or _always
        report(0, len(found))
        notes = NoteFolder(file.source for file in (*found, *among) if isinstance(file, FoundFile))
        with Converter(self._config) as converter, _one_thread(converter) as pool, _writing() as writer:
            preparer = Preparer(self._store, self._embedder, self._config, converter, notes=notes)
            waiting = (partial(preparer.prepare_file, file, request) for file in found)
            again = partial(self._again, pool, preparer, request)
            written: list[tuple[FoundFile | Receipt, Future[Receipt | None]]] = []
            done = 0
            for group in _groups(pool, waiting):
                try:
                    vectors = self._embedded(group, partial(_step, report, len(found), done, len(group)), go_on)
                except _Stopped:
                    yield from (receipt for _, future in written if (receipt := future.result()) is not None)
                    return
                yield from (future.result() or again(file) for file, future in written)
                files, done = found[done : done + len(group)], done + len(group)
                written = [
                    (file, writer.submit(self._writer.finish, item, own, request))
                    for file, (item, own) in zip(files, _shared(group, vectors), strict=True)
                ]
            yield from (future.result() or again(file) for file, future in written)

    def import_bytes(
        self,
        name: str,
        data: bytes,
        *,
        user_id: int,
        options: ImportOptions | None = None,
        on_share: Callable[[float], None] | None = None,
    ) -> Receipt:
        """Import an upload; an earlier one of the same name with other content is replaced.

        :param on_share: told which share of its passages is embedded
        :raises FamiliarError: the store can't be written
        """
        request = Request(user_id, options or ImportOptions())
        with Converter(self._config) as converter:
            preparer = Preparer(self._store, self._embedder, self._config, converter)
            prepare = partial(preparer.prepare_upload, name, data, request)
            receipt = self._until_stored(prepare, request, on_share or _ignore)
        count(self._store, "imports", receipt.status)
        return receipt

    def _again(
        self, pool: ThreadPoolExecutor, preparer: Preparer, request: Request, file: FoundFile | Receipt
    ) -> Receipt:
        """The receipt of a file of which something else had become before its turn to be stored."""
        return self._until_stored(lambda: pool.submit(preparer.prepare_file, file, request).result(), request)

    def _until_stored(
        self, prepare: Callable[[], Prepared], request: Request, report: Callable[[float], None] = lambda _: None
    ) -> Receipt:
        """Prepare and store a file, anew as long as what it was known by changes in between."""
        while True:
            item = prepare()
            receipt = self._writer.finish(item, self._embedded([item], report, _always), request)
            if receipt is not None:
                return receipt

    def _embedded(self, group: Sequence[Prepared], report: Callable[[float], None], go_on: GoOn) -> Vectors:
        """The vectors (n, d) of all passages of a group; the share of it that is done is reported on the way.

        :raises _Stopped: it must not go on; nothing of the group is stored then
        """
        _keep_on(go_on)
        replaced = [id_ for item in group if isinstance(item.outcome, Ready) for id_ in item.outcome.replaces]
        # asked only where something is replaced: the store is busy with the group before
        rows = self._store.rows(EMBEDDED, (json.dumps(replaced), self._embedder.key)) if replaced else []
        known = stored_vectors(rows)
        texts = [text for item in group for text in _texts(item)]
        new = [text for text in dict.fromkeys(texts) if text not in known]
        for start in range(0, len(new), _EMBEDDED_AT_ONCE):
            _keep_on(go_on)
            batch = new[start : start + _EMBEDDED_AT_ONCE]
            known |= zip(batch, self._embedder.embed_passages(batch), strict=True)
            report(min(1.0, (start + _EMBEDDED_AT_ONCE) / len(new)))
        if not new:
            report(1.0)
        # without texts the model is not asked for its dimensions: a folder of known files must not load it
        return np.stack([known[text] for text in texts]) if texts else np.zeros((0, 0), np.float32)


def _ignore(*numbers: float) -> None:
    del numbers


def _step(report: OnProgress, total: int, before: int, size: int, share: float) -> None:
    report(before + share * size, total)


def _shared(group: Sequence[Prepared], vectors: Vectors) -> Iterator[tuple[Prepared, Vectors]]:
    """Each of a group with its own vectors."""
    for item in group:
        own, vectors = np.split(vectors, [_size(item)])
        yield item, own


class _Stopped(Exception):
    """The caller wants no more."""


def _keep_on(go_on: GoOn) -> None:
    if not go_on():
        raise _Stopped


def _always() -> bool:
    return True


def _parts(item: Prepared) -> tuple[Part, ...]:
    return item.outcome.parts if isinstance(item.outcome, Ready) else ()


def _texts(item: Prepared) -> list[str]:
    return [embedded_text(passage, title=part.document.title) for part in _parts(item) for passage in part.passages]


def _size(item: Prepared) -> int:
    return sum(len(part.passages) for part in _parts(item))


@contextmanager
def _one_thread(converter: Converter) -> Iterator[ThreadPoolExecutor]:
    """A thread that prepares files; on leaving, what it has not begun is dropped and what it is doing is cut short."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="convert")
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        converter.close()
        pool.shutdown(wait=True)


@contextmanager
def _writing() -> Iterator[ThreadPoolExecutor]:
    """A thread that stores documents; on leaving, the one it is at is finished and the others are dropped."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="store")
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _groups(pool: ThreadPoolExecutor, waiting: Iterator[Callable[[], Prepared]]) -> Iterator[list[Prepared]]:
    """Prepared files in order: as many as are ready, up to a good mouthful for the embedder.

    A group of none comes before a wait for the next file, as long as that takes: time to tell of those before.
    """
    ahead: deque[Future[Prepared]] = deque()
    group: list[Prepared] = []
    passages = 0
    while True:
        while len(ahead) < _AHEAD and (task := next(waiting, None)) is not None:
            ahead.append(pool.submit(task))
        if group and (not ahead or passages >= _EMBEDDED_AT_ONCE or not ahead[0].done()):
            yield group
            group, passages = [], 0
        if not ahead:
            return
        if not ahead[0].done():
            yield []
        group.append(ahead.popleft().result())
        passages += _size(group[-1])
