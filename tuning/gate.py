"""The gate: an adapter answers only if it learned something and lost nothing; every check must pass.

Pure: measures in, verdicts with a sentence for people out, so that a rejected adapter can say what was wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tuning.config import GateConfig


@dataclass(frozen=True)
class Measures:
    """What the training process measured with the adapter and, on the same inputs, without it."""

    base_loss: float
    """Mean negative log-likelihood per held-out reply token, in nats."""
    adapter_loss: float
    stopped: float
    """Share of greedy replies to held-out prompts that end by themselves."""
    base_copied: int
    """Probes whose fact the base model repeats from its prompt."""
    adapter_copied: int
    probes: int
    changed: float
    """Largest difference of a logit after the probes' prompts, adapter on and off."""
    not_finite: int
    """Adapter weights that are not a finite number."""
    preference_pairs: int = 0
    """Held-out pairs of a better and a worse reply to one prompt."""
    preference_base: float | None = None
    """Share of them whose better reply the base finds likelier, per token; None: there are none."""
    preference_adapter: float | None = None


@dataclass(frozen=True)
class Check:
    """One verdict; ``value`` and ``limit`` are comparable numbers."""

    check: str
    value: float
    limit: float
    passed: bool
    sentence: str


def judge(measures: Measures, config: GateConfig) -> tuple[Check, ...]:
    """All checks in a fixed order; the adapter may answer only where each has passed."""
    return (
        _finite(measures),
        _changed(measures),
        _learned(measures, config),
        _stopped(measures, config),
        _copied(measures, config),
    )


def _finite(measures: Measures) -> Check:
    return Check(
        "finite",
        measures.not_finite,
        0,
        measures.not_finite == 0,
        f"{measures.not_finite} weights are not finite numbers (none may be)",
    )


def _changed(measures: Measures) -> Check:
    """An adapter that was not applied answers exactly as the base does (peft then only warns)."""
    passed = math.isfinite(measures.changed) and measures.changed > 0.0
    return Check(
        "changed", measures.changed, 0.0, passed, f"output differs from the base by {measures.changed:.3g} (above 0)"
    )


def _learned(measures: Measures, config: GateConfig) -> Check:
    ratio = measures.adapter_loss / measures.base_loss if measures.base_loss > 0 else math.nan
    return Check(
        "held_out_loss",
        ratio,
        config.max_loss_ratio,
        ratio <= config.max_loss_ratio,
        f"held-out loss {measures.adapter_loss:.3f} against {measures.base_loss:.3f} without: {ratio:.3f}"
        f" (at most {config.max_loss_ratio})",
    )


def _stopped(measures: Measures, config: GateConfig) -> Check:
    return Check(
        "stopping",
        measures.stopped,
        config.min_stopped,
        measures.stopped >= config.min_stopped,
        f"{measures.stopped:.0%} of the test replies end by themselves (at least {config.min_stopped:.0%})",
    )


def _copied(measures: Measures, config: GateConfig) -> Check:
    """A base that copies nothing has nothing to lose."""
    share = measures.adapter_copied / measures.base_copied if measures.base_copied else 1.0
    return Check(
        "copying",
        share,
        config.min_copied,
        share >= config.min_copied,
        f"{measures.adapter_copied} of {measures.probes} facts copied from notes, {measures.base_copied} without the"
        f" adapter: {share:.0%} (at least {config.min_copied:.0%})",
    )
