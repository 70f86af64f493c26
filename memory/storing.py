"""What a prepared file becomes in the database: new documents, new versions, or a note that all of it is there.

Each file is one transaction. A document belongs to the file that its source names; files with the same content share
it, and when the first of them changes or goes, it passes to the next.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from memory import ledger
from memory.facts.store import learn_document, learn_passages, relearn_document
from memory.files import Files, ImportedFile, Seen, is_gone
from memory.preparing import (
    ImportOptions,
    Known,
    Part,
    Prepared,
    Ready,
    Request,
    file_of,
    is_of,
    match_speaker,
    not_among,
    older_version,
)
from memory.records import Document, Receipt
from memory.store import Store


class Writer:
    """Stores what an import has prepared.

    :param embedder: key of the embedder that made the vectors
    """

    def __init__(self, store: Store, *, embedder: str) -> None:
        self._store = store
        self._files = Files(store)
        self._embedder = embedder

    def finish(self, item: Prepared, vectors: NDArray[np.float32], request: Request) -> Receipt | None:
        """Store a file with the vectors (n, d) of all its passages.

        :returns: None where a document that the file was known by has changed or gone since, or the user has forgotten
            the same content: nothing is stored, and the file has to be prepared again
        """
        outcome = item.outcome
        if isinstance(outcome, Receipt) and item.seen is None:
            return outcome
        with self._store.transaction():
            documents: list[int] | None = None
            if isinstance(outcome, Known):
                if not self._is_current(outcome):
                    return None
                receipt, documents = self._recognised(outcome, request)
            elif isinstance(outcome, Ready):
                if self._is_forgotten(outcome):
                    return None
                receipt, documents = self._stored(outcome, vectors, request)
            else:
                receipt = outcome
            if item.seen is not None:
                self._remember(item.seen, receipt, documents, user_id=request.user_id)
            return receipt

    def _is_current(self, item: Known) -> bool:
        """Whether the documents are what they were when the file was read: where files change names, one that comes
        before it has put another text in their place, and a user may have forgotten them."""
        found = "SELECT 1 FROM documents WHERE id = ? AND user_id = ? AND sha256 = ?"
        documents = (item.document, *item.others)
        return all(self._store.tuples(found, (each.id, each.user_id, each.sha256)) for each in documents)

    def _is_forgotten(self, item: Ready) -> bool:
        """Whether some of it is to stay out by now: when the file was prepared, nothing of it was."""
        parts = () if item.by_name else item.parts
        return any(ledger.is_kept_out(self._store, part.document.sha256, user_id=part.user_id) for part in parts)

    def _remember(self, seen: Seen, receipt: Receipt, documents: list[int] | None, *, user_id: int) -> None:
        before = self._files.at(seen.path, user_id=user_id)
        if before is not None and documents is not None:
            self._let_go(before, documents, user_id=user_id)
        status = "indexed" if receipt.status == "duplicate" else receipt.status
        self._files.remember(seen, status=status, reason=receipt.reason, documents=documents, user_id=user_id)

    def _let_go(self, file: ImportedFile, kept: Sequence[int], *, user_id: int) -> None:
        """Delete what a file held and holds no longer."""
        for id_ in file.documents:
            if id_ not in kept:
                document = self._store.document(id_, user_id=user_id)
                if is_of(document.source, file.path) and not self.pass_on(document):
                    self._store.delete_document(id_, user_id=user_id)

    def pass_on(self, document: Document, *, deleted: Collection[str] = ()) -> bool:
        """Give a document to the next file with the same content; False where there is none.

        One that is not there may be on a disk that is not: it gets the document where there is no other.

        :param deleted: files that are surely gone, and get nothing
        """
        files = self._files.of_document(document.id, user_id=document.user_id)
        own = next((file.path for file in files if is_of(document.source, file.path)), file_of(document.source))
        others = (file.path for file in files if file.path != own and file.path not in deleted)
        path = min(others, key=is_gone, default=None)
        if path is None:
            return False
        source = path + document.source.removeprefix(own)
        self._store.move_document(document.id, user_id=document.user_id, source=source)
        self._files.unlink(own, document.id, user_id=document.user_id)
        return True

    def _stored(self, item: Ready, vectors: NDArray[np.float32], request: Request) -> tuple[Receipt, list[int]]:
        new: list[Document] = []
        known: list[Document] = []
        notes = dict.fromkeys(item.warnings)
        for part in item.parts:
            own, vectors = np.split(vectors, [len(part.passages)])
            older = older_version(self._store, item, part)
            # stored since the file was read: by its twin in the same folder, or by another process
            twin = self._store.document_by(user_id=part.user_id, sha256=part.document.sha256)
            moved = item.moved_from is not None and twin is not None and older is not None and twin.id == older.id
            if twin is not None and (not moved or self.pass_on(twin)):  # also where a copy keeps its old name
                known.append(self._store.document(twin.id, user_id=twin.user_id))
                continue
            if item.by_name:
                ledger.let_in(self._store, part.document.sha256, user_id=part.user_id)
            new.append(self._add(part, own, older))
            if older is not None:
                notes[_moved(item.moved_from) or "it replaces the version imported before"] = None
        documents = [document.id for document in (*new, *known)]
        self._leave(item.moved_from, documents, user_id=request.user_id)
        if not new:
            source = item.parts[0].document.source if item.moved_from is None else item.source
            outcome = Known(item.path, source, known[0], tuple(known[1:]), moved_from=item.moved_from)
            return self._recognised(outcome, request)
        self._move(known, item)
        notes |= dict.fromkeys(self._renamed(known, request.options))
        chunks = sum(each.chunks for each in new)
        return Receipt(item.path, "indexed", new[0].id, chunks, "; ".join(notes) or None), documents

    def _leave(self, moved_from: str | None, documents: Sequence[int], *, user_id: int) -> None:
        """A file lies elsewhere now: what it held there and does not hold here goes."""
        # none where it lay within a file: with that, what else it held is not there, but not moved either
        before = self._files.at(moved_from, user_id=user_id) if moved_from is not None else None
        if before is not None:
            self._let_go(before, documents, user_id=user_id)
            self._files.drop(before.path, user_id=user_id)

    def _add(self, part: Part, vectors: NDArray[np.float32], older: Document | None) -> Document:
        document, replaced = part.document, None
        if older is not None:  # who is who was said when the file was first imported, and holds on
            me, learn_from = document.me or older.me, document.learn_from or older.learn_from
            replaced = None if self.pass_on(older) else older
            document = replace(document, me=me, learn_from=learn_from, replaces=replaced.id if replaced else None)
        before = self._passages(replaced.id).values() if replaced is not None else ()
        stored = self._store.add_document(
            document, part.passages, vectors, user_id=part.user_id, embedder=self._embedder
        )
        self._learn(stored, replaced, set(before))
        return stored

    def _learn(self, stored: Document, replaced: Document | None, before: set[tuple[str | None, ...]]) -> None:
        """Learn what is new: what an older version said as well was said then, and what the user deleted stays so."""
        if replaced is None:
            learn_document(self._store, stored.id, user_id=stored.user_id)
        elif stored.me != replaced.me:
            relearn_document(self._store, stored.id, user_id=stored.user_id)
        else:
            new = [id_ for id_, words in self._passages(stored.id).items() if words not in before]
            learn_passages(self._store, new, user_id=stored.user_id)

    def _passages(self, document_id: int) -> dict[int, tuple[str | None, ...]]:
        rows = self._store.tuples("SELECT id, speaker, text, at FROM chunks WHERE document_id = ?", (document_id,))
        return {id_: tuple(words) for id_, *words in rows}

    def _recognised(self, item: Known, request: Request) -> tuple[Receipt, list[int]]:
        """A duplicate: what the user says of its speakers is taken over; an outdated version of the file goes."""
        known, everything = item.document, (item.document, *item.others)
        documents = [each.id for each in everything]
        same = is_of(known.source, item.source)
        notes = ["imported before, unchanged" if same else f"same content as {known.source}"]
        older = self._store.document_by(user_id=known.user_id, source=item.source)
        if older is not None and older.id not in documents:
            if not self.pass_on(older):
                self._store.delete_document(older.id, user_id=known.user_id)
            notes.append("the version of this file imported before is gone")
        if self._move(everything, item):
            notes[0] = _moved(item.moved_from) or notes[0]
            self._leave(item.moved_from, documents, user_id=known.user_id)
        notes += self._renamed(everything, request.options)
        chunks = sum(each.chunks for each in everything)
        return Receipt(item.path, "duplicate", known.id, chunks, "; ".join(notes)), documents

    def _move(self, documents: Sequence[Document], item: Known | Ready) -> bool:
        """Have documents follow their file; not where another file with their content was quicker."""
        moved = False
        for document in documents if item.moved_from is not None else ():
            now = self._store.document(document.id, user_id=document.user_id)
            if item.moved_from is not None and is_of(now.source, item.moved_from):
                source = item.source + now.source.removeprefix(item.moved_from)
                self._store.move_document(now.id, user_id=now.user_id, source=source)
                moved = True
        return moved

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


def _moved(moved_from: str | None) -> str | None:
    return f"moved from {moved_from}" if moved_from is not None else None
