"""What a reply may say next, guessed from what its prompt says: several tokens are then computed in one pass.

A reply that quotes its memories repeats runs of their tokens, and a model computes a handful of tokens nearly as fast
as one. Each guessed token counts only where the model itself chooses it, so a guess changes the speed and, but for the
rounding of a longer pass, not the reply. Guesses follow from prompt and reply alone: the same request gives the same
reply. (Prompt lookup decoding: Saxena 2023, github.com/apoorvumang/prompt-lookup-decoding.)
"""

from __future__ import annotations

from collections.abc import Sequence

_SHORTEST = 3
"""Tokens that have to be the same before a guess: two are said too often to mean the same."""
_PAUSE = 8
"""Tokens that are written without a guess after one of which nothing was right."""


class Lookup:
    """Guesses for one reply, shorter where the last were wrong.

    :param prompt: its tokens
    :param longest: most tokens of a guess; 0: none are made
    """

    def __init__(self, prompt: Sequence[int], *, longest: int) -> None:
        self._ids = list(prompt)
        self._longest = longest
        self._length = min(2, longest)
        self._paused = 0
        self._after: dict[tuple[int, ...], int] = {}
        for end in range(_SHORTEST, len(self._ids)):
            self._after[tuple(self._ids[end - _SHORTEST : end])] = end

    def wrote(self, token: int) -> None:
        """Take in one more token of the reply."""
        if len(self._ids) >= _SHORTEST:
            self._after[tuple(self._ids[-_SHORTEST:])] = len(self._ids)
        self._ids.append(token)
        self._paused = max(0, self._paused - 1)

    def guess(self, most: int) -> list[int]:
        """At most so many tokens that followed when the last ones stood there before; empty where they did not."""
        start = None if self._paused else self._after.get(tuple(self._ids[-_SHORTEST:]))
        return [] if start is None else self._ids[start : start + min(most, self._length)]

    def was_right(self, guessed: int, right: int) -> None:
        """Learn from a guess how long the next may be."""
        if right == guessed:
            self._length = min(self._longest, 2 * self._length)
        elif right == 0:
            self._length, self._paused = min(2, self._longest), _PAUSE
        else:
            self._length = max(2, right)
