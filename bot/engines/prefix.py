"""Keys and values of the stable beginning of a prompt, kept from one generation to the next.

A reply must not depend on what happened to be cached. The same tokens computed in pieces of other lengths differ in
the last bits of float32, which is enough to turn a close choice of a token. So a prompt is always computed in steps
that end at multiples of one length, and only whole steps are kept: a reused step is bit for bit what computing it
again gives.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

_KEPT = 4


def steps(start: int, end: int, length: int) -> Iterator[tuple[int, int]]:
    """The half-open ranges, ending at multiples of ``length``, in which tokens ``start`` to ``end`` are computed."""
    while start < end:
        stop = min(end, (start // length + 1) * length)
        yield start, stop
        start = stop


def reusable(kept: Sequence[int], wanted: Sequence[int], length: int) -> int:
    """Tokens that two prompts share at their beginning, in whole steps; at least one is left to be computed."""
    shared = 0
    for one, other in zip(kept, wanted[:-1], strict=False):
        if one != other:
            break
        shared += 1
    return shared // length * length


class PrefixCache:
    """The last prompt's keys and values for each adapter, under which alone they are valid, and kind of work.

    :param length: tokens of a step
    """

    def __init__(self, length: int) -> None:
        self.length = length
        self._kept: dict[Hashable, tuple[tuple[int, ...], Any]] = {}

    def take(self, key: Hashable, prompt: Sequence[int]) -> tuple[Any, int] | None:
        """The cache cut to what ``prompt`` shares with it, and how many tokens that is; it is the caller's from now."""
        ids, cache = self._kept.pop(key, ((), None))
        shared = reusable(ids, prompt, self.length)
        return (cache, shared) if shared and _crop(cache, len(ids) - shared) else None

    def keep(self, key: Hashable, prompt: Sequence[int], cache: Any) -> None:
        """Keep the whole steps of ``prompt`` that were computed; what was written after them is dropped."""
        computed = cache.get_seq_length()
        whole = min(computed, len(prompt)) // self.length * self.length
        if whole and _crop(cache, computed - whole):
            self._kept[key] = (tuple(prompt[:whole]), cache)
        for stale in list(self._kept)[:-_KEPT]:
            del self._kept[stale]


def _crop(cache: Any, tokens: int) -> bool:
    """Take the last ``tokens`` away; False where the model's kind of state can't be taken back."""
    if not cache.is_croppable:
        return False
    try:
        cache.crop(-tokens)
    except RuntimeError:
        # A sliding window that has moved on no longer holds what would be needed.
        return False
    return True
