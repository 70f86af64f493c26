"""Curves: what was told is written, drawn and followed only where the user asked for it."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from memory.errors import FamiliarError, UsageError
from tests.tuning.made import quiet
from tuning.curves import EVENTS, NAME, CurveWriter, Point, draw, read_curves


def write(folder: Path, track: str = "", *, steps: range = range(1, 4)) -> None:
    with CurveWriter(folder, track) as curves:
        tell = curves.following(quiet)
        for step in steps:
            tell({"phase": "training", "step": step, "steps": 3, "loss": 3.0 / step, "rate": 0.001, "minutes": 1.0})
        tell({"phase": "validating", "step": steps[-1], "steps": 3, "loss": 1.5})


def test_points_are_read_as_they_were_told(tmp_path: Path) -> None:
    """Losses with their rates, validations among them; a new run begins a new file."""
    write(tmp_path)
    write(tmp_path)
    points = read_curves(tmp_path)
    assert points[0] == Point("training", 1, 3.0, 0.001)
    assert points[-1] == Point("validating", 3, 1.5)
    assert len(points) == 4


def test_resumed_run_drops_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    """A torn last line goes too."""
    write(tmp_path)
    with (tmp_path / NAME).open("a") as file:
        file.write('{"kind": "trai')
    with CurveWriter(tmp_path, "") as curves:
        curves.following(quiet)({"phase": "resuming", "step": 2, "steps": 3})
    assert [point.step for point in read_curves(tmp_path)] == [1, 2]


def test_picture_is_drawn(tmp_path: Path) -> None:
    """A PNG of the curves; a name that can't be written is an error."""
    write(tmp_path)
    draw(read_curves(tmp_path), tmp_path / "curves.png", title="an adapter")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(FamiliarError, match="can't be written"):
        draw(read_curves(tmp_path), tmp_path / "none" / "curves.png", title="an adapter")


def test_adapter_without_curves_says_so(tmp_path: Path) -> None:
    """One that was trained before there were any."""
    with pytest.raises(FamiliarError, match=r"holds no curves.jsonl"):
        read_curves(tmp_path)


def test_tensorboard_gets_event_files(tmp_path: Path) -> None:
    """Where it is switched on the losses stand in files that TensorBoard reads."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write(tmp_path, "tensorboard")
    events = EventAccumulator(str(tmp_path / EVENTS))
    events.Reload()
    assert [round(item.value, 2) for item in events.Scalars("loss/training")] == [3.0, 1.5, 1.0]
    assert len(events.Scalars("learning_rate")) == 3


def test_tracker_is_told_only_where_it_is_switched_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed one hears nothing by default; switched on it hears figures, no text."""
    heard: list[Any] = []
    module = ModuleType("trackio")
    module.__dict__.update(
        init=lambda **named: heard.append(named),
        log=lambda figures, step: heard.append((step, figures)),
        finish=lambda: heard.append("finish"),
    )
    monkeypatch.setitem(sys.modules, "trackio", module)
    write(tmp_path)
    assert heard == []
    write(tmp_path, "trackio", steps=range(1, 2))
    assert heard[0] == {"project": "familiar", "name": tmp_path.name}
    assert heard[1:] == [(1, {"loss/training": 3.0, "learning_rate": 0.001}), (1, {"loss/validating": 1.5}), "finish"]


@pytest.mark.parametrize("name", ["wandb", "trackio", "tensorboard"])
def test_missing_tracker_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """What to install is said."""
    true_import = builtins.__import__

    def without(module: str, *rest: Any, **named: Any) -> Any:
        if module.startswith("torch.utils.tensorboard"):
            raise ImportError(module)
        return true_import(module, *rest, **named)

    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=rf"familiar-assistant\[{name}\]"):
        CurveWriter(tmp_path, name)


def test_unknown_tracker_is_an_error_of_the_setting(tmp_path: Path) -> None:
    """The known ones are named."""
    with pytest.raises(UsageError, match=r"\[tuning\] track is 'mlflow'; it must be"):
        CurveWriter(tmp_path, "mlflow")
