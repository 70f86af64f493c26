"""`familiar facts`: what is known as objects, and what can be done with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.cli import main
from memory.store import Store
from tests.engine import ScriptedEngine
from tests.memory.facts.home import Home

KEYS = {"id", "subject", "attribute", "value", "said", "from", "to", "source", "pinned", "status", "origin"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A home in which something was told."""
    path = tmp_path / "home"
    store = Store(path / "familiar.db")
    home = Home(store, store.add_user("ann", role="owner").id)
    home.told(("2025-01-01", "I live in Utrecht."), ("2026-01-02", "I live in Ghent."))
    home.told(
        ("2026-01-03", "My sister Ottilie is a vet."), ("2026-01-03", "From now on use metric units, in Chinese.")
    )
    home.told(("2026-01-04", "I like tea."), user_id=home.other("bo"))
    store.close()
    return path


def run(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str, status: int = 0) -> list[dict[str, Any]]:
    """The objects that the command prints."""
    capsys.readouterr()
    assert main(["facts", *arguments, "--home", str(folder), "--json"]) == status
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_list_holds_what_scripts_rely_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What holds; with --all also what ended; settings and rules with it; nobody else's."""
    found = run(capsys, folder)
    assert all(set(item) == KEYS for item in found)
    values = {item["value"]: item for item in found}
    assert set(values) == {"zh", "From now on use metric units, in Chinese", "Ghent", "Ottilie", "vet"}
    ghent = values["Ghent"]
    assert (ghent["from"], ghent["to"], ghent["source"], ghent["status"]) == ("2026-01-02", None, "turn 2", "current")
    everything = {item["value"]: item for item in run(capsys, folder, "--all")}
    assert (everything["Utrecht"]["to"], everything["Utrecht"]["status"]) == ("2026-01-02", "ended")


def test_about_and_plot(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is linked to a name, also as a picture."""
    picture = tmp_path / "g.png"
    found = run(capsys, folder, "--about", "ottilie", "--plot", str(picture))
    assert {item["value"] for item in found} == {"Ottilie", "vet"}
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert run(capsys, folder, "--about", "Zoe") == []


def test_correct_pin_unpin_delete(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each shows what became of the fact."""
    id_ = next(item["id"] for item in run(capsys, folder) if item["value"] == "Ghent")
    (fixed,) = run(capsys, folder, "correct", id_, "Gent")
    assert (fixed["value"], fixed["status"]) == ("Gent", "corrected")
    assert run(capsys, folder, "pin", id_)[0]["pinned"] is True
    assert run(capsys, folder, "unpin", id_)[0]["pinned"] is False
    assert run(capsys, folder, "delete", id_) == [{"id": id_, "status": "deleted"}]
    assert "Gent" not in {item["value"] for item in run(capsys, folder)}


def test_settings_and_rules_are_taken_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Language goes back to its default, the rule is gone."""
    rule = next(item["id"] for item in run(capsys, folder) if item["attribute"] == "standing rule")
    run(capsys, folder, "delete", rule)
    run(capsys, folder, "delete", "language")
    assert {item["value"] for item in run(capsys, folder)} == {"Ghent", "Ottilie", "vet"}


def test_learn_reads_again_without_doubling(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a home from before there were facts needs."""
    before = run(capsys, folder, "--all")
    assert run(capsys, folder, "learn") == [{"facts": 4}]
    assert run(capsys, folder, "--all") == before


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("correct", "1"), 2),
        (("pin",), 2),
        (("pin", "1", "x"), 2),
        (("correct", "99", "x"), 1),
        (("correct", "1", " "), 1),
        (("delete", "r99"), 1),
        (("delete", "nonsense"), 1),
        (("pin", "r1"), 1),
        (("learn", "1"), 2),
        (("pin", "1", "--about", "Ada"), 2),
        (("delete", "1", "--all"), 2),
    ],
)
def test_wrong_use_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], status: int
) -> None:
    """With the status that scripts read; nothing on standard output."""
    capsys.readouterr()
    assert main(["facts", *arguments, "--home", str(folder), "--json"]) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1


def test_learn_by_the_model_where_it_is_on(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what it read on standard error, and its facts marked as such."""
    store = Store(folder / "familiar.db")
    ann = next(user for user in store.users() if user.role == "owner")
    Home(store, ann.id).told(("2026-01-05", "Since May I've been with Orbis as a welder."))
    store.close()
    engine = ScriptedEngine(lambda _: "I | employer | Orbis\nI | job | astronaut")
    monkeypatch.setenv("FAMILIAR_FACTS_MODEL", "on")
    monkeypatch.setattr("bot.app.App.engine", engine)
    assert run(capsys, folder, "learn") == [{"facts": 5, "read": 1, "kept": 1, "dropped": 1}]
    origins = {item["value"]: item["origin"] for item in run(capsys, folder)}
    assert (origins["Orbis"], origins["Ghent"], origins["zh"]) == ("model", "rule", "user")
    assert run(capsys, folder, "learn") == [{"facts": 5}]
    assert len(engine.requests) == 1
    assert main(["facts", "--home", str(folder)]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "Orbis" in line]
    assert line.endswith("(read by the model)")
