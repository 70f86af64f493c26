"""The optimiser's weights are float32 whatever the model computes with."""

from __future__ import annotations

import pytest
import torch

from tests.tuning.made import made_windows, quiet
from tests.tuning.tiny import CONFIG
from tuning.fitting import Fit
from tuning.job import BaseModel
from tuning.masters import Masters
from tuning.measure import labelled_loss, mean_loss
from tuning.methods import attach, trained_weights
from tuning.recipe import recipe_of
from tuning.train import load


def test_gradients_of_several_passes_are_added_in_float32(base: BaseModel) -> None:
    """The model computes with rounded weights inside, and has the exact ones back after."""
    loaded = load(base.folder, dtype="bfloat16")
    attached = attach(loaded.model, recipe_of(CONFIG))
    model = attached.model
    exact = {name: weight.detach().clone() for name, weight in trained_weights(model).items()}
    masters = Masters(attached)
    window = made_windows(loaded)[0]
    with masters:
        assert {weight.dtype for weight in trained_weights(model).values()} == {torch.bfloat16}
        for _ in range(2):
            labelled_loss(model, window.encoded).backward()
            masters.collect()
    gradients = [weight.grad for weight in masters.weights.values() if weight.grad is not None]
    assert gradients
    assert {gradient.dtype for gradient in gradients} == {torch.float32}
    assert all(torch.equal(weight, exact[name]) for name, weight in trained_weights(model).items())


def test_steps_too_small_for_the_format_add_up(base: BaseModel) -> None:
    """A step of a thousandth of what bfloat16 tells apart is kept, and is there when training is over."""
    loaded = load(base.folder, dtype="bfloat16")
    attached = attach(loaded.model, recipe_of(CONFIG))
    before = {name: weight.detach().clone() for name, weight in trained_weights(attached.model).items()}
    masters = Masters(attached)
    with masters, torch.no_grad():
        for _ in range(3):
            for weight in masters.weights.values():
                weight.mul_(1 + 2**-16)
            masters.publish()
    name = next(name for name in before if "lora_A" in name)
    after = trained_weights(attached.model)[name]
    assert after.dtype is torch.float32
    assert torch.allclose(after, before[name] * (1 + 2**-16) ** 3, rtol=1e-7, atol=0)
    assert not torch.equal(after, before[name])


@pytest.mark.parametrize(
    ("method", "init", "dtype"),
    [("dora", "default", "bfloat16"), ("lora", "pissa", "bfloat16"), ("lora", "default", "float32")],
)
def test_weights_that_need_their_exact_values_are_not_rounded(
    base: BaseModel, method: str, init: str, dtype: str
) -> None:
    """DoRA's norms, what PiSSA took out of the base, and all on a float32 base: the model's own are optimised."""
    from dataclasses import replace

    loaded = load(base.folder, dtype=dtype)
    attached = attach(loaded.model, recipe_of(replace(CONFIG, method=method, init=init)))
    masters = Masters(attached)
    assert all(masters.weights[name] is weight for name, weight in trained_weights(attached.model).items())
    with masters:
        assert {weight.dtype for weight in trained_weights(attached.model).values()} == {torch.float32}
    windows = made_windows(loaded)
    before = mean_loss(attached.model.eval(), windows)
    Fit(attached, windows, (), quiet).run()
    assert mean_loss(attached.model.eval(), windows) < before
