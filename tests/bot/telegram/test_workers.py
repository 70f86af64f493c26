"""Several processes over one home: one is its bot, and what the others store is stored whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.bench.writing import seconds_of_write
from memory.home_lock import BotLock
from memory.store import Store
from tests.bot.running import running
from tests.telegram_api import TelegramServer


def test_a_second_bot_of_a_home_is_refused(tmp_path: Path, server: TelegramServer) -> None:
    """Two would answer each message, send each reminder and start each tune twice; a bot that was killed makes room,
    and the first never notices the second."""
    with running(tmp_path, server) as first:
        with pytest.raises(AssertionError, match="another `familiar run` is the bot of"), running(tmp_path, server):
            pass
        assert first.process.poll() is None
        assert [call for call in server.calls("getUpdates") if call.status == 409] == []
        first.process.kill()
        first.process.wait()
    with running(tmp_path, server) as next_:
        assert next_.stop() == 0


def test_a_bot_lock_is_given_back(tmp_path: Path) -> None:
    """A restart of the same process is no second bot."""
    for _ in range(2):
        BotLock(tmp_path).release()


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    """Each waits for SQLite's one writer; every turn is there, in the order in which its process stored it."""
    assert seconds_of_write(tmp_path, 15, writers=3) > 0
    store = Store(tmp_path / "familiar.db")
    for user in store.users():
        rows = store.rows("SELECT user_text FROM turns WHERE user_id = ? ORDER BY id", (user.id,))
        assert [row["user_text"] for row in rows] == [
            f"The boat lies in shed {number}, behind the mill." for number in range(15)
        ]
    assert store.rows("PRAGMA integrity_check")[0][0] == "ok"
    store.close()
