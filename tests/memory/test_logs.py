"""Log entries are kept once, seen by their own user only, and go with everything else of theirs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from memory.backup import make_backup
from memory.erasure import forget_everything
from memory.errors import FamiliarError
from memory.exporting import write_export
from memory.importing_export import ExportReader
from memory.logs import (
    LogGoal,
    NewLogEntry,
    add_entries,
    correct_entry,
    counts_of,
    delete_entries,
    end_goal,
    entries_of,
    entry_by_id,
    goals_of,
    import_entries,
    set_goal,
    units_of,
)
from memory.moving import PARTS
from memory.reapply import erase_in_backups
from memory.restoring import restore
from memory.schema import migrations
from memory.store import Store
from tests.embedder import WordEmbedder

NOON = datetime(2026, 3, 6, 12, tzinfo=UTC)
ANN, BO = 1, 2


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A home with two users."""
    opened = Store(tmp_path / "home" / "familiar.db")
    opened.add_user("ann", role="owner")
    opened.add_user("bo", role="member")
    yield opened
    opened.close()


def new(key: str, value: float = 71.2, *, kind: str = "weight", days: int = 0, unit: str = "kg") -> NewLogEntry:
    """An entry so many days after noon."""
    return NewLogEntry(key, kind, value, NOON + timedelta(days=days), "test", None, unit)


def test_the_same_key_adds_one(store: Store) -> None:
    """What is handled again gives what is there, also when it was put right since; keys are per user."""
    (first,) = add_entries(store, [new("a")], user_id=ANN)
    right = correct_entry(store, first.id, user_id=ANN, value=71.4, second=None, unit="kg")
    assert add_entries(store, [new("a", 80)], user_id=ANN) == [right]
    (other,) = add_entries(store, [new("a")], user_id=BO)
    assert entries_of(store, user_id=ANN) == [right]
    assert entries_of(store, user_id=BO) == [other]


def test_entries_of_a_kind_and_a_time(store: Store) -> None:
    """In the order of when they were, whatever the order in which they came; the newest where some are asked for."""
    add_entries(store, [new("b", 2, days=2), new("a", 1), new("c", 3, kind="run", days=1)], user_id=ANN)
    assert [item.value for item in entries_of(store, user_id=ANN)] == [1, 3, 2]
    assert [item.value for item in entries_of(store, user_id=ANN, kind="weight", last=1)] == [2]
    assert [item.value for item in entries_of(store, user_id=ANN, since=NOON + timedelta(days=1))] == [3, 2]
    assert counts_of(store, user_id=ANN) == {"weight": 2, "run": 1}


def test_nobody_reaches_anothers_entry(store: Store) -> None:
    """Neither to see it, nor to change or delete it."""
    (mine,) = add_entries(store, [new("a")], user_id=ANN)
    with pytest.raises(FamiliarError, match="no entry 1 of yours"):
        entry_by_id(store, mine.id, user_id=BO)
    with pytest.raises(FamiliarError, match="no entry 1 of yours"):
        correct_entry(store, mine.id, user_id=BO, value=1, second=None, unit="")
    assert delete_entries(store, [mine.id], user_id=BO) == []
    assert delete_entries(store, [mine.id], user_id=ANN) == [mine]


def test_what_is_no_value_is_refused(store: Store) -> None:
    """And nothing of what came with it is stored."""
    with pytest.raises(FamiliarError, match="nan is no value"):
        add_entries(store, [new("a"), new("b", math.nan)], user_id=ANN)
    with pytest.raises(FamiliarError, match="no time zone"):
        add_entries(store, [NewLogEntry("a", "weight", 1, datetime(2026, 1, 1), "test")], user_id=ANN)
    assert entries_of(store, user_id=ANN) == []


def test_a_days_sum_grows_with_a_later_export(store: Store) -> None:
    """And never shrinks; the number of new entries counts none of them twice."""
    steps = [NewLogEntry("apple:steps", "steps", value, NOON, "apple", grows=True) for value in (4000, 9000, 100)]
    assert [import_entries(store, [item], user_id=ANN) for item in steps] == [1, 0, 0]
    assert [item.value for item in entries_of(store, user_id=ANN)] == [9000]


def test_the_unit_used_last(store: Store) -> None:
    """Of each kind, by when it was written."""
    add_entries(
        store, [new("a", unit="lb"), new("b", days=-3, unit="st"), new("c", kind="run", unit="mi")], user_id=ANN
    )
    assert units_of(store, user_id=ANN) == {"weight": "st", "run": "mi"}
    assert units_of(store, user_id=BO) == {}


def test_one_goal_of_a_kind(store: Store) -> None:
    """A new one takes its place."""
    for value in (8000, 10_000):
        set_goal(store, LogGoal("steps", "least", value, "steps", NOON), user_id=ANN)
    assert goals_of(store, user_id=ANN) == [LogGoal("steps", "least", 10_000, "steps", NOON)]
    assert goals_of(store, user_id=BO) == []
    assert not end_goal(store, "steps", user_id=BO)
    assert end_goal(store, "steps", user_id=ANN)
    assert goals_of(store, user_id=ANN) == []


def test_forgotten_with_everything(store: Store) -> None:
    """Of their user alone; and a user who moves takes them along."""
    for user in (ANN, BO):
        add_entries(store, [new("a")], user_id=user)
        set_goal(store, LogGoal("steps", "least", 8000, "", NOON), user_id=user)
    forget_everything(store, None, user_id=ANN)
    assert (entries_of(store, user_id=ANN), goals_of(store, user_id=ANN)) == ([], [])
    assert len(entries_of(store, user_id=BO)) == len(goals_of(store, user_id=BO)) == 1
    assert {"log_entries", "log_goals"} <= {part.table for part in PARTS}


def test_forgotten_in_backups_too(store: Store, tmp_path: Path) -> None:
    """A copy that was made before holds another user's alone."""
    home = tmp_path / "home"
    for user in (ANN, BO):
        add_entries(store, [new("a")], user_id=user)
    saved = make_backup(store, home, tmp_path / "one.familiar")
    forget_everything(store, None, user_id=ANN)
    erase_in_backups(store, home, erasers_of=lambda _: ())
    store.close()
    restore(home, saved.path, erasers_of=lambda _: ())
    again = Store(home / "familiar.db")
    assert entries_of(again, user_id=ANN) == []
    assert len(entries_of(again, user_id=BO)) == 1
    again.close()


def test_exported_to_a_file_of_their_own_and_taken_in(store: Store, tmp_path: Path) -> None:
    """Once however often it is imported; a row that can't be read is left out."""
    add_entries(store, [new("a"), new("b", 70, days=1)], user_id=ANN)
    set_goal(store, LogGoal("weight", "reach", 68, "kg", NOON), user_id=ANN)
    out = tmp_path / "out"
    write_export(store, out, user=store.users()[0])
    own = out / "tables" / "log_entries.jsonl"
    assert "71.2" in own.read_text(encoding="utf-8")
    others = [path for path in out.rglob("*") if path.is_file() and path != own]
    assert not any("71.2" in path.read_text(encoding="utf-8") for path in others)
    with own.open("a", encoding="utf-8") as file:
        file.write('{"key": "x", "kind": "weight", "value": "much", "unit": "", "at": "2026-03-06T12:00:00+00:00"}\n')
        file.write('{"key": "y", "kind": "weight", "value": 1, "unit": "", "at": "yesterday"}\n')
    other = Store(tmp_path / "other.db")
    other.add_user("zed", role="owner")
    for _ in range(2):
        assert "failed" not in {item.status for item in ExportReader(other, WordEmbedder(), out, user_id=1).read()}
    assert [(item.key, item.value) for item in entries_of(other, user_id=1)] == [("a", 71.2), ("b", 70)]
    assert [goal.value for goal in goals_of(other, user_id=1)] == [68]
    other.close()


def test_a_home_from_before_opens(tmp_path: Path) -> None:
    """Its users can log."""
    raw = Database(tmp_path / "familiar.db")
    migrations().apply(raw, stop_before="m0035_logs")
    raw.execute("INSERT INTO users (name, role, created_at) VALUES ('ada', 'owner', '2026-01-01')")
    raw.close()
    store = Store(tmp_path / "familiar.db")
    assert len(add_entries(store, [new("a")], user_id=1)) == 1
    store.close()
