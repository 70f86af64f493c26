"""`familiar adapters`, `feedback` and `forget` after an adapter went live, with a real tune of a tiny model."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from bot import models
from bot.cli import main
from memory.records import Message, NewTurn, Timings
from memory.store import Store
from memory.turns import add_turn, open_conversation
from tests.tuning.tiny import CONFIG, EASY, PERSONA, add_dialogue, tiny_base
from tuning.adapters import Registry
from tuning.job import BaseModel
from tuning.tune import FOLDER, TuneRequest, run_tune


@dataclass
class Tuned:
    """A home with an adapter that learned from one of two dialogues."""

    home: Path
    adapter: str
    document: int
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str, status: int = 0) -> tuple[list[dict[str, Any]], str]:
        """The objects that a command prints, and what it says besides."""
        self.capsys.readouterr()
        assert main([*arguments, "--home", str(self.home), "--json"]) == status
        printed = self.capsys.readouterr()
        return [json.loads(line) for line in printed.out.splitlines()], printed.err

    def turns(self, count: int, *, adapter: str | None) -> list[int]:
        """New replies of the adapter or of the base."""
        with closing(Store(self.home / "familiar.db")) as store:
            conversation = open_conversation(store, user_id=1, channel="terminal")
            turn = NewTurn(
                conversation_id=conversation,
                user_text="how is day 3?",
                reply="day 3 ok!",
                generated="day 3 ok!",
                prompt=(Message("system", PERSONA), Message("user", "how is day 3?")),
                citations=(),
                memories=(),
                engine="local",
                model="base",
                adapter=adapter,
                timings=Timings(),
                asked_at="2099-01-01T00:00:00+00:00",
            )
            return [add_turn(store, turn, user_id=1, said=None).id for _ in range(count)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("model") / "base").folder


@pytest.fixture(scope="module")
def lived(base: Path, tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> tuple[Path, str, int]:
    """A home after the tune, the adapter and the second dialogue's document; each test takes a copy."""
    ready = models.ensure(str(base), folder=model_folder, offline=True)
    home = tmp_path_factory.mktemp("lived") / "home"
    with closing(Store(home / "familiar.db")) as store:
        store.add_user("ann", role="owner")
        add_dialogue(store, user_id=1)
        document = add_dialogue(store, user_id=1, count=10, first=40).id
        model = BaseModel(ready.name, ready.path, ready.sha256 or ready.revision)
        result = run_tune(store, home, model, TuneRequest(1, PERSONA, CONFIG, EASY))
    assert (result.status, result.reason) == ("live", None)
    assert result.adapter is not None
    return home, result.adapter, document


SETTINGS = {
    "MODEL_MAX_REPLY_TOKENS": "12",
    "TUNING_MIN_PAIRS": "6",
    "TUNING_RANK": "4",
    "TUNING_LEARNING_RATE": "0.02",
    "TUNING_MAX_TOKENS": "1024",
    "TUNING_MAX_PROMPT_TOKENS": "80",
    "TUNING_MAX_LOAD": "100",
} | {f"GATE_{limit.name.upper()}": str(getattr(EASY, limit.name)).lower() for limit in fields(EASY)}


@pytest.fixture
def tuned(
    lived: tuple[Path, str, int],
    base: Path,
    model_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Tuned:
    """Set so that the same tiny model serves and trains."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(f"FAMILIAR_{name}", value)
    monkeypatch.setenv("FAMILIAR_MODEL_NAME", str(base))
    monkeypatch.setenv("FAMILIAR_MODEL_FOLDER", str(model_folder))
    home, adapter, document = lived
    shutil.copytree(home, tmp_path / "home")
    return Tuned(tmp_path / "home", adapter, document, capsys)


def test_compare_shows_both_answers_and_the_means(tuned: Tuned) -> None:
    """On examples that were not trained on, and on a text; an adapter that is not there is an error."""
    (*pairs, total), _ = tuned.run("adapters", "compare", tuned.adapter, "base", "--prompts", "2")
    assert len(pairs) == 2
    assert {tuple(sorted(pair)) for pair in pairs} == {("a", "b", "example", "prompt", "true")}
    assert (pairs[0]["a"]["adapter"], pairs[0]["b"]["adapter"]) == (tuned.adapter, "base")
    figures = total["log_likelihood_per_token"]
    assert (total["prompts"], figures["a"] < 0, figures["b"] < 0) == (2, True, True)
    assert figures["a"] > figures["b"], "it has learned something"
    (pair,), _ = tuned.run("adapters", "compare", "base", tuned.adapter, "--text", "how is day 3?")
    assert (pair["prompt"], pair["true"], pair["a"]["log_likelihood_per_token"]) == ("how is day 3?", None, None)
    assert "there is no adapter nobody" in tuned.run("adapters", "compare", "nobody", "base", status=1)[1]
    assert "needs two adapters" in tuned.run("adapters", "compare", "base", status=2)[1]


def test_why_measures_the_adapter(tuned: Tuned) -> None:
    """On and off, with what the base would have said; --fast leaves it out."""
    (turn,) = tuned.turns(1, adapter=tuned.adapter)
    with closing(Store(tuned.home / "familiar.db")) as store, store.transaction() as db:
        name = models.ensure(os.environ["FAMILIAR_MODEL_NAME"], folder=Path(), offline=True).name
        db.execute("UPDATE turns SET model = ?", (name,))
    (why,), _ = tuned.run("why", str(turn))
    found = why["influence"]
    assert (found["missing"], found["part"], found["memories"]) == (None, "all", [])
    assert found["moved"] == pytest.approx(found["adapter"] - found["base"])
    assert found["moved"] > 0, "the reply is in the manner that was learned"
    assert isinstance(found["base_reply"], str)
    assert tuned.run("why", str(turn), "--fast")[0][0]["influence"] is None


def test_votes_are_shown_and_roll_back(tuned: Tuned) -> None:
    """Bad votes take the adapter out of service with a word on standard error; promote brings it back."""
    for turn in tuned.turns(10, adapter=None):
        tuned.run("feedback", str(turn), "up")
    said = [tuned.run("feedback", str(turn), "down")[1] for turn in tuned.turns(8, adapter=tuned.adapter)]
    assert f"judged replies of adapter {tuned.adapter}" in said[-1]
    assert not any(said[:-1])
    (item,), _ = tuned.run("adapters")
    assert (item["status"], item["votes"]) == ("retired", {"up": 0, "down": 8, "corrected": 0})
    assert "were found bad, against 0 of 10 before it" in item["reason"]
    (shown,), _ = tuned.run("adapters", "promote", tuned.adapter)
    assert (shown["status"], shown["reason"]) == ("live", None)
    assert tuned.run("adapters", "rollback")[0] == [{"adapter": None}]


@pytest.mark.model
def test_forget_says_what_answers_now_and_retrains(tuned: Tuned) -> None:
    """The base answers at once; `familiar tune` finds it due without being told, and --retrain waits for nothing."""
    (gone,), said = tuned.run("forget", "--document", str(tuned.document))
    assert gone["withdrawn"] == [tuned.adapter]
    assert f"Adapter {tuned.adapter} had learned from it" in said
    assert not (tuned.home / FOLDER / tuned.adapter).exists()
    (again,), _ = tuned.run("tune")
    assert (again["status"], again["examples"]) == ("live", 20)
    assert tuned.run("tune")[0][0]["status"] == "skipped"
    with closing(Store(tuned.home / "familiar.db")) as store:
        other = add_dialogue(store, user_id=1, count=10, first=70).id
    tuned.run("tune", "--now")
    _, said = tuned.run("forget", "--document", str(other), "--retrain")
    assert " -> live " in said
    with closing(Store(tuned.home / "familiar.db")) as store:
        live = Registry(store, tuned.home / FOLDER).live(1)
    assert live is not None
    assert f"document:{other}:" not in live.manifest
