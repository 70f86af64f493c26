"""kill -9 of the training process at random moments: the run goes on and ends with the bytes of an unbroken one."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tuning.made import made_job
from tests.tuning.tiny import tiny_base
from tuning.job import Job, read_metrics, write_job
from tuning.process import train_in_child

ROOT = Path(__file__).resolve().parents[2]


def kill_once(folder: Path, rng: random.Random) -> bool:
    """Run the job's process and kill it some steps and a moment later; whether it had finished before."""
    command = [sys.executable, "-P", "-m", "tuning.train", str(folder)]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as child:
        assert child.stdout is not None
        steps = rng.randrange(0, 10)
        for line in child.stdout:
            steps -= b'"training"' in line
            if steps < 0:
                break
        time.sleep(rng.random() * 0.1)
        child.kill()
    return read_metrics(folder) is not None


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """For killed and unbroken runs alike: sums of several threads round in another order."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def compare(tmp_path: Path, job: Job, *, kills: int, seed: int) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    write_job(whole, job)
    write_job(broken, job)
    train_in_child(whole)
    rng = random.Random(seed)
    for _ in range(kills):
        if kill_once(broken, rng):
            break
    told: list[str] = []
    if read_metrics(broken) is None:
        train_in_child(broken, on_progress=told.append)
        assert any(line.startswith("resuming") for line in told)
    name = "adapter/adapter_model.safetensors"
    assert (broken / name).read_bytes() == (whole / name).read_bytes()
    assert (broken / "curves.jsonl").read_bytes() == (whole / "curves.jsonl").read_bytes()


def test_run_killed_twice_ends_as_an_unbroken_one(tmp_path: Path) -> None:
    """Dropout, validation and all: the same bytes."""
    base = tiny_base(tmp_path / "base")
    job = made_job(base, train=16, epochs=12, max_tokens=90, patience=0, checkpoint_minutes=0.0, dropout=0.2)
    compare(tmp_path, job, kills=2, seed=3)


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_run_killed_twenty_times_ends_as_an_unbroken_one(tmp_path: Path) -> None:
    """The same at twenty random moments."""
    base = tiny_base(tmp_path / "base")
    changes = {"epochs": 200, "max_tokens": 90, "patience": 0, "checkpoint_minutes": 0.0, "dropout": 0.2}
    compare(tmp_path, made_job(base, train=16, validation=0.4, **changes), kills=20, seed=4)
