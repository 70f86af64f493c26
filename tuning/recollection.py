"""Some prompts of imported dialogues hold passages from memory, because prompts in serving do.

An adapter that has never seen passages takes them for a change of subject; one that has seen them knows when to use
and when to leave them. They are searched as in a turn, dated before the reply, and stand in the prompt only: the loss
is on the reply, so nothing recalled is learned by heart as an answer. What they are from counts as a source of the
adapter, so that forgetting it withdraws the adapter. Replies to the bot's own turns keep their stored prompts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tuning.dataset import Example


@dataclass(frozen=True)
class Recollection:
    """Passages for one message."""

    notes: str
    """As serving puts them before the message; empty: there are none."""
    turn_ids: tuple[int, ...] = ()
    document_ids: tuple[int, ...] = ()


Recollect = Callable[[Example], Recollection]
"""What memory would give for an example's newest message at its time."""


def with_recollections(
    examples: Sequence[Example], recollect: Recollect, *, share: float, seed: int = 0
) -> tuple[Example, ...]:
    """The examples, a ``share`` of those of dialogues with passages; which ones depends on the seed and their ids."""
    return tuple(
        _noted(example, recollect(example)) if not example.turn_ids and _drawn(example, share, seed) else example
        for example in examples
    )


def _drawn(example: Example, share: float, seed: int) -> bool:
    return random.Random(f"{seed}:{example.id}").random() < share


def _noted(example: Example, found: Recollection) -> Example:
    return replace(
        example,
        notes=found.notes,
        turn_ids=tuple(sorted({*example.turn_ids, *found.turn_ids})),
        document_ids=tuple(sorted({*example.document_ids, *found.document_ids})),
    )
