"""Nothing by heart: after a whole life, every table, text column and file of a home is one that erasure knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from memory.places import TABLES, Table, files_of
from memory.restoring import restore
from memory.store import Store
from tests.memory.life import Life, live, tuned

BESIDE_FTS = {f"chunks_fts_{name}" for name in ("data", "idx", "content", "docsize", "config")}
"""FTS5's own tables, which are erased through chunks_fts."""
OURS = {table.name: table for table in TABLES}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A new database."""
    opened = Store(tmp_path / "familiar.db")
    yield opened
    opened.close()


def tables(store: Store) -> set[str]:
    """Names of all tables that a migration made."""
    rows = store.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    return {row["name"] for row in rows} - BESIDE_FTS - {"_sqlite_migrations"}


def can_hold_text(column: sqlite3.Row) -> bool:
    """Whether what somebody wrote could be kept in a column: SQLite keeps texts in any that is not INTEGER or REAL."""
    return column["type"].upper() not in ("INTEGER", "REAL")


def test_every_table_is_listed(store: Store) -> None:
    """A table that memory.places does not name could keep what was forgotten."""
    assert tables(store) == set(OURS)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_text_column_is_listed(store: Store, table: Table) -> None:
    """Each column that can hold text is said to hold some or to hold none, and none is listed that is not there."""
    columns = store.rows(f"PRAGMA table_info({table.name})")
    assert {row["name"] for row in columns if can_hold_text(row)} == {*table.texts, *table.plain}


@pytest.mark.parametrize("table", [table for table in TABLES if table.texts], ids=lambda table: table.name)
def test_rows_with_text_have_an_owner_or_go_with_one(store: Store, table: Table) -> None:
    """Whose it is can be asked of every row with text, or the row goes with the row it was made from."""
    if table.on_text == "derived":
        return
    store.rows(f"SELECT 1 FROM {table.name} WHERE {table.owner}", (1,))
    keys = store.rows(f"PRAGMA foreign_key_list({table.name})")
    assert any(key["on_delete"] == "CASCADE" for key in keys)


def unlisted(home: Path) -> list[str]:
    """Files below a home that no line of memory.places covers."""
    files = [path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()]
    return [name for name in files if files_of(name) is None]


def test_a_whole_life_leaves_only_listed_files(tmp_path: Path) -> None:
    """Import, chat, summary, feedback, tune, backup, restore and a second start make no file that nobody erases."""
    life = live(tmp_path / "home")
    tuned(life, tmp_path / "base")
    saved = life.backup()
    assert unlisted(life.home) == []
    life.store.close()
    restore(life.home, saved.path, erasers_of=life.erasers_of)
    again = Life(life.home, Store(life.home / "familiar.db"), life.user_id, life.other_id, life.shared_id)
    again.ask("What is the vault code?")
    assert unlisted(life.home) == []
    assert tables(again.store) == set(OURS)
    keys = {row["key"] for row in again.store.rows("SELECT key FROM state")}
    assert keys <= {"pairing_code", "examples_offered"}
    again.store.close()


def test_an_unlisted_file_is_noticed(tmp_path: Path) -> None:
    """The walk sees a file that somebody adds."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "prompt.bin").write_bytes(b"x")
    assert unlisted(tmp_path) == ["cache/prompt.bin"]
