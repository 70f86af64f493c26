"""How the home is: what `familiar doctor` finds, and which model, adapter and embedder answer.

Nothing is fetched or loaded to find out: a page must not start a download.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot import models
from bot.doctor.examine import examine
from bot.doctor.records import Finding
from memory.reembedding import serving
from memory.store import Store

if TYPE_CHECKING:
    from bot.app import App


@dataclass(frozen=True)
class Health:
    """One look at a home."""

    findings: tuple[Finding, ...]
    model: str
    """The language model's name; "auto" where none was chosen yet."""
    model_ready: bool
    embedder: str
    """The key of the embedder that serves searches."""
    free_bytes: int
    database_bytes: int
    index: IndexState

    @property
    def well(self) -> bool:
        """Whether nothing has to be done."""
        return all(item.ok for item in self.findings)


@dataclass(frozen=True)
class IndexState:
    """How far the index files follow the database; what they lack is added at the next search."""

    passages: int
    behind: int
    """Owners of memory whose files lag behind or are not made yet."""


def look_at(app: App) -> Health:
    """Look at everything; reads the whole database file once."""
    name, configured = app.settings.model.name, app.settings.embedder.name
    served = app.answering.served
    key = app.embedder.key if models.is_ready(configured, folder=app.model_folder) else configured
    return Health(
        findings=tuple(examine(app, online=False)),
        model=app.answering.model_name if served else _chosen(name, app.model_folder),
        model_ready=served or models.is_ready(name, folder=app.model_folder),
        embedder=serving(app.store, key).partition("|")[0],
        free_bytes=shutil.disk_usage(app.home).free,
        database_bytes=_size(app.store.path),
        index=index_state(app.store, app.home / "index"),
    )


def _chosen(name: str, folder: Path) -> str:
    """What "auto" stands for on this machine."""
    if name != models.AUTO:
        return name
    try:
        return str(json.loads((folder / "auto.json").read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, KeyError):
        return name


def index_state(store: Store, folder: Path) -> IndexState:
    """Compare the files of all owners with what the database counts."""
    rows = store.rows(
        "SELECT u.id, u.generation, s.chunks FROM users u JOIN memory_sizes s ON s.user_id = u.id WHERE s.chunks > 0"
    )
    behind = sum(_generation(folder / f"{row['id']}.json") != row["generation"] for row in rows)
    return IndexState(sum(row["chunks"] for row in rows), behind)


def _generation(sidecar: Path) -> int | None:
    """Which state of the database an index file holds; None where there is none that can be read."""
    try:
        return int(json.loads(sidecar.read_text(encoding="utf-8"))["generation"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _size(path: Path) -> int:
    """Bytes of a database with its write-ahead log."""
    files: Sequence[Path] = (path, path.with_name(f"{path.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
