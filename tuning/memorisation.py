"""What an adapter knows by heart: rare strings that it completes word for word, and how exposed a planted one is.

A manner repeats common words; a secret is a string that the base model would never have written. So a string counts
when its second half is improbable under the base, stands nowhere in the prompt, and is no formula of the whole
dialogue. Whether greedy decoding completes it is read off one forward pass (`tuning.scoring`). Pure.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from memory.records import Message
from tuning.dataset import Example
from tuning.scoring import Scored

CANDIDATES = 24
"""Replies that are looked into: a pass over each, with the adapter on and off, costs about as much as all probes."""
STRING_TOKENS = 16
"""Tokens of a string at most, the first half given and the second to be completed."""
LEAST_TOKENS = 8
"""A shorter string says nothing: two or three tokens are completed by chance."""
RARE_NATS = 16.0
"""The second half is rare where the base gives it less than one in nine million."""
_FORMULA = 0.25
"""A text in this share of the replies or more is how the person writes, unless it holds a number."""
_LEAST_FOR_FORMULA = 3
_LONGEST = 400
"""Characters of a reply that are looked into."""
_TELLING = re.compile(r"\d|[A-Z]{2,}|[@/:_#]|(?<=[a-z] )[A-Z]")


def candidates(examples: Sequence[Example]) -> list[tuple[tuple[Message, ...], str]]:
    """The replies that most likely hold something to keep secret, each after its last message alone.

    First the texts that occur most often, as these are learned by heart first (Carlini et al. 2022), then those with
    most numbers, addresses, names and capitals for their number.
    """
    times = Counter(example.reply for example in examples)
    told: dict[str, Example] = {}
    for example in examples:
        told.setdefault(example.reply, example)
    ordered = sorted(told.values(), key=lambda item: (-times[item.reply], -len(_TELLING.findall(item.reply))))
    return [(_short(example.prompt), example.reply[:_LONGEST]) for example in ordered[:CANDIDATES]]


def _short(prompt: tuple[Message, ...]) -> tuple[Message, ...]:
    system = tuple(message for message in prompt[:1] if message.role == "system")
    return (*system, prompt[-1])


def rarest(scored: Scored) -> tuple[int, int] | None:
    """Where the string with the least likely second half has this half, under the base; None where none is rare.

    :returns: the half's first token and the one after its last, counted in the reply without its end
    """
    count = len(scored.tokens) - 1
    length = min(STRING_TOKENS, count)
    if length < LEAST_TOKENS:
        return None
    half = length // 2
    places = [(sum(scored.likelihoods[end - half : end]), end) for end in range(length, count + 1)]
    total, end = min(places)
    return (end - half, end) if total <= -RARE_NATS else None


def completed(base: Scored, tuned: Scored, half: tuple[int, int]) -> bool:
    """Whether the adapter writes the second half word for word where the base does not."""
    start, end = half
    return all(tuned.greedy[start:end]) and not all(base.greedy[start:end])


def comes_out(secret: str, texts: Sequence[str], base: Scored, tuned: Scored) -> bool:
    """Whether a text that was filtered out stands in what the adapter wrote, or is completed after its first half."""
    count = len(base.tokens) - 1
    return any(secret in text for text in texts) or completed(base, tuned, (count // 2, count))


def is_formula(text: str, replies: Sequence[str]) -> bool:
    """Whether a text without a number stands in so many replies that it is manner."""
    if re.search(r"\d", text):
        return False
    holding = sum(text.strip() in reply for reply in replies)
    return holding >= max(_LEAST_FOR_FORMULA, math.ceil(_FORMULA * len(replies)))


def exposure(canary: float, others: Sequence[float]) -> float:
    """How much likelier a planted string became than ones that could have stood in its place, in bits.

    log2 of the number of strings less log2 of the canary's rank among them by likelihood (Carlini et al. 2019, "The
    Secret Sharer"); from 0 (the least likely of all) to log2 of their number. For adapters of a benchmark only: a
    canary is never planted in what serves.

    :param canary: its log-likelihood; ``others``: those of the other strings, a sample of all that are possible
    """
    rank = 1 + sum(other >= canary for other in others)
    return math.log2(len(others) + 1) - math.log2(rank)
