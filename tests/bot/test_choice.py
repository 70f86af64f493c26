"""Which model "auto" takes."""

from __future__ import annotations

import pytest

from bot.catalogue import catalogue
from bot.choice import Machine, Probe, choose_auto, look_at_machine, pick, predict

LAPTOP = Machine(memory_gb=16, accelerator="", read_gb_s=12, gflops=120, bytes_per_weight=4)
DESKTOP = Machine(memory_gb=64, accelerator="", read_gb_s=60, gflops=1500, bytes_per_weight=4)
GPU = Machine(memory_gb=24, accelerator="NVIDIA RTX 4090", read_gb_s=900, gflops=100_000, bytes_per_weight=2)
OLD = Machine(memory_gb=4, accelerator="", read_gb_s=2, gflops=10, bytes_per_weight=4)


@pytest.mark.parametrize(
    ("machine", "chosen", "because"),
    [
        (LAPTOP, "smollm2-135m", "the largest that answers in time"),
        (DESKTOP, "qwen3-0.6b", "the largest that answers in time"),
        (GPU, "qwen3-4b", "NVIDIA RTX 4090"),
        (OLD, "smollm2-135m", "none answers in time"),
    ],
)
def test_the_largest_that_answers_in_time(machine: Machine, chosen: str, because: str) -> None:
    """Memory, reading speed and arithmetic decide; the reason says which."""
    entry, reason = choose_auto(machine, hub_reachable=True)
    assert entry.name == chosen
    assert because in reason
    assert "min to learn from 10,000 tokens" in reason


@pytest.mark.parametrize(("machine", "larger"), [(GPU, "qwen3-4b"), (LAPTOP, "qwen3-0.6b")])
def test_without_a_hub(machine: Machine, larger: str) -> None:
    """The model that needs no hub, and what a larger one takes."""
    entry, reason = choose_auto(machine, hub_reachable=False)
    assert entry.name == "smollm2-135m"
    assert f"A larger one, {larger}" in reason
    assert "a download of" in reason


def test_speed_follows_size() -> None:
    """Twice the weights, half the speed and twice the wait."""
    small, large = (predict(entry, LAPTOP) for entry in catalogue()[1:3])
    ratio = large.entry.parameters / small.entry.parameters
    assert small.tokens_per_second / large.tokens_per_second == pytest.approx(ratio)
    assert large.first_token_s / small.first_token_s == pytest.approx(ratio)


def test_a_slow_first_word_rules_a_model_out() -> None:
    """Eight tokens a second, a first word within five seconds, and room."""
    entry = catalogue()[0]

    def probe(*, fits: bool = True, speed: float = 8.0, wait: float = 5.0) -> Probe:
        return Probe(entry, fits, speed, wait, 1.0)

    assert pick([probe()]) == probe()
    assert pick([probe(fits=False), probe(speed=7.9), probe(wait=5.1)]) is None


def test_this_machine_can_be_measured() -> None:
    """Real figures, of the right order of magnitude."""
    machine = look_at_machine()
    assert machine.memory_gb > 0.5
    assert 0.1 < machine.read_gb_s < 20_000
    assert 0.1 < machine.gflops < 5_000_000
