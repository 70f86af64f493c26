"""Which layers are left out, on states made by hand and on a small real model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bot.bench.pruning import angular_distance, hidden_states, least_turning, least_turning_block, leave_out
from memory.errors import FamiliarError
from tests.bot.engines.small_models import random_model


def _turned(*degrees: float) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """States of one token, each turned by so much against the one before, and twice as long."""
    angles = np.deg2rad(np.cumsum([0.0, *degrees]))
    return [2.0**place * np.array([[np.cos(a), np.sin(a)]], np.float32) for place, a in enumerate(angles)]


@pytest.mark.parametrize(("degrees", "distance"), [(0, 0.0), (60, 1 / 3), (90, 0.5), (180, 1.0)])
def test_the_distance_is_the_angle_over_pi(degrees: float, distance: float) -> None:
    """Lengths don't count."""
    assert angular_distance(*_turned(degrees)) == pytest.approx(distance, abs=1e-3)


def test_layers_that_turn_the_state_least_are_chosen() -> None:
    """One by one, and as a block over which turns may cancel out."""
    states = _turned(50, 10, 40, -45, 5)
    assert least_turning(states, 2) == (1, 4)
    assert least_turning_block(states, 2) == (2, 3)
    assert least_turning_block(states, 1) == (4,)


def test_a_model_without_a_layer_computes_the_others(tmp_path: Path) -> None:
    """The layer after it takes what it took, and its place in the cache."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(random_model(tmp_path)).eval()
    ids = torch.tensor([[5, 6, 7, 8]])
    before = hidden_states(model, [[5, 6, 7, 8]])
    leave_out(model, [0])
    after = hidden_states(model, [[5, 6, 7, 8]])
    assert (len(before), len(after)) == (3, 2)
    assert np.array_equal(before[0], after[0])
    assert not np.allclose(before[2], after[1])
    with torch.no_grad():
        whole = model(input_ids=ids).logits[0, -1]
        part = model(input_ids=ids[:, :3], use_cache=True)
        stepped = model(input_ids=ids[:, 3:], cache=part.cache).logits[0, -1]
    assert torch.allclose(whole, stepped, atol=1e-4)


def test_a_model_of_another_make_is_refused() -> None:
    """Whose layers can't be found."""
    with pytest.raises(FamiliarError, match="no layer can be left out of a object"):
        leave_out(object(), [0])
