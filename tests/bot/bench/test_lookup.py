"""The benchmark of guesses, on a model small enough for a test."""

from __future__ import annotations

from pathlib import Path

from bot.bench.lookup import bench_lookup
from bot.engines.llama_cpp.conversion import convert_folder
from tests.bot.engines.small_models import random_model


def test_both_engines_are_timed(tmp_path: Path) -> None:
    """Local against its limit; llama.cpp where its file is given."""
    folder = random_model(tmp_path / "model")
    gguf = tmp_path / "small.gguf"
    convert_folder(folder, gguf, precision="f32", base_sha256="")
    local, llama = bench_lookup(folder, gguf, rounds=1, tokens=4, threads=1, dtype="float32")
    assert (local.limit, llama.limit) == (1.0, None)
    assert local.value > 0 < llama.value
    assert len(bench_lookup(folder, None, rounds=1, tokens=4, threads=1, dtype="float32")) == 1
