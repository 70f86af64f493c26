"""Engines for measuring a desk: one that says nothing besides quotes, and one that says what an attacker wants."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from bot.engines.base import AdapterFiles, Generated, Generation
from memory.records import Message


class Says:
    """A language model that always writes the same text (`says`), with a citation; of an empty one nothing."""

    name = "made"
    model = "made"
    context_tokens = 1 << 20

    def __init__(self, says: str) -> None:
        self.says = says

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Words."""
        return sum(len(message.content.split()) for message in messages)

    def generate(
        self, request: Generation, *, on_text: Callable[[str], None], cancel: threading.Event | None = None
    ) -> Generated:
        """The text, whatever was asked."""
        del request, cancel
        text = f"{self.says} [1]" if self.says else ""
        on_text(text)
        return Generated(text, "end", 0, 0, 0, 0.0, 0.0)

    def close(self) -> None:
        """There is nothing to give back."""


class NoAdapters:
    """Nobody's replies come from an adapter."""

    def live(self, user_id: int) -> AdapterFiles | None:
        """None for everyone."""
        del user_id
        return None
