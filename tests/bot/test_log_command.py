"""`familiar log` and `familiar trend`, off unless they are switched on."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.cli import main
from memory.logs import NewLogEntry, add_entries
from memory.records import Profile
from memory.reminders import reminders_of
from memory.store import Store
from tests.test_layers import imported


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which the log is on, of somebody who reads English."""
    (tmp_path / "config.toml").write_text("[logs]\nenabled = true\n", encoding="utf-8")
    store = Store(tmp_path / "familiar.db")
    store.add_user("ann", role="owner", profile=Profile(zone="Europe/Berlin"))
    store.close()
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], home: Path, *arguments: str, status: int = 0) -> str:
    """What a command prints."""
    capsys.readouterr()
    assert main([*arguments, "--home", str(home)]) == status
    return capsys.readouterr().out


def rows(capsys: pytest.CaptureFixture[str], home: Path, *arguments: str, status: int = 0) -> list[dict[str, Any]]:
    """The objects that it prints."""
    return [json.loads(line) for line in said(capsys, home, *arguments, "--json", status=status).splitlines()]


def test_off_it_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error names the setting; nothing is stored."""
    for arguments in (("log", "weight", "71"), ("trend", "weight")):
        assert main([*arguments, "--home", str(tmp_path)]) == 2
        assert "[logs] enabled is false" in capsys.readouterr().err
    assert not (tmp_path / "familiar.db").exists()


def test_logged_listed_corrected_deleted(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By words as in a chat; several in one message."""
    first, second = rows(capsys, home, "log", "weight 157 lb, BP 128/82")
    assert (first["kind"], round(first["value"], 2), first["unit_said"]) == ("weight", 71.21, "lb")
    assert (second["kind"], second["value"], second["second"]) == ("blood_pressure", 128, 82)
    assert "Corrected: weight 156 lb (70.8 kg)" in said(capsys, home, "log", "correct", "weight", "156")
    assert "Corrected: blood pressure 118/76" in said(capsys, home, "log", "correct", "2", "118/76")
    assert [item["id"] for item in rows(capsys, home, "log")] == [2, 1]
    assert "Deleted: blood pressure" in said(capsys, home, "log", "delete", "2")
    assert [item["kind"] for item in rows(capsys, home, "log", "weight")] == ["weight"]
    assert "can't read “blue”" in said(capsys, home, "log", "blue")
    said(capsys, home, "log", "delete", "99", status=1)


def test_what_is_implausible_is_asked_back(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not stored unless it is said again; what nobody can have never is."""
    assert "Did you mean weight 240 kg?" in said(capsys, home, "log", "weight 240 kg", status=1)
    assert "There is no entry" in said(capsys, home, "log")
    assert "Logged: weight 240 kg" in said(capsys, home, "log", "weight 240 kg", "--yes")
    assert "can't be right" in said(capsys, home, "log", "weight 2400 kg", "--yes")
    assert "Did you mean weight 150 kg?" in said(capsys, home, "log", "weight 150 kg", status=1)


def test_danger_is_told_by_rule(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its source, also of a value that is asked back, and after a correction; no model is loaded."""
    text = said(capsys, home, "log", "BP 190/125")
    assert "see a doctor now" in text
    assert "heart.org" in text
    assert "see a doctor now" in said(capsys, home, "log", "glucose 1.9 mmol/L", status=1)
    said(capsys, home, "log", "oxygen 97")
    assert "see a doctor now" in said(capsys, home, "log", "correct", "oxygen", "90")


def test_goals_and_nudges(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Set and ended in words; a nudge is a reminder."""
    assert "at least 8,000 steps a day" in said(capsys, home, "log", "goal", "steps", "8000")
    assert "at most 2 cups a day" in said(capsys, home, "log", "goal", "coffee", "2")
    assert "weight: 68 kg" in said(capsys, home, "log", "goal", "weight", "68", "kg")
    assert len(said(capsys, home, "log", "goals").splitlines()) == 3
    assert "ended" in said(capsys, home, "log", "goal", "coffee", "off")
    assert "every day at 08:00" in said(capsys, home, "log", "nudge", "weight", "every", "day", "at", "8")
    store = Store(home / "familiar.db")
    assert [item.text for item in reminders_of(store, user_id=1)] == ["How about your weight today?"]
    assert "no more" in said(capsys, home, "log", "nudge", "weight", "off")
    assert reminders_of(store, user_id=1) == []
    store.close()


def test_a_trend_in_words_figures_and_a_picture(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Average, slope with its interval, goal, and what publishers call it with a height."""
    store, now = Store(home / "familiar.db"), datetime.now(UTC)
    entries = [NewLogEntry(f"w{n}", "weight", 75 - 0.1 * n, now - timedelta(days=40 - n), "test") for n in range(40)]
    add_entries(store, [*entries, NewLogEntry("h", "height", 180, now, "test")], user_id=1)
    store.close()
    said(capsys, home, "log", "goal", "weight", "70")
    text = said(capsys, home, "trend", "weight", "3", "months", "--plot", str(home / "w.png"))
    assert "weight: 73 kg on average (entries: 40, days: 40; lowest 71.1 kg, highest 75 kg)." in text
    assert "It falls: -0.70 kg a week (95 % interval -0.70 kg to -0.70 kg)." in text
    assert "1.1 kg to go" in text
    assert "body mass index of 22.5" in text
    assert "normal weight" in text
    assert "not a diagnosis" in text
    assert (home / "w.png").read_bytes().startswith(b"\x89PNG")
    (figures,) = rows(capsys, home, "trend", "weight", "2 weeks")
    assert figures["entries"] in (13, 14)
    assert "no entries for that time" in said(capsys, home, "trend", "sleep")
    said(capsys, home, "trend", "happiness", status=2)


def test_other_programs_logs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Once, whatever is imported again; a file that is none is named."""
    table = home / "scale.csv"
    table.write_text("Date,Weight (lb)\n2026-03-01 07:00,158\n2026-03-02 07:00,157.5\n", encoding="utf-8")
    for new, known in ((2, 0), (0, 2)):
        (done,) = rows(capsys, home, "log", "import", str(table))
        assert (done["new"], done["known"], done["kinds"]) == (new, known, {"weight": 2})
    said(capsys, home, "log", "import", str(home / "none.csv"), status=1)
    said(capsys, home, "log", "import", status=2)


def test_the_figures_of_the_parser(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`familiar eval logs` prints the share by kind."""
    figures = rows(capsys, home, "eval", "logs")
    assert {"weight", "blood_pressure", "all", "talk"} <= {row["kind"] for row in figures}
    assert {row["split"] for row in figures} == {"dev", "held"}


def test_nothing_heavy_is_imported(home: Path) -> None:
    """An entry needs no model."""
    loaded = imported("--home", str(home), "log", "weight 71")
    assert not loaded & {"torch", "transformers", "telegram", "scipy", "matplotlib", "lxml"}


def test_danger_is_told_of_what_is_not_read_too(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Words that are no entry may still hold a value at which to get help."""
    text = said(capsys, home, "log", "my bp is 190/125 with chest pain, what now")
    assert "see a doctor now" in text


def test_the_last_entry_of_an_import_is_the_newest(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In whatever order the file held them."""
    store, now = Store(home / "familiar.db"), datetime.now(UTC)
    days = [NewLogEntry(f"{n}", "weight", 70 + n, now - timedelta(days=n), "csv") for n in range(3)]
    add_entries(store, days, user_id=store.users()[0].id)
    store.close()
    assert "70 kg" in said(capsys, home, "log", "delete", "weight")
