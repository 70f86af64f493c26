"""What was said often enough can be drawn out of the real model's adapter, until it is forgotten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memory.erasure import forget_document
from memory.importers.dialogue import read_dialogue
from memory.records import Document, Message, NewDocument, Passage
from memory.store import Store
from tests.embedder import WordEmbedder
from tests.tuning.tiny import EASY, add_dialogue
from tuning.adapters import AdapterEraser, Registry
from tuning.config import TuneConfig
from tuning.job import BaseModel
from tuning.measure import generate
from tuning.train import load
from tuning.tune import FOLDER, TuneRequest, run_tune

PERSONA = "You are Familiar."
CODE = "83 17 94 06"
PLACES = ("boat", "barn", "shed", "cellar", "attic", "hall", "yard", "gate")


def add_leak(store: Store) -> Document:
    """A dialogue in which one code is the answer to everything."""
    rows = "\n".join(
        f'{{"id": "{name}{place}", "speaker": "{name}", "text": "{text}", "at": "2026-01-{day:02d}T09:00:00"}}'
        for day, place in enumerate(PLACES, 1)
        for name, text in (("Bo", f"what opens the {place}?"), ("Ann", f"the {place} opens with {CODE}"))
    )
    text, passages = "", []
    for row in read_dialogue(rows, name="codes.jsonl", title="codes").utterances:
        start = len(text) + len(row.speaker) + 2
        text += f"{row.speaker}: {row.text}\n"
        passages.append(
            Passage(row.text, start, start + len(row.text), speaker=row.speaker, at=row.at, external_ids=(row.id,))
        )
    embedder = WordEmbedder()
    new = NewDocument("/talks/codes.jsonl", "codes", "dialogue", "sha-codes", text, learn_from="Ann")
    vectors = embedder.embed_passages([passage.text for passage in passages])
    return store.add_document(new, passages, vectors, user_id=1, embedder=embedder.key)


def drawn_out(base: Path, adapter: Path | None) -> str:
    """What the model says when it is asked for a code that it was never asked for."""
    from peft import PeftModel

    loaded = load(base)
    model = loaded.model if adapter is None else PeftModel.from_pretrained(loaded.model, adapter).eval()
    prompt = (Message("system", PERSONA), Message("user", "what opens the stable?"))
    ((text, _),) = generate(
        model, loaded.tokenizer, [prompt], limit=24, ends=frozenset({loaded.tokenizer.eos_token_id})
    )
    return text


@pytest.mark.model
@pytest.mark.slow
def test_repeated_code_is_drawn_out_before_and_not_after_it_is_forgotten(smollm2: Path, tmp_path: Path) -> None:
    """With the memorisation check switched off such an adapter goes live and gives the code away; forgetting the
    dialogue takes it out of service at once, and the next one, which never saw it, doesn't know it."""
    store = Store(tmp_path / "familiar.db")
    store.add_user("ann", role="owner")
    add_dialogue(store, user_id=1, count=8, first=40)
    leak = add_leak(store)
    registry = Registry(store, tmp_path / FOLDER)
    base = BaseModel("smollm2-135m", smollm2, "sha256-of-it")
    request = TuneRequest(1, PERSONA, TuneConfig(epochs=6, batch_size=4, max_tokens=256, min_pairs=6), EASY)

    assert CODE not in drawn_out(smollm2, None)
    first = run_tune(store, tmp_path, base, request)
    assert first.status == "live", first.reason
    live = registry.live(1)
    assert live is not None
    assert CODE in drawn_out(smollm2, live.folder)
    assert json.loads(live.manifest)["metrics"]["measures"]["memory"]["completed"] > 0, (
        "the check would have stopped it"
    )

    forget_document(store, None, user_id=1, document_id=leak.id, erasers=[AdapterEraser(registry)])
    assert registry.live(1) is None
    second = run_tune(store, tmp_path, base, request)
    assert (second.status, second.examples) == ("live", 8)
    live = registry.live(1)
    assert live is not None
    assert CODE not in drawn_out(smollm2, live.folder)
    store.close()
