"""From the store to what a tune learns: read, filtered, reported. The owner's look and the tune see the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from memory.errors import FamiliarError
from memory.store import Store
from tuning.choices import Choice, choices_of, choose
from tuning.config import TuneConfig
from tuning.data_report import DataReport, report_on
from tuning.dataset import Dataset, Example
from tuning.detectors import versions
from tuning.filters import Choices, Detectors, FilterConfig, LeftOut, screen
from tuning.sources import read_dataset


@dataclass(frozen=True)
class Prepared:
    """What there is to learn, and what is left out."""

    examples: tuple[Example, ...]
    left_out: tuple[LeftOut, ...]
    choices: Choices
    report: DataReport


def prepare(
    store: Store, *, user_id: int, persona: str, config: TuneConfig, detectors: Detectors, now: datetime
) -> Prepared:
    """Read a user's examples and filter them.

    :raises FamiliarError: a filter is missing or failed; then nothing may be learned
    """
    dataset = read(store, user_id=user_id, persona=persona, config=config, now=now)
    choices = choices_of(store, dataset.examples, user_id=user_id)
    wanted = FilterConfig(languages_of(config.languages), config.max_form_share)
    # An approval makes up for the silence that an unjudged reply has its low weight for.
    weighed = [replace(item, weight=1.0) if item.id in choices.approved else item for item in dataset.examples]
    screened = screen(weighed, detectors=detectors, config=wanted, choices=choices)
    report = report_on(dataset, screened, choices=choices, filters=versions())
    return Prepared(screened.examples, screened.left_out, choices, report)


def languages_of(setting: str) -> tuple[str, ...]:
    """The languages that [tuning] languages names.

    :raises FamiliarError: one of them is no code
    """
    codes = tuple(code for code in re.split(r"[\s,]+", setting.strip().lower()) if code)
    for code in codes:
        if not re.fullmatch(r"[a-z]{2}", code):
            raise FamiliarError(f'[tuning] languages is {setting!r}; name codes of two letters, as in "en, zh"')
    return codes


def read(store: Store, *, user_id: int, persona: str, config: TuneConfig, now: datetime) -> Dataset:
    """A user's examples before the filters, which take longer."""
    weight = config.accepted_weight
    return read_dataset(store, user_id=user_id, persona=persona, accepted_weight=weight, now=now)


def decide(store: Store, example_id: str, choice: Choice, *, examples: Sequence[Example], user_id: int) -> Example:
    """Approve or strike out one of the user's examples.

    :raises FamiliarError: the user has none of that id
    """
    example = find(example_id, examples=examples)
    choose(store, example, choice, user_id=user_id)
    return example


def find(example_id: str, *, examples: Sequence[Example]) -> Example:
    """The example of that id.

    :raises FamiliarError: there is none
    """
    for example in examples:
        if example.id == example_id:
            return example
    raise FamiliarError(f"there is no example {example_id}; `familiar examples` lists yours")
