"""`familiar desk`: off unless it is switched on, and what each of its actions prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app import App
from bot.cli import main
from bot.commands.desk import desk
from tests.bot.desk.shop import write_shop
from tests.bot.test_reminding_command import run
from tests.embedder import WordEmbedder
from tests.tuning.tiny import HARMLESS


def test_it_is_off_and_not_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Help does not know it, and the command names the setting."""
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "customer desk" not in capsys.readouterr().out
    assert main(["desk", "figures", "--home", str(tmp_path)]) == 2
    assert "[desk]" in capsys.readouterr().err


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a desk, whose embedder and filter are the tests' own."""
    write_shop(tmp_path / "shop")
    lines = ["[desk]", "enabled = true", f"folder = {str(tmp_path / 'shop')!r}", "confidence = 0.5"]
    (tmp_path / "config.toml").write_text("\n".join(lines), encoding="utf-8")
    embedder = WordEmbedder(dimensions=256, key="words-256")
    monkeypatch.setattr(App, "embedder", embedder)
    monkeypatch.setattr("tuning.detectors.StandardDetectors", lambda: HARMLESS)
    return tmp_path


def test_import_approve_ask_answer_figures(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A whole day of a desk, without a language model."""
    tickets = str(home / "shop" / "tickets.csv")
    (done,) = run(capsys, home, "desk", "import", tickets)
    assert (done["pairs"], done["intents"], done["templates"]) == (10, 2, 2)
    assert {item["state"] for item in run(capsys, home, "desk", "templates")} == {"proposed"}
    (turn,) = run(capsys, home, "desk", "ask", "I need my bill", "--as", "Kim")
    assert turn["by"] != "template"  # not approved yet
    run(capsys, home, "desk", "templates", "approve", "all")
    (turn,) = run(capsys, home, "desk", "ask", "I need my bill", "--as", "Bo")
    assert (turn["by"], turn["reply"]) == ("template", "Hi Bo, your bill is in your account.")
    (turn,) = run(capsys, home, "desk", "ask", "I want a human", "--as", "Bo")
    assert turn["reason"] == "asked for a person"
    (case,) = [item for item in run(capsys, home, "desk", "cases") if item["customer"] == "Bo"]
    (answered,) = run(capsys, home, "desk", "cases", str(case["id"]), "Here I am.")
    assert answered == {"case": case["id"], "answer": "Here I am."}
    (found,) = run(capsys, home, "desk", "figures")
    assert (found["alone"] >= 1, dict(found["reasons"])["asked for a person"]) == (True, 1)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["import"], "write FILE"),
        (["ask", "hello"], "--as CUSTOMER"),
        (["templates", "burn", "1"], "approve ID"),
        (["templates", "approve", "x"], "no number"),
        (["import", "none.csv"], "can't be read"),
    ],
)
def test_wrong_use_is_named(home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str) -> None:
    """What is missing, and how it is written."""
    assert main(["desk", *arguments, "--home", str(home)]) == 2
    assert reason in capsys.readouterr().err
    assert callable(desk)
