"""Keys and values of a llama.cpp sequence as bytes, for `prefix`: cut when they are put back, never changed.

A file carries a checksum, because llama.cpp would read damaged bytes as numbers.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.engines.prefix import Prefix


@dataclass(frozen=True, eq=False)
class State:
    """A sequence."""

    tokens: int
    data: NDArray[np.uint8]
    """As llama.cpp hands it out."""


class States:
    """A `CacheKind` of states; one may count for fewer tokens than it holds, since it is cut after it was put back."""

    def tokens(self, cache: State) -> int:
        """How many tokens it holds."""
        return cache.tokens

    def nbytes(self, cache: State) -> int:
        """Memory that it takes."""
        return cache.data.nbytes

    def crop(self, cache: State, *, tokens: int) -> bool:
        """Nothing to do here."""
        del cache, tokens
        return True

    def copied(self, cache: State, *, tokens: int) -> State | None:
        """The same, since nobody changes it."""
        del tokens
        return cache

    def dump(self, prefix: Prefix[State]) -> bytes | None:
        """As safetensors."""
        from safetensors.numpy import save

        data = prefix.cache.data
        content: bytes = save(
            {
                "ids": np.asarray(prefix.ids, np.int64),
                "tokens": np.asarray([prefix.cache.tokens], np.int64),
                "state": data,
                "crc32": np.asarray([zlib.crc32(data.data)], np.uint32),
            }
        )
        return content

    def load(self, content: bytes) -> Prefix[State]:
        """What was dumped.

        :raises ValueError: it is damaged
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            tensors = load(content)
            data = np.ascontiguousarray(tensors["state"])
            if zlib.crc32(data.data) != int(tensors["crc32"][0]):
                raise ValueError("a damaged beginning of a prompt")
            return Prefix(tuple(tensors["ids"].tolist()), State(int(tensors["tokens"][0]), data))
        except (SafetensorError, KeyError, IndexError) as exc:
            raise ValueError("a damaged beginning of a prompt") from exc
