"""How well the gate tells good adapters from bad ones: many small real trainings, each judged by the real gate.

Good ones learn a made dialogue in a stated manner; bad ones learn noise, one phrase, replies at the wrong places, under
a wrong template, or for thirty epochs. A run that is done is a line in a file, so that the whole is made in as many
sittings as it takes; lines hold what was measured, and verdicts are made from them with the limits of today.
"""

from __future__ import annotations

import dataclasses
import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.bench.made_manner import KINDS, Kind, made_examples
from bot.bench.small_tunes import PERSONA, RECIPE, small_tune
from memory.errors import FamiliarError, UsageError
from tuning.config import GateConfig
from tuning.examine import measure
from tuning.gate import Check, Measures, judge, measures_from
from tuning.job import BaseModel

GOOD_RUNS, BAD_RUNS = 20, 12
_TOO_MANY_EPOCHS = 30
_WRONG_TEMPLATE = (
    "{% for message in messages %}### {{ message['role'] | upper }}\n{{ message['content'] }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}### ASSISTANT\n{% endif %}"
)
_ROUNDED = 3
"""Decimals that are kept of a figure."""
_Z = 1.96


@dataclass(frozen=True)
class GateRun:
    """One adapter: number ``number`` of its kind."""

    kind: Kind
    number: int
    measures: Measures
    seconds: float


@dataclass(frozen=True)
class PowerRow:
    """A row of the power table."""

    kind: Kind
    runs: int
    wanted: int
    stopped: int
    low: float
    """Wilson interval (95 %) of the share that is stopped."""
    high: float
    checks: tuple[tuple[str, int], ...]
    """Which checks failed, and how often."""

    def line(self) -> str:
        """For a terminal."""
        checks = ", ".join(f"{name} {count}" for name, count in self.checks) or "-"
        share = f"{self.stopped} of {self.runs} stopped" if self.runs else "no run yet"
        return f"{self.kind:9} {share} (95 %: {self.low:.2f} to {self.high:.2f}), wanted runs {self.wanted}: {checks}"


def planned(only: str | None) -> list[tuple[Kind, int]]:
    """All runs by kind and number, dealt out evenly; ``only``: "good:3,noise:2" or "good" for all of a kind.

    :raises UsageError: there is no such kind
    """
    counts = {kind: wanted(kind) for kind in KINDS}
    if only:
        counts = dict(_counted(part) for part in only.split(","))
    most = max(counts.values())
    return [(kind, number) for number in range(most) for kind in counts if number < counts[kind]]


def wanted(kind: Kind) -> int:
    """Runs of a kind that make the table whole."""
    return GOOD_RUNS if kind == "good" else BAD_RUNS


def _counted(part: str) -> tuple[Kind, int]:
    name, _, count = part.partition(":")
    for kind in KINDS:
        if kind == name and (not count or count.isdecimal()):
            return kind, int(count) if count else wanted(kind)
    raise UsageError(f"--only {part}: give kinds out of {', '.join(KINDS)}, as in good:3,noise:2")


def bench_gate(
    base: BaseModel,
    *,
    file: Path,
    only: str | None = None,
    minutes: float | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Iterator[GateRun]:
    """Make the runs that the file doesn't hold yet, append each, and stop to begin new ones after so many minutes."""
    plan = planned(only)
    with tempfile.TemporaryDirectory(prefix="familiar-bench-") as figures:
        yield from _missing_runs(base, plan, file=file, figures=figures, minutes=minutes, note=note)


def _missing_runs(
    base: BaseModel,
    plan: Sequence[tuple[Kind, int]],
    *,
    file: Path,
    figures: str,
    minutes: float | None,
    note: Callable[[str], None],
) -> Iterator[GateRun]:
    started = time.monotonic()
    for kind, number in plan:
        # Read anew each time: a second process may be working off the same list.
        if (kind, number) in {(run.kind, run.number) for run in read_runs(file)}:
            continue
        if minutes is not None and time.monotonic() - started > 60 * minutes:
            note("time is up; the same command goes on from here")
            return
        run = one_run(base, kind, number, figures=figures)
        append_run(file, run)
        yield run


def one_run(base: BaseModel, kind: Kind, number: int, *, figures: str = "") -> GateRun:
    """Train one adapter in memory and measure it."""
    started = time.perf_counter()
    train, test = made_examples(kind, number, persona=PERSONA)
    config = replace(RECIPE, seed=number, epochs=_TOO_MANY_EPOCHS if kind == "epochs" else RECIPE.epochs)
    template = _WRONG_TEMPLATE if kind == "template" else None
    measures = measure(small_tune(base, train, test, config, template=template, figures=figures))
    return GateRun(kind, number, measures, round(time.perf_counter() - started, 1))


def append_run(file: Path, run: GateRun) -> None:
    """One line a run; the base's figures, the same in all, stand in a line of their own before."""
    values = _rounded(dataclasses.asdict(run.measures))
    base = values.pop("base")
    known = _base_in(file)
    lines = [{"base": base}] if known != base else []
    lines += [{"kind": run.kind, "number": run.number, "seconds": run.seconds, "measures": values}]
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as out:
        out.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


def read_runs(file: Path) -> list[GateRun]:
    """The runs of a results file; none where there is no such file.

    :raises FamiliarError: a line can't be read
    """
    runs = []
    base: Any = None
    for number, row in enumerate(_rows(file), 1):
        try:
            if "base" in row:
                base = row["base"]
                continue
            measures = measures_from(row["measures"] | {"base": base})
            runs.append(GateRun(row["kind"], row["number"], measures, row["seconds"]))
        except (KeyError, TypeError, AttributeError) as exc:
            raise FamiliarError(f"{file}, line {number}: not a run of `familiar bench gate`") from exc
    return runs


def power(runs: Sequence[GateRun], config: GateConfig) -> list[PowerRow]:
    """The power table under the limits of a configuration."""
    rows = []
    for kind in KINDS:
        failed = [failures(judge(run.measures, config)) for run in runs if run.kind == kind]
        stopped = sum(bool(names) for names in failed)
        low, high = wilson(stopped, len(failed))
        checks = Counter(name for names in failed for name in names).most_common()
        rows.append(PowerRow(kind, len(failed), wanted(kind), stopped, low, high, tuple(checks)))
    return rows


def failures(checks: Sequence[Check]) -> list[str]:
    """Names of the checks that failed."""
    return [check.check for check in checks if not check.passed]


def wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927), which keeps its sense at none and at all; all of it where none was tried.

    :returns: lower and upper end
    """
    if count == 0:
        return 0.0, 1.0
    share, square = hits / count, _Z**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = _Z / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _base_in(file: Path) -> Any:
    found = None
    for row in _rows(file):
        found = row.get("base", found)
    return found


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    if not file.is_file():
        return
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            yield json.loads(line)
        except ValueError as exc:
            raise FamiliarError(f"{file}, line {number}: not JSON; was it cut short? Delete that line") from exc


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    if isinstance(value, bool):
        return int(value)
    return round(value, _ROUNDED) if isinstance(value, float) else value
