"""The number of threads that is measured once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.engines import speed
from bot.engines.speed import Speed, candidates, choose, threads_here


def test_candidates_are_torchs_own_and_fewer() -> None:
    """Never more, and each once."""
    assert [candidates(own) for own in (1, 2, 8)] == [(1,), (2, 1), (8, 4, 2)]


@pytest.mark.parametrize(("seconds", "chosen"), [({8: 1.0, 4: 0.97}, 8), ({8: 1.0, 4: 0.5, 2: 0.6}, 4), ({1: 1.0}, 1)])
def test_another_number_has_to_be_clearly_faster(seconds: dict[int, float], chosen: int) -> None:
    """Noise changes nothing."""
    assert choose(seconds, max(seconds)) == chosen


def test_it_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And again for another model; a damaged file is as none."""
    import torch

    measured: list[int] = []

    def turn(_model: Any, threads: int) -> float:
        measured.append(threads)
        return float(threads)

    class Model:
        dtype = torch.float32

    monkeypatch.setattr(speed, "_turn_s", turn)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    file = tmp_path / speed.FILE
    file.write_text("{damaged")
    assert [threads_here(Speed(file, name), Model()) for name in ("a", "a", "b")] == [1, 1, 1]
    assert measured == [4, 2, 1] * 2
    assert set(json.loads(file.read_text()).values()) == {1}
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads_here(Speed(file, "c"), Model()) == 4
    assert len(measured) == 6


def test_a_turn_is_timed_on_a_real_model(tmp_path: Path) -> None:
    """Prompt and reply, with the number of threads that was asked for."""
    import torch
    from transformers import AutoModelForCausalLM

    from tests.bot.engines.small_models import random_model

    before = torch.get_num_threads()
    try:
        assert speed._turn_s(AutoModelForCausalLM.from_pretrained(random_model(tmp_path)), 1) > 0
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
