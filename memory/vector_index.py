"""The two shapes of a vector index: exact while that is fast, partitioned and mapped from its file above that.

``ExactIndex`` compares a question with every vector, kept as float16, which is what SQLite holds. ``PartitionedIndex``
compares it with a quarter of them, chosen by k-means, one byte a dimension; its file is mapped, not read, so that its
memory is the operating system's to take back. What is added to it waits in an exact index beside it and what is removed
is left out of every search until a new file is written of what is there, in which no removed vector is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from memory.errors import FamiliarError

Ids = NDArray[np.int64]
Vectors = NDArray[np.float32]
Halves = NDArray[np.float16]
"""Vectors as SQLite and an exact index keep them."""
Scores = NDArray[np.float32]

PROBED = 4
"""One list in so many is searched: of the ten nearest passages to real questions (e5-small, 2,400 lines of LoCoMo and
REALTALK) a quarter of the lists holds 0.98, an eighth 0.95; in larger memories the nearest lie closer together."""
_SAMPLE = 40
"""Vectors for each list by which k-means places it; FAISS asks for 39."""
_ROUNDS = 8
"""Of k-means; later ones move lists no more than the sample is off."""
_UNFOLDED = 50
"""What waits beside a partitioned index is written into it when it is more than one in so many."""
_LEAST_LISTS = 16
_ENTRY_BYTES = 64
"""What FAISS keeps for an id besides the vector."""


class VectorIndex(Protocol):
    """Vectors of one owner by chunk id, compared by inner product."""

    def __len__(self) -> int:
        """How many vectors can be found."""
        ...

    @property
    def memory(self) -> int:
        """Bytes of memory that it holds and that the system can't take back."""
        ...

    @property
    def due(self) -> bool:
        """Whether so much waits beside the file that it should be written."""
        ...

    def search(self, query: Vectors, k: int, *, among: Ids | None, without: Ids | None) -> tuple[Ids, Scores]:
        """The k nearest to a vector (d,), best first; fewer where there are fewer."""
        ...

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Take in vectors (n, d) under new ids, each greater than all before or taken out before."""
        ...

    def remove(self, ids: Ids) -> None:
        """Take out ids that were added."""
        ...

    def halves(self, ids: Ids) -> Halves | None:
        """The vectors (n, d) of ids as they were added; None where they are not all here as such."""
        ...

    def write(self, path: Path) -> None:
        """Write what can be found, and nothing else, to a new file."""
        ...

    def reopened(self, path: Path) -> VectorIndex:
        """The index to go on with, now that its file is at ``path``."""
        ...


class ExactIndex:
    """Every vector as float16, in memory, searched one by one."""

    def __init__(self, dimensions: int, *, index: Any = None) -> None:
        self._dimensions = dimensions
        self.index = index or _exact(dimensions)
        self._places: tuple[Ids, NDArray[np.int64] | None] | None = None

    @classmethod
    def read(cls, data: bytes, dimensions: int) -> ExactIndex:
        """The index whose file holds these bytes."""
        return cls(dimensions, index=load_faiss().deserialize_index(np.frombuffer(data, np.uint8)))

    def __len__(self) -> int:
        return int(self.index.ntotal)

    @property
    def memory(self) -> int:
        """Bytes of the vectors and their ids."""
        return len(self) * (2 * self._dimensions + _ENTRY_BYTES)

    @property
    def due(self) -> bool:
        """Never: it is whole in memory."""
        return False

    def search(self, query: Vectors, k: int, *, among: Ids | None, without: Ids | None) -> tuple[Ids, Scores]:
        """The k nearest of all, best first."""
        k = min(k, len(self))
        if k == 0:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        selector = _selector(among, without)
        chosen = None if selector is None else load_faiss().SearchParameters(sel=selector)
        with _one_thread():
            return _live(*self.index.search(finite(query[None, :]), k, params=chosen))

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Take in vectors (n, d)."""
        self._places = None
        self.index.add_with_ids(finite(vectors), ids)

    def remove(self, ids: Ids) -> None:
        """Take out those of the ids that are there."""
        self._places = None
        if len(ids):
            self.index.remove_ids(ids)

    def halves(self, ids: Ids) -> Halves | None:
        """The vectors as they are kept."""
        known, order = self._known()
        places = np.searchsorted(known, ids, sorter=order).clip(max=max(len(known) - 1, 0))
        places = places if order is None else order[places]
        if not len(known) or not np.array_equal(known[places], ids):
            return None
        found: Halves = self._codes()[places]
        return found

    def _known(self) -> tuple[Ids, NDArray[np.int64] | None]:
        """The ids by place, and the places in order of id where the ids are not in order."""
        if self._places is None:
            known = load_faiss().vector_to_array(self.index.id_map)
            self._places = known, None if np.all(known[1:] > known[:-1]) else np.argsort(known)
        return self._places

    def _codes(self) -> Halves:
        """All vectors where FAISS keeps them; valid until the index changes."""
        faiss = load_faiss()
        codes = faiss.downcast_index(self.index.index).codes
        view: Halves = faiss.rev_swig_ptr(codes.data(), codes.size()).view(np.float16).reshape(len(self), -1)
        return view

    def write(self, path: Path) -> None:
        """Write all of it."""
        path.write_bytes(load_faiss().serialize_index(self.index).tobytes())

    def reopened(self, path: Path) -> VectorIndex:
        """Itself."""
        del path
        return self

    def contents(self) -> tuple[Ids, Vectors]:
        """All ids and their vectors."""
        ids: Ids = load_faiss().vector_to_array(self.index.id_map)
        vectors = self._codes().astype(np.float32) if len(ids) else np.zeros((0, self._dimensions), np.float32)
        return ids, vectors


class PartitionedIndex:
    """Vectors in lists around k-means centres, a byte a dimension, in a mapped file; changes are kept beside it."""

    def __init__(self, path: Path, *, dimensions: int, last_id: int) -> None:
        """Map a file: nothing but its centres is read.

        :param last_id: the greatest id in the file
        """
        faiss = load_faiss()
        self._path = path
        self._dimensions = dimensions
        self._last_id = last_id
        self._index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
        self._new = ExactIndex(dimensions)
        self._gone = np.zeros(0, np.int64)

    @property
    def lists(self) -> int:
        """Number of lists."""
        return int(self._index.nlist)

    def __len__(self) -> int:
        return int(self._index.ntotal) - len(self._gone) + len(self._new)

    @property
    def memory(self) -> int:
        """Bytes of the centres and of what waits."""
        return self._new.memory + self._gone.nbytes + 4 * self._dimensions * self.lists

    @property
    def due(self) -> bool:
        """Whether more than one in fifty waits."""
        return (len(self._new) + len(self._gone)) * _UNFOLDED > len(self)

    def search(self, query: Vectors, k: int, *, among: Ids | None, without: Ids | None) -> tuple[Ids, Scores]:
        """The k nearest of those in the nearest lists and of what waits, best first."""
        left_out = self._gone if without is None else np.concatenate([self._gone, without])
        # few that are allowed may lie in any list
        few = among is not None and len(among) * PROBED < len(self)
        probed = self.lists if few else max(1, self.lists // PROBED)
        chosen = load_faiss().SearchParametersIVF(sel=_selector(among, left_out), nprobe=probed)
        with _one_thread():
            near = _live(*self._index.search(finite(query[None, :]), k, params=chosen))
        new = self._new.search(query, k, among=among, without=without)
        ids, scores = np.concatenate([near[0], new[0]]), np.concatenate([near[1], new[1]])
        best = np.argsort(-scores, kind="stable")[:k]
        return ids[best], scores[best]

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Take in vectors (n, d), which wait beside the file."""
        self._new.add(ids, vectors)

    def remove(self, ids: Ids) -> None:
        """Leave ids out of every search, and out of the next file."""
        self._new.remove(ids)
        self._gone = np.union1d(self._gone, ids[ids <= self._last_id])

    def halves(self, ids: Ids) -> Halves | None:
        """None: a byte a dimension is not what was added."""
        del ids
        return None

    def write(self, path: Path) -> None:
        """Write a new file; for that time the old one is read into memory."""
        faiss = load_faiss()
        whole = faiss.read_index(str(self._path))
        if len(self._gone):
            whole.remove_ids(self._gone)
        ids, vectors = self._new.contents()
        if len(ids):
            whole.add_with_ids(vectors, ids)
        faiss.write_index(whole, str(path))

    def reopened(self, path: Path) -> VectorIndex:
        """The same over the new file, with nothing beside it."""
        ids = self._new.contents()[0]
        last_id = max(self._last_id, int(ids.max(initial=0)))
        return PartitionedIndex(path, dimensions=self._dimensions, last_id=last_id)


def write_partitioned(path: Path, sample: Vectors, batches: Iterable[tuple[Ids, Vectors]], *, size: int) -> None:
    """Make the file of a partitioned index of about ``size`` vectors.

    :param sample: (n, d) vectors by which the lists are placed, ``sample_size(size)`` of them
    """
    faiss = load_faiss()
    dimensions = sample.shape[1]
    centres, kind = faiss.IndexFlatIP(dimensions), faiss.ScalarQuantizer.QT_8bit
    index = faiss.IndexIVFScalarQuantizer(centres, dimensions, lists_of(size), kind, faiss.METRIC_INNER_PRODUCT, True)
    index.cp.niter = _ROUNDS
    index.cp.min_points_per_centroid = 1
    index.train(finite(sample))
    for ids, vectors in batches:
        index.add_with_ids(finite(vectors), ids)
    faiss.write_index(index, str(path))


def lists_of(size: int) -> int:
    """How many lists so many vectors are kept in: the power of two nearest to the square root."""
    return int(max(_LEAST_LISTS, 2 ** round(np.log2(max(size, 1)) / 2)))


def sample_size(size: int) -> int:
    """Of how many vectors the places of the lists are learned."""
    return min(size, _SAMPLE * lists_of(size))


def fits(index: VectorIndex, *, exact_up_to: int) -> bool:
    """Whether an index has the right shape for its size; with room, so that it does not change to and fro."""
    if isinstance(index, PartitionedIndex):
        return len(index) > exact_up_to // 2 and lists_of(len(index)) <= 2 * index.lists
    return len(index) <= exact_up_to


def load_faiss() -> Any:
    """The library.

    :raises FamiliarError: it is not installed
    """
    try:
        import faiss
    except ImportError as exc:
        raise FamiliarError("search needs the package faiss-cpu; run `pip install faiss-cpu`") from exc
    return faiss


def inner_products(query: Vectors, rows: Halves) -> Scores:
    """Inner products (n,) of a vector (d,) with rows (n, d), by the kernel that reads float16 as it is."""
    faiss = load_faiss()
    kind = faiss.ScalarQuantizer.QT_fp16
    index = faiss.IndexScalarQuantizer(len(query), kind, faiss.METRIC_INNER_PRODUCT)
    if not len(rows):
        return np.zeros(0, np.float32)
    index.add_sa_codes(np.ascontiguousarray(rows).view(np.uint8))
    with _one_thread():
        scores, places = index.search(finite(query[None, :]), len(rows))
    found = np.empty(len(rows), np.float32)
    found[places[0]] = scores[0]
    return found


def finite(rows: Vectors) -> Vectors:
    """Rows ready for FAISS; one that is not finite becomes zeros, which score 0, for NaN would sort anywhere."""
    rows = np.ascontiguousarray(rows, np.float32)
    broken = ~np.isfinite(rows).all(axis=1)
    if broken.any():
        rows = rows.copy()
        rows[broken] = 0.0
    return rows


@contextmanager
def _one_thread() -> Iterator[None]:
    """FAISS works in this thread alone: it divides questions among threads, and one question would wait for a team
    that has nothing to do, on a busy machine longer than for its answer."""
    faiss = load_faiss()
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _exact(dimensions: int) -> Any:
    faiss = load_faiss()
    kind = faiss.ScalarQuantizer.QT_fp16
    return faiss.IndexIDMap2(faiss.IndexScalarQuantizer(dimensions, kind, faiss.METRIC_INNER_PRODUCT))


def _live(scores: NDArray[Any], ids: NDArray[Any]) -> tuple[Ids, Scores]:
    """The first row of a search without the places that stayed empty."""
    found = ids[0] >= 0
    return ids[0][found].astype(np.int64), scores[0][found].astype(np.float32)


def _selector(among: Ids | None, without: Ids | None) -> Any:
    faiss = load_faiss()
    selectors: list[Any] = [] if among is None else [faiss.IDSelectorBatch(among)]
    if without is not None and len(without):
        selectors.append(faiss.IDSelectorNot(faiss.IDSelectorBatch(without)))
    if len(selectors) == 2:
        return faiss.IDSelectorAnd(*selectors)
    return selectors[0] if selectors else None
