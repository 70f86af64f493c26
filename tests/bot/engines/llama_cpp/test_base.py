"""Which file llama.cpp serves for a model: the one that it was unpacked from, kept or fetched again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.catalogue import CatalogueEntry, WheelSource
from bot.engines.llama_cpp.base import base_gguf
from bot.fetch import digest
from bot.models import ensure
from memory.errors import FamiliarError
from tests.bot.test_conversion import TEMPLATE, write_gguf
from tests.model_server import make_wheel


def entry_of(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> CatalogueEntry:
    """A model whose wheel pip finds, and nothing else."""
    wheels.mkdir()
    made = write_gguf(wheels / "tiny.gguf", template=TEMPLATE)
    make_wheel(wheels, "tiny-model", {"tiny_model/tiny.gguf": made.read_bytes()})
    for name, value in {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}.items():
        monkeypatch.setenv(name, value)
    source = WheelSource("tiny-model", "1.0", "tiny_model/tiny.gguf", digest(made), 1)
    return CatalogueEntry("tiny", "language", (source,), "MIT", "", 0, 0.0, "", 128)


def test_the_file_is_kept_or_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte for byte the pinned one; a folder made by an older version holds none, and offline nothing is fetched."""
    entry, models = entry_of(tmp_path / "wheels", monkeypatch), tmp_path / "models"
    said: list[str] = []
    ready = ensure(entry, folder=models, tell=said.append)
    kept = base_gguf(ready, folder=models, tell=said.append)
    pinned = digest(tmp_path / "wheels" / "tiny.gguf")
    assert (kept.parent, digest(kept)) == (ready.path, pinned)
    kept.unlink()
    with pytest.raises(FamiliarError, match=r"offline is true.*engine local"):
        base_gguf(ready, folder=models, offline=True)
    again = base_gguf(ready, folder=models, tell=said.append)
    assert (again.parent, digest(again)) == (models / "gguf", pinned)
    assert base_gguf(ready, folder=models, offline=True) == again
    assert sum(line.startswith("Fetching") for line in said) == 2
