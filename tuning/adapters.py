"""The registry of adapters: one live one per user at most, every change one transaction, no file that no row explains.

A row goes from training to live, rejected, failed or skipped; a live one to retired, and whatever learned from
something that was forgotten to withdrawn, for which the one before it stands in. Its folder is complete before the row
says live, and deleted only after the row says that it is not needed: a crash between the two leaves a folder that the
next `recover` removes.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from memory.errors import FamiliarError
from memory.store import Store, utc_now
from tuning.gate import Check
from tuning.job import BaseModel, template_of
from tuning.lock import TuneRunning, tune_lock
from tuning.pairs import Sourced
from tuning.resume import CANCELLED, INTERRUPTED, resumable, spare, take_over

AdapterStatus = Literal["training", "rejected", "live", "retired", "withdrawn", "failed", "skipped"]
StartedBy = Literal["hand", "schedule"]
Kind = Literal["reply", "taste"]
"""What an adapter does: it answers, or it ranks items (`tuning.preference`)."""

_KEPT = ("training", "live", "retired")
"""Adapters whose weights may be needed."""


@dataclass(frozen=True)
class Adapter:
    """A training run and what came of it."""

    id: str
    """Unique for its content, so that caches can be keyed by it."""
    user_id: int
    status: AdapterStatus
    kind: Kind
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
    withdrawn_at: str | None
    """When something that it learned from was forgotten."""
    withdrawn_from: AdapterStatus | None
    """What it was until then."""
    rolled_back_at: str | None
    """When it was taken out of service as worse than the one before; it answers again only by hand."""
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
    """The adapters of one kind in one home, in ``folder``.

    :param template: what an adapter's inputs are made by, as a hash of it; an adapter of another one is not used
    """

    def __init__(
        self, store: Store, folder: Path, *, kind: Kind = "reply", template: Callable[[Path], str] = template_of
    ) -> None:
        self.store = store
        self.root = folder
        self.kind: Kind = kind
        self._template = template

    def begin(
        self,
        *,
        user_id: int,
        base: BaseModel,
        examples: Sequence[Sourced],
        started_by: StartedBy,
        beside: Sequence[Sourced] = (),
    ) -> Adapter:
        """A new row for a run that starts now, with everything it learns from.

        :param beside: what else stands in its folder: pairs, votes, and what was filtered out as secret
        """
        adapter_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        with self.store.transaction() as db:
            db.execute(
                "INSERT INTO adapters (id, user_id, status, base_model, base_sha256, template_sha256, examples,"
                " started_by, started_at, kind) VALUES (?, ?, 'training', ?, ?, ?, ?, ?, ?, ?)",
                (
                    adapter_id,
                    user_id,
                    base.name,
                    base.sha256,
                    self._template(base.folder),
                    len(examples),
                    started_by,
                    utc_now(),
                    self.kind,
                ),
            )
            self.add_sources(adapter_id, (*examples, *beside))
        return self.show(adapter_id, user_id=user_id)

    def add_sources(self, adapter_id: str, learned: Sequence[Sourced]) -> None:
        """Name what a run learns from; what is named already stays named once."""
        sources = {("turn_id", item) for source in learned for item in source.turn_ids}
        sources |= {("document_id", item) for source in learned for item in source.document_ids}
        with self.store.transaction() as db:
            for column, value in sorted(sources):
                db.execute(
                    f"INSERT INTO adapter_sources (adapter_id, {column}) SELECT ?, ? WHERE NOT EXISTS"
                    f" (SELECT 1 FROM adapter_sources WHERE adapter_id = ? AND {column} = ?)",
                    (adapter_id, value, adapter_id, value),
                )

    def keep_sources(self, adapter_id: str, learned: Sequence[Sourced]) -> None:
        """Name no longer what a run held texts or a state of, but did not learn."""
        turns = sorted({item for source in learned for item in source.turn_ids})
        documents = sorted({item for source in learned for item in source.document_ids})
        with self.store.transaction() as db:
            db.execute(
                "DELETE FROM adapter_sources WHERE adapter_id = ?"
                " AND coalesce(turn_id, 0) NOT IN (SELECT value FROM json_each(?))"
                " AND coalesce(document_id, 0) NOT IN (SELECT value FROM json_each(?))",
                (adapter_id, json.dumps(turns), json.dumps(documents)),
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
        rows = self.store.rows(
            "SELECT * FROM adapters WHERE id = ? AND user_id = ? AND kind = ?", (adapter_id, user_id, self.kind)
        )
        if not rows:
            raise FamiliarError(f"there is no adapter {adapter_id}; `familiar adapters` lists yours")
        return self._adapter(rows[0])

    def usable(self, adapter_id: str, *, user_id: int, base: BaseModel) -> Adapter:
        """One that answers or has answered and could again.

        :raises FamiliarError: there is none of that id, its weights are gone, or another model or template runs
        """
        chosen = self.show(adapter_id, user_id=user_id)
        if chosen.status not in ("live", "retired"):
            why = f": {chosen.reason}" if chosen.reason else ""
            raise FamiliarError(f"adapter {chosen.id} is {chosen.status}{why}; its weights are gone")
        self._check_fits(chosen, base)
        return chosen

    def live(self, user_id: int) -> Adapter | None:
        """The adapter that answers this user; None: the base model does."""
        rows = self.store.rows(
            "SELECT * FROM adapters WHERE user_id = ? AND kind = ? AND status = 'live'", (user_id, self.kind)
        )
        return self._adapter(rows[0]) if rows else None

    def answering(self, user_id: int, *, base_sha256: str, template_sha256: str) -> Adapter | None:
        """The live adapter where it fits what runs; one whose files are damaged makes room for the one before it."""
        while (adapter := self.live(user_id)) is not None:
            if (adapter.base_sha256, adapter.template_sha256) != (base_sha256, template_sha256):
                return None
            if is_whole(adapter.folder):
                return adapter
            self.rollback(user_id=user_id, reason="its files are missing or cut short; tune again")
        return None

    def promote(self, adapter_id: str, *, user_id: int, base: BaseModel) -> Adapter:
        """Let an adapter that was live before answer again; the live one is retired in the same transaction.

        :raises FamiliarError: it was not live before, its files are missing, or another model or template runs
        """
        with self.store.transaction() as db:
            chosen = self.show(adapter_id, user_id=user_id)
            if chosen.status == "live":
                return chosen
            if chosen.status != "retired":
                raise FamiliarError(_not_usable(chosen))
            self._check_fits(chosen, base)
            self._retire(db, user_id)
            db.execute(
                "UPDATE adapters SET status = 'live', live_at = ?, rolled_back_at = NULL, reason = NULL WHERE id = ?",
                (utc_now(), adapter_id),
            )
        return self.show(adapter_id, user_id=user_id)

    def rollback(self, *, user_id: int, reason: str = "rolled back by hand") -> Adapter | None:
        """Take the live adapter out of service; the one before it, else the base model (None), answers again.

        :param reason: why, in words, kept with the adapter; no text of the user
        """
        with self.store.transaction() as db:
            current = self.live(user_id)
            if current is None:
                return None
            db.execute(
                "UPDATE adapters SET status = 'retired', rolled_back_at = ?, reason = ? WHERE id = ?",
                (utc_now(), reason, current.id),
            )
            chosen = self.before(current)
            if chosen is not None:
                self._bring_back(db, chosen)
        return chosen and self.show(chosen.id, user_id=user_id)

    def before(self, current: Adapter) -> Adapter | None:
        """The one that answers when ``current`` no longer does: the latest before it that is fit to; None: the base."""
        earlier = [item for item in self.list(user_id=current.user_id) if _precedes(item, current)]
        return max(earlier, key=lambda item: item.live_at or "", default=None)

    def withdraw(self, *, turn_ids: Sequence[int], document_ids: Sequence[int]) -> None:
        """Take whatever learned from these turns and documents out of service, whoever's it is.

        Where it was the one that answers, the one before it that saw nothing of them does, else the base model.
        """
        with self.store.transaction() as db:
            answering = [
                self._adapter(row) for row in self.store.rows("SELECT * FROM adapters WHERE status = 'live'", ())
            ]
            db.execute(
                "UPDATE adapters SET withdrawn_from = status, status = 'withdrawn', withdrawn_at = ?1,"
                " reason = 'it learned from something that was forgotten', finished_at = coalesce(finished_at, ?1)"
                " WHERE (status IN ('training', 'live', 'retired') OR reason LIKE ?4 OR reason LIKE ?5) AND id IN"
                " (SELECT adapter_id FROM adapter_sources WHERE turn_id IN (SELECT value FROM json_each(?2))"
                " OR document_id IN (SELECT value FROM json_each(?3)))",
                (
                    utc_now(),
                    *(json.dumps(list(turn_ids)), json.dumps(list(document_ids))),
                    *(f"{INTERRUPTED}%", f"{CANCELLED}%"),
                ),
            )
            for adapter in answering:
                same = Registry(self.store, self.root, kind=adapter.kind, template=self._template)
                if same.live(adapter.user_id) is None:
                    chosen = same.before(adapter)
                    if chosen is not None:
                        self._bring_back(db, chosen)

    def withdrawn_since(self, moment: str) -> tuple[Adapter, ...]:
        """Adapters of all users that were withdrawn since then (ISO 8601, UTC), oldest first."""
        rows = self.store.rows(
            "SELECT * FROM adapters WHERE kind = ? AND withdrawn_at >= ? ORDER BY started_at", (self.kind, moment)
        )
        return tuple(self._adapter(row) for row in rows)

    def recover(self) -> tuple[str, ...]:
        """Mark runs whose process is gone as interrupted and remove what no row needs; call it when the program starts.

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
                "UPDATE adapters SET status = 'failed', reason = ?, finished_at = ? WHERE status = 'training'",
                (INTERRUPTED, utc_now()),
            )
        self.sweep()
        return tuple(row["id"] for row in rows)

    def sweep(self) -> None:
        """Delete the folders of adapters that can't answer any more, and folders without a row.

        An interrupted run keeps what the next one can go on from.
        """
        rows = self.store.rows("SELECT id, status, reason FROM adapters WHERE status NOT IN ('rejected', 'withdrawn')")
        known = {row["id"]: row for row in rows}
        for folder in self.root.iterdir() if self.root.is_dir() else ():
            row = known.get(folder.name)
            if not folder.is_dir() or (row and row["status"] in _KEPT):
                continue
            if row and resumable(row["reason"], folder):
                spare(folder)
            else:
                shutil.rmtree(folder)

    def interrupted(self, adapter: Adapter) -> Sequence[Path]:
        """Folders of runs of the same user, base and template that did not end, newest first."""
        rows = self.store.rows(
            "SELECT id, reason FROM adapters WHERE user_id = ? AND kind = ? AND id <> ? AND base_sha256 = ?"
            " AND template_sha256 = ? AND status IN ('failed', 'skipped') ORDER BY started_at DESC",
            (adapter.user_id, self.kind, adapter.id, adapter.base_sha256, adapter.template_sha256),
        )
        return [self.root / row["id"] for row in rows if resumable(row["reason"], self.root / row["id"])]

    def go_on(self, adapter: Adapter) -> None:
        """Give a run the state of one that did not end, with its sources: what was learned there may be forgotten."""
        with self.store.transaction() as db:
            interrupted = self.interrupted(adapter)
            db.execute(
                "INSERT INTO adapter_sources (adapter_id, turn_id, document_id) SELECT ?, turn_id, document_id"
                " FROM adapter_sources WHERE adapter_id IN (SELECT value FROM json_each(?))",
                (adapter.id, json.dumps([path.name for path in interrupted])),
            )
            take_over(self.root / adapter.id, interrupted)

    def list(self, *, user_id: int) -> Sequence[Adapter]:
        """A user's adapters, newest first."""
        rows = self.store.rows(
            "SELECT * FROM adapters WHERE user_id = ? AND kind = ? ORDER BY started_at DESC", (user_id, self.kind)
        )
        return [self._adapter(row) for row in rows]

    def _check_fits(self, adapter: Adapter, base: BaseModel) -> None:
        if adapter.base_sha256 != base.sha256:
            raise FamiliarError(
                f"adapter {adapter.id} was trained on {adapter.base_model} (sha256 {adapter.base_sha256[:12]}), but"
                f" {base.name} ({base.sha256[:12]}) is running; set [model] name to {adapter.base_model}"
            )
        if adapter.template_sha256 != self._template(base.folder):
            raise FamiliarError(
                f"adapter {adapter.id} was trained with another chat template than {base.folder} has; tune again"
            )
        if not (adapter.folder / "adapter_model.safetensors").is_file():
            raise FamiliarError(f"adapter {adapter.id} has lost its weights ({adapter.folder}); tune again")

    def _bring_back(self, db: sqlite3.Connection, chosen: Adapter) -> None:
        # live_at stays, so that a second rollback goes further back instead of forth.
        db.execute("UPDATE adapters SET status = 'live' WHERE id = ?", (chosen.id,))

    def _retire(self, db: sqlite3.Connection, user_id: int) -> None:
        db.execute(
            "UPDATE adapters SET status = 'retired' WHERE user_id = ? AND kind = ? AND status = 'live'",
            (user_id, self.kind),
        )

    def _adapter(self, row: sqlite3.Row) -> Adapter:
        values = dict(row)
        values["gate"] = tuple(Check(**check) for check in json.loads(values["gate"]))
        return Adapter(**values, folder=self.root / values["id"] / "adapter")


def is_whole(folder: Path) -> bool:
    """Whether an adapter's weights are as long as their own table says, and its configuration can be read."""
    weights = folder / "adapter_model.safetensors"
    try:
        length = weights.stat().st_size
        with weights.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            table = json.loads(file.read(min(size, length)))
        json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    ends = [tensor["data_offsets"][1] for name, tensor in table.items() if name != "__metadata__"]
    return length == 8 + size + max(ends, default=0)


class AdapterEraser:
    """Takes adapters out of service that learned from what a user wants forgotten; an Eraser of memory.erasure."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def erase(self, *, user_id: int, turn_ids: Sequence[int], document_ids: Sequence[int]) -> None:
        """Withdraw them within the caller's transaction, whoever's they are: a shared page teaches every reader.

        Their files go with `Registry.sweep`, after the transaction: a rollback must find them still there.
        """
        del user_id
        self._registry.withdraw(turn_ids=turn_ids, document_ids=document_ids)


def _precedes(item: Adapter, current: Adapter) -> bool:
    return (
        item.status == "retired"
        and item.rolled_back_at is None
        and item.id != current.id
        and item.base_sha256 == current.base_sha256
        and item.template_sha256 == current.template_sha256
        and (item.live_at or "") < (current.live_at or "")
    )


def _not_usable(adapter: Adapter) -> str:
    why = f": {adapter.reason}" if adapter.reason else ""
    return f"adapter {adapter.id} is {adapter.status}{why}; only one that was live can be live again"
