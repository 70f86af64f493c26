"""`familiar remind` and `familiar reminders`."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.cli import main
from memory.records import Profile
from memory.store import Store
from tests.test_layers import imported


def run(capsys: pytest.CaptureFixture[str], home: Path, *arguments: str, status: int = 0) -> list[dict[str, Any]]:
    """The objects that a command prints."""
    capsys.readouterr()
    assert main([*arguments, "--home", str(home), "--json"]) == status
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_made_listed_cancelled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The next one first; a cancelled one is listed no more."""
    store = Store(tmp_path / "familiar.db")
    ann = store.add_user("ann", role="owner", telegram_id=77, profile=Profile(zone="Asia/Shanghai"))
    store.close()
    (made,) = run(capsys, tmp_path, "remind", "every weekday at 8:30 stretch")
    assert (made["text"], made["zone"], made["channel"], made["chat_id"]) == (
        "stretch",
        "Asia/Shanghai",
        "telegram",
        77,
    )
    assert made["due"].endswith("T08:30:00+08:00")
    (soon,) = run(capsys, tmp_path, "remind", "in 20 minutes check the oven")
    assert timedelta() < datetime.fromisoformat(soon["due"]) - datetime.now(UTC) <= timedelta(minutes=20)
    assert {item["id"] for item in run(capsys, tmp_path, "reminders")} == {made["id"], soon["id"]}
    (done,) = run(capsys, tmp_path, "reminders", "cancel", str(soon["id"]))
    assert done["ended"]
    assert [item["id"] for item in run(capsys, tmp_path, "reminders")] == [made["id"]]
    assert main(["reminders", "--home", str(tmp_path)]) == 0
    assert "every weekday at 08:30" in capsys.readouterr().out
    again = Store(tmp_path / "familiar.db")
    again.update_user(dataclasses.replace(ann, profile=Profile(zone="Mars/Base")))
    again.close()
    run(capsys, tmp_path, "remind", "at noon eat", status=2)


def test_what_is_wrong_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A text without a time, a time that is over, an id that is none or nobody's."""
    for arguments, status, said in (
        (("remind", "call Mum"), 1, "names no time"),
        (("remind", "call Mum on 2020-01-01"), 1, "is over"),
        (("reminders", "cancel"), 2, "write the id"),
        (("reminders", "cancel", "9"), 1, "no reminder 9"),
        (("reminders", "list", "9"), 2, "takes no ID, but got 9"),
    ):
        assert main([*arguments, "--home", str(tmp_path)]) == status
        assert said in capsys.readouterr().err


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    """A reminder needs no model."""
    loaded = imported("--home", str(tmp_path), "remind", "call Mum tomorrow")
    assert not loaded & {"torch", "transformers", "telegram"}
