"""`familiar people`, and what the schema does to homes that were made before there were guests."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlite_utils import Database

from bot.cli import main
from bot.invitations import BOT_NAME, find
from memory.schema import migrations
from memory.store import Store
from tests.bot.test_reminding_command import run
from tests.test_layers import imported


def home(tmp_path: Path) -> Path:
    """A home with an owner, a member and a guest, whose bot has run."""
    store = Store(tmp_path / "familiar.db")
    store.add_user("ann", role="owner", telegram_id=77)
    store.add_user("Ben", role="member", telegram_id=8)
    store.add_user("Gil", role="guest", telegram_id=9)
    store.add_user("group:-1001", role="member")
    store.set_state(BOT_NAME, "ann_bot")
    store.close()
    return tmp_path


def test_people_are_listed_invited_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Groups are no people; a link is shown once and works."""
    folder = home(tmp_path)
    listed = run(capsys, folder, "people")
    assert [(item["name"], item["role"], item["account"]) for item in listed] == [
        ("Ben", "member", 8),
        ("Gil", "guest", 9),
    ]
    (made,) = run(capsys, folder, "people", "invite", "--guest", "--days", "2", "--uses", "3")
    assert made["link"] == f"https://t.me/ann_bot?start={made['code']}"
    store = Store(folder / "familiar.db")
    found = find(store, made["code"], now=datetime.now(UTC))
    assert found is not None
    assert (found.role, found.uses_left) == ("guest", 3)
    store.close()
    (gone,) = run(capsys, folder, "people", "remove", "Gil", "--keep")
    assert gone == {"user": 3, "name": "Gil", "erased": False}
    assert [item["role"] for item in run(capsys, folder, "people")] == ["member", "refused"]


def test_wrong_use_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A removal says whether what is theirs is kept; names are those that are listed."""
    folder = home(tmp_path)
    run(capsys, folder, "people", "remove", "Gil", status=2)
    assert main(["people", "remove", "Nobody", "--keep", "--home", str(folder)]) == 1
    assert "there are Ben, Gil" in capsys.readouterr().err
    run(capsys, folder, "people", "invite", "--days", "999", status=2)
    run(capsys, folder, "import", __file__, "--shared", "Ben", status=2)


def test_it_needs_no_telegram(tmp_path: Path) -> None:
    """Nor a model."""
    loaded = imported("--home", str(home(tmp_path)), "people", "invite")
    assert not loaded & {"telegram", "torch", "transformers"}


def test_a_home_of_before_keeps_its_people(tmp_path: Path) -> None:
    """With all that hangs on them, and a guest can be added."""
    raw = Database(tmp_path / "familiar.db")
    raw.execute("PRAGMA foreign_keys = ON")
    migrations().apply(raw, stop_before="m0017_invitations")
    with raw.conn:
        raw.execute("INSERT INTO users (name, role, created_at) VALUES ('ann', 'owner', 'x'), ('bo', 'refused', 'x')")
        raw.execute("INSERT INTO conversations (user_id, channel, started_at) VALUES (1, 'telegram', 'x')")
    raw.close()
    store = Store(tmp_path / "familiar.db")
    assert [(user.id, user.name, user.role) for user in store.users()] == [(1, "ann", "owner"), (2, "bo", "refused")]
    assert store.rows("SELECT user_id FROM conversations")[0]["user_id"] == 1
    assert store.rows("PRAGMA foreign_key_check") == []
    assert store.rows("PRAGMA integrity_check")[0][0] == "ok"
    assert store.add_user("gil", role="guest").id == 3
    store.close()
