"""Chat turns that are all about as long as people's are with their notes, for timings: what they say is of no use."""

from __future__ import annotations

from memory.records import Message
from tuning.dataset import Example

SYSTEM = Message("system", "You are a helpful assistant. " + "The cabin stands by the lake, behind the old mill. " * 12)
"""As long as a short persona with a profile."""


def made_turns(count: int) -> tuple[Example, ...]:
    """Replies of about 250 tokens with their prompts, each a conversation of its own, a minute apart."""
    return tuple(
        Example(
            id=f"turn:{number}",
            prompt=(SYSTEM, Message("user", f"What is planned for day {number} of the journey?")),
            reply=f"On day {number}: " + "we walk along the lake, rest at the mill and cook on the fire. " * 4,
            at=f"2024-03-05T{number // 60:02}:{number % 60:02}:00",
            learned_at=f"2024-03-05T{number // 60:02}:{number % 60:02}:00",
            conversation=f"conversation:{number}",
            turn_ids=(number,),
        )
        for number in range(count)
    )
