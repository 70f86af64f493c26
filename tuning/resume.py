"""What an interrupted tune leaves for the next one: numbers, and nothing that anybody wrote.

Only the checkpoint and the curves outlive the process; the texts in the folder are removed by the first sweep after
it, and written anew from the database by the tune that goes on. A source that is forgotten in between withdraws the
row, and with it the folder. Whether the checkpoint is of the very same job is decided where it is read
(`tuning.checkpoint`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from tuning import checkpoint, curves

INTERRUPTED = "interrupted"
"""How the reason of a run begins that its process did not end."""
CANCELLED = "cancelled"
_SPARED = (checkpoint.NAME, curves.NAME)


def resumable(reason: str | None, folder: Path) -> bool:
    """Whether a run that ended for a reason left something to go on from."""
    return (reason or "").startswith((INTERRUPTED, CANCELLED)) and (folder / checkpoint.NAME).is_file()


def spare(folder: Path) -> None:
    """Remove everything from an interrupted run's folder but what the next one goes on from."""
    for path in folder.iterdir():
        if path.name in _SPARED:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def take_over(folder: Path, interrupted: Iterable[Path]) -> None:
    """Move the first checkpoint among the interrupted runs' folders, newest first, into a new run's; drop the others.

    A crash between two of these moves loses at most the curve's beginning: the checkpoint goes last.
    """
    for number, old in enumerate(path for path in interrupted if (path / checkpoint.NAME).is_file()):
        if number == 0:
            folder.mkdir(parents=True, mode=0o700, exist_ok=True)
            for name in reversed(_SPARED):
                if (old / name).is_file():
                    os.replace(old / name, folder / name)
        shutil.rmtree(old)
