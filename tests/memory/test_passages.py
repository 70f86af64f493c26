"""Rows of passages are read once and stay right while nothing is removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory.corpus import readable
from memory.passages import Passages
from memory.records import NewDocument, Passage
from memory.store import Store


class Counting(Store):
    """A store that counts the queries for plain rows."""

    def __init__(self, path: Path) -> None:
        self.asked = 0
        super().__init__(path)

    def tuples(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self.asked += 1
        return super().tuples(sql, values)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Counting]:
    """Six passages of Ann's, one of Ben's."""
    opened = Counting(tmp_path / "familiar.db")
    opened.add_user("ann", role="owner")
    opened.add_user("ben", role="member")
    add(opened, "a", [Passage(f"line {n}", speaker="Ann" if n % 2 else "Cy", at="2026-01-02") for n in range(6)])
    add(opened, "b", [Passage("not yours")], user_id=2)
    yield opened
    opened.close()


def add(store: Store, name: str, lines: list[Passage], *, user_id: int = 1) -> int:
    document = NewDocument(source=name, title=name, format="plain", sha256=name, text="t")
    return store.add_document(
        document, lines, np.eye(len(lines), 8, dtype=np.float32), user_id=user_id, embedder="e"
    ).id


def test_rows_are_read_once(store: Counting) -> None:
    """What an earlier search read is not asked for again, and of others nothing is given."""
    kept = Passages([1])
    assert kept.rows(store, np.array([2, 3, 7, 99]))["id"].tolist() == [2, 3]
    before = store.asked
    rows = kept.rows(store, np.array([2, 3]))
    assert store.asked == before
    assert kept.names(rows["speaker"]) == ("Ann", "Cy")
    assert kept.rows(store, np.array([1, 3, 6]))["id"].tolist() == [1, 3, 6]
    assert store.asked == before + 1


def test_no_more_rows_are_kept_than_is_set(store: Counting) -> None:
    """Beyond the limit only the rows of the last search stay."""
    kept = Passages([1], most=3)
    kept.rows(store, np.array([1, 2, 3]))
    assert kept.rows(store, np.array([4, 5]))["id"].tolist() == [4, 5]
    before = store.asked
    kept.rows(store, np.array([4, 5]))
    assert store.asked == before
    kept.rows(store, np.array([1]))
    assert store.asked == before + 1


def test_rows_outlive_additions_but_no_removal(store: Counting) -> None:
    """A removed passage is nobody's neighbour in the next search."""
    first = readable(store, (1,))
    late = add(store, "late", [Passage("late")])
    second = readable(store, (1,), before=first)
    assert second.passages is first.passages
    store.delete_document(late, user_id=1)
    assert readable(store, (1,), before=second).passages is not first.passages
