"""The Protocol of a loaded language model that takes tokens and says what may come next.

One sequence of tokens at a time: `begin` takes up what is kept of a prompt, `read` computes the rest, `next` and `rows`
go on from there, `keep` keeps the prompt for the next. The same prompt gives the same numbers to the last bit, whatever
was computed before it. Not thread-safe: `token_engine` lets one request at a time in.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bot.engines.base import AdapterFiles
from bot.engines.prefix import PrefixKey

Logits = NDArray[np.float32]
"""(vocabulary,): what the model thinks of each token as the next one. Valid until the model computes again."""


class TokenModel(Protocol):
    """A model in memory, with the adapters and the beginnings that it holds."""

    @property
    def stops(self) -> frozenset[int]:
        """Token ids that end a reply."""
        ...

    @property
    def lasting(self) -> bool:
        """Whether `save` keeps anything for the next start."""
        ...

    def using(self, adapter: AdapterFiles | None) -> AbstractContextManager[None]:
        """Compute with ``adapter``, or as the base model where that is None; all else is called within it.

        :raises FamiliarError: it does not fit the model, or its files are missing or damaged
        """
        ...

    def begin(self, key: PrefixKey, prompt: Sequence[int]) -> int:
        """Start over with what is kept of the prompt's beginning; returns how many of its tokens that is."""
        ...

    def read(self, prompt: Sequence[int], start: int, cancel: threading.Event | None) -> Logits | None:
        """Compute the prompt from ``start``; logits after it, or None when cancelled on the way."""
        ...

    def next(self, token: int) -> Logits:
        """Compute one more token; logits after it."""
        ...

    def rows(self, ids: Sequence[int]) -> Iterator[Logits]:
        """Compute more tokens; logits after each."""
        ...

    @property
    def revocable(self) -> bool:
        """Whether `drop` is possible with this model."""
        ...

    def drop(self, tokens: int) -> None:
        """Take the last tokens of what was computed back."""
        ...

    def keep(self, key: PrefixKey, prompt: Sequence[int], *, asked_at: float) -> None:
        """Keep what was computed of the prompt; not called after an error.

        :param asked_at: as of `PrefixCache.keep`
        """
        ...

    def save(self) -> None:
        """Put what is kept where the next start finds it.

        :raises FamiliarError: it can't be written
        """
        ...

    def close(self) -> None:
        """Give back memory; nothing may be called afterwards."""
        ...
