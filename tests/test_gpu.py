"""What only a GPU can show; run by `make test-gpu`, which says why where there is none."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from bot.engines.base import AdapterFiles, Generation
from bot.engines.local import LocalModel, open_local
from memory.records import Message
from tests.tuning.made import made_windows, quiet
from tests.tuning.tiny import CONFIG, tiny_base
from tuning.fitting import Fit
from tuning.job import BaseModel
from tuning.measure import mean_loss
from tuning.methods import attach, save
from tuning.recipe import recipe_of
from tuning.train import load

pytestmark = pytest.mark.gpu
PROMPT = (Message("system", "Be brief. " * 60), Message("user", "Hello"))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    """A base that fits any GPU."""
    return tiny_base(tmp_path_factory.mktemp("base"))


def tune(base: BaseModel, folder: Path, *, quantize: str) -> None:
    """Train an adapter for a few steps and write it."""
    loaded = load(base.folder, dtype="bfloat16", quantize=quantize)
    windows = made_windows(loaded)
    attached = attach(loaded.model, recipe_of(replace(CONFIG, epochs=3)), windows=windows)
    before = mean_loss(attached.model.eval(), windows)
    Fit(attached, windows, (), quiet).run()
    assert mean_loss(attached.model.eval(), windows) < before, "nothing was learned"
    save(attached, folder, base_name="tiny")


def test_a_reply_is_computed_on_the_gpu_in_bfloat16(base: BaseModel) -> None:
    """The same request gives the same reply, with its beginning reused too."""
    import torch

    engine = open_local(base.folder, model="tiny")
    first, second = (engine.generate(Generation(PROMPT, max_tokens=16), on_text=lambda _: None) for _ in range(2))
    assert isinstance(engine._loaded, LocalModel)
    model = engine._loaded.weights.model
    assert (model.device.type, model.dtype) == ("cuda", torch.bfloat16)
    assert first.text == second.text
    assert (first.cached_tokens, second.cached_tokens > 0) == (0, True)


@pytest.mark.parametrize("quantize", ["", *(["4bit"] if find_spec("bitsandbytes") else [])])
def test_a_tune_learns_there_and_its_adapter_answers(base: BaseModel, tmp_path: Path, quantize: str) -> None:
    """A few steps in bfloat16, and over a base in four bits with the extra qlora; both are served on the whole base."""
    tune(base, tmp_path, quantize=quantize)
    engine = open_local(base.folder, model="tiny")
    adapter = AdapterFiles("a", tmp_path)
    said = engine.generate(Generation(PROMPT, max_tokens=8, adapter=adapter), on_text=lambda _: None)
    assert said.reply_tokens > 0
