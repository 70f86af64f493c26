"""The state of a run on disk: written to a new file and renamed, so that it is always whole or the one before.

It holds numbers only and belongs to exactly one job: the fingerprint in it covers base, template, recipe and every
example, so that a run which would learn anything else starts anew. A file that can't be read counts as none.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory.errors import FamiliarError, first_line
from tuning.config import TuneConfig
from tuning.job import JUDGING, sync

NAME = "checkpoint.pt"


@dataclass(frozen=True)
class Chosen:
    """How much of its job a run learns."""

    ids: tuple[str, ...]
    """Of the examples."""
    epochs: int


class Checkpoints:
    """Keeps a run's state in a folder; a `tuning.fitting.Keeper`.

    :param fingerprint: what the run learns and how (`fingerprint`)
    :param config: says how often
    """

    def __init__(self, folder: Path, *, fingerprint: str, config: TuneConfig) -> None:
        self._file = folder / NAME
        self._fingerprint = fingerprint
        self._seconds = config.checkpoint_minutes * 60
        self._last = time.monotonic()
        self._kept = self._read()
        if self._kept is None:  # of another run: what it had learned may have been forgotten since
            self._file.unlink(missing_ok=True)
        self._chosen = Chosen(tuple(self._kept["chosen"]), self._kept["epochs"]) if self._kept else None

    @property
    def chosen(self) -> Chosen | None:
        """What the kept run learns, or this one once that is said; None before, where no run was kept."""
        return self._chosen

    def choose(self, chosen: Chosen) -> None:
        """Say what this run learns, before its first state is kept."""
        self._chosen = chosen

    def due(self, step: int) -> bool:
        """Whether the last file is old enough."""
        del step
        return time.monotonic() - self._last >= self._seconds

    def keep(self, state: dict[str, Any]) -> None:
        """Put a state in the place of the one before, on disk before this returns.

        :raises FamiliarError: it can't be written; the one before stays
        """
        import torch

        assert self._chosen is not None, "a run says what it learns before it is kept"
        new = self._file.with_suffix(".new")
        known = {"fingerprint": self._fingerprint, "chosen": list(self._chosen.ids), "epochs": self._chosen.epochs}
        try:
            torch.save(known | {"state": state}, new)
            sync([new])
            os.replace(new, self._file)
            sync([self._file.parent])
        except (OSError, RuntimeError) as exc:  # torch's own writer says RuntimeError where the disk is full
            raise FamiliarError(f"{new} can't be written: {first_line(exc)}") from exc
        self._last = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The state that was kept when this was made; None where there is none of this run."""
        return self._kept["state"] if self._kept else None

    @staticmethod
    def remove(folder: Path) -> None:
        """The run in a folder is done."""
        for file in (folder / NAME, (folder / NAME).with_suffix(".new")):
            file.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any] | None:
        import torch

        try:
            kept = torch.load(self._file, weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError):
            return None
        return kept if isinstance(kept, dict) and kept.get("fingerprint") == self._fingerprint else None


def fingerprint(folder: Path, *, template_sha256: str) -> str:
    """Of what a job learns, how, and the template that it is rendered with; the same text gives the same."""
    head = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    learned = json.dumps([[key, head[key]] for key in sorted(head) if key not in JUDGING])
    parts = [learned.encode(), (folder / "examples.jsonl").read_bytes(), template_sha256.encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
