"""What most tests of tuning begin with: a tiny base model on disk and in memory, and a store with two people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memory.store import Store
from tests.tuning.tiny import tiny_base
from tuning.job import BaseModel
from tuning.train import Loaded, load


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    """A model of a few thousand weights; the tests of one file share it."""
    return tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def loaded(base: BaseModel) -> Loaded:
    """The same in memory, in float32."""
    return load(base.folder)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An owner, Ann, who is user 1, and a member, Bo, who is user 2."""
    opened = Store(tmp_path / "familiar.db")
    opened.add_user("ann", role="owner")
    opened.add_user("bo", role="member")
    yield opened
    opened.close()
