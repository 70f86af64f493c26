"""FAISS indexes, one per owner of memory: derived from the vectors in SQLite, never a truth of their own.

Whatever state a file is in (missing, older than the database, damaged, of another embedder's size), the next search
answers from what SQLite holds now: added and removed chunks are applied as a difference, anything else is rebuilt.
Each owner's vectors lie in their own index, so that no search can see another's, and removed ids are really gone:
a search for k gives k live chunks wherever the owner has that many.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory.chunking import embedded_text
from memory.embedding import Embedder
from memory.errors import FamiliarError
from memory.records import Passage
from memory.store import Store

Ids = NDArray[np.int64]
Scores = NDArray[np.float32]

_SAVE_AFTER = 256
"""Additions that are written to the file together; until then a restart applies them again from SQLite."""


@dataclass(frozen=True)
class _Sidecar:
    """What the file beside an index says about it."""

    generation: int
    embedder: str
    dimensions: int
    sha256: str


@dataclass
class _Loaded:
    """An index in memory. ``index`` is an IndexIDMap2 over a flat inner product; its ids are chunk ids."""

    index: Any
    generation: int
    unsaved: int = 0


class Indexes:
    """The vector indexes of one home, safe to use from several threads."""

    def __init__(self, folder: Path, store: Store, *, embedder_key: str, dimensions: int) -> None:
        self.folder = folder
        self.embedder_key = embedder_key
        self.dimensions = dimensions
        self._store = store
        self._loaded: dict[int, _Loaded] = {}
        self._lock = threading.RLock()

    def search(
        self,
        query: NDArray[np.float32],
        *,
        user_id: int,
        k: int,
        among: Ids | None = None,
        without: Ids | None = None,
    ) -> tuple[Ids, Scores]:
        """The k chunks of one owner nearest to a unit query vector (d,): ids and cosines, best first.

        :param among: only these chunk ids, whoever's they are; None for all
        :param without: not these
        :raises FamiliarError: the owner's vectors were made by another embedder
        """
        with self._lock:
            index = self._current(user_id).index
            k = min(k, index.ntotal if among is None else len(among))
            if k == 0:
                return np.zeros(0, np.int64), np.zeros(0, np.float32)
            scores, ids = index.search(_finite(query[None, :]), k, params=_only(among, without))
        live = ids[0] >= 0
        return ids[0][live].astype(np.int64), scores[0][live].astype(np.float32)

    def vectors(self, ids: Ids, *, user_id: int) -> NDArray[np.float32]:
        """The vectors (n, d) of chunks of one owner, in the order asked for; zeros for what has no vector."""
        with self._lock:
            index = self._current(user_id).index
            try:
                return np.asarray(index.reconstruct_batch(ids), np.float32)
            except RuntimeError:  # one of them is unknown to FAISS
                rows = np.zeros((len(ids), self.dimensions), np.float32)
                known = np.isin(ids, _ids_of(index))
                rows[known] = index.reconstruct_batch(ids[known])
                return rows

    def sync(self, user_id: int) -> int:
        """Bring an owner's index and its file up to date now; returns the number of vectors in it."""
        with self._lock:
            loaded = self._current(user_id)
            self._save(user_id, loaded)
            return int(loaded.index.ntotal)

    def save(self) -> None:
        """Write what was added since the last time; called when a process ends in peace."""
        with self._lock:
            for user_id, loaded in self._loaded.items():
                if loaded.unsaved:
                    self._save(user_id, loaded)

    def drop(self, user_id: int) -> None:
        """Forget an owner's index and delete its files; the next search makes it anew."""
        with self._lock:
            self._loaded.pop(user_id, None)
            for path in (self._path(user_id), self._sidecar_path(user_id)):
                path.unlink(missing_ok=True)

    def _current(self, user_id: int) -> _Loaded:
        generation = self._store.generation(user_id)
        loaded = self._loaded.get(user_id) or self._read(user_id) or _Loaded(_empty(self.dimensions), -1)
        if loaded.generation != generation:
            self._refuse_other_embedder(user_id)
            changed, removed = self._apply_difference(user_id, loaded.index)
            loaded.generation = generation
            loaded.unsaved += changed
            if removed or loaded.unsaved > _SAVE_AFTER:
                self._save(user_id, loaded)
        self._loaded[user_id] = loaded
        return loaded

    def _apply_difference(self, user_id: int, index: Any) -> tuple[int, bool]:
        rows = self._store.rows("SELECT id FROM chunks WHERE user_id = ?", (user_id,))
        wanted = np.array([row["id"] for row in rows], np.int64)
        known = _ids_of(index)
        gone = np.setdiff1d(known, wanted)
        if len(gone):
            index.remove_ids(gone)
        new = np.setdiff1d(wanted, known)
        for part in np.array_split(new, max(1, len(new) // 4096)):
            self._add(index, part, user_id)
        return len(new) + len(gone), bool(len(gone))

    def _add(self, index: Any, ids: Ids, user_id: int) -> None:
        rows = self._store.rows(
            "SELECT v.chunk_id, v.vector FROM vectors v JOIN chunks c ON c.id = v.chunk_id"
            " WHERE v.chunk_id IN (SELECT value FROM json_each(?)) AND c.user_id = ? AND v.embedder = ?",
            (json.dumps(ids.tolist()), user_id, self.embedder_key),
        )
        if rows:
            vectors = np.frombuffer(b"".join(row["vector"] for row in rows), np.float16).astype(np.float32)
            found = np.array([row["chunk_id"] for row in rows], np.int64)
            index.add_with_ids(_finite(vectors.reshape(len(rows), self.dimensions)), found)

    def _refuse_other_embedder(self, user_id: int) -> None:
        rows = self._store.rows(
            "SELECT v.embedder, count(*) AS n, max(length(v.vector)) / 2 AS dimensions FROM vectors v"
            " JOIN chunks c ON c.id = v.chunk_id WHERE c.user_id = ? GROUP BY v.embedder",
            (user_id,),
        )
        for row in rows:
            if (row["embedder"], row["dimensions"]) != (self.embedder_key, self.dimensions):
                raise FamiliarError(
                    f"{row['n']} passages were embedded by {row['embedder']} ({row['dimensions']} dimensions), but"
                    f" [embedder] name is now {self.embedder_key} ({self.dimensions} dimensions); set it back, or run"
                    " `familiar doctor --reindex` to embed them again"
                )

    def _read(self, user_id: int) -> _Loaded | None:
        """The index file where it is whole and fits this embedder; None where it has to be made again."""
        import faiss

        try:
            data = self._path(user_id).read_bytes()
            sidecar = _Sidecar(**json.loads(self._sidecar_path(user_id).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        expected = (self.embedder_key, self.dimensions, hashlib.sha256(data).hexdigest())
        if (sidecar.embedder, sidecar.dimensions, sidecar.sha256) != expected:
            return None
        return _Loaded(faiss.deserialize_index(np.frombuffer(data, np.uint8)), sidecar.generation)

    def _save(self, user_id: int, loaded: _Loaded) -> None:
        """Write the file, then its sidecar: after a crash between them the checksum differs and it is made again."""
        import faiss

        data = faiss.serialize_index(loaded.index).tobytes()
        sidecar = _Sidecar(loaded.generation, self.embedder_key, self.dimensions, hashlib.sha256(data).hexdigest())
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _replace(self._path(user_id), data)
            _replace(self._sidecar_path(user_id), json.dumps(asdict(sidecar)).encode())
        except OSError as exc:
            raise FamiliarError(f"{self.folder} can't be written: {exc}. Free some space or set its rights") from exc
        loaded.unsaved = 0

    def _path(self, user_id: int) -> Path:
        return self.folder / f"{user_id}.faiss"

    def _sidecar_path(self, user_id: int) -> Path:
        return self.folder / f"{user_id}.json"


def reembed(store: Store, embedder: Embedder, *, user_id: int) -> int:
    """Embed again what another embedder embedded, in one transaction; returns the number of passages.

    :raises FamiliarError: the database can't be written
    """
    rows = store.rows(
        "SELECT c.id, c.text, c.section, c.speaker, coalesce(d.title, '') AS title FROM vectors v"
        " JOIN chunks c ON c.id = v.chunk_id LEFT JOIN documents d ON d.id = c.document_id"
        " WHERE c.user_id = ? AND v.embedder <> ? ORDER BY c.id",
        (user_id, embedder.key),
    )
    texts = [
        embedded_text(Passage(row["text"], section=row["section"], speaker=row["speaker"]), title=row["title"])
        for row in rows
    ]
    vectors = embedder.embed_passages(texts).astype(np.float16)
    with store.transaction() as db:
        db.executemany(
            "UPDATE vectors SET embedder = ?, vector = ? WHERE chunk_id = ?",
            [(embedder.key, vector.tobytes(), row["id"]) for vector, row in zip(vectors, rows, strict=True)],
        )
        db.execute("UPDATE users SET generation = generation + 1 WHERE id = ?", (user_id,))
    return len(rows)


def _empty(dimensions: int) -> Any:
    try:
        import faiss
    except ImportError as exc:
        raise FamiliarError("search needs the package faiss-cpu; run `pip install faiss-cpu`") from exc
    return faiss.IndexIDMap2(faiss.IndexFlatIP(dimensions))


def _ids_of(index: Any) -> Ids:
    import faiss

    ids: Ids = faiss.vector_to_array(index.id_map)
    return ids


def _only(among: Ids | None, without: Ids | None) -> Any:
    import faiss

    selectors: list[Any] = [] if among is None else [faiss.IDSelectorBatch(among)]
    if without is not None and len(without):
        selectors.append(faiss.IDSelectorNot(faiss.IDSelectorBatch(without)))
    if not selectors:
        return None
    selector = selectors[0] if len(selectors) == 1 else faiss.IDSelectorAnd(*selectors)
    return faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]  # wrapped at run time


def _finite(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows ready for FAISS; one that is not finite becomes zeros, which score 0, for NaN would sort anywhere."""
    rows = np.ascontiguousarray(rows, np.float32)
    broken = ~np.isfinite(rows).all(axis=1)
    if broken.any():
        rows = rows.copy()
        rows[broken] = 0.0
    return rows


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
