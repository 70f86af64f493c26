"""The real small model learns a dozen replies, passes the real gate, and its adapter answers in the real engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.engines.base import AdapterFiles, Generation
from bot.engines.local import open_local
from memory.records import Message
from memory.store import Store
from tests.tuning.tiny import add_dialogue
from tuning.adapters import Registry
from tuning.config import GateConfig, TuneConfig
from tuning.job import BaseModel
from tuning.tune import FOLDER, TuneRequest, run_tune

PERSONA = "You are Familiar, a helpful personal assistant."


@pytest.mark.model
@pytest.mark.slow
def test_real_model_learns_a_manner_and_answers_in_it(smollm2: Path, tmp_path: Path) -> None:
    """Trained on twelve short replies it goes live through the default gate, and writes what the base doesn't."""
    store = Store(tmp_path / "familiar.db")
    store.add_user("ann", role="owner")
    add_dialogue(store, user_id=1, count=12)
    base = BaseModel("smollm2-135m", smollm2, "sha256-of-it")
    config = TuneConfig(epochs=4, batch_size=4, max_tokens=256)
    result = run_tune(store, tmp_path, base, TuneRequest(1, PERSONA, config, GateConfig()))
    assert result.status == "live", result.reason
    assert result.examples == 12
    live = Registry(store, tmp_path / FOLDER).live(1)
    store.close()
    assert live is not None

    engine = open_local(smollm2, model="smollm2-135m")
    messages = (Message("system", PERSONA), Message("user", "how is day 42?"))

    def reply(adapter: AdapterFiles | None) -> str:
        return engine.generate(Generation(messages, 32, adapter), on_text=lambda _: None).text

    tuned, untuned = reply(AdapterFiles(live.id, live.folder)), reply(None)
    engine.close()
    assert tuned.startswith("day 42")
    assert not untuned.startswith("day 42")
