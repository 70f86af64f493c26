"""What a file's bytes are told by, wherever one is compared with what it was."""

from __future__ import annotations

import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Of a file, in hex; it is read in pieces.

    :raises OSError: it can't be read
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
