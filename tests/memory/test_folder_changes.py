"""Whatever is done to a followed folder, in whatever order, memory ends as what the folder holds."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.memory.folder import write
from tests.memory.test_following import Home

_PLACES = [f"{folder}{name}" for folder in ("", "sub/", "wow!/") for name in ("a.md", "b.txt", "c.md", "d.txt", "e.md")]
_ROUNDS = 12


def _change(notes: Path, chance: random.Random, age: Iterator[int]) -> None:
    """Write, move, copy, swap or delete a file; few texts, so that many are alike."""
    there = [notes / place for place in _PLACES if (notes / place).exists()]
    target = notes / chance.choice(_PLACES)
    target.parent.mkdir(exist_ok=True)
    kind = chance.choice(["write", "write", "move", "copy", "swap", "delete"])
    source = chance.choice(there) if there else target
    if kind == "write" or source == target:
        write(target, f"words number {chance.randint(1, 6)}", age=1000.0 - next(age))
    elif kind == "move":
        source.rename(target)
    elif kind == "copy":
        write(target, source.read_bytes(), age=1000.0 - next(age))
    elif kind == "delete":
        source.unlink()
    elif target.exists():
        between = notes / ".between"
        os.rename(source, between)
        os.rename(target, source)
        os.rename(between, target)


@pytest.mark.parametrize("seed", range(4))
def test_memory_is_what_the_folder_holds(tmp_path: Path, seed: int) -> None:
    """Each text once, at a file that holds it."""
    home, chance, age = Home(tmp_path), random.Random(seed), count()
    write(home.notes / "keep.md", "kept")
    home.start()
    for _ in range(_ROUNDS):
        for _ in range(chance.randint(1, 5)):
            _change(home.notes, chance, age)
        home.after(lambda: None)
        held = {str(path): path.read_text() for path in home.notes.rglob("*.*") if path.is_file()}
        stored = {
            item.source: home.store.document_text(item.id, user_id=home.user)
            for item in home.store.documents(user_id=home.user)
        }
        assert {source: held.get(source) for source in stored} == stored
        assert sorted(stored.values()) == sorted(set(held.values()))
    home.store.close()
