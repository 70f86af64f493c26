"""What the arms of a comparison give on the same held-out replies: likelihoods of the true ones, and their own replies.

All arms are given the same last messages; memory adds passages found by the same search as in a chat turn, and only
ones dated before the reply that is predicted. The adapter is trained by a tune's code on earlier replies, in this
process, as nobody waits for a reply beside it; the test is not shown to the training at all.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bot.app import App
from bot.prompts import question_with_notes
from bot.recollecting import Recall, most_passages, passages_for, recall_in, recollect_with
from bot.reply_scores import Likelihood
from memory.errors import FamiliarError
from memory.evaluation import NOBODY, remember
from memory.index import Indexes
from memory.records import Message
from memory.search import Searcher
from memory.store import Store
from tuning.chat_format import encode_example, render, stop_ids
from tuning.config import TuneConfig
from tuning.dataset import Example
from tuning.job import Job, write_job
from tuning.likelihood import Sequences
from tuning.measure import count_copied, label_count, merge_where_exact
from tuning.probes import PROBES
from tuning.process import sentence
from tuning.recipe import recipe_of
from tuning.recollection import with_recollections
from tuning.train import Loaded, learn
from tuning.windows import Windowing

Arm = Literal["base", "memory", "adapter", "both"]
Note = Callable[[str], None]

SAMPLE = 16
"""Test replies that each arm writes, evenly spread; likelihood is of all."""
REPLY_TOKENS = 64
PART = 4
"""Test replies after which what was measured is kept."""
_TOLD = 5
"""Steps of the training between two notes."""


@dataclass(frozen=True)
class Case:
    """One test reply: the true text and the prompts that the arms are given."""

    example: Example
    without: tuple[Message, ...]
    with_memory: tuple[Message, ...]
    passages: int


@dataclass(frozen=True)
class WrittenReply:
    """An arm's own greedy reply to a test prompt."""

    example: str
    """Its id."""
    text: str


@dataclass(frozen=True)
class ArmRun:
    """What one arm gave."""

    arm: Arm
    likelihoods: tuple[Likelihood, ...]
    """Of all true replies."""
    written: tuple[WrittenReply, ...]
    probes: float
    """Share of facts copied from a note in the prompt; these have notes of their own, so memory doesn't change it."""


Keep = Callable[[str, Callable[[], Sequence[ArmRun]]], Sequence[ArmRun]]
"""What a named part gives: as it was kept, else as the function makes it now."""


def arm_run(row: Mapping[str, Any]) -> ArmRun:
    """A run as it was kept in a file of results."""
    likelihoods = tuple(Likelihood(**item) for item in row["likelihoods"])
    written = tuple(WrittenReply(**item) for item in row["written"])
    return ArmRun(**{**row, "likelihoods": likelihoods, "written": written})


def recall_of(app: App, store: Store, dialogue: Path, folder: Path) -> Recall:
    """The whole dialogue in a throw-away memory, searched as in a chat turn, up to a time."""
    embedder = app.embedder
    user_id = remember(dialogue, store=store, embedder=embedder)[NOBODY]
    indexes = Indexes(folder / "index", store, embedder_key=embedder.key, dimensions=embedder.dimensions)
    searcher = Searcher(store, indexes, embedder, app.settings.search, second_stage=app.second_stage)
    return recall_in(searcher, user_id=user_id)


def tuned_model(app: App, loaded: Loaded, train: Sequence[Example], *, recall: Recall, folder: Path, note: Note) -> Any:
    """The base model with an adapter that learned the examples; it is trained unless ``folder`` holds it.

    :raises FamiliarError: training failed
    """
    from peft import PeftModel

    if not folder.is_dir():
        model = _trained(app, loaded, train, recall=recall, folder=folder, note=note)
    else:
        model = PeftModel.from_pretrained(loaded.model, folder)
    model.eval()
    merge_where_exact(model)
    return model


def _trained(app: App, loaded: Loaded, train: Sequence[Example], *, recall: Recall, folder: Path, note: Note) -> Any:
    """Trained as a tune trains, with its validation and early stopping."""
    config, base = app.settings.tuning, app.base
    most = most_passages(app.settings.search.k, trusted=app.trusted)
    recollect = recollect_with(recall, windowing_for(loaded.tokenizer, config), most=most)
    examples = with_recollections(train, recollect, share=config.recalled_share, seed=config.seed)
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    persona = train[0].prompt[0].content
    # A job names test replies too; training only sees that they fit.
    job = Job(base.name, str(base.folder), persona, config, examples, examples[-1:], base_sha256=base.sha256)
    write_job(fresh, job)

    def tell(event: Mapping[str, Any]) -> None:
        if event["phase"] != "training" or event["step"] % _TOLD == 0:
            note(sentence(dict(event)))

    learned = learn(fresh, job, loaded, tell, recipe=recipe_of(config))
    (fresh / "adapter").rename(folder)
    shutil.rmtree(fresh)
    return learned.model


def windowing_for(tokenizer: Any, config: TuneConfig) -> Windowing:
    """With the limits of a tune."""
    return Windowing(tokenizer, max_tokens=config.max_tokens, max_prompt_tokens=config.max_prompt_tokens)


def build_cases(test: Sequence[Example], *, recall: Recall, windowing: Windowing, passages: int) -> list[Case]:
    """The prompts of all arms, at most so many passages in those with memory; a reply too long for any is left out.

    :raises FamiliarError: all are
    """
    cases = []
    for example in test:
        prompt = windowing.prompt(example)
        if prompt is None:
            continue
        chunks = passages_for(prompt, example.at, recall, most=passages)
        last = Message("user", question_with_notes(prompt[-1].content, chunks))
        cases.append(Case(example, prompt, (*prompt[:-1], last), len(chunks)))
    if not cases:
        raise FamiliarError(f"none of {len(test)} test replies fits into [tuning] max_tokens")
    return cases


def run_arms(
    model: Any, loaded: Loaded, cases: Sequence[Case], arms: tuple[Arm, Arm], *, persona: str, keep: Keep
) -> tuple[ArmRun, ArmRun]:
    """What a model gives without and with memory, a few cases at a time, each part kept as it is done."""
    tokenizer, ends = loaded.tokenizer, stop_ids(loaded.tokenizer, loaded.model.generation_config)
    sequences = Sequences(model)
    sample = {cases[place].example.id for place in spread(len(cases), SAMPLE)}

    def part(start: int) -> list[ArmRun]:
        runs = [_Run(arm) for arm in arms]
        for case in cases[start : start + PART]:
            # both prompts of a reply begin alike, so that one follows the other
            for run, prompt in zip(runs, (case.without, case.with_memory), strict=True):
                run.likelihoods.append(likelihood(sequences, tokenizer, prompt, case.example))
                if case.example.id in sample:
                    ids = sequences.write(render(tokenizer, prompt), limit=REPLY_TOKENS, ends=ends)
                    text = tokenizer.decode(ids, skip_special_tokens=True).strip()
                    run.written.append(WrittenReply(case.example.id, text))
        probes = 0.0 if start else count_copied(model, tokenizer, persona=persona, ends=ends) / len(PROBES)
        return [ArmRun(run.arm, tuple(run.likelihoods), tuple(run.written), probes) for run in runs]

    parts = [keep(f"{arms[0]} {start}+{PART}", partial(part, start)) for start in range(0, len(cases), PART)]
    first, second = (_joined([runs[place] for runs in parts]) for place in range(len(arms)))
    return first, second


@dataclass(frozen=True)
class _Run:
    arm: Arm
    likelihoods: list[Likelihood] = field(default_factory=list)
    written: list[WrittenReply] = field(default_factory=list)


def _joined(parts: Sequence[ArmRun]) -> ArmRun:
    """The parts of one arm; the first has its probes."""
    return ArmRun(
        parts[0].arm,
        tuple(score for part in parts for score in part.likelihoods),
        tuple(reply for part in parts for reply in part.written),
        parts[0].probes,
    )


def likelihood(sequences: Sequences, tokenizer: Any, prompt: Sequence[Message], example: Example) -> Likelihood:
    """Of an example's true reply after a prompt; its day stands for the conversation."""
    encoded = encode_example(tokenizer, prompt, example.reply, max_tokens=1 << 30)
    assert encoded is not None, "an example's reply is never empty"
    return Likelihood((example.at or "")[:10], sequences.loss(encoded), label_count(encoded))


def spread(count: int, most: int) -> list[int]:
    """At most ``most`` places out of ``count``, evenly spread."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most))}) if count else []
