"""Does the bot adapt? Base, +memory, +adapter and +both on replies that come after everything that was learned.

The adapter trains on the first 80 % of a speaker's replies exactly as a tune does; the last 20 % are the test. Style,
chrF and similarity are of greedy replies to an evenly spread sample. The arms are compared on the same replies, so
what tells them apart is the paired difference, not two intervals (`bot.eval_arms` says what each is given).
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from bot.app import App
from bot.eval_arms import (
    REPLY_TOKENS,
    SAMPLE,
    Arm,
    ArmRun,
    Case,
    Keep,
    Note,
    arm_run,
    build_cases,
    recall_of,
    run_arms,
    tuned_model,
    windowing_for,
)
from bot.eval_people import Person, replies_of
from bot.eval_results import Results, base_key, key_of
from bot.prompts import system_prompt
from bot.recollecting import Recall, most_passages
from bot.reply_scores import Interval, chrf, mean_nll, nll_difference, nll_interval, style_distance
from memory.embedding import Embedder
from memory.records import Profile
from memory.store import Store
from tuning.dataset import Example
from tuning.train import Loaded, load

HELD_OUT = 0.2


@dataclass(frozen=True)
class ArmScores:
    """One row of the table."""

    arm: Arm
    perplexity: float
    """Of the true replies, per token, end-of-turn included."""
    nll: float
    """Its logarithm: the mean negative log-likelihood of a token, in nats."""
    nll_ci: tuple[float, float]
    """95 % interval of that, by bootstrap over the days of the dialogue."""
    style_distance: float
    """Of the generated replies from the true ones (`bot.reply_scores.style_distance`); lower is nearer."""
    chrf: float
    similarity: float
    """Mean cosine of generated and true reply by the embedder."""
    probes: float
    """Share of facts copied from a note in the prompt."""
    replies: int
    """Test replies."""
    generated: int
    dialogue: str
    speaker: str
    minus_base: Interval | None
    """Difference of the nll from that of the base model, on the same replies; below 0 is better. None: of itself."""
    minus_memory: Interval | None
    minus_adapter: Interval | None

    def line(self) -> str:
        """The row for a terminal."""
        who = f"{self.dialogue.split('.')[0]}, {self.speaker}: {self.arm:7}"
        figures = (
            f"perplexity {self.perplexity}  nll {self.nll:.3f} ({self.nll_ci[0]:.3f} to {self.nll_ci[1]:.3f})"
            f"  style {self.style_distance}  chrF {self.chrf}  similarity {self.similarity}  probes {self.probes}"
        )
        less = [f"less {name[6:]} {value}" for name in _DIFFERENCES if (value := getattr(self, name)) is not None]
        return "  ".join([who, figures, *less])


_DIFFERENCES = ("minus_base", "minus_memory", "minus_adapter")


@dataclass(frozen=True)
class Verdict:
    """For how many people both together have a lower loss than each alternative, and for how many surely."""

    people: int
    both_best: int
    """Lower than base, memory alone and adapter alone."""
    surely_best: int
    """With the upper ends of all three intervals below 0."""
    below_base: int
    below_memory: int
    below_adapter: int

    def line(self) -> str:
        """The same in words."""
        return (
            f"both have a lower held-out loss than base, memory and adapter for {self.both_best} of {self.people}"
            f" people (than base for {self.below_base}, memory {self.below_memory}, adapter {self.below_adapter};"
            f" all three intervals below 0 for {self.surely_best})"
        )


def verdict(rows: Sequence[ArmScores]) -> Verdict:
    """Of the arms "both"."""
    found = [[row.minus_base, row.minus_memory, row.minus_adapter] for row in rows if row.arm == "both"]
    ours = [[item for item in three if item is not None] for three in found]
    return Verdict(
        people=len(ours),
        both_best=sum(all(item.value < 0 for item in three) for three in ours),
        surely_best=sum(all(item.high < 0 for item in three) for three in ours),
        below_base=sum(three[0].value < 0 for three in ours),
        below_memory=sum(three[1].value < 0 for three in ours),
        below_adapter=sum(three[2].value < 0 for three in ours),
    )


def evaluate_people(
    app: App, people: Sequence[Person], *, results: Path | None = None, note: Note = lambda _: None
) -> Iterator[ArmScores]:
    """The four rows of each person; what stands in the results is not measured again.

    :raises FamiliarError: a file can't be read or written, or training failed
    """
    for person in people:
        note(f"{person.name}:")
        yield from evaluate_replies(app, person, results=results, note=note)


def evaluate_replies(
    app: App, person: Person, *, results: Path | None = None, note: Note = lambda _: None
) -> tuple[ArmScores, ...]:
    """The four rows for one speaker of a dialogue.

    :raises FamiliarError: a file can't be read or written, or training failed
    """
    persona = system_prompt(app.settings.chat.persona, Profile())
    train, test = split_replies(person, persona=persona)
    kept = Results(results, arm_run)
    figures = ("replies", HELD_OUT, SAMPLE, REPLY_TOKENS)
    bare, tuned = (key(app, person.dialogue, person.speaker, *figures) for key in (base_key, key_of))
    with (
        tempfile.TemporaryDirectory(prefix="familiar-eval-") as name,
        closing(_Bench(app, person, Path(name))) as bench,
    ):
        first = kept.finished(bare)
        if first is None:
            model, cases, keep = bench.loaded.model, bench.cases(test, note), _keep(kept, bare, note)
            first = run_arms(model, bench.loaded, cases, ("base", "memory"), persona=persona, keep=keep)
            kept.add(bare, first)
        second = kept.finished(tuned)
        if second is None:
            folder = kept.folder(tuned) or Path(name) / "adapter"
            model = tuned_model(app, bench.loaded, train, recall=bench.recall, folder=folder, note=note)
            cases, keep = bench.cases(test, note), _keep(kept, tuned, note)
            second = run_arms(model, bench.loaded, cases, ("adapter", "both"), persona=persona, keep=keep)
            kept.add(tuned, second)
    return rows_of(person, (*first, *second), examples=(*train, *test), embedder=app.embedder)


def _keep(kept: Results[ArmRun], key: str, note: Note) -> Keep:
    """Parts of a piece, each told when it is there."""

    def keep(part: str, make: Callable[[], Sequence[ArmRun]]) -> Sequence[ArmRun]:
        rows = kept.piece(key, make, part)
        note(f"{' and '.join(run.arm for run in rows)}: {len(rows[0].likelihoods)} more replies measured")
        return rows

    return keep


class _Bench:
    """The throw-away memory of a dialogue and the base model, made when they are first needed."""

    def __init__(self, app: App, person: Person, folder: Path) -> None:
        self._app = app
        self._person = person
        self._folder = folder
        self._store: Store | None = None

    @cached_property
    def loaded(self) -> Loaded:
        """The base model."""
        return load(self._app.base.folder, dtype=self._app.settings.tuning.dtype)

    @cached_property
    def recall(self) -> Recall:
        """The whole dialogue."""
        self._store = Store(self._folder / "familiar.db")
        return recall_of(self._app, self._store, self._person.dialogue, self._folder)

    def cases(self, test: Sequence[Example], note: Note) -> list[Case]:
        """The prompts of all arms."""
        settings = self._app.settings
        windowing = windowing_for(self.loaded.tokenizer, settings.tuning)
        most = most_passages(settings.search.k, trusted=self._app.trusted)
        cases = build_cases(test, recall=self.recall, windowing=windowing, passages=most)
        note(f"{sum(case.passages > 0 for case in cases)} of {len(cases)} test prompts get passages from memory")
        return cases

    def close(self) -> None:
        """Let go of the memory's file."""
        if self._store is not None:
            self._store.close()


def split_replies(person: Person, *, persona: str) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """The speaker's replies in order of the dialogue: the first 80 %, and the rest.

    :raises FamiliarError: the file can't be read
    """
    examples = replies_of(person, persona=persona)
    learned = len(examples) - max(1, round(HELD_OUT * len(examples)))
    return examples[:learned], examples[learned:]


def rows_of(
    person: Person, runs: Sequence[ArmRun], *, examples: Sequence[Example], embedder: Embedder
) -> tuple[ArmScores, ...]:
    """The four rows; the likelihoods are of the same replies in the same order.

    :param examples: all of the person's, whose manner the written replies are compared with
    """
    by_arm: Mapping[Arm, ArmRun] = {run.arm: run for run in runs}

    def minus(run: ArmRun, other: Arm) -> Interval | None:
        return None if run.arm == other else nll_difference(run.likelihoods, by_arm[other].likelihoods)

    own = [example.reply for example in examples]
    true_of = {example.id: example.reply for example in examples}
    rows = []
    for run in runs:
        true = [true_of[reply.example] for reply in run.written]
        replies = [reply.text for reply in run.written]
        near = [chrf(ours, theirs) for ours, theirs in zip(replies, true, strict=True)]
        rows.append(
            ArmScores(
                arm=run.arm,
                perplexity=round(math.exp(mean_nll(run.likelihoods)), 2),
                nll=round(mean_nll(run.likelihoods), 4),
                nll_ci=nll_interval(run.likelihoods),
                style_distance=round(style_distance(replies, true, own=own), 3),
                chrf=round(float(np.mean(near)), 3),
                similarity=round(_similarity(replies, true, embedder), 3),
                probes=round(run.probes, 3),
                replies=len(run.likelihoods),
                generated=len(replies),
                dialogue=person.dialogue.name,
                speaker=person.speaker,
                minus_base=minus(run, "base"),
                minus_memory=minus(run, "memory"),
                minus_adapter=minus(run, "adapter"),
            )
        )
    return tuple(rows)


def _similarity(replies: Sequence[str], true: Sequence[str], embedder: Embedder) -> float:
    ours, theirs = embedder.embed_passages(replies), embedder.embed_passages(true)
    return float(np.mean(np.sum(ours * theirs, axis=1)))
