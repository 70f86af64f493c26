"""What the gate has to know of a trained adapter, measured in the training process on the model that was trained.

Each figure is taken with the adapter on and off on the same inputs. Replies are generated greedily in batches padded
on the left, as decoding one sequence on a CPU reads all weights for a single token; for the adapter's own replies it
is merged into the weights, which decodes faster and comes last, because merging can't be undone without rounding.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from memory.records import Message
from tuning.chat_format import IGNORED, EncodedExample, render
from tuning.gate import Measures
from tuning.probes import PROBES, Probe
from tuning.windows import Window

STOP_SAMPLE = 8
"""Held-out prompts that are answered to see whether replies end."""
_PROBE_TOKENS = 24
_SHORTEST_LIMIT, _LONGEST_LIMIT = 64, 160


def measure(
    model: Any,
    tokenizer: Any,
    test: Sequence[Window],
    prompts: Sequence[Sequence[Message]],
    *,
    persona: str,
    ends: frozenset[int],
) -> Measures:
    """All measures of the gate for a PEFT model whose adapter is on; afterwards it is merged into the base.

    :param prompts: of held-out examples, for `stopped`
    :param ends: tokens that end a reply
    """
    adapter_loss = mean_loss(model, test)
    not_finite = count_not_finite(model)
    changed = largest_change(model, tokenizer, persona=persona)
    with adapter_off(model):
        base_loss = mean_loss(model, test)
        base_copied = count_copied(model, tokenizer, persona=persona, ends=ends)
    model.merge_adapter()
    copied = count_copied(model, tokenizer, persona=persona, ends=ends)
    stopped = share_stopped(model, tokenizer, prompts, limit=reply_limit(test), ends=ends)
    return Measures(
        base_loss=base_loss,
        adapter_loss=adapter_loss,
        stopped=stopped,
        base_copied=base_copied,
        adapter_copied=copied,
        probes=len(PROBES),
        changed=changed,
        not_finite=not_finite,
    )


@contextlib.contextmanager
def adapter_off(model: Any) -> Iterator[None]:
    """The base model's own output inside."""
    with model.disable_adapter():
        yield


def labelled_loss(model: Any, encoded: EncodedExample, *, weights: Sequence[float] | None = None) -> Any:
    """Sum of the negative log-likelihoods of the labelled tokens (a scalar tensor, in nats).

    Logits are computed at labelled places only: with a vocabulary of 49k they cost more than several layers.

    :param weights: what each labelled token's part is multiplied by; None: all are 1
    """
    import torch

    places = [place - 1 for place, label in enumerate(encoded.labels) if label != IGNORED]
    device = next(model.parameters()).device
    # One unlabelled end is not read by anything.
    ids = torch.tensor([encoded.input_ids[:-1]], device=device)
    # Counted from the end, as prompt tuning puts tokens of its own before the first.
    wanted = torch.tensor(places, device=device) - ids.shape[1]
    logits = model(input_ids=ids, logits_to_keep=wanted, use_cache=False).logits[0].float()
    labels = torch.tensor([encoded.labels[place + 1] for place in places], device=device)
    if weights is None:
        return torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
    losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    return (losses * torch.tensor(weights, device=device)).sum()


def label_count(encoded: EncodedExample) -> int:
    """Labelled tokens."""
    return sum(label != IGNORED for label in encoded.labels)


def mean_loss(model: Any, windows: Sequence[Window]) -> float:
    """Mean negative log-likelihood per labelled token, in nats."""
    import torch

    with torch.inference_mode():
        total = sum(float(labelled_loss(model, window.encoded)) for window in windows)
    return total / sum(label_count(window.encoded) for window in windows)


def reply_limit(windows: Sequence[Window]) -> int:
    """Tokens after which a test reply counts as one that doesn't end: twice the longest true one, within bounds."""
    longest = max(label_count(window.encoded) // len(window.examples) for window in windows)
    return min(_LONGEST_LIMIT, max(_SHORTEST_LIMIT, 2 * longest))


def share_stopped(
    model: Any, tokenizer: Any, prompts: Sequence[Sequence[Message]], *, limit: int, ends: frozenset[int]
) -> float:
    """Share of greedy replies that end by themselves within ``limit`` tokens."""
    replies = generate(model, tokenizer, prompts[:STOP_SAMPLE], limit=limit, ends=ends)
    return sum(ended for _, ended in replies) / len(replies)


def count_copied(
    model: Any, tokenizer: Any, *, persona: str, ends: frozenset[int], probes: Sequence[Probe] = PROBES
) -> int:
    """Probes whose value stands in the greedy reply."""
    prompts = [probe.prompt(persona) for probe in probes]
    replies = generate(model, tokenizer, prompts, limit=_PROBE_TOKENS, ends=ends)
    return sum(probe.copied(text) for probe, (text, _) in zip(probes, replies, strict=True))


def largest_change(model: Any, tokenizer: Any, *, persona: str) -> float:
    """Largest absolute difference that the adapter makes to a logit after a probe's prompt."""
    import torch

    def logits() -> Any:
        with torch.inference_mode():
            return model(input_ids=ids, logits_to_keep=1, use_cache=False).logits[0, -1].float()

    device = next(model.parameters()).device
    ids = torch.tensor([render(tokenizer, PROBES[0].prompt(persona))], device=device)
    tuned = logits()
    with adapter_off(model):
        return float((tuned - logits()).abs().max())


def count_not_finite(model: Any) -> int:
    """Adapter weights that are infinite or not a number."""
    import torch

    weights = [value for name, value in model.named_parameters() if "lora_" in name]
    return sum(int((~torch.isfinite(weight)).sum()) for weight in weights)


def generate(
    model: Any, tokenizer: Any, prompts: Sequence[Sequence[Message]], *, limit: int, ends: frozenset[int]
) -> list[tuple[str, bool]]:
    """Greedy replies and whether each ended by itself within ``limit`` tokens; prompts of like length share a batch."""
    encoded = [render(tokenizer, prompt) for prompt in prompts]
    order = sorted(range(len(encoded)), key=lambda place: len(encoded[place]))
    replies: dict[int, tuple[str, bool]] = {}
    for start in range(0, len(order), STOP_SAMPLE):
        part = order[start : start + STOP_SAMPLE]
        for place, ids in zip(part, _greedy(model, [encoded[place] for place in part], limit, ends), strict=True):
            end = next((at for at, token in enumerate(ids) if token in ends), None)
            replies[place] = (tokenizer.decode(ids[:end], skip_special_tokens=True).strip(), end is not None)
    return [replies[place] for place in range(len(prompts))]


def _greedy(model: Any, prompts: Sequence[Sequence[int]], limit: int, ends: frozenset[int]) -> list[list[int]]:
    """Token ids written after each prompt, up to and including the token that ends it where there is one."""
    import torch

    device = next(model.parameters()).device
    longest = max(len(prompt) for prompt in prompts)
    pad = min(ends)
    ids = torch.tensor([[pad] * (longest - len(prompt)) + list(prompt) for prompt in prompts], device=device)
    seen = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=device)
    with torch.inference_mode():
        written = model.generate(
            input_ids=ids,
            attention_mask=seen,
            max_new_tokens=limit,
            do_sample=False,
            temperature=None,
            top_p=None,
            top_k=None,
            repetition_penalty=1.0,
            eos_token_id=sorted(ends),
            pad_token_id=pad,
        )
    return [row[longest:].tolist() for row in written]
