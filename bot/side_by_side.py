"""Two adapters, or one and the base model, on the same messages: both answers, and how likely each finds the true one.

Only examples that neither was trained on are used, the newest first: what an adapter has read says nothing about what
it will answer.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from bot.engines.base import AdapterFiles, Engine, Generation, Likelihood, Scorer
from memory.errors import FamiliarError
from memory.records import Message
from tuning.adapters import Adapter
from tuning.dataset import Example


@dataclass(frozen=True)
class Asked:
    """Messages to answer."""

    messages: tuple[Message, ...]
    example: str | None = None
    """The example's id."""
    true: str | None = None
    """What was approved, corrected or written; None for a text of the moment."""


@dataclass(frozen=True)
class Side:
    """One of the two answers."""

    reply: str
    likelihood: Likelihood | None
    """Of the true reply; None where there is none or the engine gives no likelihoods."""


@dataclass(frozen=True)
class Pair:
    """Both answers to one prompt."""

    asked: Asked
    a: Side
    b: Side


@dataclass(frozen=True)
class Means:
    """Mean log-likelihood per token of the true replies, in nats, over all their tokens."""

    prompts: int
    tokens: int
    a: float | None
    b: float | None


def held_out(examples: Sequence[Example], adapters: Sequence[Adapter], *, most: int) -> list[Asked]:
    """The newest examples that none of the adapters was trained on.

    :raises FamiliarError: there are none
    """
    seen: Collection[str] = {name for item in adapters for name in json.loads(item.manifest).get("trained_on", ())}
    left = [example for example in examples if example.id not in seen]
    if not left:
        raise FamiliarError(
            f"none of the {len(examples)} examples is new to both; give a text with --text, or more feedback first"
        )
    return [Asked(example.prompt, example.id, example.reply) for example in reversed(left[-most:])]


def compare(
    engine: Engine, asked: Sequence[Asked], *, a: AdapterFiles | None, b: AdapterFiles | None, max_tokens: int
) -> Iterator[Pair]:
    """Greedy answers of both; None stands for the base model.

    :param max_tokens: longest answer
    :raises FamiliarError: a message is too long, or an adapter does not fit the model
    """
    for item in asked:
        true = engine.count_tokens([Message("assistant", item.true)]) if item.true else 0
        messages = fitting(item.messages, engine, room=max(max_tokens, true))
        fitted = Asked(messages, item.example, item.true)
        yield Pair(fitted, *(_side(engine, fitted, files, max_tokens) for files in (a, b)))


def fitting(messages: Sequence[Message], engine: Engine, *, room: int) -> tuple[Message, ...]:
    """The messages without the oldest ones that would leave no room for an answer, as training cuts them."""
    head = [message for message in messages[:1] if message.role == "system"]
    rest = list(messages[len(head) :])
    while len(rest) > 1 and engine.count_tokens([*head, *rest]) + room > engine.context_tokens:
        rest.pop(0)
    return (*head, *rest)


def _side(engine: Engine, asked: Asked, files: AdapterFiles | None, max_tokens: int) -> Side:
    request = Generation(asked.messages, max_tokens=max_tokens, adapter=files)
    reply = engine.generate(request, on_text=lambda _: None).text
    if asked.true is None or not isinstance(engine, Scorer):
        return Side(reply, None)
    return Side(reply, engine.log_likelihood(asked.messages, asked.true, files))


def means(pairs: Sequence[Pair]) -> Means:
    """Both means over the pairs whose true reply was scored."""
    sides = [[side.likelihood for side in (pair.a, pair.b) if side.likelihood is not None] for pair in pairs]
    scored = [(found[0], found[1]) for found in sides if len(found) == 2]
    tokens = sum(one.tokens for one, _ in scored)
    if not tokens:
        return Means(len(pairs), 0, None, None)
    a, b = sum(one.nats for one, _ in scored), sum(other.nats for _, other in scored)
    return Means(len(pairs), tokens, a / tokens, b / tokens)
