"""`familiar tune` and `familiar adapters`: pictures of the curves, the search, and why no tune is due."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.cli import main
from bot.commands.learning import progress
from bot.commands.output import Output
from memory.store import Store
from tests.tuning.tiny import add_dialogue, tiny_base
from tuning.adapters import Outcome, Registry


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one adapter that has curves, whose model is tiny."""
    base = tiny_base(tmp_path / "base")
    folder = tmp_path / "home"
    store = Store(folder / "familiar.db")
    user = store.add_user("ann", role="owner")
    add_dialogue(store, user_id=user.id, count=28)
    registry = Registry(store, folder / "adapters")
    adapter = registry.begin(user_id=user.id, base=base, examples=(), started_by="hand")
    registry.finish(adapter.id, Outcome("live"), user_id=user.id)
    adapter.folder.mkdir(parents=True)
    curves = [{"kind": "training", "step": step, "loss": 3.0 / step, "rate": 0.001} for step in (1, 2)]
    (adapter.folder.parent / "curves.jsonl").write_text("".join(json.dumps(point) + "\n" for point in curves))
    store.close()
    (folder / "config.toml").write_text(f'# mine\n[model]\nname = "{base.folder.as_posix()}"\n')
    return folder


def run(capsys: pytest.CaptureFixture[str], home: Path, *arguments: str, status: int = 0) -> list[dict[str, Any]]:
    """The objects that the command prints."""
    capsys.readouterr()
    assert main([*arguments, "--home", str(home), "--json"]) == status
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_curves_are_drawn(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A picture beside what `show` says; without `show` the option is an error."""
    (adapter,) = run(capsys, home, "adapters")
    (shown,) = run(capsys, home, "adapters", "show", adapter["id"], "--plot", str(tmp_path / "curves.png"))
    assert shown["id"] == adapter["id"]
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    run(capsys, home, "adapters", "list", "--plot", "x.png", status=2)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["list", "--prompts", "2"], "--prompts is about a comparison"),
        (["show", "a", "--text", "hello"], "--text is about a comparison"),
        (["rollback", "a"], "rollback takes no ID, but got a"),
        (["show", "a", "b"], "show takes 1 ID, but got a b"),
        (["promote"], "promote needs the id of an adapter"),
        (["compare", "a"], "compare needs two adapters"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_would_be_left_out_is_an_error(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    """It is named, with what it is about."""
    assert main(["adapters", *arguments, "--home", str(home)]) == 2
    assert named in capsys.readouterr().err


def test_no_tune_says_why(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The schedule's reason is in the output."""
    (result,) = run(capsys, home, "tune")
    assert result["status"] == "skipped"
    assert result["reason"].startswith("no tune is due: too few new examples: ")


def test_search_prints_what_was_tried_and_applies_the_best(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best comes first and goes into the home's config.toml, where the rest stays."""
    from tuning.search import Tried

    best = Tried(0.002, 8, 2, 1.0, 2.5)
    monkeypatch.setattr("bot.tunes.run_search", lambda *_args, **_named: [best, Tried(0.001, 16, 1, 0.5, 2.9)])
    found = run(capsys, home, "tune", "--search", "--budget-minutes", "1", "--apply")
    assert [item["loss"] for item in found] == [2.5, 2.9]
    text = (home / "config.toml").read_text()
    assert text.startswith("# mine")
    assert "learning_rate = 0.002" in text
    assert "epochs = 2" in text
    run(capsys, home, "tune", "--now", "--apply", status=2)
    run(capsys, home, "tune", "--search", "--now", status=2)


def test_what_a_search_finds_goes_into_the_file_that_was_named(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --config FILE the home's config.toml, which is not read, is not written either."""
    from tuning.search import Tried

    monkeypatch.setattr("bot.tunes.run_search", lambda *_args, **_named: [Tried(0.002, 8, 2, 1.0, 2.5)])
    file, before = tmp_path / "other.toml", (home / "config.toml").read_text()
    file.write_text(before)
    run(capsys, home, "tune", "--search", "--apply", "--config", str(file))
    assert "learning_rate = 0.002" in file.read_text()
    assert (home / "config.toml").read_text() == before


def test_bar_follows_the_steps_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    """Elsewhere each line is a note."""
    with progress(Output(as_json=True)) as show:
        show("training: step 1 of 4, loss 2.00")
    assert "step 1 of 4" in capsys.readouterr().err
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress(Output(as_json=True)) as show:
        show("training: step 1 of 4, loss 2.00")
        show("checking")
    assert "loss 2.00\n" not in capsys.readouterr().err
