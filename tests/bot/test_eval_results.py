"""A measurement that was stopped goes on where it was, and never mixes other settings in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bot.app import App
from bot.config import Settings
from bot.eval_results import Results, base_key, key_of
from memory.errors import FamiliarError
from tests.bot.test_eval_replies import serve_tiny
from tests.embedder import WordEmbedder
from tuning.config import TuneConfig
from tuning.job import BaseModel


@dataclass(frozen=True)
class Row:
    value: int


def unwanted() -> list[Row]:
    raise AssertionError("it is kept")


def read(row: Mapping[str, Any]) -> Row:
    return Row(**row)


def test_finished_pieces_are_found_again(tmp_path: Path) -> None:
    """Whole or not at all, the newest of a key; without a file nothing is kept."""
    path = tmp_path / "results.jsonl"
    kept = Results(path, read)
    assert kept.finished("a") is None
    kept.add("a", [Row(1), Row(2)])
    kept.add("b", [])
    again = Results(path, read)
    assert again.finished("a") == (Row(1), Row(2))
    assert again.finished("b") == ()
    again.add("a", [Row(3)])
    assert kept.finished("a") == (Row(3),)
    assert [file.name for file in tmp_path.iterdir()] == ["results.jsonl"]
    folder = kept.folder("a" * 64)
    assert folder == tmp_path / "results.jsonl.adapters" / ("a" * 16)
    assert kept.piece("c", lambda: [Row(4)], "1") == (Row(4),)
    assert again.piece("c", unwanted, "1") == (Row(4),)
    assert again.finished("c") is None, "a part is not the whole"
    nowhere = Results(None, read)
    assert nowhere.folder("a") is None
    nowhere.add("a", [Row(1)])
    assert nowhere.finished("a") is None


@pytest.mark.parametrize("text", ["not JSON", "[1]", '{"rows": []}', '{"key": "a", "rows": [{"other": 1}]}'])
def test_another_file_is_refused_and_left_as_it_is(tmp_path: Path, text: str) -> None:
    """A file that holds something else is named, and not written over."""
    path = tmp_path / "notes.txt"
    path.write_text(text + "\n", encoding="utf-8")
    with pytest.raises(FamiliarError, match=r"notes\.txt"):
        Results(path, read).finished("a")
    assert path.read_text(encoding="utf-8") == text + "\n"


def test_key_changes_with_what_the_figures_depend_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another recipe, speaker, text or piece of work is another key; the name of the file is not."""

    serve_tiny(monkeypatch, BaseModel("tiny", tmp_path, "sha"))

    def app(settings: Settings) -> App:
        made = App(tmp_path / "home", settings)
        made.__dict__["embedder"] = WordEmbedder()
        return made

    one, same, other = tmp_path / "one.jsonl", tmp_path / "same.jsonl", tmp_path / "other.jsonl"
    for path, text in ((one, "a"), (same, "a"), (other, "b")):
        path.write_text(text, encoding="utf-8")
    plain = app(Settings())
    key = key_of(plain, one, "Ann", "replies")
    assert key == key_of(plain, same, "Ann", "replies")
    tuned = app(replace(Settings(), tuning=TuneConfig(learning_rate=0.5)))
    others = [
        key_of(plain, other, "Ann", "replies"),
        key_of(plain, one, "Bo", "replies"),
        key_of(plain, one, "Ann", "continual"),
        key_of(tuned, one, "Ann", "replies"),
    ]
    assert len({key, *others}) == 5
    assert base_key(plain, one, "Ann") == base_key(tuned, one, "Ann") != base_key(plain, one, "Bo")
    with pytest.raises(FamiliarError, match=r"none\.jsonl can't be read"):
        key_of(plain, tmp_path / "none.jsonl", "Ann")
