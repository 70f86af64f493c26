"""In which pieces a prompt is computed, so that a reply does not depend on what happened to be cached.

Matrix products of another length may differ in their last bits, enough to turn a close choice of a token. So the ends
of the pieces follow from the tokens before them alone: after the end of a message, once a piece is long enough to be
computed at full speed, or when it is as long as llama.cpp takes at once. Whole pieces are kept, and a stable beginning
(persona, profile, history) ends with a message, so that all of it is reused.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence

LONGEST = 512
"""llama.cpp's n_ubatch by default."""
_SHORTEST = 64


def whole_steps(ids: Sequence[int], ends: Collection[int]) -> list[int]:
    """Where the pieces of a prompt end, a last unfinished one not counted.

    :param ends: tokens that end a message
    """
    found, start = [], 0
    for length, token in enumerate(ids, 1):
        if length - start == LONGEST or (token in ends and length - start >= _SHORTEST):
            found.append(length)
            start = length
    return found


def steps(ids: Sequence[int], ends: Collection[int], start: int) -> list[tuple[int, int]]:
    """The half-open ranges in which the prompt is computed from ``start``, which is an end of a piece or 0."""
    bounds = [start, *(end for end in whole_steps(ids, ends) if end > start)]
    if bounds[-1] < len(ids):
        bounds.append(len(ids))
    return list(itertools.pairwise(bounds))


def reusable(kept: Sequence[int], wanted: Sequence[int], ends: Collection[int]) -> int:
    """Tokens that two prompts share at their beginning, in whole pieces; at least one is left to be computed."""
    shared = 0
    for one, other in zip(kept, wanted[:-1], strict=False):
        if one != other:
            break
        shared += 1
    return max((end for end in whole_steps(wanted[:shared], ends)), default=0)
