"""Two answers to the same messages: on what neither was trained on, cut as training cuts, with the means of both."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bot.engines.base import AdapterFiles, Likelihood
from bot.side_by_side import Asked, Means, Pair, Side, compare, fitting, held_out, means
from memory.errors import FamiliarError
from memory.records import Message
from tests.engine import ScoringEngine, ScriptedEngine
from tests.tuning.test_adapters import EXAMPLE
from tuning.adapters import Adapter

ADAPTER = AdapterFiles("ada-1", Path("ada-1"))


def adapter(*trained_on: str) -> Adapter:
    return Adapter(
        id="ada-1",
        user_id=1,
        status="live",
        kind="reply",
        base_model="m",
        base_sha256="s",
        template_sha256="t",
        examples=1,
        gate=(),
        manifest=json.dumps({"trained_on": trained_on}),
        reason=None,
        started_by="hand",
        started_at="",
        finished_at=None,
        live_at=None,
        withdrawn_at=None,
        withdrawn_from=None,
        rolled_back_at=None,
        folder=Path("ada-1"),
    )


def test_only_what_neither_has_read_is_asked() -> None:
    """The newest first, so many as are wanted; none left is an error that says what to do."""
    examples = [replace(EXAMPLE, id=f"turn:{n}", reply=str(n)) for n in range(6)]
    asked = held_out(examples, [adapter("turn:5"), adapter("turn:3", "turn:0")], most=2)
    assert [(item.example, item.true) for item in asked] == [("turn:4", "4"), ("turn:2", "2")]
    with pytest.raises(FamiliarError, match="none of the 1 examples is new to both"):
        held_out(examples[:1], [adapter("turn:0")], most=2)


def test_both_answer_the_same_messages() -> None:
    """Each with its own adapter, and each scores the true reply; without a true one nothing is scored."""
    engine = ScoringEngine(lambda _: "so it is")
    asked = [Asked((Message("user", "is it so"),), "turn:1", "it is"), Asked((Message("user", "why"),))]
    first, second = compare(engine, asked, a=ADAPTER, b=None, max_tokens=9)
    assert [(item.adapter, item.max_tokens) for item in engine.requests[:2]] == [(ADAPTER, 9), (None, 9)]
    assert (first.a, first.b) == (Side("so it is", Likelihood(-1.0, 2)), Side("so it is", Likelihood(-2.0, 2)))
    assert (second.a.likelihood, second.b.likelihood) == (None, None)
    assert means([first, second]) == Means(2, 2, -0.5, -1.0)


def test_means_are_over_tokens() -> None:
    """A long reply counts for more than a short one; nothing scored gives no mean."""

    def pair(one: Likelihood | None, other: Likelihood | None) -> Pair:
        return Pair(Asked(()), Side("", one), Side("", other))

    scored = [pair(Likelihood(-9.0, 9), Likelihood(-18.0, 9)), pair(Likelihood(-4.0, 1), Likelihood(-1.0, 1))]
    assert means(scored) == Means(2, 10, -1.3, -1.9)
    assert means([pair(None, None)]) == Means(1, 0, None, None)


def test_an_engine_without_likelihoods_answers_all_the_same() -> None:
    """Only the figures are missing."""
    (pair,) = compare(ScriptedEngine(), [Asked((Message("user", "hi"),), None, "x")], a=None, b=None, max_tokens=9)
    assert (pair.a.reply, pair.a.likelihood) == ("hi", None)


def test_the_oldest_messages_make_room() -> None:
    """The system message and the last one stay."""
    messages = [Message("system", "s"), *(Message("user", "w " * 50) for _ in range(5))]
    engine = ScriptedEngine(context_tokens=130)
    kept = fitting(messages, engine, room=20)
    assert kept == (messages[0], *messages[-2:])
    assert fitting(messages, ScriptedEngine(context_tokens=10), room=20) == (messages[0], messages[-1])


def test_a_long_true_reply_makes_room_for_itself() -> None:
    """Else it could not be scored."""
    messages = tuple(Message("user", "w " * 50) for _ in range(4))
    engine = ScoringEngine(lambda _: "yes")
    engine.context_tokens = 220
    (pair,) = compare(engine, [Asked(messages, "turn:1", "w " * 100)], a=None, b=None, max_tokens=9)
    assert pair.asked.messages == messages[-2:]
