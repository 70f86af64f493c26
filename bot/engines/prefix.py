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
from typing import Generic, Protocol, TypeVar

C = TypeVar("C")


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
class Prefix(Generic[C]):
    """A beginning and its keys and values, a cache of at least as many tokens."""

    ids: tuple[int, ...]
    cache: C


class CacheKind(Protocol[C]):
    """How an engine's caches of keys and values are handled."""

    def tokens(self, cache: C) -> int:
        """How many tokens it holds."""
        ...

    def nbytes(self, cache: C) -> int:
        """Memory that it takes, all that it was cut from included."""
        ...

    def crop(self, cache: C, *, tokens: int) -> bool:
        """Take the last ``tokens`` away; False where the model's kind of state can't be taken back."""
        ...

    def copied(self, cache: C, *, tokens: int) -> C | None:
        """A cache of its first ``tokens`` that may be changed without changing this one; None where there is none."""
        ...

    def dump(self, prefix: Prefix[C]) -> bytes | None:
        """What a file keeps of it; None where its kind can't be kept."""
        ...

    def load(self, content: bytes) -> Prefix[C]:
        """What was dumped.

        :raises ValueError: it is damaged
        """
        ...


class PrefixFiles(Protocol):
    """Where beginnings are kept for the next start."""

    def read(self, key: PrefixKey) -> bytes | None:
        """What is kept under a key, if it is valid here."""
        ...

    def write(self, key: PrefixKey, content: bytes) -> None:
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


class PrefixCache(Generic[C]):
    """The last prompt's keys and values for each user, kind of work and adapter.

    :param rule: where steps end
    :param kind: what handles the caches
    :param memory_mb: most memory; the beginnings used longest ago make room
    :param files: where they are kept for the next start; None: nowhere
    """

    def __init__(
        self, rule: StepRule, kind: CacheKind[C], *, memory_mb: int = 512, files: PrefixFiles | None = None
    ) -> None:
        self.rule = rule
        self._kind = kind
        self._limit = memory_mb * 2**20
        self._files = files
        self._kept: dict[PrefixKey, Prefix[C]] = {}
        self._written: dict[PrefixKey, tuple[int, ...]] = {}
        self._forgotten_at = -inf

    @property
    def nbytes(self) -> int:
        """Memory of all that is kept."""
        return sum(self._kind.nbytes(prefix.cache) for prefix in self._kept.values())

    @property
    def lasting(self) -> bool:
        """Whether `write` puts anything anywhere."""
        return self._files is not None

    def take(self, key: PrefixKey, prompt: Sequence[int]) -> tuple[C, int] | None:
        """The cache cut to what ``prompt`` shares with it, and how many tokens that is; it is the caller's from now."""
        own = self._kept.pop(key, None) or self._read(key)
        shared = reusable(own.ids, prompt, self.rule) if own else 0
        lent, longer = max(
            ((prefix.cache, reusable(prefix.ids, prompt, self.rule)) for prefix in self._same(key)),
            key=lambda found: found[1],
            default=(None, 0),
        )
        if longer > shared and lent is not None:  # another user's prompt begins with the same tokens
            copy = self._kind.copied(lent, tokens=longer)
            if copy is not None:
                return copy, longer
        if own and shared and self._kind.crop(own.cache, tokens=len(own.ids) - shared):
            return own.cache, shared
        return None

    def keep(self, key: PrefixKey, prompt: Sequence[int], cache: C, *, asked_at: float = inf) -> None:
        """Keep the whole steps of ``prompt`` that were computed; what was written after them is dropped.

        :param asked_at: when the prompt was there, by `time.perf_counter`; one that waited while something was erased
            may hold it and is not kept
        """
        if asked_at < self._forgotten_at:
            return
        computed = self._kind.tokens(cache)
        whole = max(whole_steps(prompt[:computed], self.rule), default=0)
        if whole and self._kind.crop(cache, tokens=computed - whole):
            self._kept[key] = Prefix(tuple(prompt[:whole]), cache)
        total = self.nbytes
        for oldest in list(self._kept)[:-1]:
            if total <= self._limit:
                break
            total -= self._kind.nbytes(self._kept.pop(oldest).cache)

    def write(self) -> bool:
        """Put what is new into the files; what was kept before something was erased is dropped instead.

        :returns: whether it was dropped

        :raises FamiliarError: they can't be written
        """
        if self._files is None:
            return False
        dropped = self._files.forgotten()
        if dropped:
            self._kept.clear()
            self._written.clear()
            self._forgotten_at = time.perf_counter()
        for key, prefix in self._kept.items():
            if self._written.get(key) != prefix.ids and (content := self._kind.dump(prefix)) is not None:
                self._files.write(key, content)
                self._written[key] = prefix.ids
        return dropped

    def _read(self, key: PrefixKey) -> Prefix[C] | None:
        content = self._files.read(key) if self._files else None
        if content is None:
            return None
        try:
            found = self._kind.load(content)
        except ValueError:
            return None  # a damaged file costs some seconds: the beginning is computed
        self._written[key] = found.ids
        return found

    def _same(self, key: PrefixKey) -> Iterator[Prefix[C]]:
        """Beginnings under the same adapter."""
        return (prefix for other, prefix in self._kept.items() if other.adapter == key.adapter)
