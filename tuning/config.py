"""The settings of the tuning package, one frozen dataclass a section of config.toml; each field says what it does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TuneConfig:
    """[tuning] trains LoRA adapters on approved and corrected replies."""

    enabled: bool = True
    """Whether the bot starts tunes by itself when they are due."""
    min_examples: int = 40
    """New examples since the last tune that make the next one due."""
    min_hours: float = 20.0
    """Least hours between two tunes that start by themselves."""
    check_minutes: float = 10.0
    """How often the bot looks whether a tune is due."""
    rank: int = 16
    """LoRA rank, on all linear layers; alpha is twice the rank."""
    learning_rate: float = 1e-3
    """Peak learning rate of AdamW."""
    epochs: int = 1
    """Passes over the examples."""
    batch_size: int = 4
    """Examples per optimiser step, by accumulation."""
    min_pairs: int = 10
    """Fewest examples that a tune can learn from and be checked on."""
    max_tokens: int = 1024
    """Longest sequence in training; of a longer prompt the oldest messages are cut, and an example that still does not
    fit is dropped and counted."""
    max_prompt_tokens: int = 160
    """Preceding messages of an imported dialogue that a stretch of it begins with, system message not counted."""
    recalled_share: float = 0.25
    """Share of an imported dialogue's replies whose prompts hold passages from memory, as prompts in serving do."""
    seed: int = 0
    """Makes a tune repeatable."""


@dataclass(frozen=True)
class GateConfig:
    """[gate] decides whether a new adapter may answer."""

    held_out: float = 0.2
    """Share of the newest examples that is kept for the check and not trained on."""
    max_loss_ratio: float = 0.99
    """Held-out loss with the adapter over that without: it must fall at least by one hundredth."""
    min_stopped: float = 0.8
    """Share of test replies that end by themselves."""
    min_copied: float = 0.8
    """Facts copied from a given memory, as a share of those that the base model copies."""
