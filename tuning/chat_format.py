"""The chat template, once for training and for serving, so that a model is trained on exactly what it is later given.

Templates differ in what they accept: some refuse a system message or two user messages in a row, and tokenising an
already rendered text again adds a second beginning-of-sequence token. All of that is handled here and nowhere else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from memory.records import Message


@dataclass(frozen=True)
class EncodedExample:
    """Token ids of prompt and reply; ``labels`` are -100 on the prompt: only reply and end-of-turn are learned."""

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]


def template_sha256(tokenizer: Any) -> str:
    """Identity of the chat template; an adapter answers only under the template it was trained with."""
    return hashlib.sha256(str(tokenizer.chat_template).encode()).hexdigest()


def merge_turns(messages: Sequence[Message]) -> list[Message]:
    """Join neighbouring messages of one role, which many templates refuse."""
    merged: list[Message] = []
    for message in messages:
        if merged and merged[-1].role == message.role:
            merged[-1] = Message(message.role, f"{merged[-1].content}\n{message.content}")
        else:
            merged.append(message)
    return merged
