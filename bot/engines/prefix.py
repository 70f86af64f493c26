"""Keys and values of the stable beginning of a prompt, kept from one generation to the next.

A reply must not depend on what happened to be cached. The same tokens computed in pieces of other lengths differ in
the last bits, which is enough to turn a close choice of a token. So a prompt is always computed in steps whose ends
follow from the tokens before them alone, and only whole steps are kept: a reused step is bit for bit what computing it
again gives. Steps end with a message where they can, so that what comes before the newest message is reused whole.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol


@dataclass(frozen=True)
class StepRule:
    """Where the steps of a prompt end."""

    least: int
    """Tokens after which a step ends with the next message."""
    most: int
    """Tokens after which it ends anywhere."""
    ends: frozenset[int] = frozenset()
    """Token ids that end a message."""


@dataclass(frozen=True)
class PrefixKey:
    """Whose beginning it is; under another adapter it would be another."""

    adapter: str | None
    kept_as: str
    asked_by: int | None


@dataclass(frozen=True)
class Prefix:
    """A beginning and its keys and values, a transformers cache of as many tokens."""

    ids: tuple[int, ...]
    cache: Any

    @property
    def nbytes(self) -> int:
        """Memory of keys and values; a cache that was cut holds on to all that it was cut from."""
        layers = (layer for layer in self.cache.layers if _is_filled(layer))
        return sum(part.untyped_storage().nbytes() for layer in layers for part in (layer.keys, layer.values))


class PrefixFiles(Protocol):
    """Where beginnings are kept for the next start."""

    def read(self, key: PrefixKey) -> Prefix | None:
        """The beginning kept under a key, if there is one that is valid here."""
        ...

    def write(self, key: PrefixKey, prefix: Prefix) -> None:
        """Keep it."""
        ...

    def forgotten(self) -> bool:
        """Whether something was erased since the last call, so that no beginning from before may be kept."""
        ...


def whole_steps(ids: Sequence[int], rule: StepRule) -> Iterator[int]:
    """Ends of the steps of a prompt, but for a last one that later tokens would prolong."""
    begin = 0
    for end, token in enumerate(ids, 1):
        if end - begin >= rule.most or (token in rule.ends and end - begin >= rule.least):
            yield end
            begin = end


def steps(ids: Sequence[int], start: int, rule: StepRule) -> Iterator[tuple[int, int]]:
    """The half-open ranges in which the tokens from ``start``, the end of a step or 0, are computed."""
    for end in whole_steps(ids, rule):
        if end > start:
            yield start, end
            start = end
    if start < len(ids):
        yield start, len(ids)


def pieces(start: int, end: int, length: int) -> Iterator[tuple[int, int]]:
    """Half-open ranges of at most ``length`` from ``start`` to ``end``."""
    for begin in range(start, end, length):
        yield begin, min(begin + length, end)


def reusable(kept: Sequence[int], wanted: Sequence[int], rule: StepRule) -> int:
    """Tokens that two prompts share at their beginning, in whole steps; at least one is left to be computed."""
    shared = 0
    for one, other in zip(kept, wanted[:-1], strict=False):
        if one != other:
            break
        shared += 1
    return max(whole_steps(wanted[:shared], rule), default=0)


class PrefixCache:
    """The last prompt's keys and values for each user, kind of work and adapter.

    :param rule: where steps end
    :param memory_mb: most memory; the beginnings used longest ago make room
    :param files: where they are kept for the next start; None: nowhere
    """

    def __init__(self, rule: StepRule, *, memory_mb: int = 512, files: PrefixFiles | None = None) -> None:
        self.rule = rule
        self._limit = memory_mb * 2**20
        self._files = files
        self._kept: dict[PrefixKey, Prefix] = {}
        self._written: dict[PrefixKey, tuple[int, ...]] = {}
        self._forgotten_at = -inf

    @property
    def nbytes(self) -> int:
        """Memory of all that is kept."""
        return sum(prefix.nbytes for prefix in self._kept.values())

    def take(self, key: PrefixKey, prompt: Sequence[int]) -> tuple[Any, int] | None:
        """The cache cut to what ``prompt`` shares with it, and how many tokens that is; it is the caller's from now."""
        own = self._kept.pop(key, None) or self._read(key) or Prefix((), None)
        shared = reusable(own.ids, prompt, self.rule)
        lent, longer = max(
            ((prefix, reusable(prefix.ids, prompt, self.rule)) for prefix in self._same(key)),
            key=lambda found: found[1],
            default=(own, 0),
        )
        if longer > shared:  # another user's prompt begins with the same tokens, whose keys and values are the same
            return _copied(lent, longer), longer
        return (own.cache, shared) if shared and _crop(own.cache, len(own.ids) - shared) else None

    def keep(self, key: PrefixKey, prompt: Sequence[int], cache: Any, *, asked_at: float = inf) -> None:
        """Keep the whole steps of ``prompt`` that were computed; what was written after them is dropped.

        :param asked_at: when the prompt was there, by `time.perf_counter`; one that waited while something was erased
            may hold it and is not kept
        """
        if asked_at < self._forgotten_at:
            return
        computed = cache.get_seq_length()
        whole = max(whole_steps(prompt[:computed], self.rule), default=0)
        if whole and _crop(cache, computed - whole):
            self._kept[key] = Prefix(tuple(prompt[:whole]), cache)
        total = self.nbytes
        for oldest in list(self._kept)[:-1]:
            if total <= self._limit:
                break
            total -= self._kept.pop(oldest).nbytes

    def write(self) -> None:
        """Put what is new into the files; what was kept before something was erased is dropped instead.

        :raises FamiliarError: they can't be written
        """
        if self._files is None:
            return
        if self._files.forgotten():
            self._kept.clear()
            self._written.clear()
            self._forgotten_at = time.perf_counter()
        for key, prefix in self._kept.items():
            if self._written.get(key) != prefix.ids:
                self._files.write(key, prefix)
                self._written[key] = prefix.ids

    def _read(self, key: PrefixKey) -> Prefix | None:
        found = self._files.read(key) if self._files else None
        if found:
            self._written[key] = found.ids
        return found

    def _same(self, key: PrefixKey) -> Iterator[Prefix]:
        """Beginnings under the same adapter that can be copied."""
        for other, prefix in self._kept.items():
            if other.adapter == key.adapter and is_plain(prefix.cache):
                yield prefix


def is_plain(cache: Any) -> bool:
    """Whether a cache is keys and values of all tokens and nothing else: no window, no state of another kind."""
    from transformers.cache_utils import DynamicLayer

    return all(type(layer) is DynamicLayer and _is_filled(layer) for layer in cache.layers)


def _is_filled(layer: Any) -> bool:
    return getattr(layer, "keys", None) is not None and getattr(layer, "values", None) is not None


def _copied(prefix: Prefix, tokens: int) -> Any:
    """A cache of its first ``tokens``."""
    from transformers import DynamicCache

    cache = DynamicCache()
    for number, layer in enumerate(prefix.cache.layers):
        cache.update(layer.keys[..., :tokens, :].clone(), layer.values[..., :tokens, :].clone(), number)
    return cache


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
