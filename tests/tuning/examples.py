"""Examples for tests of what comes after they are read."""

from __future__ import annotations

from memory.records import Message
from tuning.dataset import Example, Source


def example(
    number: int,
    reply: str = "",
    *,
    asked: str = "",
    at: str | None = None,
    conversation: str = "c",
    source: Source = "approved",
    recalled: float = 0.0,
) -> Example:
    """An example that differs from all others unless something is said."""
    return Example(
        id=f"turn:{number}",
        prompt=(Message("system", "s"), Message("user", asked or f"question {number * 7919}")),
        reply=reply or f"answer {number * 104729} of its own",
        at=at,
        learned_at="2026-03-01T00:00:00+00:00",
        conversation=conversation,
        source=source,
        recalled=recalled,
    )
