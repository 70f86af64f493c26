"""Ways to train beside each other: held-out loss, time, memory and size of each on one speaker's replies.

Every recipe trains in a process of its own on the same older replies and is judged on the same later ones, and a row
that was measured stays in the results file, so that a long table can be made in pieces. Beside them TRL's SFTTrainer
at its defaults, on the same data, model and machine.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.bench.made_turns import SYSTEM, made_turns
from bot.bench.trl_run import FLOAT32
from bot.prompts import system_prompt
from memory.errors import FamiliarError, UsageError
from memory.records import Profile
from tuning.job import BaseModel, Job, write_job
from tuning.precision import dtype_here
from tuning.process import run_child
from tuning.recipe import recipe_of
from tuning.trial import FULL_SPEED, NAME, WITH_BASE, TrialResult

if TYPE_CHECKING:
    from bot.app import App
    from tuning.config import TuneConfig

Note = Callable[[str], None]
_TESTED = 8
"""Made replies that are held out."""
_ROOT = Path(__file__).resolve().parents[2]
TRL, TRL_FLOAT32 = "trl", "trl-float32"
METHODS = (
    *("lora", "rslora", "dora", "adalora", "miss", "oft", "ia3", "ln", "prompt", "prefix"),
    *("lora+pissa", "lora+olora", "lora+eva"),
)
"""What is compared where nothing else is named: each at the settings' learning rate."""


@dataclass(frozen=True)
class TuneRow:
    """One way to train."""

    recipe: str
    loss: float | None
    """Held-out loss per token, in nats; None where it was not measured (TRL is measured for speed alone)."""
    base_loss: float | None
    seconds: float
    cpu_seconds: float
    tokens: int
    """Real tokens of the trained sequences in one epoch, padding not counted."""
    tokens_per_second: float
    """By processor time, as the machine may have other work."""
    replies_per_second: float
    peak_mb: int
    adapter_kb: int
    data: str
    """Identity of dialogue, speaker, number of replies, base and the settings that the recipes change."""

    def line(self) -> str:
        """The row for a terminal."""
        loss = "-" if self.loss is None else f"{self.loss:.4f}"
        return (
            f"{self.recipe:32} loss {loss}  {self.cpu_seconds:.0f} CPU s  {self.tokens_per_second:.0f} tokens/s"
            f"  {self.replies_per_second:.2f} replies/s  {self.peak_mb} MB  adapter {self.adapter_kb} kB"
        )


@dataclass(frozen=True)
class Comparison:
    """What is compared on what."""

    dialogue: Path | None
    """None: made replies, which tell how fast a recipe is, not how good."""
    speaker: str
    replies: int = 60
    """Training replies, the newest before the test."""
    recipes: tuple[str, ...] = METHODS
    results: Path | None = None
    """Rows are read from here and added as they are measured."""


def bench_tune(app: App, comparison: Comparison, *, note: Note = lambda _: None) -> Iterator[TuneRow]:
    """One row a recipe, in the order in which they were named.

    :raises FamiliarError: the dialogue can't be read, or a recipe is none that is known
    """
    configs = {name: recipe_config(name, app.settings.tuning) for name in comparison.recipes if not _is_trl(name)}
    job = _job(app, comparison)
    data = _identity(comparison, job)
    known = {row.recipe: row for row in read_rows(comparison.results) if row.data == data}
    base_loss = next((row.base_loss for row in known.values() if row.base_loss is not None), None)
    for name in comparison.recipes:
        row = known.get(name)
        if row is None:
            note(f"{name}: training on {len(job.train)} replies")
            if _is_trl(name):
                row = _trl(name, job, data)
            else:
                row = _trial(name, replace(job, config=configs[name]), data, note, base_loss=base_loss)
                base_loss = row.base_loss
            _add_row(comparison.results, row)
        yield row


def recipe_config(name: str, config: TuneConfig) -> TuneConfig:
    """The settings for ``METHOD[+INIT][:KEY=VALUE...]``, without validation, which would take replies away.

    :raises UsageError: no such method, init or setting
    """
    head, *changes = re.split(r":(?=[a-z_]+=)", name)
    method, _, init = head.partition("+")
    values: dict[str, Any] = {"method": method, "init": init or "default", "validation": 0.0, "checkpoint_minutes": 1e9}
    values["budget_minutes"] = 1e9  # every pass is made, over all replies
    for change in changes:
        key, _, text = change.partition("=")
        old = getattr(config, key, None)
        if not isinstance(old, (int, float, str)) or isinstance(old, bool):
            raise UsageError(f"--methods {name}: there is no setting [tuning] {key} of that kind")
        try:
            values[key] = type(old)(text)
        except ValueError as exc:
            raise UsageError(f"--methods {name}: {key} is {text!r}, which is not of its kind") from exc
    changed = replace(config, **values)
    recipe_of(changed, comparing=True)
    return changed


def read_rows(file: Path | None) -> list[TuneRow]:
    """The rows of a results file; none where there is no file yet.

    :raises FamiliarError: it is no results file
    """
    if file is None or not file.is_file():
        return []
    try:
        return [TuneRow(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
    except (ValueError, TypeError) as exc:
        raise FamiliarError(f"--results {file} is no file of rows of `familiar bench tune`: {exc}") from exc


def _add_row(file: Path | None, row: TuneRow) -> None:
    if file is not None:
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(dataclasses.asdict(row), ensure_ascii=False) + "\n")


def _job(app: App, comparison: Comparison) -> Job:
    from bot.eval_people import Person
    from bot.eval_replies import split_replies

    base: BaseModel = app.base
    if comparison.dialogue is None:
        persona, made = SYSTEM.content, made_turns(comparison.replies + _TESTED)
        train, test = made[:-_TESTED], made[-_TESTED:]
    else:
        persona = system_prompt(app.settings.chat.persona, Profile())
        train, test = split_replies(Person(comparison.dialogue, comparison.speaker), persona=persona)
    newest = train[-comparison.replies :]
    return Job(base.name, str(base.folder), persona, app.settings.tuning, newest, test, base_sha256=base.sha256)


def _identity(comparison: Comparison, job: Job) -> str:
    dialogue = comparison.dialogue.read_bytes() if comparison.dialogue else b"made"
    parts = [dialogue, comparison.speaker.encode(), job.base_sha256.encode()]
    parts += [str(len(job.train)).encode(), dtype_here(job.config.dtype).encode()]
    parts += [json.dumps(dataclasses.asdict(job.config)).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _trial(name: str, job: Job, data: str, note: Note, *, base_loss: float | None) -> TuneRow:
    options = [FULL_SPEED] if base_loss is not None else [FULL_SPEED, WITH_BASE]
    with tempfile.TemporaryDirectory(prefix="familiar-bench-") as folder:
        work = Path(folder) / "job"
        write_job(work, job)
        command = ["-m", "tuning.trial", str(work), *options]
        run_child(command, work, on_progress=lambda line: note(f"{name}: {line}"))
        result = TrialResult(**json.loads((work / NAME).read_text(encoding="utf-8")))
    epochs = recipe_of(job.config, comparing=True).epochs
    return TuneRow(
        recipe=name,
        loss=round(result.loss, 4),
        base_loss=base_loss if result.base_loss is None else round(result.base_loss, 4),
        seconds=result.seconds,
        cpu_seconds=result.cpu_seconds,
        tokens=result.tokens,
        tokens_per_second=round(result.tokens * epochs / result.cpu_seconds, 1),
        replies_per_second=round(len(job.train) * epochs / result.cpu_seconds, 3),
        peak_mb=result.peak_mb,
        adapter_kb=result.adapter_kb,
        data=data,
    )


def _is_trl(name: str) -> bool:
    return name in (TRL, TRL_FLOAT32)


def _trl(name: str, job: Job, data: str) -> TuneRow:
    with tempfile.TemporaryDirectory(prefix="familiar-bench-") as folder:
        work = Path(folder) / "job"
        write_job(work, job)
        options = [FLOAT32] if name == TRL_FLOAT32 else []
        command = [sys.executable, "-P", "-m", "bot.bench.trl_run", str(work), *options]
        environment = os.environ | {"PYTHONPATH": str(_ROOT)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise FamiliarError(f"TRL's SFTTrainer did not run: {last}")
        figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return TuneRow(
        recipe=name,
        loss=None,
        base_loss=None,
        seconds=figures["seconds"],
        cpu_seconds=figures["cpu_seconds"],
        tokens=figures["tokens"],
        tokens_per_second=round(figures["tokens"] / figures["cpu_seconds"], 1),
        replies_per_second=round(figures["replies"] / figures["cpu_seconds"], 3),
        peak_mb=figures["peak_mb"],
        adapter_kb=0,
        data=data,
    )


def table(rows: Sequence[TuneRow]) -> str:
    """All rows and, where TRL is among them, the first recipe's speed over its."""
    lines = [row.line() for row in rows]
    ours = next((row for row in rows if not _is_trl(row.recipe)), None)
    for theirs in rows:
        if ours and _is_trl(theirs.recipe):
            tokens, replies = _ratio(ours, theirs, "tokens_per_second"), _ratio(ours, theirs, "replies_per_second")
            lines.append(f"{ours.recipe} over {theirs.recipe}: {tokens:.2f} x tokens/s, {replies:.2f} x replies/s")
    return "\n".join(lines)


def _ratio(ours: TuneRow, theirs: TuneRow, name: str) -> float:
    return float(getattr(ours, name)) / float(getattr(theirs, name))
