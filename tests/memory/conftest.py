"""A home with its owner, and a folder beside it from which files are imported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memory.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The open database of the home."""
    opened = Store(tmp_path / "home" / "familiar.db")
    yield opened
    opened.close()


@pytest.fixture
def user(store: Store) -> int:
    """Its owner's number."""
    return store.add_user("ada", role="owner").id


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """The folder, empty."""
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder
