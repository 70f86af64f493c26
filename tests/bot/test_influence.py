"""What carried a reply: the adapter on and off, each memory left out; and what is said where that can't be computed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.engines.base import AdapterFiles
from bot.engines.local import open_local
from bot.explain import explain_influence
from bot.influence import Explainer, Influence, part_written
from bot.locales import LANGUAGES, say
from memory.records import Message, RecalledMemory, Timings, Turn
from memory.redaction import ERASED
from tests.bot.engines.small_models import random_adapter, random_model
from tests.engine import ScoringEngine, ScriptedEngine

NOTES = "<notes>\n[1] House: the door code is 4711\n[2] Garden: water on Mondays\n</notes>\n\nWhat is the code?"
TURN = Turn(
    id=1,
    user_id=1,
    conversation_id=1,
    user_text="What is the code?",
    reply="It is 4711",
    generated="It is 4711",
    prompt=(Message("system", "You help."), Message("user", NOTES)),
    citations=(),
    memories=(
        RecalledMemory(7, 0.9, "house.md", "the door code is 4711"),
        RecalledMemory(8, 0.4, "garden.md", "water on Mondays"),
    ),
    engine="scripted",
    model="scripted",
    adapter=None,
    timings=Timings(),
    asked_at="2026-01-01T00:00:00+00:00",
)
ADAPTER = AdapterFiles("ada-1", Path("ada-1"))


def explainer(engine: ScoringEngine | ScriptedEngine, files: AdapterFiles | None = ADAPTER) -> Explainer:
    return Explainer(lambda: engine, lambda _turn: files, max_tokens=lambda: 20)


def test_a_memory_carries_the_words_that_stand_only_in_it() -> None:
    """ "It" is nowhere, "is" in the question too, "4711" in the first note alone."""
    engine = ScoringEngine()
    found = explainer(engine).influence(TURN)
    assert (found.missing, found.part, found.tokens) == (None, "all", 3)
    assert found.base == pytest.approx(-5 / 3)
    assert (found.adapter, found.moved, found.base_reply) == (None, None, None)
    assert [(item.n, item.id, item.source) for item in found.memories] == [(1, 7, "house.md"), (2, 8, "garden.md")]
    assert [item.nats_per_token for item in found.memories] == pytest.approx([2 / 3, 0.0])
    without = [messages[-1].content for messages in engine.scored[1:]]
    assert without == [
        NOTES.replace("[2] Garden: water on Mondays\n", ""),
        NOTES.replace("[1] House: the door code is 4711\n", ""),
    ], "the last goes first, so that what precedes each gap is computed once"


def test_a_single_memory_leaves_the_bare_question() -> None:
    """Without it the message is what it is when nothing was found."""
    engine = ScoringEngine()
    prompt = (Message("user", "<notes>\n[1] House: 4711\n</notes>\n\nWhat?"),)
    explainer(engine).influence(replace(TURN, prompt=prompt, memories=TURN.memories[:1]))
    assert engine.scored[-1] == (Message("user", "What?"),)


def test_an_adapter_is_measured_on_and_off_and_the_base_answers_too() -> None:
    """Memories are then measured with the adapter that answered."""
    engine = ScoringEngine(lambda _: "The base speaks.")
    found = explainer(engine).influence(replace(TURN, adapter="ada-1"))
    assert [found.base, found.adapter, found.moved] == pytest.approx([-5 / 3, -5 / 6, 5 / 6])
    assert found.base_reply == "The base speaks."
    assert [(request.messages, request.adapter) for request in engine.requests] == [(TURN.prompt, None)]
    assert found.memories[0].nats_per_token == pytest.approx(1 / 3)


def test_what_can_not_be_computed_is_said() -> None:
    """No words of a model, forgotten messages, another model, no likelihoods, an adapter that is gone."""
    engine = ScoringEngine()
    erased = replace(TURN, prompt=(Message("user", f"{ERASED} and more"),))
    cases = [
        (explainer(engine), replace(TURN, generated="", prompt=()), "not_asked"),
        (explainer(engine), erased, "erased"),
        (explainer(engine), replace(TURN, model="other"), "other_model"),
        (explainer(ScriptedEngine()), TURN, "no_scorer"),
    ]
    for which, turn, missing in cases:
        found = which.influence(turn)
        assert found == Influence(missing)  # type: ignore[arg-type]
        for language in LANGUAGES:
            assert explain_influence(found, language=language) == say(language, f"why_missing_{missing}")
    assert engine.scored == []
    gone = explainer(engine, files=None).influence(replace(TURN, adapter="ada-1"))
    assert (gone.missing, gone.adapter) == ("adapter_gone", None)
    assert gone.base == pytest.approx(-5 / 3)


@pytest.mark.parametrize(
    ("reply", "generated", "part"),
    [("It is 4711 [1].", "It is 4711.", "all"), ("Quote [1]\n\nIt is.", "It is.", "some"), ("Is.", "It. Is.", "some")],
)
def test_quotes_around_the_words_are_told_apart(reply: str, generated: str, part: str) -> None:
    """Citations change nothing about who wrote a reply; quoted sentences and left out ones do."""
    assert part_written(replace(TURN, reply=reply, generated=generated)) == part


def test_a_real_engine_gives_figures(tmp_path: Path) -> None:
    """A transformers model with a LoRA adapter: on and off differ, and the text names all of it."""
    folder = random_model(tmp_path / "model")
    adapter = AdapterFiles("a", random_adapter(tmp_path / "adapter", folder, seed=1))
    engine = open_local(folder, model="scripted", dtype="float32")
    found = Explainer(lambda: engine, lambda _: adapter, max_tokens=lambda: 8).influence(replace(TURN, adapter="a"))
    assert found.base is not None
    assert found.base < 0
    assert found.adapter is not None
    assert found.moved == pytest.approx(found.adapter - found.base)
    assert found.moved != 0
    assert all(item.nats_per_token != 0 for item in found.memories)
    text = explain_influence(found, language="en")
    assert f"{found.adapter:.3f} with the adapter" in text
    assert "[2] garden.md" in text
