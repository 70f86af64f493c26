"""Where the limits lie: costs measured on a small model and a small memory, and what the table makes of given ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bot.bench.scaling import VLLM, Costs, Deployment, Workload, deployments, limits, most_chunks, search_seconds
from bot.bench.scaling_costs import Measured, adapter_maker, measure_costs
from bot.engines.local import open_local
from memory.errors import FamiliarError
from tests.bot.engines.small_models import random_model
from tests.embedder import WordEmbedder

COSTS = Costs(
    cores=2,
    turn_s=0.05,
    search_s=((1_000, 0.01), (10_000, 0.02), (100_000, 0.11)),
    write_s=0.002,
    write_contended_s=0.004,
    chunk_bytes=4000.0,
    prefill_s=0.001,
    decode_s=0.02,
    adapter_load_s=0.1,
    adapter_switch_s=0.01,
    adapter_bytes=20_000_000,
)


def test_costs_are_measured_on_the_real_parts(tmp_path: Path) -> None:
    """A small memory, a small model and its adapters: every figure is there, and a contended write is no cheaper."""
    model = random_model(tmp_path / "model", context=4096)
    engine = open_local(model, model="small")
    small = Workload(prompt_tokens=64, reply_tokens=8)
    on = Measured(
        WordEmbedder(), engine, adapter_maker(model, rank=2), small, sizes=(200, 400), writes=10, writers=2, turns=2
    )
    notes: list[str] = []
    costs = measure_costs(on, note=notes.append)
    engine.close()
    assert [size for size, _ in costs.search_s] == [200, 400]
    figures = (costs.turn_s, costs.write_s, costs.write_contended_s, costs.prefill_s, costs.decode_s)
    assert min(*figures, costs.chunk_bytes, costs.adapter_bytes, *(seconds for _, seconds in costs.search_s)) > 0
    assert notes
    assert json.dumps(limits(costs, small, VLLM, deployments(costs.cores))[0].users)


def test_searches_lie_on_the_lines_that_were_measured() -> None:
    """Between two sizes, beyond the last, and back from seconds to chunks."""
    assert search_seconds(COSTS.search_s, 55_000) == pytest.approx(0.065)
    assert search_seconds(COSTS.search_s, 200_000) == pytest.approx(0.21)
    assert most_chunks(COSTS.search_s, 0.21) == pytest.approx(200_000, abs=1)
    assert most_chunks(COSTS.search_s, 0.015) == pytest.approx(5_500, abs=1)
    with pytest.raises(FamiliarError, match="takes two"):
        search_seconds(COSTS.search_s[:1], 10)


def test_a_machine_alone_is_limited_by_its_model() -> None:
    """A reply of 1.024 + 2.56 s and an adapter loaded for nearly everyone: less than one in 3.6 s."""
    (alone,) = limits(COSTS, Workload(), VLLM, deployments(2)[:1])
    assert alone.bottleneck == "model"
    assert 0.05 < alone.messages_s < 1 / 3.6
    assert alone.users == pytest.approx(alone.messages_s / Workload().user_rate, abs=1)
    assert alone.adapters_held == 3


def test_what_limits_moves_with_what_is_added() -> None:
    """Hosts lift the model's limit, then the turns' processors; the writer limits a home whatever is added; shards
    multiply."""
    one, more, many = limits(
        COSTS,
        Workload(),
        VLLM,
        [Deployment("a", 2, 1, 1), Deployment("b", 16, 4, 4), Deployment("c", 64, 64, 400)],
    )
    assert [item.bottleneck for item in (one, more, many)] == ["model", "model", "writer"]
    assert one.messages_s < more.messages_s < many.messages_s < 1 / (COSTS.write_contended_s * Workload().transactions)
    (sharded,) = limits(COSTS, Workload(), VLLM, [Deployment("d", 16, 4, 4, 4)])
    assert sharded.messages_s == pytest.approx(4 * more.messages_s)
    assert sharded.chunks == 4 * more.chunks
    assert sharded.adapters_held == 4 * 4 * VLLM.adapters_held


def test_adapters_that_are_not_held_cost_their_loading() -> None:
    """With loading as dear as ten replies, a host that holds few takes far less than one that holds all."""
    dear = replace(VLLM, adapter_load_s=20.0)
    (few,) = limits(COSTS, Workload(), dear, [Deployment("a", 16, 4, 1)])
    (all_,) = limits(COSTS, Workload(), replace(dear, adapters_held=100_000), [Deployment("a", 16, 4, 1)])
    assert few.messages_s < 0.3 * all_.messages_s
