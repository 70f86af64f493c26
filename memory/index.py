"""FAISS indexes, one per owner of memory: derived from the vectors in SQLite, never a truth of their own.

Whatever state a file is in (missing, older than the database, damaged, of another embedder's size), the next search
answers from what SQLite holds now: added and removed chunks are applied as a difference, anything else is rebuilt.
Each owner's vectors lie in their own index, so that no search can see another's, and removed ids are really gone:
a search for k gives k live chunks wherever the owner has that many. Indexes of owners who asked long ago are let go
when all together take more memory than is set.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memory.config import IndexConfig
from memory.digest import sha256_of
from memory.errors import FamiliarError
from memory.store import Store
from memory.vector_index import (
    ExactIndex,
    Halves,
    PartitionedIndex,
    VectorIndex,
    fits,
    inner_products,
    sample_size,
    write_partitioned,
)

Ids = NDArray[np.int64]
Vectors = NDArray[np.float32]
Scores = NDArray[np.float32]

_SAVE_AFTER = 256
"""Fewest additions that are written to the file together; until then a restart applies them again from SQLite."""
_LEAST_SHARE = 50
"""Additions of less than one in so many are not worth writing a whole file."""
_ROOM = 2
"""A search makes do with an exact index of so many times the size that is set: a new one takes seconds."""
_BATCH = 16_384
"""Vectors read from SQLite at once."""
_EDGE = 1 << 20
"""Bytes at the beginning and the end of a mapped file that are checked when it is opened."""


@dataclass(frozen=True)
class _Sidecar:
    """What the file beside an index says about it."""

    generation: int
    last_id: int
    """Greatest chunk id that was seen."""
    change: int
    """Last row of vector_changes that was applied."""
    partitioned: bool
    embedder: str
    dimensions: int
    sha256: str


@dataclass
class _Loaded:
    """An index in use, and up to where it follows the database."""

    index: VectorIndex
    generation: int = -1
    last_id: int = 0
    change: int = 0
    unsaved: int = 0


class Indexes:
    """The vector indexes of one home, safe to use from several threads."""

    def __init__(
        self, folder: Path, store: Store, *, embedder_key: str, dimensions: int, config: IndexConfig | None = None
    ) -> None:
        self.folder = folder
        self.embedder_key = embedder_key
        self.dimensions = dimensions
        self._store = store
        self._config = config or IndexConfig()
        self._loaded: OrderedDict[int, _Loaded] = OrderedDict()
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
            return self._current(user_id).index.search(query, k, among=among, without=without)

    def cosines(self, query: NDArray[np.float32], ids: Ids, *, user_id: int) -> Scores:
        """Inner products (n,) of a vector (d,) with those of chunks of one owner; 0 for what has no vector."""
        with self._lock:
            rows = self._current(user_id).index.halves(ids)
            return inner_products(query, self._stored(ids, user_id) if rows is None else rows)

    def sync(self, user_id: int) -> int:
        """Bring an owner's index and its file up to date now; returns the number of vectors in it."""
        with self._lock:
            loaded = self._shaped(user_id, self._current(user_id))
            if loaded.unsaved:
                self._save(user_id, loaded)
            return len(loaded.index)

    def save(self) -> None:
        """Write what was added since the last time; called when a process ends in peace."""
        with self._lock:
            for user_id in list(self._loaded):
                loaded = self._shaped(user_id, self._loaded[user_id])
                if loaded.unsaved and loaded.unsaved * _LEAST_SHARE >= len(loaded.index):
                    self._save(user_id, loaded)

    def drop(self, user_id: int) -> None:
        """Forget an owner's index and delete its files; the next search makes it anew."""
        with self._lock:
            self._loaded.pop(user_id, None)
            for path in (self._path(user_id), self._sidecar_path(user_id)):
                path.unlink(missing_ok=True)

    @property
    def memory(self) -> int:
        """Bytes of memory that the indexes in use hold."""
        return sum(loaded.index.memory for loaded in self._loaded.values())

    def _shaped(self, user_id: int, loaded: _Loaded) -> _Loaded:
        """The index in the shape for its size: made anew here, where nobody waits for a search."""
        if not fits(loaded.index, exact_up_to=self._config.exact_up_to):
            loaded = self._loaded[user_id] = self._built(user_id, loaded.generation)
        return loaded

    def _current(self, user_id: int) -> _Loaded:
        generation = self._store.generation(user_id)
        loaded = self._loaded.get(user_id) or self._read(user_id) or _Loaded(ExactIndex(self.dimensions))
        if loaded.generation != generation:
            loaded = self._followed(user_id, loaded, generation)
        self._loaded[user_id] = loaded
        self._loaded.move_to_end(user_id)
        self._let_go()
        return loaded

    def _let_go(self) -> None:
        """Let those go that were used longest ago, until the others keep to the memory that is set."""
        while len(self._loaded) > 1 and self.memory > self._config.memory_mb << 20:
            user_id, loaded = next(iter(self._loaded.items()))
            if loaded.unsaved:
                self._save(user_id, loaded)
            del self._loaded[user_id]

    # -- following the database

    def _followed(self, user_id: int, loaded: _Loaded, generation: int) -> _Loaded:
        """The index with what has changed since; made anew where its shape no longer fits or something is amiss."""
        large = self._size(user_id) > self._config.exact_up_to
        if loaded.generation > generation or (large and not len(loaded.index)):
            loaded = self._built(user_id, generation)
        removed = self._apply_difference(user_id, loaded)
        missed = len(loaded.index) > self._size(user_id)
        exact = isinstance(loaded.index, ExactIndex)
        if missed or not fits(loaded.index, exact_up_to=self._config.exact_up_to * (_ROOM if exact else 1)):
            loaded = self._built(user_id, generation)
            exact = isinstance(loaded.index, ExactIndex)
        loaded.generation = generation
        if loaded.index.due or (exact and (removed or _many(loaded))):
            self._save(user_id, loaded)
        return loaded

    def _apply_difference(self, user_id: int, loaded: _Loaded) -> bool:
        """Take out what was removed or embedded anew and take in what is new; whether anything was taken out."""
        log = self._store.tuples(
            "SELECT id, chunk_id FROM vector_changes WHERE user_id = ? AND id > ? ORDER BY id", (user_id, loaded.change)
        )
        changed = np.unique(np.array([chunk for _, chunk in log], np.int64))
        changed = changed[changed <= loaded.last_id]
        loaded.index.remove(changed)
        new = self._store.tuples(
            "SELECT id FROM chunks WHERE user_id = ? AND id > ? ORDER BY id", (user_id, loaded.last_id)
        )
        ids = np.concatenate([changed, np.array(new, np.int64).ravel()])
        for found, vectors in self._batches(ids, user_id):
            loaded.index.add(found, vectors)
        loaded.change = log[-1][0] if log else loaded.change
        loaded.last_id = max(loaded.last_id, int(ids.max(initial=0)))
        loaded.unsaved += len(ids)
        return bool(len(changed))

    def _built(self, user_id: int, generation: int) -> _Loaded:
        """An index of all vectors of an owner, of the shape for so many."""
        change = self._store.tuples("SELECT coalesce(max(id), 0) FROM vector_changes WHERE user_id = ?", (user_id,))
        rows = self._store.tuples("SELECT id FROM chunks WHERE user_id = ? ORDER BY id", (user_id,))
        ids = np.array(rows, np.int64).ravel()
        last_id = int(ids.max(initial=0))
        loaded = _Loaded(ExactIndex(self.dimensions), generation, last_id, change[0][0], unsaved=len(ids))
        if len(ids) <= self._config.exact_up_to:
            for found, vectors in self._batches(ids, user_id):
                loaded.index.add(found, vectors)
            return loaded
        chosen = np.random.default_rng(0).choice(ids, sample_size(len(ids)), replace=False)
        sample = np.concatenate([vectors for _, vectors in self._batches(np.sort(chosen), user_id)])
        temporary = self._temporary(user_id)
        self._writing(lambda: write_partitioned(temporary, sample, self._batches(ids, user_id), size=len(ids)))
        self._put(user_id, loaded, partitioned=True)
        index = PartitionedIndex(self._path(user_id), dimensions=self.dimensions, last_id=last_id)
        return _Loaded(index, generation, last_id, change[0][0])

    def _size(self, user_id: int) -> int:
        rows = self._store.tuples("SELECT chunks FROM memory_sizes WHERE user_id = ?", (user_id,))
        return int(rows[0][0]) if rows else 0

    def _batches(self, ids: Ids, user_id: int) -> Iterator[tuple[Ids, Vectors]]:
        """Those of the chunks that are there, with their vectors."""
        for start in range(0, len(ids), _BATCH):
            rows = self._rows(ids[start : start + _BATCH], user_id)
            if rows:
                vectors = np.frombuffer(b"".join(row[1] for row in rows), np.float16).astype(np.float32)
                yield np.array([row[0] for row in rows], np.int64), vectors.reshape(len(rows), self.dimensions)

    def _rows(self, ids: Ids, user_id: int) -> list[tuple[int, bytes]]:
        rows = self._store.tuples(
            "SELECT v.chunk_id, v.vector FROM json_each(?) j CROSS JOIN vectors v ON v.chunk_id = j.value"
            " JOIN chunks c ON c.id = v.chunk_id WHERE c.user_id = ? AND v.embedder = ?",
            (json.dumps(ids.tolist()), user_id, self.embedder_key),
        )
        if len(rows) < len(ids) or any(len(vector) != 2 * self.dimensions for _, vector in rows):
            self._refuse_other_embedder(user_id)
        return rows

    def _stored(self, ids: Ids, user_id: int) -> Halves:
        """Vectors as SQLite holds them; zeros for those of others and for what is gone."""
        rows = dict(self._rows(ids, user_id))
        nothing = bytes(2 * self.dimensions)
        whole = b"".join(rows.get(id_, nothing) for id_ in ids.tolist())
        found = np.frombuffer(whole, np.float16).reshape(len(ids), self.dimensions)
        return np.where(np.isfinite(found).all(axis=1, keepdims=True), found, np.float16(0.0))

    def _refuse_other_embedder(self, user_id: int) -> None:
        """Where there are vectors, but none of this embedder and length."""
        found = self._store.tuples(
            "SELECT 1 FROM vectors v JOIN chunks c ON c.id = v.chunk_id"
            " WHERE c.user_id = ? AND v.embedder = ? AND length(v.vector) = ? LIMIT 1",
            (user_id, self.embedder_key, 2 * self.dimensions),
        )
        if found:
            return
        others = self._store.tuples(
            "SELECT count(*), v.embedder, max(length(v.vector)) / 2 FROM vectors v"
            " JOIN chunks c ON c.id = v.chunk_id WHERE c.user_id = ? GROUP BY v.embedder",
            (user_id,),
        )
        if others:
            count, embedder, dimensions = others[0]
            raise FamiliarError(
                f"{count} passages were embedded by {embedder} ({dimensions} dimensions), but [embedder] name is now"
                f" {self.embedder_key} ({self.dimensions} dimensions); set it back, or run `familiar doctor --reindex`"
                " to embed them again"
            )

    # -- files

    def _read(self, user_id: int) -> _Loaded | None:
        """The index file where it is whole and fits this embedder; None where it has to be made again."""
        path = self._path(user_id)
        try:
            sidecar = _Sidecar(**json.loads(self._sidecar_path(user_id).read_text(encoding="utf-8")))
            expected = (self.embedder_key, self.dimensions, _digest(path, edges=sidecar.partitioned))
            if (sidecar.embedder, sidecar.dimensions, sidecar.sha256) != expected:
                return None
            index: VectorIndex
            if sidecar.partitioned:
                index = PartitionedIndex(path, dimensions=self.dimensions, last_id=sidecar.last_id)
            else:
                index = ExactIndex.read(path.read_bytes(), self.dimensions)
        except (OSError, ValueError, TypeError, RuntimeError):  # the last is FAISS's, for a file that it can't read
            return None
        return _Loaded(index, sidecar.generation, sidecar.last_id, sidecar.change)

    def _save(self, user_id: int, loaded: _Loaded) -> None:
        """Write the file, then its sidecar: after a crash between them the checksum differs and it is made again."""
        partitioned = isinstance(loaded.index, PartitionedIndex)
        temporary = self._temporary(user_id)
        self._writing(lambda: loaded.index.write(temporary))
        self._put(user_id, loaded, partitioned=partitioned)
        loaded.index = loaded.index.reopened(self._path(user_id))
        loaded.unsaved = 0

    def _put(self, user_id: int, loaded: _Loaded, *, partitioned: bool) -> None:
        path = self._path(user_id)
        self._writing(lambda: _replace(self._temporary(user_id), path))
        sidecar = _Sidecar(
            generation=loaded.generation,
            last_id=loaded.last_id,
            change=loaded.change,
            partitioned=partitioned,
            embedder=self.embedder_key,
            dimensions=self.dimensions,
            sha256=_digest(path, edges=partitioned),
        )
        note = self._sidecar_path(user_id)
        temporary = note.with_name(f".{note.name}.{os.getpid()}.tmp")
        self._writing(lambda: temporary.write_text(json.dumps(asdict(sidecar)), encoding="utf-8"))
        self._writing(lambda: _replace(temporary, note))

    def _writing(self, write: Callable[[], object]) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write()
        except (OSError, RuntimeError) as exc:  # FAISS gives a RuntimeError when a file can't be written
            raise FamiliarError(f"{self.folder} can't be written: {exc}. Free some space or set its rights") from exc

    def _temporary(self, user_id: int) -> Path:
        return self.folder / f".{user_id}.faiss.{os.getpid()}.tmp"

    def _path(self, user_id: int) -> Path:
        return self.folder / f"{user_id}.faiss"

    def _sidecar_path(self, user_id: int) -> Path:
        return self.folder / f"{user_id}.json"


def _many(loaded: _Loaded) -> bool:
    return loaded.unsaved > max(_SAVE_AFTER, len(loaded.index) // _LEAST_SHARE)


def _digest(path: Path, *, edges: bool) -> str:
    """SHA-256 of a file, or of its size and edges where all of it is too much to read."""
    if not edges:
        return sha256_of(path)
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        first = file.read(_EDGE)
        file.seek(max(0, size - _EDGE))
        return hashlib.sha256(str(size).encode() + first + file.read(_EDGE)).hexdigest()


def _replace(temporary: Path, path: Path) -> None:
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
