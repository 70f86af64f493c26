"""The pictures of the tables are written, and say what is missing where they can't be."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bot.eval_arms import Arm
from bot.fact_picture import MISSING
from bot.reply_picture import draw_arms, draw_periods
from memory.errors import FamiliarError
from tests.bot.test_eval_continual import rows_with, table
from tests.bot.test_eval_replies import rows_for, run, write_dialogue

ARMS: tuple[Arm, ...] = ("base", "memory", "adapter", "both")


def test_pictures_are_written(tmp_path: Path) -> None:
    """For one person and for several."""
    from PIL import Image

    runs = [run(arm, 9 - place, 8, 7) for place, arm in enumerate(ARMS)]
    dialogue = write_dialogue(tmp_path / "d.jsonl")
    rows = [replace(row, speaker=name) for name in ("Ann", "Bo") for row in rows_for(runs, dialogue)]
    draw_arms(rows, tmp_path / "arms.png")
    draw_periods(rows_with(table()), tmp_path / "one.png")
    draw_periods([*rows_with(table()), *rows_with(table(forgets=0.1), "Bo")], tmp_path / "two.png")
    for name in ("arms", "one", "two"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.format == "PNG"
            assert len(set(picture.convert("L").tobytes())) > 50


def test_what_hinders_a_picture_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing measured, a name without a known ending, the extra not installed."""
    with pytest.raises(FamiliarError, match="nothing to draw"):
        draw_arms([], tmp_path / "a.png")
    with pytest.raises(FamiliarError, match="nothing to draw"):
        draw_periods(rows_with({(0, 1): 3.0}), tmp_path / "a.png")
    with pytest.raises(FamiliarError, match=r"a\.txt can't be written"):
        draw_periods(rows_with(table()), tmp_path / "a.txt")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(FamiliarError, match=r"familiar-assistant\[plot\]"):
        draw_arms([], tmp_path / "a.png")
    assert "plot" in MISSING
