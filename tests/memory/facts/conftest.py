"""The home that tests of facts share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memory.store import Store
from tests.memory.facts.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A new home with its owner."""
    store = Store(tmp_path / "familiar.db")
    yield Home(store, store.add_user("ann", role="owner").id)
    store.close()
