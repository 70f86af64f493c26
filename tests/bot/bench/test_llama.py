"""The benchmarks of llama.cpp, on a model small enough for a test: what they measure, not how fast this machine is."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.bench.llama import Size, adapter_agreement, bench_llama
from bot.conversion import convert_gguf
from bot.engines.llama_cpp.conversion import convert_folder
from tests.bot.engines.small_models import random_model
from tests.bot.test_conversion import TEMPLATE, write_gguf

SMALL = Size(rounds=1, tokens=4, later=1, stable=300)


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that both tests read."""
    return random_model(tmp_path_factory.mktemp("model"), context=1024)


def test_speed_is_a_ratio_within_the_run(tmp_path: Path) -> None:
    """Beside bare llama.cpp, with adapters and when they change; each with its limit."""
    gguf = write_gguf(tmp_path / "small.gguf", template=TEMPLATE, context=1024)
    convert_gguf(gguf, tmp_path / "model")
    rows = bench_llama(
        gguf, tmp_path / "model", tmp_path, threads=1, size=Size(rounds=1, tokens=4, later=1, stable=300)
    )
    assert [row.limit for row in rows if row.limit is not None] == [0.95, 0.95, 0.1, 0.4, 0.9, 50.0]
    assert all(row.value > 0 for row in rows if row.unit in ("x", "tokens/s", "s"))


def test_what_bare_llama_cpp_cannot_serve_is_left_out(small_model: Path, tmp_path: Path) -> None:
    """A file converted here holds no vocabulary, over which llama.cpp's server ends the process."""
    gguf = tmp_path / "small.gguf"
    convert_folder(small_model, gguf, precision="f32", base_sha256="")
    rows = bench_llama(gguf, small_model, tmp_path, threads=1, size=SMALL)
    assert [row.limit for row in rows if row.limit is not None] == [0.1, 0.4, 0.9, 50.0]


def test_agreement_counts_the_likeliest_tokens(small_model: Path, tmp_path: Path) -> None:
    """All are the same in float32, though the adapter changes many."""
    same, places, changed = adapter_agreement(small_model, tmp_path, prompts=2, tokens=6, threads=1)
    assert (same.limit, same.value) == (0.97, 1.0)
    assert places.value >= 4
    assert changed.value > 0
