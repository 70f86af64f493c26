"""What the gate has to know of a trained adapter, measured in the training process on the model that was trained.

Each figure is taken with the adapter on and off on the same inputs, the live adapter's on the same held-out replies.
For the probes and written replies the adapter is merged into the weights, which is faster; that comes last, because
merging can't be undone without rounding.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory.records import Message
from tuning.dataset import Example
from tuning.gate import LiveLosses, Measures, Memory, Replies
from tuning.job import Job
from tuning.measure import adapter_off, count_not_finite, generate, largest_change, mean_loss, reply_limit
from tuning.memorisation import candidates, completed, is_formula, rarest
from tuning.probing import probe, probe_base
from tuning.repeats import repeats_from
from tuning.scoring import Scored, score_replies
from tuning.windows import Windowing

STOP_SAMPLE = 8
"""Held-out prompts that are answered to see whether replies end."""
_RELATED = 16
"""Replies whose fit to their own message is measured."""
_SECRETS = 16
"""Filtered secrets that are asked for; longest first."""
_ASKING = "Go on."


@dataclass(frozen=True)
class Subject:
    """A model with its adapter on, and what it was trained for."""

    model: Any
    tokenizer: Any
    job: Job
    windowing: Windowing
    ends: frozenset[int]
    """Tokens that end a reply."""


def measure(subject: Subject) -> Measures:
    """All measures of the gate; afterwards the adapter is merged into the base."""
    model, job = subject.model, subject.job
    test = subject.windowing.windows(job.test).windows
    pairs = _scored_pairs(subject)
    adapter_loss = mean_loss(model, test)
    not_finite, changed = count_not_finite(model), largest_change(model, subject.tokenizer, persona=job.persona)
    live = _beside_live(subject)
    with adapter_off(model):
        base_loss = mean_loss(model, test)
        base_scores = score_replies(model, subject.tokenizer, pairs.all)
        base = probe_base(
            model,
            subject.tokenizer,
            folder=Path(job.base_folder),
            sha256=job.base_sha256,
            persona=job.persona,
            ends=subject.ends,
        )
    if hasattr(model, "merge_adapter"):
        model.merge_adapter()
    tuned_scores = score_replies(model, subject.tokenizer, pairs.all)
    tuned = probe(model, subject.tokenizer, persona=job.persona, ends=subject.ends)
    replies, texts = _replies(subject, limit=reply_limit(test))
    return Measures(
        base_loss=base_loss,
        adapter_loss=adapter_loss,
        live=live,
        changed=changed,
        not_finite=not_finite,
        base=base,
        adapter=tuned,
        replies=replies,
        related=pairs.related(base_scores),
        memory=_memory(subject, pairs, base_scores, tuned_scores, texts),
    )


@dataclass(frozen=True)
class _Pairs:
    """Prompts and replies whose likelihood is wanted, in the order in which they are scored."""

    own: tuple[tuple[tuple[Message, ...], str], ...]
    """Replies after their own message; ``other``: after another reply's."""
    other: tuple[tuple[tuple[Message, ...], str], ...]
    strings: tuple[tuple[tuple[Message, ...], str], ...]
    secrets: tuple[tuple[tuple[Message, ...], str], ...]

    @property
    def all(self) -> tuple[tuple[tuple[Message, ...], str], ...]:
        return (*self.own, *self.other, *self.strings, *self.secrets)

    def related(self, scores: Sequence[Scored]) -> tuple[float, ...]:
        """How much likelier each reply is after its own message than after another one, in nats per token."""
        count = len(self.own)
        return tuple(
            own.mean - other.mean for own, other in zip(scores[:count], scores[count : 2 * count], strict=True)
        )


def _scored_pairs(subject: Subject) -> _Pairs:
    job = subject.job
    newest = (*job.train, *job.test)[-_RELATED:]
    # Only the last message counts, so that nothing but it can differ.
    own = [((Message("system", job.persona), item.prompt[-1]), item.reply) for item in newest]
    other = [(prompt, reply) for (prompt, _), (_, reply) in zip(own[1:] + own[:1], own, strict=True)]
    secrets = sorted(job.secrets, key=len, reverse=True)[:_SECRETS]
    asked = (Message("system", job.persona), Message("user", _ASKING))
    return _Pairs(
        own=tuple(own),
        other=tuple(other),
        strings=tuple(candidates(job.train)),
        secrets=tuple((asked, secret) for secret in secrets),
    )


def _beside_live(subject: Subject) -> LiveLosses | None:
    """Both adapters on the held-out replies that the live one has not learned; None where there is no live one."""
    job, model = subject.job, subject.model
    if job.live is None:
        return None
    known = set(job.live.trained_on)
    fresh: tuple[Example, ...] = tuple(example for example in job.test if example.id not in known)
    windows = subject.windowing.windows(fresh).windows
    if not windows:
        return LiveLosses(0, None, None)
    ours = mean_loss(model, windows)
    model.load_adapter(job.live.folder, adapter_name="live")
    model.set_adapter("live", inference_mode=True)
    try:
        theirs = mean_loss(model, windows)
    finally:
        model.set_adapter("default", inference_mode=True)
        model.delete_adapter("live")
    return LiveLosses(sum(len(window.examples) for window in windows), ours, theirs)


def _replies(subject: Subject, *, limit: int) -> tuple[Replies, list[str]]:
    """Greedy replies to held-out prompts against the true ones."""
    cases = [
        (prompt, example.reply)
        for example in subject.job.test
        if (prompt := subject.windowing.prompt(example)) is not None
    ][:STOP_SAMPLE]
    written = generate(
        subject.model, subject.tokenizer, [prompt for prompt, _ in cases], limit=limit, ends=subject.ends
    )
    texts = [text for text, _ in written]
    true = statistics.median(len(reply) for _, reply in cases)
    return (
        Replies(
            written=len(texts),
            stopped=sum(ended for _, ended in written) / len(written),
            loops=sum(repeats_from(text) is not None for text in texts),
            length=statistics.median(len(text) for text in texts) / true,
            distinct=len(set(texts)),
            true_distinct=len({reply for _, reply in cases}),
        ),
        texts,
    )


def _memory(
    subject: Subject, pairs: _Pairs, base: Sequence[Scored], tuned: Sequence[Scored], texts: Sequence[str]
) -> Memory:
    """Strings and secrets that the adapter completes and the base doesn't, or writes unasked."""
    start = 2 * len(pairs.own)
    replies = [example.reply for example in subject.job.train]
    rare = known = 0
    for place, (prompt, _) in enumerate(pairs.strings, start):
        half = rarest(base[place])
        text = subject.tokenizer.decode(base[place].tokens[slice(*half)]) if half else ""
        if half is None or text.strip() in prompt[-1].content or is_formula(text, replies):
            continue
        rare += 1
        known += completed(base[place], tuned[place], half)
    first = start + len(pairs.strings)
    out = 0
    for place, (_, secret) in enumerate(pairs.secrets, first):
        count = len(base[place].tokens) - 1
        out += any(secret in text for text in texts) or completed(base[place], tuned[place], (count // 2, count))
    return Memory(rare, known, len(pairs.secrets), out)
