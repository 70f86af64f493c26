"""How likely a given reply is, by the same tokens and labels as training, so that both mean the same number.

The prompt goes through the steps and the kept beginnings of a generation: nine prompts that differ in one note cost
little more than one, and what is kept afterwards serves the next reply as if it had been generated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.engines.base import TURNS, Likelihood
from bot.engines.prefix import PrefixKey, pieces, steps
from bot.engines.weights import Weights
from tuning.chat_format import IGNORED, EncodedExample


def log_likelihood(
    weights: Weights, encoded: EncodedExample, *, adapter: str | None, asked_by: int | None, asked_at: float
) -> Likelihood:
    """The labelled tokens' log-likelihood under the model whose adapter of that id, or none, is active.

    :param asked_at: as of `PrefixCache.keep`
    """
    import torch
    from transformers import DynamicCache

    length = sum(label == IGNORED for label in encoded.labels)
    prompt, answer = encoded.input_ids[:length], encoded.input_ids[length:]
    kept_as = PrefixKey(adapter, TURNS, asked_by)
    kept = weights.prefixes.take(kept_as, prompt)
    cache, reused = kept or (DynamicCache(config=weights.model.config), 0)
    for start, end in steps(prompt, reused, weights.prefixes.rule):
        logits = _forward(weights, prompt[start:end], cache, keep=1)
    nats = float(torch.log_softmax(logits[-1].float(), dim=-1)[answer[0]])
    for start, end in pieces(0, len(answer) - 1, weights.prefixes.rule.most):
        logits = torch.log_softmax(_forward(weights, answer[start:end], cache, keep=0).float(), dim=-1)
        wanted = torch.tensor(answer[start + 1 : end + 1], device=logits.device)
        nats += float(logits.gather(1, wanted[:, None]).sum())
    weights.prefixes.keep(kept_as, prompt, cache, asked_at=asked_at)
    return Likelihood(nats, len(answer))


def _forward(weights: Weights, ids: Sequence[int], cache: Any, *, keep: int) -> Any:
    """Logits (tokens, vocabulary) of the last ``keep`` tokens, of all where that is 0."""
    import torch

    inputs = torch.tensor([list(ids)], device=weights.model.device)
    return weights.model(input_ids=inputs, cache=cache, use_cache=True, logits_to_keep=keep).logits[0]
