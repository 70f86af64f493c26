"""The vector index always answers from what the database holds now."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from memory.config import IndexConfig
from memory.errors import FamiliarError
from memory.index import Indexes
from memory.records import NewDocument, Passage
from memory.store import Store

DIMENSIONS = 16


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "familiar.db")
    opened.add_user("ann", role="owner")
    opened.add_user("ben", role="member")
    yield opened
    opened.close()


def indexes(
    store: Store, *, key: str = "e", dimensions: int = DIMENSIONS, config: IndexConfig | None = None
) -> Indexes:
    return Indexes(store.path.parent / "index", store, embedder_key=key, dimensions=dimensions, config=config)


def directions(count: int, *, seed: int = 0) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSIONS)).astype(np.float32)
    unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def add(store: Store, name: str, vectors: NDArray[np.float32], *, user_id: int = 1, embedder: str = "e") -> int:
    document = NewDocument(source=name, title=name, format="plain", sha256=name, text="t")
    passages = [Passage(f"{name} {i}") for i in range(len(vectors))]
    return store.add_document(document, passages, vectors, user_id=user_id, embedder=embedder).id


def found(index: Indexes, vector: NDArray[np.float32], *, user_id: int = 1, k: int = 5) -> list[int]:
    return [int(id_) for id_ in index.search(vector, user_id=user_id, k=k)[0]]


def test_finds_the_nearest_first_with_its_cosine(store: Store) -> None:
    """A stored vector is its own nearest neighbour, within what float16 keeps."""
    vectors = directions(40)
    add(store, "a", vectors)
    ids, scores = indexes(store).search(vectors[7], user_id=1, k=3)
    assert ids[0] == 8
    assert scores[0] == pytest.approx(1.0, abs=2e-3)
    assert list(scores) == sorted(scores, reverse=True)


def test_no_search_sees_another_owner(store: Store) -> None:
    """Each owner has an index of their own."""
    vectors = directions(10)
    add(store, "a", vectors, user_id=1)
    add(store, "b", vectors, user_id=2)
    index = indexes(store)
    assert set(found(index, vectors[0], user_id=1, k=99)) == set(range(1, 11))
    assert set(found(index, vectors[0], user_id=2, k=99)) == set(range(11, 21))
    assert index.cosines(vectors[2], np.array([3]), user_id=2).tolist() == [0.0]
    assert index.cosines(vectors[2], np.array([3]), user_id=1)[0] > 0.99


def test_deletion_leaves_k_live_hits(store: Store) -> None:
    """After half is deleted, a search for k gives k chunks that exist, with the vectors they had."""
    first = add(store, "a", directions(30, seed=1))
    second = directions(30, seed=2)
    add(store, "b", second)
    index = indexes(store)
    assert len(found(index, second[0], k=60)) == 60
    store.delete_document(first, user_id=1)
    assert sorted(found(index, second[0], k=30)) == list(range(31, 61))
    assert found(index, second[4], k=1) == [35]


def test_addition_is_found_at_once_and_after_restart(store: Store) -> None:
    """What another import added is applied as a difference, in this process and in the next."""
    add(store, "a", directions(5, seed=1))
    index = indexes(store)
    index.sync(1)
    late = directions(1, seed=9)
    add(store, "b", late)
    assert found(index, late[0], k=1) == [6]
    assert found(indexes(store), late[0], k=1) == [6]


@pytest.mark.parametrize("harm", ["missing", "cut", "flipped", "no sidecar", "broken sidecar"])
def test_damaged_or_missing_file_is_made_again(store: Store, harm: str) -> None:
    """Whatever happened to the derived files, the database answers."""
    vectors = directions(20)
    add(store, "a", vectors)
    indexes(store).sync(1)
    path, sidecar = (store.path.parent / "index" / name for name in ("1.faiss", "1.json"))
    data = path.read_bytes()
    if harm == "missing":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif harm == "flipped":
        path.write_bytes(data[:-30] + bytes([data[-30] ^ 255]) + data[-29:])
    elif harm == "no sidecar":
        sidecar.unlink()
    else:
        sidecar.write_text("{")
    index = indexes(store)
    assert found(index, vectors[3], k=1) == [4]
    index.sync(1)
    assert faiss.deserialize_index(np.frombuffer(path.read_bytes(), np.uint8)).ntotal == 20


def test_deleted_vectors_are_not_in_the_file(store: Store) -> None:
    """A deletion reaches the file with the next search, not only memory."""
    first = add(store, "a", directions(5))
    add(store, "b", directions(3, seed=4))
    index = indexes(store)
    index.sync(1)
    store.delete_document(first, user_id=1)
    found(index, directions(1)[0])
    stored: Any = faiss.deserialize_index(
        np.frombuffer((store.path.parent / "index" / "1.faiss").read_bytes(), np.uint8)
    )
    assert sorted(faiss.vector_to_array(stored.id_map)) == [6, 7, 8]


def test_other_embedder_is_named_with_both_sizes(store: Store) -> None:
    """Vectors of another model are refused by name, not by a failing assertion."""
    add(store, "a", directions(4))
    with pytest.raises(FamiliarError, match=r"4 passages .* e \(16 dimensions\).*other \(24 dimensions\)"):
        found(indexes(store, key="other", dimensions=24), np.zeros(24, np.float32))


def test_rows_that_are_not_finite_are_refused(store: Store) -> None:
    """A vector with NaN is not stored; one that got into the database scores 0 instead of sorting first."""
    bad = directions(2)
    bad[1, 3] = np.nan
    with pytest.raises(FamiliarError, match="not finite"):
        add(store, "bad", bad)
    good = directions(3)
    add(store, "good", good)
    broken = np.full(DIMENSIONS, np.nan, np.float16).tobytes()
    with store.transaction() as db:
        db.execute("UPDATE vectors SET vector = ? WHERE chunk_id = 2", (broken,))
    ids, scores = indexes(store).search(good[0], user_id=1, k=3)
    assert np.isfinite(scores).all()
    assert scores[list(ids).index(2)] == 0.0


def test_only_some_ids_can_be_searched(store: Store) -> None:
    """A filter is exact: as many of the allowed as there are, none besides."""
    vectors = directions(50)
    add(store, "a", vectors)
    ids, _ = indexes(store).search(vectors[0], user_id=1, k=10, among=np.array([40, 41, 42]))
    assert sorted(ids) == [40, 41, 42]


def test_threads_search_while_documents_come_and_go(store: Store) -> None:
    """Searches beside imports and deletions give live chunks and never fail."""
    add(store, "base", directions(50))
    index, failures = indexes(store), list[BaseException]()

    def search() -> None:
        try:
            for step in range(40):
                assert len(found(index, directions(1, seed=step)[0], k=50)) == 50
        except BaseException as exc:  # noqa: BLE001 - carried to the main thread, which fails the test
            failures.append(exc)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for step in range(15):
        store.delete_document(add(store, f"d{step}", directions(5, seed=step)), user_id=1)
    for thread in threads:
        thread.join()
    assert not failures


def test_empty_owner_has_no_hits(store: Store) -> None:
    """A user without passages finds nothing, and no file is needed for that."""
    assert found(indexes(store), directions(1)[0]) == []


LARGE = IndexConfig(exact_up_to=200)
"""Above 200 vectors an index is partitioned."""


def file_size(store: Store, user_id: int = 1) -> int:
    stored: Any = faiss.read_index(str(store.path.parent / "index" / f"{user_id}.faiss"))
    return int(stored.ntotal)


def test_large_memory_follows_additions_and_deletions(store: Store) -> None:
    """Partitioned above the limit: what comes and goes is found or not at once, here and after a restart."""
    first = add(store, "a", directions(300))
    index = indexes(store, config=LARGE)
    assert found(index, directions(300)[7], k=1) == [8]
    late = directions(3, seed=9)
    second = add(store, "b", late)
    assert found(index, late[1], k=1) == [302]
    assert file_size(store) == 300
    assert found(indexes(store, config=LARGE), late[1], k=1) == [302]
    store.delete_document(second, user_id=1)
    assert not {301, 302, 303} & {*found(index, late[1], k=100)}
    assert not {301, 302, 303} & {*found(indexes(store, config=LARGE), late[1], k=100)}
    store.delete_chunks([8], user_id=1)
    assert index.sync(1) == 299
    assert file_size(store) == 299
    store.delete_document(first, user_id=1)
    assert index.sync(1) == 0


@pytest.mark.parametrize("config", [IndexConfig(), LARGE], ids=["exact", "partitioned"])
def test_cosines_are_those_of_the_stored_vectors(store: Store, config: IndexConfig) -> None:
    """In the order asked for, not rounded to a byte a dimension; 0 for another's and for what is not there."""
    add(store, "a", directions(300))
    add(store, "b", directions(2, seed=3), user_id=2)
    index, query = indexes(store, config=config), directions(1, seed=7)[0]
    found(index, query)
    stored = directions(300).astype(np.float16).astype(np.float32)
    assert index.cosines(query, np.array([9, 4]), user_id=1) == pytest.approx(stored[[8, 3]] @ query, abs=1e-6)
    mixed = index.cosines(query, np.array([9, 301, 4, 999]), user_id=1)
    assert mixed == pytest.approx([stored[8] @ query, 0, stored[3] @ query, 0], abs=1e-6)


def test_index_changes_its_shape_with_its_size(store: Store) -> None:
    """It grows over the limit and shrinks under half of it."""
    small = add(store, "a", directions(90))
    index = indexes(store, config=LARGE)
    index.sync(1)
    exact_size = (store.path.parent / "index" / "1.faiss").stat().st_size
    large = add(store, "b", directions(200, seed=2))
    assert len(found(index, directions(1)[0], k=290)) == 290, "a search does not wait for a new shape"
    assert (index.sync(1), len(found(index, directions(1)[0], k=290)) < 290) == (290, True)
    store.delete_document(large, user_id=1)
    assert index.sync(1) == 90
    assert (store.path.parent / "index" / "1.faiss").stat().st_size == exact_size
    store.delete_document(small, user_id=1)
    assert found(index, directions(1)[0]) == []


@pytest.mark.parametrize("harm", ["missing", "cut", "flipped", "no sidecar"])
def test_damaged_large_file_is_made_again(store: Store, harm: str) -> None:
    """A mapped file is checked at its ends."""
    vectors = directions(300)
    add(store, "a", vectors)
    indexes(store, config=LARGE).sync(1)
    path, sidecar = (store.path.parent / "index" / name for name in ("1.faiss", "1.json"))
    data = path.read_bytes()
    if harm == "missing":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif harm == "flipped":
        path.write_bytes(data[:30] + bytes([data[30] ^ 255]) + data[31:])
    else:
        sidecar.unlink()
    assert found(indexes(store, config=LARGE), vectors[3], k=1) == [4]
    assert path.stat().st_size == len(data)


def test_missed_deletion_is_noticed(store: Store) -> None:
    """Where the notes of what was removed are gone, an index that holds too much is made again."""
    document = add(store, "a", directions(5))
    add(store, "b", directions(3, seed=4))
    index = indexes(store)
    index.sync(1)
    store.delete_document(document, user_id=1)
    with store.transaction() as db:
        db.execute("DELETE FROM vector_changes")
    assert sorted(found(index, directions(1)[0])) == [6, 7, 8]


def test_memory_of_indexes_is_bounded(store: Store) -> None:
    """Indexes used longest ago are let go, with what they had not yet written, and come back when they are asked."""
    owners = [store.add_user(f"u{n}", role="member").id for n in range(6)]
    wide = 512
    for owner in owners:
        rows = np.random.default_rng(owner).normal(size=(500, wide)).astype(np.float32)
        add(store, f"d{owner}", rows / np.linalg.norm(rows, axis=1, keepdims=True), user_id=owner)
    index = indexes(store, dimensions=wide, config=IndexConfig(memory_mb=2))
    for owner in [*owners, *owners]:
        assert len(found(index, np.ones(wide, np.float32), user_id=owner)) == 5
        assert index.memory <= 2 << 20
    assert file_size(store, owners[0]) == 500
