"""A home is its owner's alone: what is made in it others can't read, and one that they could read is closed.

A folder that was there before and holds something else is left as it is: it may be meant for others.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

DATABASE = "familiar.db"
_OTHERS = 0o077


@contextmanager
def private_files() -> Iterator[None]:
    """What the process makes meanwhile is its user's alone (on Windows the folder decides)."""
    before = os.umask(_OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def open_to_others(path: Path) -> bool:
    """Whether other accounts of this machine may do anything with a file or folder."""
    return os.name == "posix" and path.exists() and bool(stat.S_IMODE(path.stat().st_mode) & _OTHERS)


def tighten(home: Path) -> bool:
    """Close a home and its database to others; whether the folder had been open.

    :raises OSError: the folder can't be read
    """
    database = home / DATABASE
    ours = database.exists() or not any(home.iterdir())
    if not ours:
        return False
    with suppress(PermissionError):  # somebody else's: `familiar doctor` says so
        if open_to_others(database):
            database.chmod(0o600)
        if open_to_others(home):
            home.chmod(0o700)
            return True
    return False
