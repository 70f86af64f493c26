"""Replies after prompts that begin alike, judged and written: what one shares with the one before is kept.

The system message is common to all, the prompts of one reply with and without recalled passages are the same up to
the newest message, and a prompt whose true reply was judged is there for the model's own. Keys and values belong to
the weights that made them: after an adapter was switched on, off or merged, a new `Sequences` is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tuning.chat_format import IGNORED, EncodedExample


class Sequences:
    """Likelihoods and greedy replies under one state of a model's weights, one sequence at a time."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._ids: tuple[int, ...] = ()
        self._cache: Any = None

    def loss(self, encoded: EncodedExample) -> float:
        """Negative log-likelihood of the labelled tokens, in nats; that of `measure.labelled_loss` up to rounding."""
        import torch

        places = [place for place, label in enumerate(encoded.labels) if label != IGNORED]
        start = self._begin(encoded.input_ids, most=places[0] - 1)
        device = next(self._model.parameters()).device
        # One unlabelled end is not read by anything.
        ids = torch.tensor([encoded.input_ids[start:-1]], device=device)
        wanted = torch.tensor([place - 1 - start for place in places], device=device)
        with torch.inference_mode():
            logits = self._model(input_ids=ids, cache=self._cache, use_cache=True, logits_to_keep=wanted).logits[0]
            labels = torch.tensor([encoded.labels[place] for place in places], device=device)
            self._ids = encoded.input_ids[:-1]
            return float(torch.nn.functional.cross_entropy(logits.float(), labels, reduction="sum"))

    def write(self, prompt: Sequence[int], *, limit: int, ends: frozenset[int]) -> list[int]:
        """The likeliest token after each, up to one that ends the reply (not returned) or ``limit`` tokens."""
        import torch

        start = self._begin(prompt, most=len(prompt) - 1)
        device = next(self._model.parameters()).device
        unread, written = list(prompt[start:]), list[int]()
        self._ids = tuple(prompt[:start])
        while len(written) < limit:
            ids = torch.tensor([unread], device=device)
            with torch.inference_mode():
                logits = self._model(input_ids=ids, cache=self._cache, use_cache=True, logits_to_keep=1).logits[0, -1]
            self._ids += tuple(unread)
            unread = [int(logits.argmax())]
            if unread[0] in ends:
                break
            written += unread
        return written

    def _begin(self, ids: Sequence[int], *, most: int) -> int:
        """Cut what is kept to what ``ids`` shares with it, and say how many tokens that is."""
        from transformers import DynamicCache

        shared = min(shared_beginning(self._ids, ids), most)
        if shared and self._cache is not None and self._cache.is_croppable:
            self._cache.crop(shared - len(self._ids))
            return shared
        self._cache = DynamicCache(config=self._model.config)
        return 0


def shared_beginning(one: Sequence[int], other: Sequence[int]) -> int:
    """Tokens that two sequences have in common from their beginning on."""
    for place, (ours, theirs) in enumerate(zip(one, other, strict=False)):
        if ours != theirs:
            return place
    return min(len(one), len(other))
