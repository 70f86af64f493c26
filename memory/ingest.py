"""Files become documents that search finds: each whole or not at all, each with a receipt.

A document's text, words and vectors are stored in one transaction, so a crash at any moment leaves all or none of it.
The next files are read and converted while the model embeds, and what it embedded before is stored: it waits for
nobody. Small documents are embedded together, as a model is fed badly by one note at a time. Original files are not
kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memory.chunking import embedded_text
from memory.config import ImportConfig
from memory.embedding import Embedder
from memory.facts.store import learn_document, relearn_document
from memory.importers.converter import Converter
from memory.importers.note_folder import NoteFolder
from memory.importers.walk import FoundFile, find_files
from memory.preparing import ImportOptions, Known, Part, Prepared, Preparer, Ready, Request, match_speaker, not_among
from memory.records import Document, Receipt
from memory.store import Store

__all__ = ["ImportOptions", "Ingestor", "OnProgress"]

_AHEAD = 64
"""Files converted before their turn: enough short notes to fill the embedder's calls."""
_EMBEDDED_AT_ONCE = 256
"""Passages given to the embedder in one call: several batches, so that it can put texts of a length together."""

Vectors = NDArray[np.float32]
OnProgress = Callable[[float, int], None]
"""Files embedded (the last perhaps in part) and files in all."""


class Ingestor:
    """Imports files and uploads into a store."""

    def __init__(self, store: Store, embedder: Embedder, config: ImportConfig) -> None:
        self._store = store
        self._embedder = embedder
        self._config = config

    def import_paths(
        self,
        paths: Iterable[Path],
        *,
        user_id: int,
        options: ImportOptions | None = None,
        on_progress: OnProgress | None = None,
    ) -> Iterator[Receipt]:
        """One receipt a file, in order of path; what was imported stays when the caller stops in the middle.

        :raises FamiliarError: the store can't be written, which is no file's fault and ends the import
        """
        request = Request(user_id, options or ImportOptions())
        found = list(find_files(paths))
        report = on_progress or _ignore
        report(0, len(found))
        with Converter(self._config) as converter, _one_thread(converter) as pool, _writing() as writer:
            notes = NoteFolder(file.source for file in found if isinstance(file, FoundFile))
            preparer = Preparer(self._store, self._embedder, self._config, converter, notes=notes)
            waiting = (lambda file=file: preparer.prepare_file(file, request) for file in found)
            written: list[Future[Receipt]] = []
            done = 0
            for group in _groups(pool, waiting):
                vectors = self._embedded(group, partial(_step, report, len(found), done, len(group)))
                done += len(group)
                yield from (receipt.result() for receipt in written)
                written = [writer.submit(self._finish, item, own, request) for item, own in _shared(group, vectors)]
            yield from (receipt.result() for receipt in written)

    def import_bytes(self, name: str, data: bytes, *, user_id: int, options: ImportOptions | None = None) -> Receipt:
        """Import an upload; an earlier one of the same name with other content is replaced.

        :raises FamiliarError: the store can't be written
        """
        request = Request(user_id, options or ImportOptions())
        with Converter(self._config) as converter:
            preparer = Preparer(self._store, self._embedder, self._config, converter)
            prepared = preparer.prepare_upload(name, data, request)
        return self._finish(prepared, self._embedded([prepared], _ignore), request)

    def _embedded(self, group: Sequence[Prepared], report: Callable[[float], None]) -> Vectors:
        """The vectors (n, d) of all passages of a group; the share of it that is done is reported on the way."""
        texts = [text for item in group for text in _texts(item)]
        # without texts the model is not asked for its dimensions: a folder of known files must not load it
        vectors = np.zeros((len(texts), self._embedder.dimensions if texts else 0), np.float32)
        for start in range(0, len(texts), _EMBEDDED_AT_ONCE):
            end = min(start + _EMBEDDED_AT_ONCE, len(texts))
            vectors[start:end] = self._embedder.embed_passages(texts[start:end])
            report(end / len(texts))
        if not texts:
            report(1.0)
        return vectors

    def _finish(self, item: Prepared, vectors: Vectors, request: Request) -> Receipt:
        if isinstance(item, Receipt):
            return item
        with self._store.transaction():
            if isinstance(item, Known):
                return self._recognised(item, request)
            return self._stored(item, vectors, request)

    def _stored(self, item: Ready, vectors: Vectors, request: Request) -> Receipt:
        new: list[Document] = []
        known: list[Document] = []
        notes = dict.fromkeys(item.warnings)
        for part in item.parts:
            own, vectors = np.split(vectors, [len(part.passages)])
            # stored since the file was read: by its twin in the same folder, or by another process
            twin = self._store.document_by(user_id=part.user_id, sha256=part.document.sha256)
            older = self._store.document_by(user_id=part.user_id, source=part.document.source)
            if twin is not None:
                known.append(twin)
                continue
            new.append(self._add(part, own, older))
            if older is not None:
                notes["it replaces the version imported before"] = None
        if not new:
            first = Known(item.path, item.parts[0].document.source, known[0])
            return self._recognised(first, request, others=known[1:])
        notes |= dict.fromkeys(self._renamed(known, request.options))
        return Receipt(item.path, "indexed", new[0].id, sum(each.chunks for each in new), "; ".join(notes) or None)

    def _add(self, part: Part, vectors: Vectors, older: Document | None) -> Document:
        document = part.document
        if older is not None:  # who is who was said when the file was first imported, and holds on
            me, learn_from = document.me or older.me, document.learn_from or older.learn_from
            document = replace(document, replaces=older.id, me=me, learn_from=learn_from)
        stored = self._store.add_document(
            document, part.passages, vectors, user_id=part.user_id, embedder=self._embedder.key
        )
        learn_document(self._store, stored.id, user_id=part.user_id)
        return stored

    def _recognised(self, item: Known, request: Request, *, others: Sequence[Document] = ()) -> Receipt:
        """A duplicate: what the user says of its speakers is taken over; an outdated version of the file goes."""
        known = item.document
        notes = ["imported before, unchanged" if known.source == item.source else f"same content as {known.source}"]
        older = self._store.document_by(user_id=known.user_id, source=item.source)
        if older is not None and older.id != known.id:
            self._store.delete_document(older.id, user_id=known.user_id)
            notes.append("the version of this file imported before is gone")
        notes += self._renamed([known, *others], request.options)
        return Receipt(item.path, "duplicate", known.id, known.chunks, "; ".join(notes))

    def _renamed(self, known: Sequence[Document], options: ImportOptions) -> list[str]:
        """Notes on what the user says of the speakers of stored dialogues, once it is taken over."""
        changes: dict[str, None] = {}
        everybody: dict[str, None] = {}
        for document in known if options.me is not None or options.learn_from is not None else ():
            names = self._speakers(document)
            everybody |= dict.fromkeys(names)
            me = match_speaker(options.me, names) or document.me
            learn_from = match_speaker(options.learn_from, names) or document.learn_from
            if (me, learn_from) != (document.me, document.learn_from):
                with self._store.transaction():
                    self._store.set_speakers(document.id, user_id=document.user_id, me=me, learn_from=learn_from)
                    relearn_document(self._store, document.id, user_id=document.user_id)
                changes[f"now yours: {me or 'nobody'}, learned from: {learn_from or 'nobody'}"] = None
        return [*not_among(options, list(everybody)), *changes]

    def _speakers(self, document: Document) -> list[str]:
        rows = self._store.rows(
            "SELECT speaker FROM chunks WHERE document_id = ? AND user_id = ? AND speaker IS NOT NULL"
            " GROUP BY speaker ORDER BY min(position)",
            (document.id, document.user_id),
        )
        return [row["speaker"] for row in rows]


def _ignore(*numbers: float) -> None:
    del numbers


def _step(report: OnProgress, total: int, before: int, size: int, share: float) -> None:
    report(before + share * size, total)


def _shared(group: Sequence[Prepared], vectors: Vectors) -> Iterator[tuple[Prepared, Vectors]]:
    """Each of a group with its own vectors."""
    for item in group:
        own, vectors = np.split(vectors, [_size(item)])
        yield item, own


def _texts(item: Prepared) -> list[str]:
    if not isinstance(item, Ready):
        return []
    return [embedded_text(passage, title=part.document.title) for part in item.parts for passage in part.passages]


def _size(item: Prepared) -> int:
    return sum(len(part.passages) for part in item.parts) if isinstance(item, Ready) else 0


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
    """Prepared files in order: as many as are ready, up to a good mouthful for the embedder."""
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
        group.append(ahead.popleft().result())
        passages += _size(group[-1])
