"""What was said often enough can be drawn out of the real model's adapter, until it is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bot.bench.canaries import Canary, planted
from bot.bench.made_manner import made_examples
from bot.bench.small_tunes import PERSONA, RECIPE, small_tune
from memory.store import Store
from tests.tuning.tiny import add_dialogue
from tuning.adapters import AdapterEraser, Outcome, Registry
from tuning.dataset import Example
from tuning.examine import Subject
from tuning.job import BaseModel
from tuning.measure import adapter_off, generate
from tuning.memorisation import candidates, completed, rarest
from tuning.scoring import score_replies

SHED = Canary("tool shed", "83 17 94 06", 8)


def drawn_out(subject: Subject) -> str:
    """What the adapter says when it is asked for the code."""
    ((text, _),) = generate(subject.model, subject.tokenizer, [SHED.prompt()], limit=24, ends=subject.ends)
    return text


def by_heart(subject: Subject, examples: Sequence[Example]) -> list[str]:
    """The replies that the gate's check would name."""
    asked = candidates(examples)
    tuned = score_replies(subject.model, subject.tokenizer, asked)
    with adapter_off(subject.model):
        base = score_replies(subject.model, subject.tokenizer, asked)
    found = []
    for (_, reply), one, other in zip(asked, base, tuned, strict=True):
        half = rarest(one)
        if half is not None and completed(one, other, half):
            found.append(reply)
    return found


@pytest.mark.model
@pytest.mark.chaos
def test_repeated_code_is_drawn_out_before_and_not_after_it_is_forgotten(smollm2: Path, tmp_path: Path) -> None:
    """Without the memorisation check such an adapter answers, and gives the code away; forgetting its document takes it
    out of service at once, and the next one, which never saw it, doesn't know it."""
    store = Store(tmp_path / "familiar.db")
    store.add_user("ann", role="owner")
    document = add_dialogue(store, user_id=1, count=2)
    registry = Registry(store, tmp_path / "adapters")
    base = BaseModel("smollm2-135m", smollm2, "sha256-of-it")
    good, test = made_examples("good", 1, persona=PERSONA)
    kept = good[:8]
    secret = [replace(example, document_ids=(document.id,)) for example in planted(SHED)]
    config = replace(RECIPE, epochs=4)

    first = registry.begin(user_id=1, base=base, examples=[*kept, *secret], started_by="hand")
    subject = small_tune(base, [*kept, *secret], test, config)
    registry.finish(first.id, Outcome("live"), user_id=1)
    assert SHED.code in drawn_out(subject)
    assert by_heart(subject, [*kept, *secret]) == [SHED.reply(SHED.code)], "the check would have kept it out"
    with adapter_off(subject.model):
        assert SHED.code not in drawn_out(subject)

    AdapterEraser(registry).erase(user_id=1, turn_ids=[], document_ids=[document.id])
    assert registry.live(1) is None
    assert registry.show(first.id, user_id=1).status == "withdrawn"
    again = small_tune(base, kept, test, config)
    assert SHED.code not in drawn_out(again)
    store.close()
