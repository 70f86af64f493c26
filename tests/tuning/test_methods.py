"""Every method trains, and what is written computes what was trained on a base that nothing has touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.engines.adapters import Adapters
from bot.engines.base import AdapterFiles
from bot.engines.llama_cpp.adapters import BaseShape, adapter_gguf
from memory.errors import FamiliarError
from tests.tuning.made import made_windows, quiet
from tests.tuning.tiny import CONFIG
from tuning.config import TuneConfig
from tuning.fitting import Fit
from tuning.job import BaseModel
from tuning.measure import mean_loss
from tuning.methods import attach, save, trained_weights
from tuning.recipe import Recipe, recipe_of
from tuning.train import load


def made(method: str, init: str = "default", **changes: Any) -> Recipe:
    from dataclasses import replace

    config: TuneConfig = replace(CONFIG, method=method, init=init, epochs=3, **changes)
    return recipe_of(config, comparing=True)


def trained(base: BaseModel, recipe: Recipe, *, dtype: str = "float32") -> tuple[Any, Any]:
    loaded = load(base.folder, dtype=dtype)
    windows = made_windows(loaded)
    attached = attach(loaded.model, recipe, windows=windows)
    before = mean_loss(attached.model.eval(), windows)
    Fit(attached, windows, (), quiet).run()
    assert mean_loss(attached.model.eval(), windows) < before, "nothing was learned"
    return attached, windows


def served_by_llama_cpp(folder: Path) -> bool:
    """What `check_servable` says of a method from its name."""
    try:
        adapter_gguf(folder, BaseShape("llama", heads=1, kv_heads=1, tied=False))
    except FamiliarError:
        return False
    return True


@pytest.mark.parametrize(
    ("method", "init"),
    [
        *((name, "default") for name in ("lora", "rslora", "dora", "adalora", "miss")),
        *(("lora", name) for name in ("pissa", "olora", "eva")),
        ("rslora", "pissa"),
    ],
)
def test_servable_method_answers_in_the_engine_as_it_was_trained(
    base: BaseModel, tmp_path: Path, method: str, init: str
) -> None:
    """The engine loads its files on a fresh base, has the trained model's loss, and the base's own again after."""
    attached, windows = trained(base, made(method, init))
    save(attached, tmp_path, base_name="tiny")
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (config["peft_type"], config["init_lora_weights"], config["bias"]) == ("LORA", True, "none")
    assert served_by_llama_cpp(tmp_path) is (method != "dora")
    fresh = load(base.folder).model
    own = mean_loss(fresh, windows)
    engine = Adapters(fresh)
    with engine.active(AdapterFiles("a", tmp_path)):
        served = mean_loss(fresh, windows)
    assert served == pytest.approx(mean_loss(attached.model, windows), rel=2e-4)
    assert served < own
    with engine.active(None):
        assert mean_loss(fresh, windows) == own


@pytest.mark.parametrize(
    ("method", "init"),
    [
        *((name, "default") for name in ("lora", "dora", "adalora", "miss")),
        *(("lora", name) for name in ("pissa", "olora", "eva")),
    ],
)
def test_a_base_in_bfloat16_trains_an_adapter_in_float32(
    base: BaseModel, tmp_path: Path, method: str, init: str
) -> None:
    """What was learned on a rounded base is kept exactly, and helps such a base when the engine loads it."""
    attached, windows = trained(base, made(method, init), dtype="bfloat16")
    assert {str(weight.dtype) for weight in trained_weights(attached.model).values()} == {"torch.float32"}
    save(attached, tmp_path, base_name="tiny")
    fresh = load(base.folder, dtype="bfloat16").model
    own = mean_loss(fresh, windows)
    with Adapters(fresh).active(AdapterFiles("a", tmp_path)):
        served = mean_loss(fresh, windows)
    assert served == pytest.approx(mean_loss(attached.model, windows), rel=0.01)
    assert served < own


@pytest.mark.parametrize("method", ["oft", "ia3", "ln", "prompt", "prefix"])
def test_other_methods_train_for_the_comparison(base: BaseModel, tmp_path: Path, method: str) -> None:
    """They learn and are written, and the engine refuses their files by type."""
    attached, _ = trained(base, made(method, learning_rate=0.1))
    save(attached, tmp_path, base_name="tiny")
    engine = Adapters(load(base.folder).model)
    with pytest.raises(FamiliarError, match="it must be LORA"), engine.active(AdapterFiles("a", tmp_path)):
        pass


def test_only_the_chosen_layers_are_trained(base: BaseModel, tmp_path: Path) -> None:
    """The first layer stays frozen with "last:1", and the files fit the engine."""
    attached, windows = trained(base, made("lora", layers="last:1"))
    names = list(trained_weights(attached.model))
    assert len(names) == 2 * 7
    assert all(".layers.1." in name for name in names)
    save(attached, tmp_path, base_name="tiny")
    fresh = load(base.folder).model
    with Adapters(fresh).active(AdapterFiles("a", tmp_path)):
        assert mean_loss(fresh, windows) == pytest.approx(mean_loss(attached.model, windows), rel=1e-5)


def test_method_that_cant_begin_is_an_error_of_the_setting(base: BaseModel) -> None:
    """EVA without an example to look at says so, not a traceback of peft."""
    with pytest.raises(FamiliarError, match=r"\[tuning\] method lora does not fit this model"):
        attach(load(base.folder).model, made("lora", "eva"), windows=())
