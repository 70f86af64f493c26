"""`familiar digest`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.cli import main
from memory.config import ImportConfig
from memory.notes import NewNote, Words, keep_note
from memory.records import Profile
from memory.reminders import Destination, NewReminder, add_reminder
from memory.store import Store
from tests.bot.test_reminding_command import run
from tests.embedder import WordEmbedder


def test_it_tells_what_is_new_and_due(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON and for people; a beginning can be named."""
    store = Store(tmp_path / "familiar.db")
    ann = store.add_user("ann", role="owner", profile=Profile(zone="Asia/Shanghai", language="zh"))
    new = NewNote("1", "locker", "locker", (Words("ann", "I live in Bern."),), "ann")
    keep_note(store, WordEmbedder(), new, user=ann, config=ImportConfig())
    due = datetime.now(UTC) + timedelta(hours=3)
    add_reminder(store, NewReminder("k", "stretch", due, "UTC", Destination("terminal")), user_id=ann.id)
    store.close()
    (found,) = run(capsys, tmp_path, "digest")
    assert found["notes"] == [{"id": 1, "title": "locker"}]
    assert [item["value"] for item in found["facts"]] == ["Bern"]
    assert [item["text"] for item in found["due"]] == ["stretch"]
    assert found["votes"] == {"up": 0, "down": 0, "corrected": 0}
    (named,) = run(capsys, tmp_path, "digest", "--since", "2020-01-01")
    assert named["since"] == "2019-12-31T16:00:00+00:00"
    assert main(["digest", "--home", str(tmp_path)]) == 0
    assert "笔记： locker。" in capsys.readouterr().out
    assert main(["digest", "--since", "the blue moon", "--home", str(tmp_path)]) == 1
