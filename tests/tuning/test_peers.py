"""Several processes launched by accelerate train the adapter that one process trains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from memory.errors import UsageError
from tests.tuning.made import made_job, quiet
from tests.tuning.test_preferring_forms import pairs
from tests.tuning.tiny import tiny_base
from tuning.job import write_job
from tuning.peers import Peers, join
from tuning.process import train_in_child
from tuning.train import load, run_job

TWO_PROCESSES = """\
compute_environment: LOCAL_MACHINE
distributed_type: MULTI_CPU
num_machines: 1
num_processes: 2
machine_rank: 0
main_training_function: main
mixed_precision: "no"
use_cpu: true
rdzv_backend: static
same_network: true
"""
"""As `accelerate config` writes it (docs/training.md)."""


def test_two_processes_train_what_one_trains(tmp_path: Path) -> None:
    """Gradients of both are added up: the losses and the adapter's work are the same, but for rounding."""
    base = tiny_base(tmp_path / "base")
    config = tmp_path / "two.yaml"
    config.write_text(TWO_PROCESSES)
    config_of = {"preference_min_pairs": 6, "preference_epochs": 1}
    job = made_job(base, train=16, epochs=4, max_tokens=90, batch_size=6, **config_of)
    job = replace(job, preferred=pairs(0, 8), preferred_test=pairs(8, 3))
    write_job(tmp_path / "one", job)
    write_job(tmp_path / "two", job)
    one = run_job(tmp_path / "one", quiet)
    told: list[str] = []
    two = train_in_child(tmp_path / "two", accelerate=str(config), on_progress=told.append)
    assert two.steps == one.steps
    assert two.measures.adapter_loss == pytest.approx(one.measures.adapter_loss, rel=1e-3)
    assert one.preference is not None
    assert two.preference is not None
    assert two.preference.stages[0].steps == one.preference.stages[0].steps > 0, "the first goes on alone"
    assert sum(line.startswith("training: step 1 of") for line in told) == 1, "one process alone speaks"
    curves = [(tmp_path / name / "curves.jsonl").read_text().count("\n") for name in ("one", "two")]
    assert curves[0] == curves[1] == one.steps


def test_alone_everything_is_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a launcher there is one process, which has every item."""
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert join() == Peers(0, 1)
    assert list(join().share([1, 2, 3])) == [1, 2, 3]
    assert [list(Peers(rank, 2).share([1, 2, 3])) for rank in (0, 1)] == [[1, 3], [2]]


def test_missing_launch_file_says_how_to_make_one(tmp_path: Path) -> None:
    """The setting and the command are named."""
    with pytest.raises(UsageError, match=r"\[tuning\] accelerate is .*none.yaml: no such file; `accelerate config"):
        train_in_child(tmp_path, accelerate=str(tmp_path / "none.yaml"))


def test_quantizing_says_why_it_cant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an NVIDIA GPU the setting is refused before anything is loaded."""
    import torch

    base = tiny_base(tmp_path / "base")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="needs an NVIDIA GPU, and there is none here"):
        load(base.folder, quantize="4bit")
    with pytest.raises(UsageError, match=r"\[tuning\] quantize is '8bit'"):
        load(base.folder, quantize="8bit")
