"""`familiar examples`: looked through, decided about and counted by their owner, and by nobody else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot import cli
from bot.tunes import Tunes
from memory.store import Store
from tests.tuning.tiny import HARMLESS, add_dialogue


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with eight pairs of the owner and four of somebody else."""
    store = Store(tmp_path / "home" / "familiar.db")
    add_dialogue(store, user_id=store.add_user("ann", role="owner").id, count=8)
    add_dialogue(store, user_id=store.add_user("bo", role="member").id, count=4)
    store.close()
    monkeypatch.setattr(Tunes, "detectors", HARMLESS)
    return tmp_path / "home"


def familiar(home: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    """What a command prints with --json."""
    capsys.readouterr()
    assert cli.main(["--home", str(home), "--json", *arguments]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_list_show_and_decide(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Newest first; what was struck out stays in the list with its reason."""
    rows = familiar(home, capsys, "examples")
    assert len(rows) == 8
    assert (rows[0]["id"], rows[0]["asked"], rows[0]["state"]) == ("document:1:15", "how is day 7?", "to learn")
    (shown,) = familiar(home, capsys, "examples", "show", "document:1:1")
    assert shown["prompt"][-1] == {"role": "user", "content": "how is day 0?"}  # type: ignore[index]
    (struck,) = familiar(home, capsys, "examples", "strike", "document:1:15")
    assert struck["state"] == "struck out"
    (approved,) = familiar(home, capsys, "examples", "approve", "document:1:13")
    assert approved["state"] == "approved"
    states = {row["id"]: row["state"] for row in familiar(home, capsys, "examples", "list")}
    assert (states["document:1:15"], states["document:1:13"]) == ("struck out", "approved")
    (report,) = familiar(home, capsys, "examples", "report")
    assert (report["found"], report["kept"], report["left_out"]) == (8, 7, {"struck out": 1})


def test_nobody_elses(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another user's are neither listed nor decided about."""
    assert len(familiar(home, capsys, "examples", "--user", "bo")) == 4
    assert cli.main(["--home", str(home), "examples", "strike", "document:2:1"]) == 1
    assert "there is no example document:2:1" in capsys.readouterr().err
    assert cli.main(["--home", str(home), "examples", "strike"]) == 2
    assert "needs an id" in capsys.readouterr().err
    assert cli.main(["--home", str(home), "examples", "list", "document:2:1"]) == 2
    assert "takes no ID, but got document:2:1" in capsys.readouterr().err


def test_a_due_tune_waits_to_be_asked_for(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With ask_before a plain `familiar tune` only says that one is due."""
    (home / "config.toml").write_text(
        "[tuning]\nask_before = true\nmin_examples = 5\nmax_load = 100\n", encoding="utf-8"
    )
    (found,) = familiar(home, capsys, "tune")
    assert found["status"] == "skipped"
    assert "ask_before is set" in str(found["reason"])
