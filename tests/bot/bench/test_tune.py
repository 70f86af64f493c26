"""The comparison of recipes: rows are measured once, names are understood, and ratios are of what was measured."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bot.app import App
from bot.bench.trl_run import run
from bot.bench.tune import TRL, Comparison, TuneRow, bench_tune, read_rows, recipe_config, table
from bot.config import ModelConfig, Settings
from memory.errors import FamiliarError, UsageError
from tests.tuning.made import made_job
from tests.tuning.tiny import CONFIG, dialogue_rows, tiny_base


def row(recipe: str, speed: float) -> TuneRow:
    return TuneRow(recipe, 2.0, 3.0, 10.0, 9.0, 1000, speed, speed / 100, 500, 40, "data")


def test_rows_are_measured_once(tmp_path: Path) -> None:
    """Two recipes train in child processes; the second time both come from the file."""
    base = tiny_base(tmp_path / "base")
    talk = tmp_path / "talk.jsonl"
    talk.write_text(dialogue_rows(30))
    config = replace(CONFIG, max_tokens=2048)  # the bot's whole system message stands in each sequence
    app = App(tmp_path / "home", Settings(model=ModelConfig(name=str(base.folder)), tuning=config))
    comparison = Comparison(talk, "Ann", 12, ("lora", "lora+pissa:rank=2"), tmp_path / "rows.jsonl")
    notes: list[str] = []
    rows = list(bench_tune(app, comparison, note=notes.append))
    assert [item.recipe for item in rows] == ["lora", "lora+pissa:rank=2"]
    assert all(item.loss is not None and item.base_loss == rows[0].base_loss for item in rows)
    assert all(item.tokens > 0 and item.peak_mb > 0 and item.adapter_kb > 0 for item in rows)
    notes.clear()
    assert list(bench_tune(app, comparison, note=notes.append)) == rows
    assert notes == []
    app.close()


def test_made_replies_tell_how_fast_a_recipe_is(tmp_path: Path) -> None:
    """No dialogue is needed; as many are learned as were asked for."""
    base = tiny_base(tmp_path / "base")
    config = replace(CONFIG, epochs=1, max_tokens=2048)
    app = App(tmp_path / "home", Settings(model=ModelConfig(name=str(base.folder)), tuning=config))
    (row,) = bench_tune(app, Comparison(None, "", 5, ("lora",)))
    assert row.replies_per_second == pytest.approx(5 / row.cpu_seconds, rel=0.01)
    assert row.tokens > 5 * 100
    app.close()


def test_names_are_settings() -> None:
    """METHOD+INIT:KEY=VALUE; what is none of these is an error that names it."""
    config = recipe_config("rslora+pissa:rank=4:learning_rate=0.01", CONFIG)
    assert (config.method, config.init, config.rank, config.learning_rate) == ("rslora", "pissa", 4, 0.01)
    assert config.validation == 0.0
    assert recipe_config("lora:layers=last:1:rank=2", CONFIG).layers == "last:1"
    for wrong in ("lora:speed=1", "lora:rank=x", "lora:x", "lokr", "dora+pissa"):
        with pytest.raises(UsageError):
            recipe_config(wrong, CONFIG)


def test_table_gives_the_first_recipe_over_trl() -> None:
    """Tokens and replies a second; without TRL no ratio is claimed."""
    assert "lora over trl: 2.00 x tokens/s, 2.00 x replies/s" in table([row("lora", 200.0), row(TRL, 100.0)])
    assert "over" not in table([row("lora", 200.0)])


def test_foreign_file_is_no_results_file(tmp_path: Path) -> None:
    """It is named and left alone."""
    (tmp_path / "rows.jsonl").write_text("{}\n")
    with pytest.raises(FamiliarError, match=r"rows.jsonl is no file of rows"):
        read_rows(tmp_path / "rows.jsonl")


def test_trl_missing_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install is said."""
    monkeypatch.setitem(sys.modules, "trl", None)
    with pytest.raises(FamiliarError, match=r"familiar-assistant\[bench\]"):
        run(made_job(tiny_base(tmp_path)))
