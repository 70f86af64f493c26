"""Real trainings that are small enough to be repeated eighty times: the product's own steps, in this process."""

from __future__ import annotations

from collections.abc import Sequence

from tuning.chat_format import stop_ids
from tuning.config import TuneConfig
from tuning.dataset import Example
from tuning.examine import Subject
from tuning.job import BaseModel, Job
from tuning.train import attach, fit, load
from tuning.windows import Windowing

RECIPE = TuneConfig(epochs=3, batch_size=4, max_tokens=512)
"""Three epochs, as few replies need more than one to learn a manner from."""
PERSONA = (
    "You are Familiar, a helpful personal assistant. Answer from the notes and cite them like [1]; if they do not hold"
    " the answer, say that you have nothing about it."
)
"""Shorter than what serving puts first, as every sequence begins with it."""


def small_tune(
    base: BaseModel,
    train: Sequence[Example],
    test: Sequence[Example],
    config: TuneConfig = RECIPE,
    *,
    template: str | None = None,
    figures: str = "",
) -> Subject:
    """A model with an adapter that learned ``train``, ready to be measured on ``test``.

    :param figures: where what the probes show of the base is kept; empty: nowhere
    :param template: the chat template that is trained under, where it is not the model's own
    :raises FamiliarError: the base can't be loaded, or the loss is not a number
    """
    loaded = load(base.folder, dtype=config.dtype)
    windowing = Windowing(loaded.tokenizer, max_tokens=config.max_tokens, max_prompt_tokens=config.max_prompt_tokens)
    right = loaded.tokenizer.chat_template
    loaded.tokenizer.chat_template = template or right
    windows = windowing.windows(train).windows
    loaded.tokenizer.chat_template = right
    model = attach(loaded.model, config)
    fit(model, windows, config, lambda _: None)
    model.eval()
    job = Job(
        base.name,
        str(base.folder),
        PERSONA,
        config,
        tuple(train),
        tuple(test),
        base_sha256=base.sha256,
        figures=figures,
    )
    return Subject(model, loaded.tokenizer, job, windowing, stop_ids(loaded.tokenizer, loaded.model.generation_config))
