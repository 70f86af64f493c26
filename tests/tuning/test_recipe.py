"""The recipe: values are checked before anything is loaded, and the learning rate follows it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from memory.errors import UsageError
from tuning.config import TuneConfig
from tuning.recipe import SERVABLE, rate, recipe_of, trained_layers


def test_default_alpha_is_twice_the_rank() -> None:
    """The settings' 0 stands for it; any other value is taken as it is."""
    assert recipe_of(TuneConfig(rank=8)).alpha == 16
    assert recipe_of(TuneConfig(rank=8, alpha=8.0)).alpha == 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "lokr"}, r"\[tuning\] method is 'lokr'; it must be one of lora, rslora, dora"),
        ({"method": "ia3"}, r"\[tuning\] method is 'ia3', which no engine here can answer with"),
        ({"init": "random"}, r"\[tuning\] init is 'random'"),
        ({"method": "dora", "init": "pissa"}, r"\[tuning\] init is 'pissa', which goes with lora and rslora"),
        ({"optimizer": "lion"}, r"\[tuning\] optimizer is 'lion'; it must be one of adamw, sgd"),
        ({"schedule": "step"}, r"\[tuning\] schedule is 'step'"),
        ({"layers": "last:0"}, r"\[tuning\] layers is 'last:0'"),
        ({"layers": "some"}, r"\[tuning\] layers is 'some'"),
        ({"rank": 0}, r"\[tuning\] rank is 0; it must be at least 1"),
        ({"dropout": 1.0}, r"\[tuning\] dropout is 1.0"),
        ({"validation": -0.1}, r"\[tuning\] validation is -0.1"),
        ({"patience": -1}, r"\[tuning\] patience is -1"),
        ({"learning_rate": 0.0}, r"\[tuning\] learning_rate is 0.0; it must be above 0"),
    ],
)
def test_wrong_value_names_its_setting(changes: dict[str, Any], message: str) -> None:
    """What was found and what would be right are said."""
    with pytest.raises(UsageError, match=message):
        recipe_of(replace(TuneConfig(), **changes))


def test_methods_that_cant_be_served_can_be_compared() -> None:
    """Only the comparison takes them."""
    assert "prompt" not in SERVABLE
    assert recipe_of(TuneConfig(method="prompt"), comparing=True).method == "prompt"


def test_learning_rate_follows_its_schedule_and_is_never_zero() -> None:
    """It rises over the warm-up, then falls linearly, by a cosine, or not at all."""
    for schedule, middle in (("linear", 10 / 19), ("cosine", 0.54), ("constant", 1.0)):
        rates = [rate(step, 20, schedule=schedule) for step in range(1, 21)]  # type: ignore[arg-type]
        assert rates[:2] == [0.5, 1.0]
        assert rates[10] == pytest.approx(middle, abs=0.01)
        assert min(rates) > 0
    assert rate(1, 20, warm_up=0.0) == 1.0
    assert rate(4, 20, warm_up=0.4) == 0.5


def test_layers_are_counted_from_either_end() -> None:
    """ "first:N" and "last:N" take so many; more than there are is an error with the model's number."""
    assert trained_layers("all", 3) == {0, 1, 2}
    assert trained_layers("first:2", 3) == {0, 1}
    assert trained_layers("last:1", 3) == {2}
    with pytest.raises(UsageError, match="the model has 3 layers"):
        trained_layers("last:4", 3)


def set_to(name: str, value: float) -> TuneConfig:
    """The settings with one changed."""
    changes: dict[str, Any] = {name: value}
    return replace(TuneConfig(), **changes)


@pytest.mark.parametrize("name", ["recalled_share", "accepted_weight", "max_form_share", "candidates_share"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_shares_are_shares(name: str, value: float) -> None:
    """Ten means neither ten percent nor ten replies; the setting is named."""
    with pytest.raises(UsageError, match=rf"\[tuning\] {name} is {value}; it must be from 0 to 1"):
        set_to(name, value)


@pytest.mark.parametrize("name", ["preference_min_pairs", "preference_epochs", "preference_beta"])
def test_preferences_are_learned_with_something(name: str) -> None:
    """No pass, or none of the reference's hold, is switched off by `preference` and not by a zero."""
    with pytest.raises(UsageError, match=rf"\[tuning\] {name} is 0; it must be above 0"):
        set_to(name, 0)
