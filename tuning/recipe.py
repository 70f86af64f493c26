"""How an adapter is trained, in one frozen object whose values have been checked before anything is loaded.

A recipe is made from ``[tuning]`` alone, so that what the manifest says of an adapter is what trained it; what is known
of the defaults stands in docs/training.md. Pure.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal, get_args

from memory.errors import UsageError
from tuning.config import TuneConfig

Method = Literal["lora", "rslora", "dora", "adalora", "miss", "oft", "ia3", "ln", "prompt", "prefix"]
Init = Literal["default", "pissa", "olora", "eva"]
Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["linear", "cosine", "constant"]

SERVABLE: tuple[Method, ...] = ("lora", "rslora", "dora", "adalora", "miss")
"""Methods whose result is saved as LoRA weights, which the engines load; the others are for comparison only."""
MOVES_BASE: tuple[Init, ...] = ("pissa", "olora")
"""Initialisations that take what the adapter starts with out of the base's weights."""
_LAYERS = re.compile(r"all|(?:first|last):[1-9][0-9]*")


@dataclass(frozen=True)
class Recipe:
    """One training run's hyperparameters; `tuning.config.TuneConfig` says what each means."""

    method: Method
    init: Init
    rank: int
    alpha: float
    dropout: float
    layers: str
    optimizer: Optimizer
    learning_rate: float
    schedule: Schedule
    warm_up: float
    weight_decay: float
    epochs: int
    batch_size: int
    validation: float
    validations: int
    patience: int
    seed: int


def recipe_of(config: TuneConfig, *, comparing: bool = False) -> Recipe:
    """The recipe that the settings ask for.

    :param comparing: allow methods that can be measured but not served
    :raises UsageError: a value that is none of those possible; the setting is named
    """
    _check_words(config)
    if not comparing and config.method not in SERVABLE:
        raise UsageError(
            f"[tuning] method is {config.method!r}, which no engine here can answer with; it must be one of"
            f" {', '.join(SERVABLE)} (`familiar bench tune` compares the others too)"
        )
    if config.init != "default" and config.method not in ("lora", "rslora"):
        raise UsageError(f"[tuning] init is {config.init!r}, which goes with lora and rslora, not with {config.method}")
    _check_numbers(config)
    return Recipe(
        method=config.method,  # type: ignore[arg-type]
        init=config.init,  # type: ignore[arg-type]
        rank=config.rank,
        alpha=config.alpha or 2.0 * config.rank,
        dropout=config.dropout,
        layers=config.layers,
        optimizer=config.optimizer,  # type: ignore[arg-type]
        learning_rate=config.learning_rate,
        schedule=config.schedule,  # type: ignore[arg-type]
        warm_up=config.warm_up,
        weight_decay=config.weight_decay,
        epochs=config.epochs,
        batch_size=config.batch_size,
        validation=config.validation,
        validations=config.validations,
        patience=config.patience,
        seed=config.seed,
    )


def _check_words(config: TuneConfig) -> None:
    for name, kind in (("method", Method), ("init", Init), ("optimizer", Optimizer), ("schedule", Schedule)):
        value = getattr(config, name)
        if value not in get_args(kind):
            raise UsageError(f"[tuning] {name} is {value!r}; it must be one of {', '.join(get_args(kind))}")
    if not _LAYERS.fullmatch(config.layers):
        raise UsageError(f'[tuning] layers is {config.layers!r}; it must be "all", "first:N" or "last:N"')


def _check_numbers(config: TuneConfig) -> None:
    for name in ("rank", "epochs", "batch_size", "validations"):
        if getattr(config, name) < 1:
            raise UsageError(f"[tuning] {name} is {getattr(config, name)}; it must be at least 1")
    for name in ("dropout", "warm_up", "validation"):
        if not 0 <= getattr(config, name) < 1:
            raise UsageError(f"[tuning] {name} is {getattr(config, name)}; it must be at least 0 and below 1")
    for name in ("alpha", "weight_decay", "patience"):
        if getattr(config, name) < 0:
            raise UsageError(f"[tuning] {name} is {getattr(config, name)}; it must not be negative")
    if not 0 < config.learning_rate < math.inf:
        raise UsageError(f"[tuning] learning_rate is {config.learning_rate}; it must be above 0")


def rate(step: int, steps: int, *, warm_up: float = 0.1, schedule: Schedule = "linear") -> float:
    """Share of the peak learning rate at a step (from 1): it rises linearly, then follows the schedule; never 0.

    :param warm_up: share of the steps over which it rises
    """
    rise = max(1, round(warm_up * steps))
    if step <= rise:
        return step / rise
    left = (steps - step + 1) / (steps - rise + 1)
    if schedule == "cosine":
        return (1 - math.cos(math.pi * left)) / 2
    return left if schedule == "linear" else 1.0


def trained_layers(layers: str, count: int) -> frozenset[int]:
    """Numbers of the decoder layers that get an adapter, of ``count``.

    :raises UsageError: more layers are asked for than there are
    """
    if layers == "all":
        return frozenset(range(count))
    end, number = layers.split(":")
    if int(number) > count:
        raise UsageError(f"[tuning] layers is {layers!r}, but the model has {count} layers")
    chosen = range(int(number)) if end == "first" else range(count - int(number), count)
    return frozenset(chosen)
