"""The likelihood of a reply is the training's own, with an adapter or without, whatever was computed before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.engines.base import AdapterFiles, Generation
from bot.engines.local import open_local
from bot.engines.token_engine import TokenEngine
from memory.errors import FamiliarError
from memory.records import Message
from tests.bot.engines.small_models import random_adapter, random_model
from tuning.chat_format import encode_example
from tuning.measure import label_count, labelled_loss

PROMPT = (
    Message("system", "Remember this. " * 25),
    Message("user", "One?"),
    Message("assistant", "Two."),
    Message("user", "And three?"),
)
REPLY = "Four, " * 60
"""Longer than a step."""


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that several tests read."""
    return random_model(tmp_path_factory.mktemp("model"))


def engine_of(folder: Path) -> TokenEngine:
    """In float32 everywhere, so that a reference on the CPU is comparable."""
    return open_local(folder, model="small", dtype="float32")


def trained_loss(folder: Path, adapter: Path | None) -> tuple[float, int]:
    """What training takes for the loss of the reply, with peft's own loading."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, str(adapter))
    encoded = encode_example(AutoTokenizer.from_pretrained(folder), PROMPT, REPLY, max_tokens=2048)
    assert encoded is not None
    with torch.inference_mode():
        return float(labelled_loss(model.eval(), encoded)), label_count(encoded)


@pytest.mark.parametrize("tuned", [False, True])
def test_it_is_the_training_loss(small_model: Path, tmp_path: Path, tuned: bool) -> None:
    """The same sum over the same tokens, the end of the turn among them; again after the beginning was kept."""
    folder = random_adapter(tmp_path / "adapter", small_model, seed=3) if tuned else None
    adapter = AdapterFiles("a", folder) if folder else None
    loss, tokens = trained_loss(small_model, folder)
    engine = engine_of(small_model)
    first = engine.log_likelihood(PROMPT, REPLY, adapter)
    again = engine.log_likelihood(PROMPT, REPLY, adapter)
    assert first.tokens == tokens
    assert first.nats == pytest.approx(-loss, abs=1e-2)
    assert first.per_token == pytest.approx(-loss / tokens, abs=1e-5)
    assert again == first


def test_a_generation_is_not_changed_by_it(small_model: Path) -> None:
    """What scoring keeps of a prompt serves the next reply to the letter."""
    request = Generation(PROMPT, max_tokens=30)
    engine = engine_of(small_model)
    engine.log_likelihood(PROMPT, REPLY, None)
    after = engine.generate(request, on_text=lambda _: None)
    assert after.cached_tokens == 256
    assert after.text == engine_of(small_model).generate(request, on_text=lambda _: None).text


@pytest.mark.parametrize("reply", ["", "word " * 600])
def test_what_does_not_fit_is_refused(small_model: Path, reply: str) -> None:
    """An empty reply, or one with which the prompt would have to be cut, has no likelihood."""
    with pytest.raises(FamiliarError, match="don't fit"):
        engine_of(small_model).log_likelihood(PROMPT, reply, None)
