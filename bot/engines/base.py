"""The Protocol of a language model that answers turns.

An engine runs one generation at a time, or as many as its settings say, and lets the users that wait in by turns, so
that a flood from one delays another's message by one generation at most; it switches adapters only between generations.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from memory.records import Message

Stop = Literal["end", "length", "cancelled", "loop"]


@dataclass(frozen=True)
class AdapterFiles:
    """A LoRA adapter on disk; ``id`` is unique for its content, so caches can be keyed by it."""

    id: str
    folder: Path
    base_sha256: str = ""
    """Of the base that it was trained on; empty: not said, and whoever chose the adapter has compared it."""


TURNS = "turn"
"""The name under which the beginnings of the turns' prompts are kept."""


@dataclass(frozen=True)
class Generation:
    """One request; the same request gives the same reply twice (greedy, or sampling with ``seed``)."""

    messages: tuple[Message, ...]
    max_tokens: int
    adapter: AdapterFiles | None = None
    temperature: float = 0.0
    seed: int = 0
    kept_as: str = TURNS
    """Prompts of one name share the beginning that an engine keeps; background work has its own, so that it does not
    drop that of the turns."""
    asked_by: int | None = None
    """Id of the user who waits for it; users are served in turn. None: nobody's, which counts as one user."""


@dataclass(frozen=True)
class Generated:
    """What came of it; ``text`` holds no reasoning part and no template token."""

    text: str
    stop: Stop
    prompt_tokens: int
    cached_tokens: int
    """Prompt tokens whose keys and values were reused from an earlier generation."""
    reply_tokens: int
    first_token_s: float
    total_s: float
    mean_logprob: float | None = None
    """Mean log-likelihood of the written tokens, the one that ended the reply included, under the model's own
    distribution (temperature 1), in nats; None where the engine does not say."""


@dataclass(frozen=True)
class Likelihood:
    """How likely a model finds a reply, its end of turn included."""

    nats: float
    """Sum of the tokens' log-likelihoods; never above 0."""
    tokens: int

    @property
    def per_token(self) -> float:
        """Mean log-likelihood per token, in nats."""
        return self.nats / self.tokens


@runtime_checkable
class Scorer(Protocol):
    """What an engine can do besides answering, where it can: say how likely a given reply is."""

    def log_likelihood(
        self, messages: Sequence[Message], reply: str, adapter: AdapterFiles | None, *, asked_by: int | None = None
    ) -> Likelihood:
        """The likelihood of ``reply`` to ``messages`` under an adapter, or under the base model where that is None.

        :param asked_by: as `Generation.asked_by`

        :raises FamiliarError: the reply is empty, the two don't fit the context, or the adapter does not fit the model
        """
        ...


class Engine(Protocol):
    """A language model."""

    @property
    def name(self) -> str:
        """The engine's kind, as stored with a turn ("local", "server")."""
        ...

    @property
    def model(self) -> str:
        """The base model's name, as stored with a turn."""
        ...

    @property
    def context_tokens(self) -> int:
        """Tokens that prompt and reply may hold together."""
        ...

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of the messages once rendered with the model's chat template, generation prompt included."""
        ...

    def generate(
        self, request: Generation, *, on_text: Callable[[str], None], cancel: threading.Event | None = None
    ) -> Generated:
        """Answer, calling ``on_text`` with each new piece as it is written.

        :raises FamiliarError: the prompt leaves no room for a reply, or the adapter does not fit the model
        """
        ...

    def close(self) -> None:
        """Give back memory; waiting generations end first."""
        ...


def is_set(cancel: threading.Event | None) -> bool:
    """Whether it ends what it was given to."""
    return cancel is not None and cancel.is_set()
