"""What the gate has to know of a trained adapter, measured in the training process on the model that was trained.

Each figure is taken with the adapter on and off on the same inputs, the live adapter's on the same held-out replies.
For the probes and written replies the adapter is merged into float32 weights, which is faster; that comes last, because
merging can't be undone without rounding. Into bfloat16 nothing is merged: rounding would take up to half of the adapter
away, and another model would be judged than answers.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from memory.records import Message
from tuning.dataset import Example
from tuning.gate import LiveLosses, Measures, Memory, Replies
from tuning.job import Job
from tuning.measure import (
    adapter_off,
    count_not_finite,
    generate,
    largest_change,
    mean_loss,
    merge_where_exact,
    reply_limit,
)
from tuning.memorisation import candidates, comes_out, completed, is_formula, rarest
from tuning.probing import probe, probe_base
from tuning.repeats import repeats_from
from tuning.scoring import Scored, score_replies
from tuning.windows import Window, Windowing

STOP_SAMPLE = 8
"""Held-out prompts that are answered to see whether replies end."""
_RELATED = 48
"""Newest replies whose fit to their own message is measured; in a dozen of a real chat it can't be told from none."""
_SECRETS = 16
"""Filtered secrets that are asked for; longest first."""
_ASKING = "Go on."
_OWN, _LIVE = "default", "live"
"""Names of the adapters in the model; peft gives the first."""


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
    """All measures of the gate; afterwards the adapter may be merged into the base."""
    model, job = subject.model, subject.job
    test = subject.windowing.windows(job.test).windows
    strings, secrets = candidates(job.train), _asked_secrets(job)
    adapter_loss = mean_loss(model, test)
    not_finite, changed = count_not_finite(model), largest_change(model, subject.tokenizer, persona=job.persona)
    live = _beside_live(subject)
    with adapter_off(model):
        base_loss = mean_loss(model, test)
        related = _related(subject)
        before = score_replies(model, subject.tokenizer, [*strings, *secrets])
        base = probe_base(
            model,
            subject.tokenizer,
            folder=Path(job.figures) if job.figures else None,
            sha256=job.base_sha256,
            persona=job.persona,
            ends=subject.ends,
        )
    merge_where_exact(model)
    after = score_replies(model, subject.tokenizer, [*strings, *secrets])
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
        related=related,
        memory=_memory(subject, strings, list(zip(before, after, strict=True)), texts),
    )


Pair = tuple[tuple[Message, ...], str]
"""A prompt and a reply whose likelihood is wanted."""


def _related(subject: Subject) -> tuple[float, ...]:
    """How much likelier each of the newest replies is after its own message than after another one's."""
    job = subject.job
    own, other = own_and_other((*job.train, *job.test)[-_RELATED:], persona=job.persona)
    scores = score_replies(subject.model, subject.tokenizer, [*own, *other])
    return tuple(one.mean - another.mean for one, another in zip(scores[: len(own)], scores[len(own) :], strict=True))


def own_and_other(examples: Sequence[Example], *, persona: str) -> tuple[list[Pair], list[Pair]]:
    """Each reply after its own message, and after another one's; only that message differs.

    The other is half of the replies away: the next message may well be an answer to the reply, and fits it as well.
    """
    own: list[Pair] = [((Message("system", persona), item.prompt[-1]), item.reply) for item in examples]
    half = len(own) // 2
    return own, [(prompt, reply) for (prompt, _), (_, reply) in zip(own[half:] + own[:half], own, strict=True)]


def _asked_secrets(job: Job) -> list[Pair]:
    asked = (Message("system", job.persona), Message("user", _ASKING))
    return [(asked, secret) for secret in sorted(job.secrets, key=len, reverse=True)[:_SECRETS]]


def _beside_live(subject: Subject) -> LiveLosses | None:
    """Both adapters on the held-out replies that the live one has not learned; None where there is no live one."""
    job = subject.job
    if job.live is None:
        return None
    known = set(job.live.trained_on)
    windows = subject.windowing.windows([example for example in job.test if example.id not in known]).windows
    if not windows:
        return LiveLosses(0, None, None, "it has learned all held-out replies")
    ours = mean_loss(subject.model, windows)
    try:
        theirs = _loss_of(subject.model, job.live.folder, windows)
    except (OSError, ValueError, RuntimeError, SafetensorError) as exc:
        # It can't answer either, so there is nothing to be better than; a tune is what mends that.
        return LiveLosses(0, None, None, f"it can't be read ({type(exc).__name__})")
    return LiveLosses(sum(len(window.examples) for window in windows), ours, theirs)


def _loss_of(model: Any, folder: str, windows: Sequence[Window]) -> float:
    """Loss with another adapter in the place of the one that is on."""
    try:
        model.load_adapter(folder, adapter_name=_LIVE)
        model.set_adapter(_LIVE, inference_mode=True)
        return mean_loss(model, windows)
    finally:
        model.set_adapter(_OWN, inference_mode=True)
        if _LIVE in model.peft_config:
            model.delete_adapter(_LIVE)


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
    subject: Subject, strings: Sequence[Pair], scores: Sequence[tuple[Scored, Scored]], texts: Sequence[str]
) -> Memory:
    """Strings and secrets that the adapter completes and the base doesn't, or writes unasked.

    :param scores: of the strings and then of the secrets, adapter off and on
    """
    replies = [example.reply for example in subject.job.train]
    rare = known = out = 0
    for (prompt, _), (base, tuned) in zip(strings, scores, strict=False):
        half = rarest(base)
        text = subject.tokenizer.decode(base.tokens[slice(*half)]) if half else ""
        if half is None or text.strip() in prompt[-1].content or is_formula(text, replies):
            continue
        rare += 1
        known += completed(base, tuned, half)
    secrets = _asked_secrets(subject.job)
    for (_, secret), (base, tuned) in zip(secrets, scores[len(strings) :], strict=True):
        out += comes_out(secret, texts, base, tuned)
    return Memory(rare, known, len(secrets), out)
