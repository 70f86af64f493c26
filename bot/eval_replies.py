"""Does the bot adapt? Base, +memory, +adapter and +both on replies that come after everything that was learned.

The adapter trains on the first 80 % of a speaker's replies exactly as a tune does; the last 20 % are the test. All
arms are given the same last messages; memory adds passages found by the same search as in a chat turn, and only ones
dated before the reply that is predicted. Style, chrF and similarity are of greedy replies to an evenly spread sample.
The arms are compared on the same replies, so what tells them apart is the paired difference, not two intervals.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bot.app import App
from bot.eval_people import Person, replies_of
from bot.eval_results import Results, key_of
from bot.prompts import question_with_notes, system_prompt
from bot.recollecting import Recall, most_passages, passages_for, recall_in, recollect_with
from bot.reply_scores import Interval, Likelihood, chrf, mean_nll, nll_difference, nll_interval, style_distance
from memory.embedding import Embedder
from memory.evaluation import NOBODY, remember
from memory.index import Indexes
from memory.records import Message, Profile
from memory.search import Searcher
from memory.store import Store
from tuning.chat_format import encode_example, render, stop_ids
from tuning.config import TuneConfig
from tuning.dataset import Example
from tuning.job import Job, write_job
from tuning.likelihood import Sequences
from tuning.measure import adapter_off, count_copied, label_count
from tuning.probes import PROBES
from tuning.recollection import with_recollections
from tuning.train import Loaded, load
from tuning.tune import train_in_child
from tuning.windows import Windowing

Arm = Literal["base", "memory", "adapter", "both"]
Note = Callable[[str], None]

HELD_OUT = 0.2
SAMPLE = 24
"""Test replies that are generated; likelihood is of all."""
_REPLY_TOKENS = 64


@dataclass(frozen=True)
class Case:
    """One test reply: the true text and the prompts that the arms are given."""

    example: Example
    without: tuple[Message, ...]
    with_memory: tuple[Message, ...]
    passages: int


@dataclass(frozen=True)
class Written:
    """What is compared of an arm's greedy replies, and its probes; the fields of `ArmScores` say more."""

    style_distance: float
    chrf: float
    similarity: float
    probes: float
    generated: int


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


def arm_scores(row: Mapping[str, Any]) -> ArmScores:
    """A row as it was kept in a file of results."""
    differences = {name: Interval(**value) if (value := row[name]) else None for name in _DIFFERENCES}
    return ArmScores(**{**row, "nll_ci": tuple(row["nll_ci"]), **differences})


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
    """The four rows of each person; those of a person who stands in the results are taken from there.

    :raises FamiliarError: a file can't be read or written, somebody has too few replies, or training failed
    """
    kept = Results(results, arm_scores)
    for person in people:
        key = key_of(app, person.dialogue, person.speaker, "replies", HELD_OUT, SAMPLE, _REPLY_TOKENS)
        rows = kept.finished(key)
        if rows is None:
            note(f"{person.name}:")
            rows = evaluate_replies(app, person, note=note)
            kept.add(key, rows)
        yield from rows


def evaluate_replies(app: App, person: Person, *, note: Note = lambda _: None) -> tuple[ArmScores, ...]:
    """The four rows for one speaker of a dialogue.

    :raises FamiliarError: the file can't be read, or training failed
    """
    persona = system_prompt(app.settings.chat.persona, Profile())
    train, test = split_replies(person, persona=persona)
    config = app.settings.tuning
    with tempfile.TemporaryDirectory(prefix="familiar-eval-") as name:
        folder = Path(name)
        note(f"{len(train)} replies to learn, {len(test)} to test")
        with closing(Store(folder / "familiar.db")) as store:
            recall = recall_of(app, store, person.dialogue, folder)
            loaded, model = train_adapter(app, folder / "job", train, recall=recall, note=note)
            passages = most_passages(app.settings.search.k, trusted=app.trusted)
            cases = build_cases(test, recall=recall, tokenizer=loaded.tokenizer, config=config, passages=passages)
        note(f"{sum(case.passages > 0 for case in cases)} of {len(cases)} test prompts get passages from memory")
        own = [example.reply for example in (*train, *test)]
        judge = _Judge(loaded, model, app.embedder, persona, own)
        likelihoods, written = judge.judged(cases, note)
        return rows_of(person, likelihoods, written)


def recall_of(app: App, store: Store, dialogue: Path, folder: Path) -> Recall:
    """The whole dialogue in a throw-away memory, searched as in a chat turn, up to a time."""
    embedder = app.embedder
    user_id = remember(dialogue, store=store, embedder=embedder)[NOBODY]
    indexes = Indexes(folder / "index", store, embedder_key=embedder.key, dimensions=embedder.dimensions)
    searcher = Searcher(store, indexes, embedder, app.settings.search, second_stage=app.second_stage)
    return recall_in(searcher, user_id=user_id)


def train_adapter(
    app: App, folder: Path, train: Sequence[Example], *, recall: Recall, note: Note
) -> tuple[Loaded, Any]:
    """An adapter trained as a tune does, in ``folder``, and the base model that carries it.

    :raises FamiliarError: training failed
    """
    from peft import PeftModel

    base, config = app.base, app.settings.tuning
    loaded = load(base.folder)
    recollect = recollect_with(
        recall,
        windowing_for(loaded.tokenizer, config),
        most=most_passages(app.settings.search.k, trusted=app.trusted),
    )
    examples = with_recollections(train, recollect, share=config.recalled_share, seed=config.seed)
    # The process checks on what it learned: it is not even shown the test.
    job = Job(base.name, str(base.folder), examples[0].prompt[0].content, config, examples, examples[-1:])
    write_job(folder, job)
    train_in_child(folder, on_progress=note)
    return loaded, PeftModel.from_pretrained(loaded.model, folder / "adapter").eval()


def windowing_for(tokenizer: Any, config: TuneConfig) -> Windowing:
    """With the limits of a tune."""
    return Windowing(tokenizer, max_tokens=config.max_tokens, max_prompt_tokens=config.max_prompt_tokens)


def split_replies(person: Person, *, persona: str) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """The speaker's replies in order of the dialogue: the first 80 %, and the rest.

    :raises FamiliarError: the file can't be read
    """
    examples = replies_of(person, persona=persona)
    learned = len(examples) - max(1, round(HELD_OUT * len(examples)))
    return examples[:learned], examples[learned:]


def build_cases(
    test: Sequence[Example], *, recall: Recall, tokenizer: Any, config: TuneConfig, passages: int
) -> list[Case]:
    """The prompts of all arms, at most so many passages in those with memory; a reply too long for any is left out."""
    windowing = windowing_for(tokenizer, config)
    cases = []
    for example in test:
        prompt = windowing.prompt(example)
        if prompt is None:
            continue
        chunks = passages_for(prompt, example.at, recall, most=passages)
        last = Message("user", question_with_notes(prompt[-1].content, chunks))
        cases.append(Case(example, prompt, (*prompt[:-1], last), len(chunks)))
    return cases


class _Judge:
    """Scores arms on one model whose adapter can be switched off; afterwards it is merged into the base."""

    def __init__(self, loaded: Loaded, model: Any, embedder: Embedder, persona: str, own: Sequence[str]) -> None:
        self._tokenizer = loaded.tokenizer
        self._ends = stop_ids(loaded.tokenizer, loaded.model.generation_config)
        self._model = model
        self._embedder = embedder
        self._persona = persona
        self._own = own

    def judged(self, cases: Sequence[Case], note: Note) -> tuple[dict[Arm, Sequence[Likelihood]], dict[Arm, Written]]:
        """What each arm gave; the probes have notes of their own, so memory doesn't change their figure."""
        with adapter_off(self._model):
            likelihoods, written = self._without_and_with(cases, ("base", "memory"), note)
        self._model.merge_adapter()  # faster than beside the base, and the base is not needed any more
        tuned = self._without_and_with(cases, ("adapter", "both"), note)
        return likelihoods | tuned[0], written | tuned[1]

    def _without_and_with(
        self, cases: Sequence[Case], arms: tuple[Arm, Arm], note: Note
    ) -> tuple[dict[Arm, Sequence[Likelihood]], dict[Arm, Written]]:
        """Case by case, as both prompts of a reply begin alike."""
        probes = count_copied(self._model, self._tokenizer, persona=self._persona, ends=self._ends) / len(PROBES)
        sequences = Sequences(self._model)
        likelihoods: dict[Arm, list[Likelihood]] = {arm: [] for arm in arms}
        written: dict[Arm, list[str]] = {arm: [] for arm in arms}
        sample = set(spread(len(cases), SAMPLE))
        for place, case in enumerate(cases):
            for arm, prompt in zip(arms, (case.without, case.with_memory), strict=True):
                likelihoods[arm].append(likelihood(sequences, self._tokenizer, prompt, case.example))
                if place in sample:
                    ids = render(self._tokenizer, prompt)
                    reply = sequences.write(ids, limit=_REPLY_TOKENS, ends=self._ends)
                    written[arm].append(self._tokenizer.decode(reply, skip_special_tokens=True).strip())
        note(f"{arms[0]} and {arms[1]}: {len(cases)} replies judged, {len(sample)} written")
        true = [cases[place].example.reply for place in sorted(sample)]
        return dict(likelihoods), {arm: self._compared(written[arm], true, probes) for arm in arms}

    def _compared(self, replies: Sequence[str], true: Sequence[str], probes: float) -> Written:
        return Written(
            style_distance=round(style_distance(replies, true, own=self._own), 3),
            chrf=round(float(np.mean([chrf(ours, theirs) for ours, theirs in zip(replies, true, strict=True)])), 3),
            similarity=round(self._similarity(replies, true), 3),
            probes=round(probes, 3),
            generated=len(replies),
        )

    def _similarity(self, replies: Sequence[str], true: Sequence[str]) -> float:
        ours, theirs = self._embedder.embed_passages(replies), self._embedder.embed_passages(true)
        return float(np.mean(np.sum(ours * theirs, axis=1)))


def rows_of(
    person: Person, likelihoods: Mapping[Arm, Sequence[Likelihood]], written: Mapping[Arm, Written]
) -> tuple[ArmScores, ...]:
    """The four rows; the likelihoods are of the same replies in the same order."""

    def minus(arm: Arm, other: Arm) -> Interval | None:
        return None if arm == other else nll_difference(likelihoods[arm], likelihoods[other])

    return tuple(
        ArmScores(
            arm=arm,
            perplexity=round(math.exp(mean_nll(likelihoods[arm])), 2),
            nll=round(mean_nll(likelihoods[arm]), 4),
            nll_ci=nll_interval(likelihoods[arm]),
            style_distance=sample.style_distance,
            chrf=sample.chrf,
            similarity=sample.similarity,
            probes=sample.probes,
            replies=len(likelihoods[arm]),
            generated=sample.generated,
            dialogue=person.dialogue.name,
            speaker=person.speaker,
            minus_base=minus(arm, "base"),
            minus_memory=minus(arm, "memory"),
            minus_adapter=minus(arm, "adapter"),
        )
        for arm, sample in written.items()
    )


def likelihood(sequences: Sequences, tokenizer: Any, prompt: Sequence[Message], example: Example) -> Likelihood:
    """Of an example's true reply after a prompt; its day stands for the conversation."""
    encoded = encode_example(tokenizer, prompt, example.reply, max_tokens=1 << 30)
    assert encoded is not None, "an example's reply is never empty"
    return Likelihood((example.at or "")[:10], sequences.loss(encoded), label_count(encoded))


def spread(count: int, most: int) -> list[int]:
    """At most ``most`` places out of ``count``, evenly spread."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most))}) if count else []
