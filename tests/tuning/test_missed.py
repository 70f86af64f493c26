"""After a withdrawal: due at once, trained without what was forgotten, and no byte of it in what came of that."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from memory.erasure import Forgotten, forget_document, forget_text, forget_turn
from memory.errors import FamiliarError
from memory.records import Message, NewTurn, Timings
from memory.schema import migrations
from memory.store import Store
from memory.turns import add_turn, give_feedback, open_conversation
from tests.tuning.tiny import CONFIG, EASY, PERSONA, add_dialogue
from tuning.adapters import AdapterEraser, Outcome, Registry
from tuning.dataset import Example
from tuning.due import tune_due
from tuning.job import BaseModel
from tuning.sources import read_dataset
from tuning.tune import FOLDER, TuneRequest, run_tune

REQUEST = TuneRequest(user_id=1, persona=PERSONA, config=CONFIG, gate=EASY)
MARKER = "quexzil-8842771936"


def is_due(store: Store, *, after: timedelta = timedelta(0)) -> bool:
    now = datetime.now(UTC) + after
    return tune_due(store, user_id=1, persona=PERSONA, config=CONFIG, now=now).due


def registry_of(store: Store) -> Registry:
    return Registry(store, store.path.parent / FOLDER)


def corrected(store: Store, text: str) -> int:
    """A turn whose reply was corrected to ``text``."""
    turn = NewTurn(
        conversation_id=open_conversation(store, user_id=1, channel="terminal"),
        user_text=f"say {text}",
        reply="no",
        generated="no",
        prompt=(Message("system", PERSONA), Message("user", f"say {text}")),
        citations=(),
        memories=(),
        engine="e",
        model="m",
        adapter=None,
        timings=Timings(),
        asked_at="2026-01-01T00:00:00+00:00",
    )
    turn_id = add_turn(store, turn, user_id=1, said=None).id
    give_feedback(store, turn_id, user_id=1, vote="down", correction=text)
    return turn_id


def make_live(store: Store, base: BaseModel, examples: tuple[Example, ...]) -> str:
    """A live adapter of these examples, without training."""
    registry = registry_of(store)
    adapter = registry.begin(user_id=1, base=base, examples=examples, started_by="hand")
    return registry.finish(adapter.id, Outcome("live"), user_id=1).id


def forget(store: Store, way: str, *, document: int, turn: int) -> Forgotten:
    erasers = [AdapterEraser(registry_of(store))]
    if way == "document":
        return forget_document(store, None, user_id=1, document_id=document, erasers=erasers)
    if way == "turn":
        return forget_turn(store, None, user_id=1, turn_id=turn, erasers=erasers)
    return forget_text(store, None, user_id=1, text=MARKER, erasers=erasers)


@pytest.mark.parametrize("way", ["document", "turn", "text"])
def test_only_what_saw_it_goes_and_the_one_before_answers(store: Store, base: BaseModel, way: str) -> None:
    """The retired adapter that learned from none of it stands in; a tune is due at once, however little is new."""
    kept = add_dialogue(store, user_id=1)
    old = make_live(store, base, read_dataset(store, user_id=1, persona=PERSONA).examples)
    document, turn = add_dialogue(store, user_id=1, count=4, first=40).id, corrected(store, MARKER)
    new = make_live(store, base, read_dataset(store, user_id=1, persona=PERSONA).examples)
    assert not is_due(store)
    forget(store, way, document=document, turn=turn)
    registry = registry_of(store)
    assert (registry.show(new, user_id=1).status, registry.show(old, user_id=1).status) == ("withdrawn", "live")
    assert is_due(store)
    forget_document(store, None, user_id=1, document_id=kept.id, erasers=[AdapterEraser(registry)])
    assert registry.live(1) is None
    assert not is_due(store), "too little is left to learn from"


def test_a_retired_one_is_not_missed(store: Store, base: BaseModel) -> None:
    """What answers was not touched, so nothing has to be trained."""
    add_dialogue(store, user_id=1)
    examples = read_dataset(store, user_id=1, persona=PERSONA).examples
    turn = corrected(store, MARKER)
    old = make_live(store, base, read_dataset(store, user_id=1, persona=PERSONA).examples)
    live = make_live(store, base, examples)
    forget(store, "turn", document=0, turn=turn)
    registry = registry_of(store)
    assert (registry.show(old, user_id=1).status, registry.show(live, user_id=1).status) == ("withdrawn", "live")
    assert not is_due(store)


def test_retraining_leaves_no_byte_of_it(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """Manifest, folder, database and log hold nothing of a forgotten text after the new adapter went live."""
    add_dialogue(store, user_id=1)
    turn = corrected(store, MARKER)
    assert run_tune(store, tmp_path, base, REQUEST).status == "live"
    assert "familiar.db-wal" in holding(tmp_path, MARKER)
    forget(store, "turn", document=0, turn=turn)
    assert is_due(store)
    result = run_tune(store, tmp_path, base, replace(REQUEST, started_by="schedule"))
    assert (result.status, result.examples) == ("live", 20)
    assert not is_due(store)
    assert not is_due(store, after=timedelta(days=9)), "it is missed no more"
    store.scrub()
    assert holding(tmp_path, MARKER) == []
    live = registry_of(store).live(1)
    assert live is not None
    assert (live.folder / "adapter_model.safetensors").is_file()
    assert f"turn:{turn}" not in (live.folder.parent / "manifest.json").read_text(encoding="utf-8")


def holding(home: Path, text: str) -> list[str]:
    """Files below the home in whose bytes a text stands."""
    files = sorted(path for path in home.rglob("*") if path.is_file())
    return [path.relative_to(home).as_posix() for path in files if text.encode() in path.read_bytes()]


def test_a_run_that_was_withdrawn_is_missed_and_one_that_failed_waits(store: Store, base: BaseModel) -> None:
    """Forgetting in the middle of a tune starts another; after one that failed the usual hours pass."""
    add_dialogue(store, user_id=1)
    turn = corrected(store, MARKER)
    registry = registry_of(store)
    examples = read_dataset(store, user_id=1, persona=PERSONA).examples
    registry.begin(user_id=1, base=base, examples=examples, started_by="hand")
    forget(store, "turn", document=0, turn=turn)
    assert is_due(store)
    again = registry.begin(user_id=1, base=base, examples=examples[:6], started_by="schedule")
    registry.finish(again.id, Outcome("failed", "disk full"), user_id=1)
    assert not is_due(store)
    assert is_due(store, after=timedelta(hours=CONFIG.min_hours + 1))


def old_home(path: Path) -> Database:
    """A home of the oldest schema up to before this, with a live adapter."""
    raw = Database(path)
    migrations().apply(raw, stop_before="m0011_after_live")
    raw.execute("INSERT INTO users (name, role, created_at) VALUES ('ada', 'owner', '2026-01-01')")
    raw.execute(
        "INSERT INTO adapters (id, user_id, status, base_model, base_sha256, template_sha256, started_by, started_at)"
        " VALUES ('ada-1', 1, 'live', 'm', 's', 't', 'hand', '2026-01-01')"
    )
    return raw


def test_a_home_from_before_keeps_its_adapter(tmp_path: Path) -> None:
    """It answers on, and was neither withdrawn nor rolled back."""
    old_home(tmp_path / "familiar.db").close()
    store = Store(tmp_path / "familiar.db")
    live = Registry(store, tmp_path / FOLDER).live(1)
    assert live is not None
    assert (live.id, live.withdrawn_at, live.withdrawn_from, live.rolled_back_at) == ("ada-1", None, None, None)
    store.close()


def test_a_migration_that_fails_midway_changes_nothing(tmp_path: Path) -> None:
    """No column is added where one can't be, and the row is as it was."""
    raw = old_home(tmp_path / "familiar.db")
    raw.execute("ALTER TABLE adapters ADD COLUMN withdrawn_from TEXT")
    raw.close()
    with pytest.raises(FamiliarError, match="can't be opened"):
        Store(tmp_path / "familiar.db")
    after = sqlite3.connect(tmp_path / "familiar.db")
    columns = {row[1] for row in after.execute("PRAGMA table_info(adapters)")}
    assert "withdrawn_at" not in columns
    assert after.execute("SELECT id, status FROM adapters").fetchall() == [("ada-1", "live")]
    after.close()
