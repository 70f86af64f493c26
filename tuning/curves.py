"""The losses and learning rates of a run, step by step: numbers only, beside the adapter that they belong to.

``curves.jsonl`` is always written. Programs that draw such curves are told too where the user asks for it; nothing is
ever sent anywhere by default.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from memory.errors import FamiliarError, UsageError

NAME = "curves.jsonl"
EVENTS = "tensorboard"
"""Folder of event files, beside it."""
_EXTRAS = {"tensorboard": "tensorboard", "wandb": "wandb", "trackio": "trackio"}
_PROJECT = "familiar"

Kind = Literal["training", "validating"]
Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Point:
    """One figure of a curve."""

    kind: Kind
    step: int
    loss: float
    rate: float | None = None
    """Learning rate of a training step."""


class CurveWriter:
    """Writes the points of a run as they come; lines after the step that a resumed run begins at are dropped.

    :raises UsageError: ``track`` names a program that is not installed, or none that is known
    """

    def __init__(self, folder: Path, track: str) -> None:
        self._path = folder / NAME
        self._tracker = _tracker(folder, track)

    def __enter__(self) -> CurveWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tracker.close()

    def following(self, tell: Report) -> Report:
        """The same report, with every loss in it also written down."""

        def told(event: dict[str, Any]) -> None:
            if event["phase"] == "resuming":
                _cut(self._path, after=event["step"])
            if event["phase"] in ("training", "validating"):
                if event["phase"] == "training" and event["step"] == 1:
                    self._path.unlink(missing_ok=True)
                self._write(Point(event["phase"], event["step"], event["loss"], event.get("rate")))
            tell(event)

        return told

    def _write(self, point: Point) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({key: value for key, value in vars(point).items() if value is not None}) + "\n")
        self._tracker.add(point)


def read_curves(folder: Path) -> list[Point]:
    """The points of a run in the order in which they came.

    :raises FamiliarError: the folder holds none
    """
    try:
        lines = (folder / NAME).read_text(encoding="utf-8").splitlines()
        return [Point(**json.loads(line)) for line in lines]
    except FileNotFoundError as exc:
        raise FamiliarError(f"{folder} holds no {NAME}: this adapter was trained before curves were kept") from exc
    except (ValueError, TypeError) as exc:
        raise FamiliarError(f"{folder / NAME} is damaged: {exc}") from exc


def draw(points: Sequence[Point], file: Path, *, title: str) -> None:
    """A picture of the losses over the steps, with the learning rate on a second scale.

    :raises FamiliarError: matplotlib is not installed, or the file can't be written
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise FamiliarError("a picture needs matplotlib: pip install 'familiar-assistant[plot]'") from exc
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    steps = [point for point in points if point.kind == "training"]
    checks = [point for point in points if point.kind == "validating"]
    axes.plot([point.step for point in steps], [point.loss for point in steps], label="training")
    axes.plot([point.step for point in checks], [point.loss for point in checks], "o-", label="validation")
    rates = axes.twinx()
    rates.plot([point.step for point in steps], [point.rate or 0.0 for point in steps], ":", color="grey")
    axes.set(xlabel="step", ylabel="loss (nats a token)", title=title)
    rates.set_ylabel("learning rate (dotted)")
    axes.legend()
    try:
        figure.savefig(file)
    except (OSError, ValueError) as exc:
        raise FamiliarError(f"--plot {file} can't be written: {exc}") from exc


def _cut(path: Path, *, after: int) -> None:
    """Drop what a killed run wrote after its last checkpoint, a torn last line among it."""
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            if json.loads(line)["step"] <= after:
                kept.append(line + "\n")
        except ValueError:
            break
    new = path.with_suffix(".new")
    new.write_text("".join(kept), encoding="utf-8")
    os.replace(new, path)


class _Nobody:
    """Nobody is told."""

    def add(self, point: Point) -> None:
        """Forget it."""

    def close(self) -> None:
        """Nothing is open."""


class _TensorBoard:
    """Event files as TensorBoard reads them."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder / EVENTS))

    def add(self, point: Point) -> None:
        """Write the point's figures."""
        self._writer.add_scalar(f"loss/{point.kind}", point.loss, point.step)
        if point.rate is not None:
            self._writer.add_scalar("learning_rate", point.rate, point.step)

    def close(self) -> None:
        """Have them on disk."""
        self._writer.close()


class _Run:
    """A run of wandb or of trackio, which has the same interface."""

    def __init__(self, module: Any, name: str) -> None:
        self._module = module
        module.init(project=_PROJECT, name=name)

    def add(self, point: Point) -> None:
        """Log the point's figures."""
        figures = {f"loss/{point.kind}": point.loss}
        if point.rate is not None:
            figures["learning_rate"] = point.rate
        self._module.log(figures, step=point.step)

    def close(self) -> None:
        """The run has ended."""
        self._module.finish()


def _tracker(folder: Path, track: str) -> Any:
    if not track:
        return _Nobody()
    if track not in _EXTRAS:
        raise UsageError(f'[tuning] track is {track!r}; it must be "" or one of {", ".join(_EXTRAS)}')
    try:
        if track == "tensorboard":
            return _TensorBoard(folder)
        import importlib

        return _Run(importlib.import_module(track), folder.name)
    except ImportError as exc:
        extra = f"pip install 'familiar-assistant[{_EXTRAS[track]}]'"
        raise UsageError(f"[tuning] track is {track!r}, which is not installed: {extra}") from exc
