"""The registry of adapters: one live one per user at most, every change one transaction, no file that no row explains.

A row goes from training to live, rejected, failed or skipped; a live one to retired, and whatever learned from
something that was forgotten to withdrawn. Its folder is complete before the row says live, and deleted only after the
row says that it is not needed: a crash between the two leaves a folder that the next `recover` removes.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from memory.errors import FamiliarError
from memory.store import Store, utc_now
from tuning.dataset import Example
from tuning.gate import Check
from tuning.job import BaseModel, template_of
from tuning.lock import TuneRunning, tune_lock

AdapterStatus = Literal["training", "rejected", "live", "retired", "withdrawn", "failed", "skipped"]
StartedBy = Literal["hand", "schedule"]

_KEPT = ("training", "live", "retired")
"""Adapters whose weights may be needed."""


@dataclass(frozen=True)
class Adapter:
    """A training run and what came of it."""

    id: str
    """Unique for its content, so that caches can be keyed by it."""
    user_id: int
    status: AdapterStatus
    base_model: str
    base_sha256: str
    template_sha256: str
    examples: int
    gate: tuple[Check, ...]
    manifest: str
    """JSON: recipe, example ids, measures, versions (the same as manifest.json in its folder)."""
    reason: str | None
    """Why it is not live, in words."""
    started_by: StartedBy
    started_at: str
    finished_at: str | None
    live_at: str | None
    folder: Path
    """Where the weights are, as peft reads them."""

    def gate_text(self) -> str:
        """The checks, one a line."""
        lines = [f"{'ok    ' if check.passed else 'FAILED'}  {check.sentence}" for check in self.gate]
        return "\n".join(lines) or self.reason or "not checked"


@dataclass(frozen=True)
class Outcome:
    """How a training run ended."""

    status: Literal["live", "rejected", "failed", "skipped"]
    reason: str | None = None
    gate: tuple[Check, ...] = ()
    manifest: str = "{}"


class Registry:
    """The adapters of one home, in ``folder``."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.root = folder

    def begin(self, *, user_id: int, base: BaseModel, examples: Sequence[Example], started_by: StartedBy) -> Adapter:
        """A new row for a run that starts now, with everything it learns from."""
        adapter_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        with self.store.transaction() as db:
            db.execute(
                "INSERT INTO adapters (id, user_id, status, base_model, base_sha256, template_sha256, examples,"
                " started_by, started_at) VALUES (?, ?, 'training', ?, ?, ?, ?, ?, ?)",
                (
                    adapter_id,
                    user_id,
                    base.name,
                    base.sha256,
                    template_of(base.folder),
                    len(examples),
                    started_by,
                    utc_now(),
                ),
            )
            self.add_sources(adapter_id, examples)
        return self.show(adapter_id, user_id=user_id)

    def add_sources(self, adapter_id: str, examples: Sequence[Example]) -> None:
        """Name what a run learns from; what is named already stays named once."""
        sources = {("turn_id", item) for example in examples for item in example.turn_ids}
        sources |= {("document_id", item) for example in examples for item in example.document_ids}
        with self.store.transaction() as db:
            for column, value in sorted(sources):
                db.execute(
                    f"INSERT INTO adapter_sources (adapter_id, {column}) SELECT ?, ? WHERE NOT EXISTS"
                    f" (SELECT 1 FROM adapter_sources WHERE adapter_id = ? AND {column} = ?)",
                    (adapter_id, value, adapter_id, value),
                )

    def finish(self, adapter_id: str, outcome: Outcome, *, user_id: int) -> Adapter:
        """Store how a run ended; a live one takes the place of the one before in the same transaction.

        A run that was withdrawn meanwhile stays withdrawn.
        """
        gate = json.dumps([dataclasses.asdict(check) for check in outcome.gate], ensure_ascii=False)
        with self.store.transaction() as db:
            if outcome.status == "live" and self.show(adapter_id, user_id=user_id).status == "training":
                self._retire(db, user_id)
            now = utc_now()
            db.execute(
                "UPDATE adapters SET status = ?, reason = ?, gate = ?, manifest = ?, finished_at = ?, live_at = ?"
                " WHERE id = ? AND user_id = ? AND status = 'training'",
                (
                    outcome.status,
                    outcome.reason,
                    gate,
                    outcome.manifest,
                    now,
                    now if outcome.status == "live" else None,
                    adapter_id,
                    user_id,
                ),
            )
        return self.show(adapter_id, user_id=user_id)

    def show(self, adapter_id: str, *, user_id: int) -> Adapter:
        """One adapter.

        :raises FamiliarError: the user has none of that id
        """
        rows = self.store.rows("SELECT * FROM adapters WHERE id = ? AND user_id = ?", (adapter_id, user_id))
        if not rows:
            raise FamiliarError(f"there is no adapter {adapter_id}; `familiar adapters` lists yours")
        return self._adapter(rows[0])

    def live(self, user_id: int) -> Adapter | None:
        """The adapter that answers this user; None: the base model does."""
        rows = self.store.rows("SELECT * FROM adapters WHERE user_id = ? AND status = 'live'", (user_id,))
        return self._adapter(rows[0]) if rows else None

    def promote(self, adapter_id: str, *, user_id: int, base: BaseModel) -> Adapter:
        """Let an adapter that was live before answer again; the live one is retired in the same transaction.

        :raises FamiliarError: it was not live before, its files are missing, or another model or template runs
        """
        with self.store.transaction() as db:
            chosen = self.show(adapter_id, user_id=user_id)
            if chosen.status == "live":
                return chosen
            _check_usable(chosen, base)
            self._retire(db, user_id)
            db.execute("UPDATE adapters SET status = 'live', live_at = ? WHERE id = ?", (utc_now(), adapter_id))
        return self.show(adapter_id, user_id=user_id)

    def rollback(self, *, user_id: int) -> Adapter | None:
        """Take the live adapter out of service; the one before it, else the base model (None), answers again."""
        with self.store.transaction() as db:
            current = self.live(user_id)
            if current is None:
                return None
            self._retire(db, user_id)
            before = [item for item in self.list(user_id=user_id) if _precedes(item, current)]
            if not before:
                return None
            chosen = max(before, key=lambda item: item.live_at or "")
            # live_at stays, so that a second rollback goes further back instead of forth.
            db.execute("UPDATE adapters SET status = 'live' WHERE id = ?", (chosen.id,))
        return self.show(chosen.id, user_id=user_id)

    def recover(self) -> tuple[str, ...]:
        """Mark runs whose process is gone as failed and remove what no row needs; call it when the program starts.

        :returns: ids of the interrupted runs; none where a tune is running
        """
        try:
            with tune_lock(self.root):
                return self.recover_locked()
        except TuneRunning:
            return ()

    def recover_locked(self) -> tuple[str, ...]:
        """`recover` for the holder of the lock."""
        with self.store.transaction() as db:
            rows = db.execute("SELECT id FROM adapters WHERE status = 'training'").fetchall()
            db.execute(
                "UPDATE adapters SET status = 'failed', reason = 'interrupted', finished_at = ?"
                " WHERE status = 'training'",
                (utc_now(),),
            )
        self.sweep()
        return tuple(row["id"] for row in rows)

    def sweep(self) -> None:
        """Delete the folders of adapters that can't answer any more, and folders without a row."""
        rows = self.store.rows(
            "SELECT id FROM adapters WHERE status IN (SELECT value FROM json_each(?))", (json.dumps(_KEPT),)
        )
        needed = {row["id"] for row in rows}
        if self.root.is_dir():
            for folder in self.root.iterdir():
                if folder.is_dir() and folder.name not in needed:
                    shutil.rmtree(folder)

    def list(self, *, user_id: int) -> Sequence[Adapter]:
        """A user's adapters, newest first."""
        rows = self.store.rows("SELECT * FROM adapters WHERE user_id = ? ORDER BY started_at DESC", (user_id,))
        return [self._adapter(row) for row in rows]

    def _retire(self, db: sqlite3.Connection, user_id: int) -> None:
        db.execute("UPDATE adapters SET status = 'retired' WHERE user_id = ? AND status = 'live'", (user_id,))

    def _adapter(self, row: sqlite3.Row) -> Adapter:
        values = dict(row)
        values["gate"] = tuple(Check(**check) for check in json.loads(values["gate"]))
        return Adapter(**values, folder=self.root / values["id"] / "adapter")


class AdapterEraser:
    """Takes adapters out of service that learned from what a user wants forgotten; an Eraser of memory.erasure."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def erase(self, *, user_id: int, turn_ids: Sequence[int], document_ids: Sequence[int]) -> None:
        """Withdraw them within the caller's transaction, whoever's they are: a shared page teaches every reader.

        Their files go with `Registry.sweep`, after the transaction: a rollback must find them still there.
        """
        del user_id
        with self._registry.store.transaction() as db:
            db.execute(
                "UPDATE adapters SET status = 'withdrawn', reason = 'it learned from something that was forgotten',"
                " finished_at = coalesce(finished_at, ?) WHERE status IN ('training', 'live', 'retired') AND id IN"
                " (SELECT adapter_id FROM adapter_sources WHERE turn_id IN (SELECT value FROM json_each(?))"
                " OR document_id IN (SELECT value FROM json_each(?)))",
                (utc_now(), json.dumps(list(turn_ids)), json.dumps(list(document_ids))),
            )


def _precedes(item: Adapter, current: Adapter) -> bool:
    return (
        item.status == "retired"
        and item.id != current.id
        and item.base_sha256 == current.base_sha256
        and item.template_sha256 == current.template_sha256
        and (item.live_at or "") < (current.live_at or "")
    )


def _check_usable(adapter: Adapter, base: BaseModel) -> None:
    if adapter.status != "retired":
        why = f": {adapter.reason}" if adapter.reason else ""
        raise FamiliarError(f"adapter {adapter.id} is {adapter.status}{why}; only one that was live can be live again")
    if adapter.base_sha256 != base.sha256:
        raise FamiliarError(
            f"adapter {adapter.id} was trained on {adapter.base_model} (sha256 {adapter.base_sha256[:12]}), but"
            f" {base.name} ({base.sha256[:12]}) is running; set [model] name to {adapter.base_model}"
        )
    if adapter.template_sha256 != template_of(base.folder):
        raise FamiliarError(
            f"adapter {adapter.id} was trained with another chat template than {base.folder} has; tune again"
        )
    if not (adapter.folder / "adapter_model.safetensors").is_file():
        raise FamiliarError(f"adapter {adapter.id} has lost its weights ({adapter.folder}); tune again")
