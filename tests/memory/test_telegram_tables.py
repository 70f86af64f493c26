"""A database of an older version keeps what it knew of updates; a migration that fails changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlite_utils import Database

from memory.errors import FamiliarError
from memory.schema import migrations
from memory.store import Store


def older(path: Path) -> Database:
    """A database from before deliveries were kept, with updates seen."""
    raw = Database(path)
    migrations().apply(raw, stop_before="m0013_telegram_delivery")
    with raw.conn:
        raw.execute("INSERT INTO telegram_updates VALUES (5, '2026-01-01T00:00:00+00:00')")
    return raw


def test_updates_that_were_seen_stay_seen(tmp_path: Path) -> None:
    """None of them is handled again."""
    older(tmp_path / "familiar.db").close()
    store = Store(tmp_path / "familiar.db")
    (row,) = store.rows("SELECT update_id, state, payload, received_at FROM telegram_inbox")
    assert tuple(row) == (5, "done", None, "2026-01-01T00:00:00+00:00")
    store.close()


def test_a_migration_that_fails_midway_changes_nothing(tmp_path: Path) -> None:
    """It can be made again when the cause is gone."""
    raw = older(tmp_path / "familiar.db")
    with raw.conn:
        raw.execute("CREATE TABLE telegram_inbox (something TEXT)")
    raw.close()
    with pytest.raises(FamiliarError):
        Store(tmp_path / "familiar.db")
    raw = Database(tmp_path / "familiar.db")
    assert [row["update_id"] for row in raw["telegram_updates"].rows] == [5]
    assert "telegram_outbox" not in raw.table_names()
    with raw.conn:
        raw.execute("DROP TABLE telegram_inbox")
    raw.close()
    store = Store(tmp_path / "familiar.db")
    assert store.rows("SELECT count(*) FROM telegram_inbox")[0][0] == 1
    store.close()
