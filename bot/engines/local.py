"""A transformers model in this process, with LoRA adapters in the files of peft.

A reply does not depend on what was asked before it (see `prefix` and `adapters` for what that takes).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.engines.base import AdapterFiles, is_set
from bot.engines.dynamic_caches import is_plain
from bot.engines.prefix import PrefixKey, pieces, steps
from bot.engines.prefix_files import mark_of
from bot.engines.token_engine import TokenEngine
from bot.engines.token_model import Logits
from bot.engines.weights import LocalOptions, Weights, load_weights
from tuning.precision import DType

_SCORED_AT_ONCE = 128
"""Tokens whose logits are held together: over a vocabulary of 150,000 they take 77 MB."""


def open_local(
    folder: Path, *, model: str, options: LocalOptions | None = None, dtype: DType | None = None
) -> TokenEngine:
    """The engine for a transformers model folder with safetensors and a tokenizer.

    :param model: its name, as stored with a turn
    :param dtype: number format, where it is not the options'
    :raises FamiliarError: the folder of kept beginnings can't be written
    """
    chosen = options or LocalOptions()
    mark = mark_of(chosen.saved, most_mb=chosen.saved_mb)
    chosen = replace(chosen, dtype=dtype or chosen.dtype, mark=mark)

    def load(tokenizer: Any, _context: int) -> LocalModel:
        return LocalModel(load_weights(folder, tokenizer, chosen))

    return TokenEngine(folder, name="local", model=model, load=load, lookup_tokens=chosen.lookup_tokens)


class LocalModel:
    """A `TokenModel` of transformers."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self._cache: Any = None

    @property
    def stops(self) -> frozenset[int]:
        """Token ids that end a reply."""
        return self.weights.stops

    @property
    def lasting(self) -> bool:
        """Whether beginnings are kept for the next start."""
        return self.weights.prefixes.lasting

    @contextmanager
    def using(self, adapter: AdapterFiles | None) -> Iterator[None]:
        """Compute with ``adapter``, or as the base model.

        :raises FamiliarError: the files are missing, damaged, or of another model's adapter
        """
        import torch

        try:
            with self.weights.adapters.active(adapter), torch.inference_mode():
                yield
        finally:
            self._cache = None

    def begin(self, key: PrefixKey, prompt: Sequence[int]) -> int:
        """Take up the kept beginning."""
        from transformers import DynamicCache

        kept = self.weights.prefixes.take(key, prompt)
        self._cache, reused = kept or (DynamicCache(config=self.weights.model.config), 0)
        return reused

    def read(self, prompt: Sequence[int], start: int, cancel: threading.Event | None) -> Logits | None:
        """Compute the prompt step by step, looking at ``cancel`` before each."""
        logits = None
        for begin, end in steps(prompt, start, self.weights.prefixes.rule):
            if is_set(cancel):
                return None
            logits = self._forward(prompt[begin:end], keep=1)
        return None if logits is None else logits[-1]

    def next(self, token: int) -> Logits:
        """Compute one more token."""
        logits: Logits = self._forward([token], keep=1)[-1]
        return logits

    def rows(self, ids: Sequence[int]) -> Iterator[Logits]:
        """Compute more tokens, some at a time."""
        for begin, end in pieces(0, len(ids), min(_SCORED_AT_ONCE, self.weights.prefixes.rule.most)):
            yield from self._forward(ids[begin:end], keep=0)

    @property
    def revocable(self) -> bool:
        """Whether the cache holds keys and values alone."""
        return is_plain(self._cache)

    def drop(self, tokens: int) -> None:
        """Take the last tokens back."""
        self._cache.crop(-tokens)

    def keep(self, key: PrefixKey, prompt: Sequence[int], *, asked_at: float) -> None:
        """Keep the whole steps that were computed."""
        self.weights.prefixes.keep(key, prompt, self._cache, asked_at=asked_at)

    def save(self) -> None:
        """Write the beginnings.

        :raises FamiliarError: they can't be written
        """
        self.weights.prefixes.write()

    def close(self) -> None:
        """The weights go with their last reference."""

    def _forward(self, ids: Sequence[int], *, keep: int) -> Any:
        """Logits (tokens, vocabulary) of the last ``keep`` tokens, of all where that is 0, as float32."""
        import torch

        model = self.weights.model
        inputs = torch.tensor([list(ids)], device=model.device)
        logits = model(input_ids=inputs, cache=self._cache, use_cache=True, logits_to_keep=keep).logits[0]
        return logits.float().cpu().numpy()
