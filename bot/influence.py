"""What carried a reply: the adapter, measured on and off, and each memory, measured by leaving it out.

Everything is computed on demand from the stored messages and never stored: what the base model would have said was
not said. The figures are of the words that the model wrote. Sentences that the program quoted explain themselves by
their source, and where they surround the model's words the report says that the figures are of those only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from bot.engines.base import AdapterFiles, Engine, Generation, Likelihood, Scorer
from bot.prompts import without_note
from memory.records import Message, Turn
from memory.redaction import ERASED

MOST_MEMORIES = 8
"""Memories that are left out one at a time: each costs a pass over what follows it in the prompt."""

Missing = Literal["not_asked", "erased", "other_model", "no_scorer", "adapter_gone"]
"""Why something can't be computed: no model wrote anything, a part of the messages was forgotten since, another model
runs, the engine gives no likelihoods, or the adapter's weights are gone (only what needs them is left out then)."""

Part = Literal["all", "some"]


@dataclass(frozen=True)
class Carried:
    """What a reply loses without one memory."""

    n: int
    """Number of the note in the prompt."""
    id: int
    """The passage."""
    source: str
    nats_per_token: float
    """Log-likelihood per token with all memories less that without this one: above 0 where it spoke for the reply."""


@dataclass(frozen=True)
class Influence:
    """How much of a reply came from where; log-likelihoods are means per token, end of turn included, in nats."""

    missing: Missing | None
    part: Part = "all"
    """some: the reply shows quotes besides the model's words, or not all of them."""
    tokens: int = 0
    base: float | None = None
    adapter: float | None = None
    moved: float | None = None
    """``adapter`` less ``base``: above 0 where the adapter spoke for the reply."""
    base_reply: str | None = None
    """What the base model writes to the same messages; only for a reply of an adapter."""
    memories: tuple[Carried, ...] = ()
    """In the order of the prompt, measured with the adapter that answered where it is there."""


class FindAdapter(Protocol):
    """Says where the adapter of a stored turn is."""

    def __call__(self, turn: Turn) -> AdapterFiles | None:
        """Its files; None where they are gone or were made for another model."""
        ...


class Explainer:
    """Computes the influence on stored replies with the engine that runs.

    :param engine: gives the engine when something is to be computed, as its model may have to be fetched
    :param max_tokens: likewise the longest reply of the base model
    """

    def __init__(self, engine: Callable[[], Engine], find: FindAdapter, *, max_tokens: Callable[[], int]) -> None:
        self._engine = engine
        self._find = find
        self._max_tokens = max_tokens

    def missing(self, turn: Turn) -> Missing | None:
        """Why nothing can be computed for a turn; None where something can, which takes a while."""
        if not turn.generated.strip() or not turn.prompt:
            return "not_asked"
        if any(ERASED in text for text in (turn.generated, *(message.content for message in turn.prompt))):
            return "erased"
        engine = self._engine()
        if not isinstance(engine, Scorer):
            return "no_scorer"
        return "other_model" if turn.model != engine.model else None

    def influence(self, turn: Turn) -> Influence:
        """Compute it.

        :raises FamiliarError: the model or the adapter can't be read
        """
        engine, missing = self._engine(), self.missing(turn)
        if missing is not None or not isinstance(engine, Scorer):
            return Influence(missing)
        files = self._find(turn) if turn.adapter else None
        base = engine.log_likelihood(turn.prompt, turn.generated, None, asked_by=turn.user_id)
        tuned = engine.log_likelihood(turn.prompt, turn.generated, files, asked_by=turn.user_id) if files else None
        return Influence(
            "adapter_gone" if turn.adapter and files is None else None,
            part=part_written(turn),
            tokens=base.tokens,
            base=base.per_token,
            adapter=tuned.per_token if tuned else None,
            moved=tuned.per_token - base.per_token if tuned else None,
            base_reply=self._base_reply(turn) if turn.adapter else None,
            memories=_carried(turn, engine, files, tuned or base),
        )

    def _base_reply(self, turn: Turn) -> str:
        request = Generation(turn.prompt, max_tokens=self._max_tokens(), asked_by=turn.user_id)
        return self._engine().generate(request, on_text=lambda _: None).text


def part_written(turn: Turn) -> Part:
    """Whether the reply is what the model wrote, citations and white space apart."""
    return "all" if _bare(turn.reply) == _bare(turn.generated) else "some"


def _bare(text: str) -> str:
    return "".join(re.sub(r"\[\d+\]", "", text).split())


def _carried(turn: Turn, scorer: Scorer, files: AdapterFiles | None, whole: Likelihood) -> tuple[Carried, ...]:
    """Last memory first: each prompt then shares all that precedes its gap with the one before."""
    found: list[Carried] = []
    for n, memory in reversed(list(enumerate(turn.memories[:MOST_MEMORIES], 1))):
        prompt: Sequence[Message] | None = without_note(turn.prompt, n)
        if prompt is not None:
            alone = scorer.log_likelihood(prompt, turn.generated, files, asked_by=turn.user_id)
            found.append(Carried(n, memory.id, memory.source, whole.per_token - alone.per_token))
    return tuple(reversed(found))
