"""Does learning on keep what was learned? Five periods in time, a tune after each, tested on all periods so far.

The speaker's replies are cut into five stretches of equal count. The last 20 % of each are held out: they are never
learned, and stand in no training prompt either, though later talk follows them. After each period an adapter is
trained as the product does, from the base model on everything learnable up to then. A period's figure falls where its
held-out loss is higher after a later tune than after its own; that change is paired, reply by reply.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from bot.app import App
from bot.eval_arms import Note, likelihood, recall_of, tuned_model, windowing_for
from bot.eval_people import Person, replies_of
from bot.eval_results import Results, base_key, key_of
from bot.prompts import system_prompt
from bot.recollecting import Recall
from bot.reply_scores import Interval, Likelihood, mean_nll, nll_difference
from memory.records import Hit, Profile
from memory.store import Store
from tuning.dataset import Example
from tuning.likelihood import Sequences
from tuning.train import load

PERIODS = 5
HELD_OUT = 0.2
"""Of each period's replies, the last."""
FEWEST = 50
"""Fewer replies of a speaker leave less than two to test in a period."""


@dataclass(frozen=True)
class Period:
    """A stretch of a dialogue: what is learned of it and what is held out."""

    train: tuple[Example, ...]
    test: tuple[Example, ...]


@dataclass(frozen=True)
class PeriodScores:
    """The held-out replies of one period under one adapter."""

    dialogue: str
    speaker: str
    tunes: int
    """Periods learned: 0 is the base model."""
    period: int
    """From 1."""
    nll: float
    """Mean negative log-likelihood of a token of the held-out replies, in nats."""
    learned: int
    """Replies that the adapter learned."""
    replies: tuple[Likelihood, ...]

    def line(self) -> str:
        """The row for a terminal."""
        learned = f"after {self.tunes} of {PERIODS} periods" if self.tunes else "base model"
        return f"{self.dialogue.split('.')[0]}, {self.speaker}: {learned}, period {self.period}: nll {self.nll:.3f}"


def period_scores(row: Mapping[str, Any]) -> PeriodScores:
    """A row as it was kept in a file of results."""
    return PeriodScores(**{**row, "replies": tuple(Likelihood(**reply) for reply in row["replies"])})


@dataclass(frozen=True)
class Change:
    """What became of the earlier periods of one person, or of all (speaker empty)."""

    dialogue: str
    speaker: str
    kept: Interval
    """Held-out loss of the earlier periods after the last tune less that after each one's own; above 0 is forgetting.
    The interval is by bootstrap over days."""
    gained: Interval
    """Held-out loss of all periods after the last tune less that of the base model."""
    fallen: int
    """Of the pairs of an earlier period and a later tune, those whose loss is surely higher: interval above 0, over
    replies, as a period's few lie within a day or two."""
    pairs: int

    def line(self) -> str:
        """The same in words."""
        who = f"{self.dialogue.split('.')[0]}, {self.speaker}" if self.speaker else "all together"
        return (
            f"{who}: earlier periods after the last tune less after their own {self.kept}, all periods less base"
            f" {self.gained}; surely worse in {self.fallen} of {self.pairs}"
        )


def evaluate_continual(
    app: App, people: Sequence[Person], *, results: Path | None = None, note: Note = lambda _: None
) -> Iterator[PeriodScores]:
    """For each person the base model on all periods, then after each tune all periods so far.

    :raises FamiliarError: a file can't be read or written, or training failed
    """
    persona = system_prompt(app.settings.chat.persona, Profile())
    kept = Results(results, period_scores)
    for person in people:
        periods = periods_of(replies_of(person, persona=persona))
        for tunes in range(PERIODS + 1):
            named = key_of if tunes else base_key
            key = named(app, person.dialogue, person.speaker, "continual", PERIODS, HELD_OUT, tunes)
            rows = kept.finished(key)
            if rows is None:
                note(f"{person.name}: after {tunes} of {PERIODS} periods")
                rows = tuple(_scores(app, person, periods, tunes, folder=kept.folder(key), note=note))
                kept.add(key, rows)
            yield from rows


def periods_of(examples: Sequence[Example], *, count: int = PERIODS) -> list[Period]:
    """Stretches of equal count in the order of the dialogue; no training prompt holds a held-out reply."""
    ends = [round(len(examples) * place / count) for place in range(count + 1)]
    parts = [examples[start:end] for start, end in pairwise(ends)]
    tested = [max(1, round(HELD_OUT * len(part))) for part in parts]
    held_out = [example for part, last in zip(parts, tested, strict=True) for example in part[-last:]]
    places = [reply_place(example) for example in held_out]
    return [
        Period(tuple(without_replies(example, places) for example in part[:-last]), tuple(part[-last:]))
        for part, last in zip(parts, tested, strict=True)
    ]


def reply_place(example: Example) -> int:
    """Place of the reply among the messages of its dialogue."""
    return example.position + sum(message.role != "system" for message in example.prompt)


def without_replies(example: Example, places: Sequence[int]) -> Example:
    """The example with its prompt cut to what follows the last of the replies at ``places``."""
    end = reply_place(example)
    start = max((place + 1 for place in places if place < end), default=0)
    cut = start - example.position
    if cut <= 0:
        return example
    system = [message for message in example.prompt[:1] if message.role == "system"]
    return replace(example, prompt=(*system, *example.prompt[len(system) + cut :]), position=start)


def without_held_out(recall: Recall, replies: Sequence[str]) -> Recall:
    """A memory that gives no part of these replies."""

    def recalled(message: str, before: str) -> Sequence[Hit]:
        return [hit for hit in recall(message, before) if not any(hit.chunk.text in reply for reply in replies)]

    return recalled


def _scores(
    app: App, person: Person, periods: Sequence[Period], tunes: int, *, folder: Path | None, note: Note
) -> Iterator[PeriodScores]:
    """The base model on all periods, or what was learned of the first ``tunes`` on these.

    :param folder: where the adapter is kept; None: nowhere
    """
    learned = [example for period in periods[:tunes] for example in period.train]
    with tempfile.TemporaryDirectory(prefix="familiar-eval-") as name:
        loaded = load(app.base.folder, dtype=app.settings.tuning.dtype)
        model = loaded.model
        if tunes:
            with closing(Store(Path(name) / "familiar.db")) as store:
                held_out = [example.reply for period in periods for example in period.test]
                recall = without_held_out(recall_of(app, store, person.dialogue, Path(name)), held_out)
                folder = folder or Path(name) / "adapter"
                model = tuned_model(app, loaded, learned, recall=recall, folder=folder, note=note)
        windowing = windowing_for(loaded.tokenizer, app.settings.tuning)
        sequences = Sequences(model)
        for number, period in enumerate(periods[: tunes or PERIODS], 1):
            prompts = [(example, windowing.prompt(example)) for example in period.test]
            replies = tuple(
                likelihood(sequences, loaded.tokenizer, prompt, example)
                for example, prompt in prompts
                if prompt is not None
            )
            if replies:
                nll = round(mean_nll(replies), 4)
                yield PeriodScores(person.dialogue.name, person.speaker, tunes, number, nll, len(learned), replies)


def changes(rows: Sequence[PeriodScores]) -> list[Change]:
    """For each person whose last tune is measured, and for all of them together where there are several."""
    people = list(dict.fromkeys((row.dialogue, row.speaker) for row in rows if row.tunes == PERIODS))
    tables = {
        person: {(row.tunes, row.period): row.replies for row in rows if (row.dialogue, row.speaker) == person}
        for person in people
    }
    found = [_change(*person, [table]) for person, table in tables.items()]
    return [*found, _change("", "", list(tables.values()))] if len(found) > 1 else found


_Table = Mapping[tuple[int, int], Sequence[Likelihood]]


def _change(dialogue: str, speaker: str, tables: Sequence[_Table]) -> Change:
    def difference(pairs: Sequence[tuple[int, int, int]], *, by_day: bool = True) -> Interval:
        """Of (period, later tunes, earlier tunes), all together."""
        ours: list[Likelihood] = []
        theirs: list[Likelihood] = []
        for number, table in enumerate(tables):
            for period, later, earlier in pairs:
                if {(later, period), (earlier, period)} <= table.keys():
                    name = str(number) if by_day else f"{number} {period}"
                    ours += _of(name, table[later, period], by_day=by_day)
                    theirs += _of(name, table[earlier, period], by_day=by_day)
        return nll_difference(ours, theirs)

    later = [(period, tunes, period) for period in range(1, PERIODS) for tunes in range(period + 1, PERIODS + 1)]
    return Change(
        dialogue=dialogue,
        speaker=speaker,
        kept=difference([(period, PERIODS, period) for period in range(1, PERIODS)]),
        gained=difference([(period, PERIODS, 0) for period in range(1, PERIODS + 1)]),
        fallen=sum(difference([pair], by_day=False).low > 0 for pair in later),
        pairs=len(later),
    )


def _of(name: str, replies: Sequence[Likelihood], *, by_day: bool) -> list[Likelihood]:
    """What the bootstrap draws: days of a person (the same day of two people counts twice), or replies."""
    return [
        replace(reply, conversation=f"{name} {reply.conversation if by_day else place}")
        for place, reply in enumerate(replies)
    ]
