"""What a variant of a model is compared by: replies that the float32 model wrote, and how surely it wrote each token.

Every variant is given the same replies and asked for its likeliest token at each place, so that one early difference
does not make all that follows differ, as it would between two replies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.bench.made_prompts import made_prompts
from memory.errors import FamiliarError
from memory.records import Message
from tuning.chat_format import stop_ids

_BRIEF = Message("system", "Answer in one short sentence.")
"""So that a reply comes to its end, which is a token like the others."""


@dataclass(frozen=True)
class Smaller:
    """What is measured, and how much of it."""

    folder: Path
    """The model in transformers' format."""
    work: Path
    """An empty folder for files that are deleted afterwards."""
    served: Path | None = None
    """The GGUF file of the same model that the engine llama.cpp serves."""
    threads: int = 1
    prompts: int = 40
    """That the float32 model answers; replies that don't end by themselves are left out."""
    longest: int = 64
    """Tokens of such a reply."""
    prompt: int = 512
    """Tokens of the prompt that is timed."""
    tokens: int = 48
    """Of the reply that is timed."""
    rounds: int = 3
    """Counted runs, of which the best counts; one more before them is not."""


@dataclass(frozen=True)
class Scores:
    """What a model makes of a given reply."""

    likeliest: tuple[int, ...]
    """Its likeliest token at each place, the reply's end included."""
    nats: float
    """Log-likelihood of the whole reply."""


@dataclass(frozen=True)
class GivenReply:
    """A reply of the float32 model."""

    messages: tuple[Message, ...]
    text: str
    scores: Scores
    """Its own."""


@dataclass(frozen=True)
class Speeds:
    """Tokens a second."""

    prefill: float
    decode: float
    first_s: float
    """Seconds of the first run, in which what is compiled is compiled."""


@dataclass(frozen=True)
class Figures:
    """One variant's."""

    megabytes: float
    """Of its weights."""
    speeds: Speeds
    same: float
    """Share of places where its likeliest token is float32's."""
    nats_lost: float
    """Mean over the places."""
    places: int


class Variant(Protocol):
    """A model in one form, loaded."""

    @property
    def megabytes(self) -> float:
        """Of its weights."""
        ...

    @property
    def scored(self) -> int | None:
        """How many replies it is compared on, where that is slow; None: all."""
        ...

    def speeds(self, task: Smaller) -> Speeds:
        """Tokens a second, the best of the rounds."""
        ...

    def scores(self, messages: Sequence[Message], reply: str) -> Scores:
        """What it makes of a given reply.

        :raises FamiliarError: the two don't fit its context
        """
        ...


def figures(variant: Variant, task: Smaller, given: Sequence[GivenReply]) -> Figures:
    """All that is said of a variant."""
    speeds, same, lost, places = variant.speeds(task), 0, 0.0, 0
    for reply in given[: variant.scored]:
        found = variant.scores(reply.messages, reply.text)
        same += sum(one == other for one, other in zip(found.likeliest, reply.scores.likeliest, strict=True))
        lost += reply.scores.nats - found.nats
        places += len(found.likeliest)
    return Figures(variant.megabytes, speeds, same / places, lost / places, places)


def write_replies(task: Smaller) -> tuple[GivenReply, ...]:
    """The float32 model's greedy replies to made prompts, as far as they end by themselves.

    :raises FamiliarError: the model can't be loaded, or no reply ends
    """
    from bot.bench.smaller_torch import open_torch

    model = open_torch("float32", task)
    stops = stop_ids(model.tokenizer, model.model.generation_config)
    asked = [(_BRIEF, Message("user", prompt)) for prompt in made_prompts(task.prompts)]
    written = zip(asked, model.replies(asked, task.longest, stops), strict=True)
    replies = [GivenReply(messages, text, model.scores(messages, text)) for messages, text in written if text]
    if not replies:
        raise FamiliarError(f"{task.folder.name} ends none of its replies within {task.longest} tokens")
    return tuple(replies)
