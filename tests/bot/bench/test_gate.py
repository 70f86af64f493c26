"""The bench of the gate's power: made data, runs that resume, and a table with intervals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.bench.gate import (
    GateRun,
    append_run,
    bench_gate,
    planned,
    power,
    read_runs,
    wilson,
)
from bot.bench.made_manner import FEW, KINDS, PHRASE, TEST, TRAIN, made_examples
from bot.cli import main
from memory.errors import FamiliarError, UsageError
from tests.tuning.test_gate import GOOD
from tests.tuning.tiny import tiny_base
from tuning.config import GateConfig

PERSONA = "You are Familiar."


def test_made_dialogue_is_the_same_each_time_and_differs_between_numbers() -> None:
    """A run can be repeated; another number has other replies and another manner."""
    once, again, other = (made_examples("good", number, persona=PERSONA) for number in (0, 0, 1))
    assert once == again
    assert once != other
    assert (len(once[0]), len(once[1])) == (TRAIN, TEST)
    assert all(example.reply.endswith(":)") for part in once for example in part)
    assert not any(example.reply.endswith(":)") for part in other for example in part)


def test_each_bad_kind_is_spoilt_in_its_own_way() -> None:
    """Noise, one phrase, the right replies at wrong places; wrong template and too many epochs spoil no text."""
    replies = {
        kind: [example.reply for part in made_examples(kind, 0, persona=PERSONA) for example in part] for kind in KINDS
    }
    assert set(replies["phrase"]) == {PHRASE}
    assert len(set(replies["noise"])) == TRAIN + TEST
    assert not any(" the " in reply for reply in replies["noise"])
    assert len(replies["epochs"]) == FEW + TEST
    for kind in ("shuffled", "template", "epochs"):
        assert all(reply.endswith(":)") for reply in replies[kind])


def test_plan_deals_the_kinds_out_evenly() -> None:
    """Whenever the runs are stopped, each kind has had its turn; the whole is eighty."""
    assert planned(None)[:7] == [*((kind, 0) for kind in KINDS), ("good", 1)]
    assert len(planned(None)) == 80
    assert planned("good:2,noise:1") == [("good", 0), ("noise", 0), ("good", 1)]
    assert len(planned("phrase")) == 12


@pytest.mark.parametrize("wrong", ["best", "good:x", "good:-1", ""])
def test_unknown_kind_is_named(wrong: str) -> None:
    """With what would be right; nothing at all means everything."""
    if not wrong:
        assert len(planned(wrong)) == 80
        return
    with pytest.raises(UsageError, match="give kinds out of good, noise"):
        planned(wrong)


def test_wilson_interval() -> None:
    """Twelve of twelve is at least .757 (Wilson 1927); nothing tried says nothing."""
    assert wilson(12, 12) == pytest.approx((0.7575, 1.0), abs=1e-3)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-3)
    assert wilson(0, 0) == (0.0, 1.0)


def test_runs_are_kept_and_judged_by_today_s_limits(tmp_path: Path) -> None:
    """The table is made of what was measured: another limit, another verdict, no new run."""
    file = tmp_path / "runs.jsonl"
    loud = replace(GOOD, replies=replace(GOOD.replies, stopped=0.5))
    for run in (GateRun("good", 0, GOOD, 9.0), GateRun("noise", 0, loud, 9.0), GateRun("noise", 1, GOOD, 9.0)):
        append_run(file, run)
    assert len(file.read_text().splitlines()) == 4, "the base's figures stand there once"
    runs = read_runs(file)
    assert [(run.kind, run.number) for run in runs] == [("good", 0), ("noise", 0), ("noise", 1)]
    assert runs[0].measures.base.general == pytest.approx(GOOD.base.general)
    rows = {row.kind: row for row in power(runs, GateConfig())}
    assert (rows["good"].stopped, rows["good"].runs, rows["good"].wanted) == (0, 1, 20)
    assert (rows["noise"].stopped, rows["noise"].runs, rows["noise"].checks) == (1, 2, (("stopping", 1),))
    assert rows["phrase"].line().startswith("phrase    no run yet (95 %: 0.00 to 1.00)")
    assert all(row.stopped == 0 for row in power(runs, GateConfig(min_stopped=0.5)))


def test_damaged_results_name_file_and_line(tmp_path: Path) -> None:
    """A line that a kill cut short is named with what to do; a file of something else too."""
    file = tmp_path / "runs.jsonl"
    file.write_text('{"kind": "go')
    with pytest.raises(FamiliarError, match=r"runs.jsonl, line 1: not JSON.*Delete that line"):
        read_runs(file)
    file.write_text('{"kind": "good"}\n')
    with pytest.raises(FamiliarError, match="line 1: not a run of"):
        read_runs(file)


def test_bench_trains_measures_and_resumes(tmp_path: Path) -> None:
    """Real trainings of a tiny model: each planned run once, none again, and none begun when time is up."""
    base, file, told = tiny_base(tmp_path / "base"), tmp_path / "runs.jsonl", list[str]()
    made = list(bench_gate(base, file=file, only="good:1,template:1"))
    assert [(run.kind, run.number) for run in made] == [("good", 0), ("template", 0)]
    assert made[0].measures.adapter_loss < made[0].measures.base_loss
    assert list(bench_gate(base, file=file, only="good:1,template:1")) == []
    assert list(bench_gate(base, file=file, only="good:2", minutes=0.0, note=told.append)) == []
    assert told == ["time is up; the same command goes on from here"]
    assert len(read_runs(file)) == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["gate", "help"], "gate takes long or the whole machine; name it alone"),
        (["help", "--minutes", "3"], "--minutes is about `familiar bench preference | gate`"),
        (["help", "--only", "good"], "--only is about `familiar bench gate | smaller`"),
        (["gate", "--plot", "gate.png"], "--plot draws ratios and their limits; gate has none"),
    ],
)
def test_wrong_usage_is_told(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Long benches run alone, and their options belong to them; nothing is measured."""
    assert main(["--home", str(tmp_path), "bench", *arguments]) == 2
    assert told in capsys.readouterr().err
