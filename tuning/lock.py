"""One tune at a time for a home, across processes: the system drops the lock with the process that held it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from memory.errors import FamiliarError

NAME = ".lock"


class TuneRunning(FamiliarError):
    """Another process trains for this home (recovery then leaves its rows alone)."""


@contextmanager
def tune_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of an adapters folder.

    :raises TuneRunning: another process holds it
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / NAME).open("a+b") as file:
        try:
            _lock(file)
        except OSError as exc:
            raise TuneRunning(
                f"a tune is running already ({folder / NAME} is locked); wait until it has ended"
            ) from exc
        yield


def _lock(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
