"""A folder of files on disk, and importing it."""

from __future__ import annotations

import io
import os
import time
import zipfile
from pathlib import Path

from memory.config import ImportConfig
from memory.ingest import ImportOptions, Ingestor
from memory.records import Receipt
from memory.store import Store
from tests.embedder import WordEmbedder


def write(path: Path, text: str | bytes, *, age: float = 60.0) -> Path:
    """A file that was last changed some seconds ago, and each time at another moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    moment = time.time_ns() - int(age * 1e9)
    os.utime(path, ns=(moment, moment))
    return path


def bring_in(
    store: Store,
    user: int,
    *paths: Path,
    options: ImportOptions | None = None,
    config: ImportConfig | None = None,
    embedder: WordEmbedder | None = None,
) -> dict[str, Receipt]:
    """Import, and the receipts by file name."""
    ingestor = Ingestor(store, embedder or WordEmbedder(), config or ImportConfig())
    return {Path(item.path).name: item for item in ingestor.import_paths(paths, user_id=user, options=options)}


def zipped(members: dict[str, bytes]) -> bytes:
    """An archive."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def texts(store: Store, user: int) -> dict[str, str]:
    """What is stored, by the file that it is from."""
    found = store.documents(user_id=user)
    return {Path(item.source).name: store.document_text(item.id, user_id=user) for item in found}
