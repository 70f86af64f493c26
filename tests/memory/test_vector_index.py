"""Both shapes of a vector index keep the same promises; the partitioned one also those of its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from memory.vector_index import (
    ExactIndex,
    PartitionedIndex,
    VectorIndex,
    fits,
    lists_of,
    sample_size,
    write_partitioned,
)

DIMENSIONS = 32
SIZE = 600

Vectors = NDArray[np.float32]
Make = Callable[[Path], VectorIndex]


def rows(count: int, *, seed: int = 0) -> Vectors:
    """Unit vectors around forty directions, as float16 keeps them."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(40, DIMENSIONS))
    found = centres[rng.integers(0, 40, count)] + 0.4 * rng.normal(size=(count, DIMENSIONS))
    unit: Vectors = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)
    return unit


def ids(first: int, last: int) -> NDArray[np.int64]:
    return np.arange(first, last + 1, dtype=np.int64)


def exact(folder: Path) -> VectorIndex:
    """All in memory."""
    del folder
    index = ExactIndex(DIMENSIONS)
    index.add(ids(1, SIZE), rows(SIZE))
    return index


def partitioned(folder: Path) -> VectorIndex:
    """All in a file."""
    halves = [(ids(1, 300), rows(SIZE)[:300]), (ids(301, SIZE), rows(SIZE)[300:])]
    write_partitioned(folder / "a.faiss", rows(SIZE), halves, size=SIZE)
    return PartitionedIndex(folder / "a.faiss", dimensions=DIMENSIONS, last_id=SIZE)


def beside(folder: Path) -> VectorIndex:
    """A part in a file, the rest beside it."""
    write_partitioned(folder / "a.faiss", rows(SIZE), [(ids(1, 500), rows(SIZE)[:500])], size=SIZE)
    index = PartitionedIndex(folder / "a.faiss", dimensions=DIMENSIONS, last_id=500)
    index.add(ids(501, SIZE), rows(SIZE)[500:])
    return index


@pytest.fixture(params=[exact, partitioned, beside], ids=lambda make: make.__name__)
def index(request: pytest.FixtureRequest, tmp_path: Path) -> VectorIndex:
    make: Make = request.param
    return make(tmp_path)


def nearest(index: VectorIndex, query: Vectors, k: int = 10, **limits: NDArray[np.int64]) -> list[int]:
    found = index.search(query, k, among=limits.get("among"), without=limits.get("without"))[0]
    return [int(id_) for id_ in found]


def test_stored_vectors_are_their_own_nearest(index: VectorIndex) -> None:
    """With their cosine, the best first."""
    assert len(index) == SIZE
    for place in (0, 250, 450, 599):
        found, scores = index.search(rows(SIZE)[place], 5, among=None, without=None)
        assert (found[0], list(scores)) == (place + 1, sorted(scores, reverse=True))
        assert scores[0] == pytest.approx(1.0, abs=0.02)


class _Counting:
    """A FAISS index that notes how many threads it may use."""

    def __init__(self, inner: Any) -> None:
        self._inner, self.ntotal, self.threads = inner, inner.ntotal, 0

    def search(self, *arguments: Any, **options: Any) -> Any:
        self.threads = faiss.omp_get_max_threads()
        return self._inner.search(*arguments, **options)


def test_a_question_is_answered_by_one_thread() -> None:
    """A team of threads, of which one has work, would be waited for; what others use FAISS for keeps its threads."""
    full = ExactIndex(DIMENSIONS)
    full.add(ids(1, SIZE), rows(SIZE))
    counting = _Counting(full.index)
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(3)
    try:
        ExactIndex(DIMENSIONS, index=counting).search(rows(SIZE)[0], 5, among=None, without=None)
        assert (counting.threads, faiss.omp_get_max_threads()) == (1, 3)
    finally:
        faiss.omp_set_num_threads(before)


def test_nearly_all_of_the_nearest_are_found(index: VectorIndex) -> None:
    """Of the ten nearest to questions that are no stored vector, at least 0.95 are among the first fifty."""
    questions = rows(60, seed=5)
    wanted = np.argsort(-(questions @ rows(SIZE).T), axis=1)[:, :10] + 1
    shares = [
        len({*nearest(index, query, 50)} & {*row.tolist()}) / 10 for query, row in zip(questions, wanted, strict=True)
    ]
    assert np.mean(shares) >= 0.95


def test_removed_ids_are_never_found_and_the_rest_is(index: VectorIndex) -> None:
    """Also where they were added last."""
    gone = np.array([3, 4, 599], np.int64)
    index.remove(gone)
    assert len(index) == SIZE - 3
    assert not {3, 4, 599} & {*nearest(index, rows(SIZE)[2], 50), *nearest(index, rows(SIZE)[598], 50)}
    index.add(gone[:1], rows(SIZE)[2:3])
    assert (len(index), nearest(index, rows(SIZE)[2])[0]) == (SIZE - 2, 3)


def test_limits_are_exact(index: VectorIndex) -> None:
    """As many of the allowed as there are, wherever they lie; none of those that are left out."""
    some = np.array([7, 333, 590], np.int64)
    assert sorted(nearest(index, rows(SIZE)[0], among=some)) == [7, 333, 590]
    assert sorted(nearest(index, rows(SIZE)[0], among=some, without=some[:1])) == [333, 590]
    assert 1 not in nearest(index, rows(SIZE)[0], without=np.array([1], np.int64))


def test_vectors_come_back_as_they_were_or_not_at_all(index: VectorIndex) -> None:
    """An index that keeps less than what was added does not pretend."""
    found = index.halves(np.array([5, 2], np.int64))
    assert found is None or np.array_equal(found, rows(SIZE)[[4, 1]].astype(np.float16))
    assert index.halves(np.array([5, 9999], np.int64)) is None


def test_vectors_are_found_by_id_in_any_order() -> None:
    """Also after one was taken out and added again, which puts it last."""
    index = exact(Path())
    index.remove(np.array([2], np.int64))
    index.add(np.array([2], np.int64), rows(1, seed=4))
    found = index.halves(np.array([3, 2, 600], np.int64))
    assert found is not None
    assert np.array_equal(found, np.stack([rows(SIZE)[2], rows(1, seed=4)[0], rows(SIZE)[599]]).astype(np.float16))


def test_file_holds_what_can_be_found_and_nothing_else(index: VectorIndex, tmp_path: Path) -> None:
    """After a removal and a write the removed vector is in no form in the file, and the others are found as before."""
    index.remove(np.array([10, 595], np.int64))
    before = nearest(index, rows(SIZE)[20], 20)
    path = tmp_path / "b.faiss"
    index.write(path)
    again = index.reopened(path)
    assert len(again) == SIZE - 2
    assert set(before) == set(nearest(again, rows(SIZE)[20], 20))
    raw = path.read_bytes()
    for place in (9, 594):
        assert rows(SIZE)[place].astype(np.float16).tobytes() not in raw
        assert rows(SIZE)[place].tobytes() not in raw
    stored: Any = faiss.read_index(str(path))
    assert stored.ntotal == SIZE - 2
    if hasattr(stored, "id_map"):
        assert not {10, 595} & {*faiss.vector_to_array(stored.id_map).tolist()}


def test_write_is_due_when_much_waits(tmp_path: Path) -> None:
    """A few additions wait beside the file, many ask for a new one; after it nothing waits."""
    few, many = partitioned(tmp_path), partitioned(tmp_path)
    few.add(ids(601, 605), rows(5, seed=3))
    many.remove(ids(1, 20))
    assert [few.due, many.due, exact(tmp_path).due] == [False, True, False]
    many.write(tmp_path / "b.faiss")
    assert not many.reopened(tmp_path / "b.faiss").due


def test_memory_of_a_mapped_index_is_small(tmp_path: Path) -> None:
    """The centres and what waits, not the vectors."""
    assert partitioned(tmp_path).memory < exact(tmp_path).memory / 3


@pytest.mark.parametrize(("size", "lists"), [(1, 16), (10_000, 128), (100_000, 256), (1_000_000, 1024)])
def test_lists_grow_with_the_root(size: int, lists: int) -> None:
    """So that choosing lists and searching in them cost alike."""
    assert (lists_of(size), sample_size(size)) == (lists, min(size, 40 * lists))


def test_shape_changes_with_room(tmp_path: Path) -> None:
    """Exact up to the limit, partitioned down to half of it and until the lists are outgrown."""
    small, large = exact(tmp_path), partitioned(tmp_path)
    assert (fits(small, exact_up_to=SIZE), fits(small, exact_up_to=SIZE - 1)) == (True, False)
    assert (fits(large, exact_up_to=2 * SIZE - 1), fits(large, exact_up_to=2 * SIZE)) == (True, False)
    large.add(ids(601, 10_600), rows(10_000, seed=8))
    assert not fits(large, exact_up_to=100)
