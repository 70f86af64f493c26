"""Examples become training sequences that compute a shared beginning once.

Replies of one dialogue follow each other: the prompt of the next one is the prompt and the reply of the one before,
plus what was said since. As long as the sequence stays within its limit such replies are labelled in one pass, which
costs each token once instead of once per reply. Whether one is truly a beginning of the other is compared by token
ids, so no chat template has to be trusted; where it isn't, each gets a sequence of its own. So does one whose newest
message has passages before it, which are left out where they don't fit. Pure but for the tokenizer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from memory.records import Message
from tuning.chat_format import IGNORED, EncodedExample, encode_example, render
from tuning.dataset import Example

_NO_LIMIT = 1 << 30


@dataclass(frozen=True)
class Window:
    """One sequence with the labels of one or more replies."""

    encoded: EncodedExample
    examples: tuple[Example, ...]

    @property
    def weights(self) -> tuple[float, ...] | None:
        """The weight of each labelled token's reply; None where all count whole.

        The labels of one reply are a run of their own: the template writes something before each reply.
        """
        if all(example.weight == 1.0 for example in self.examples):
            return None
        weights, reply, before = [], -1, IGNORED
        for label in self.encoded.labels:
            if label != IGNORED:
                reply += before == IGNORED
                weights.append(self.examples[reply].weight)
            before = label
        return tuple(weights)


@dataclass(frozen=True)
class Windows:
    """All sequences of a set of examples, and the examples that fit into none."""

    windows: tuple[Window, ...]
    too_long: tuple[Example, ...]

    @property
    def replies(self) -> int:
        """Labelled replies."""
        return sum(len(window.examples) for window in self.windows)

    @property
    def tokens(self) -> int:
        """Tokens that one pass computes."""
        return sum(len(window.encoded.input_ids) for window in self.windows)


@dataclass(frozen=True)
class _Open:
    """The window that is being filled."""

    conversation: str
    anchor: int
    """Position in the conversation of its first message."""
    window: Window


class Windowing:
    """Turns examples into windows for one tokenizer and one pair of limits."""

    def __init__(self, tokenizer: Any, *, max_tokens: int, max_prompt_tokens: int) -> None:
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._max_prompt_tokens = max_prompt_tokens

    def windows(self, examples: Sequence[Example]) -> Windows:
        """Windows in order of time within each conversation."""
        done: list[Window] = []
        too_long: list[Example] = []
        current: _Open | None = None
        for example in sorted(examples, key=lambda item: item.conversation):  # stable: order of time is kept
            if example.notes:  # no beginning of what follows: later prompts don't hold its passages
                alone = self._started(example)
                done += [alone.window] if alone else []
                too_long += [] if alone else [example]
                continue
            longer = self._extended(current, example) if current else None
            fresh = None if longer else self._started(example)
            if current and not longer:
                done.append(current.window)
            if not longer and not fresh:
                too_long.append(example)
            current = longer or fresh
        return Windows((*done, *([current.window] if current else [])), tuple(too_long))

    def prompt(self, example: Example) -> tuple[Message, ...] | None:
        """The example's prompt within the limits; None where its last message alone is too long."""
        system = tuple(message for message in example.prompt[:1] if message.role == "system")
        rest = example.prompt[len(system) :]
        answer = self._encode(rest[-1:], example.reply)
        if answer is None:
            return None
        reply_tokens = sum(label != IGNORED for label in answer.labels)
        room = self._max_tokens - reply_tokens
        if example.id.startswith("document:"):  # whatever its passages are from
            room = min(room, self._max_prompt_tokens + self._count(system) if system else self._max_prompt_tokens)
        first = _first_that_fits(lambda start: self._count((*system, *rest[start:])) <= room, len(rest))
        if first == len(rest) - 1 and self._count((*system, *rest[first:])) > self._max_tokens - reply_tokens:
            return None
        while first < len(rest) - 1 and rest[first].role != "user":
            first += 1
        prompt = (*system, *rest[first:])
        noted = (*prompt[:-1], Message(prompt[-1].role, example.notes + prompt[-1].content))
        return noted if self._count(noted) <= self._max_tokens - reply_tokens else prompt

    def _started(self, example: Example) -> _Open | None:
        prompt = self.prompt(example)
        encoded = self._encode(prompt, example.reply) if prompt else None
        if prompt is None or encoded is None:
            return None
        anchor = example.position + len(example.prompt) - len(prompt)
        return _Open(example.conversation, anchor, Window(encoded, (example,)))

    def _extended(self, current: _Open, example: Example) -> _Open | None:
        before = current.window.encoded
        skipped = current.anchor - example.position
        if example.conversation != current.conversation or skipped < 0:
            return None
        start = 1 if example.prompt[0].role == "system" else 0
        prompt = (*example.prompt[:start], *example.prompt[start + skipped :])
        encoded = self._encode(prompt, example.reply) if len(prompt) > start else None
        length = len(before.input_ids)
        if (
            encoded is None
            or len(encoded.input_ids) > self._max_tokens
            or encoded.input_ids[:length] != before.input_ids
        ):
            return None
        joined = EncodedExample(encoded.input_ids, before.labels + encoded.labels[length:])
        return _Open(current.conversation, current.anchor, Window(joined, (*current.window.examples, example)))

    def _encode(self, prompt: Sequence[Message], reply: str) -> EncodedExample | None:
        return encode_example(self._tokenizer, prompt, reply, max_tokens=_NO_LIMIT)

    def _count(self, messages: Sequence[Message]) -> int:
        return len(render(self._tokenizer, messages))


def _first_that_fits(fits: Callable[[int], bool], count: int) -> int:
    """The smallest start for which the rest fits, at most the last place; fewer messages are never longer."""
    low, high = 0, count - 1
    while low < high:
        middle = (low + high) // 2
        if fits(middle):
            high = middle
        else:
            low = middle + 1
    return low


def batches(windows: Sequence[Window], *, size: int) -> list[tuple[Window, ...]]:
    """Windows grouped so that each optimiser step sees at least ``size`` replies where there are as many."""
    grouped: list[tuple[Window, ...]] = []
    current: list[Window] = []
    for window in windows:
        current.append(window)
        if sum(len(item.examples) for item in current) >= size:
            grouped.append(tuple(current))
            current = []
    return [*grouped, tuple(current)] if current else grouped
