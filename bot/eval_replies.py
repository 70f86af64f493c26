"""Does the bot adapt? Base, +memory, +adapter and +both on replies that come after everything that was learned.

The adapter trains on the first 80 % of a speaker's replies exactly as a tune does; the last 20 % are the test. All
arms are given the same last messages; memory adds passages found by the same search as in a chat turn, and only ones
dated before the reply that is predicted. Style, chrF and similarity are of greedy replies to an evenly spread sample.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bot.app import App
from bot.prompts import question_with_notes, system_prompt
from bot.reply_scores import Likelihood, chrf, mean_nll, nll_interval, style_distance
from memory.embedding import Embedder
from memory.errors import FamiliarError
from memory.evaluation import NOBODY, read_lines, remember
from memory.index import Indexes
from memory.intent import intent_of
from memory.records import Chunk, Hit, Message, Profile
from memory.search import Searcher
from memory.store import Store
from tuning.chat_format import encode_example, stop_ids
from tuning.config import TuneConfig
from tuning.dataset import Dialogue, Example, Line, dialogue_examples, split_by_time
from tuning.job import Job, write_job
from tuning.measure import adapter_off, count_copied, generate, label_count, labelled_loss
from tuning.probes import PROBES
from tuning.process import train_in_child
from tuning.train import Loaded, load
from tuning.windows import Windowing

Arm = Literal["base", "memory", "adapter", "both"]
Note = Callable[[str], None]
Recall = Callable[[str, str], Sequence[Hit]]
"""Passages for a message, dated before a time."""

HELD_OUT = 0.2
SAMPLE = 24
"""Test replies that are generated; likelihood is of all."""
_REPLY_TOKENS = 64
_FEWEST = 20


@dataclass(frozen=True)
class Case:
    """One test reply: the true text and the prompts that the arms are given."""

    example: Example
    without: tuple[Message, ...]
    with_memory: tuple[Message, ...]
    passages: int


@dataclass(frozen=True)
class ArmScores:
    """One row of the table."""

    arm: Arm
    perplexity: float
    """Of the true replies, per token, end-of-turn included."""
    nll_ci: tuple[float, float]
    """95 % interval of its logarithm, by bootstrap over the days of the dialogue."""
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


def evaluate_replies(app: App, path: Path, *, speaker: str, note: Note = lambda _: None) -> Iterator[ArmScores]:
    """The four rows for one speaker of a dialogue.

    :raises FamiliarError: the file can't be read, the speaker has too few replies, or training failed
    """
    persona = system_prompt(app.settings.chat.persona, Profile())
    train, test = split_replies(path, speaker=speaker, persona=persona)
    config = app.settings.tuning
    base = app.base
    with tempfile.TemporaryDirectory(prefix="familiar-eval-") as name:
        folder = Path(name)
        note(f"{len(train)} replies to learn, {len(test)} to test")
        write_job(folder / "job", Job(base.name, str(base.folder), persona, config, train, test))
        train_in_child(folder / "job", on_progress=note)
        loaded, model = _with_adapter(base.folder, folder / "job" / "adapter")
        with closing(Store(folder / "familiar.db")) as store:
            recall = _recall(app, store, path, folder)
            cases = build_cases(test, recall=recall, tokenizer=loaded.tokenizer, config=config)
        note(f"{sum(case.passages > 0 for case in cases)} of {len(cases)} test prompts get passages from memory")
        own = [example.reply for example in (*train, *test)]
        judge = _Judge(loaded, model, app.embedder, persona, own)
        yield from judge.rows(cases, note)


def split_replies(path: Path, *, speaker: str, persona: str) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """The speaker's replies in order of time: the first 80 %, and the rest.

    :raises FamiliarError: there is no such speaker, or too few replies
    """
    lines = read_lines(path)
    if speaker not in {line.speaker for line in lines}:
        known = ", ".join(sorted({line.speaker for line in lines if line.speaker}))
        raise FamiliarError(f"--speaker {speaker}: nobody of that name speaks in {path.name}; there are {known}")
    rows = tuple(Line(line.speaker, line.text, line.at) for line in lines)
    examples = dialogue_examples(Dialogue(1, speaker, rows, ""), persona=persona, dropped=Counter())
    if len(examples) < _FEWEST:
        raise FamiliarError(f"too few pairs: {len(examples)}; need {_FEWEST} replies of {speaker} in {path.name}")
    return split_by_time(examples, share=HELD_OUT)


def build_cases(test: Sequence[Example], *, recall: Recall, tokenizer: Any, config: TuneConfig) -> list[Case]:
    """The prompts of all arms; a reply that fits no sequence is left out."""
    windowing = Windowing(tokenizer, max_tokens=config.max_tokens, max_prompt_tokens=config.max_prompt_tokens)
    cases = []
    for example in test:
        prompt = windowing.prompt(example)
        if prompt is None:
            continue
        chunks = unseen([hit.chunk for hit in recall(prompt[-1].content, example.at or "")], prompt)
        last = Message("user", question_with_notes(prompt[-1].content, chunks))
        cases.append(Case(example, prompt, (*prompt[:-1], last), len(chunks)))
    return cases


def unseen(chunks: Sequence[Chunk], prompt: Sequence[Message]) -> list[Chunk]:
    """Passages whose words don't stand in the prompt anyway, as a turn's own conversation is not recalled for it."""
    given = "\n".join(message.content for message in prompt)
    return [chunk for chunk in chunks if chunk.text not in given]


def _recall(app: App, store: Store, path: Path, folder: Path) -> Recall:
    """The whole dialogue in a throw-away memory, searched as in a chat turn, up to a time."""
    embedder = app.embedder
    user_id = remember(path, store=store, embedder=embedder)[NOBODY]
    indexes = Indexes(folder / "index", store, embedder_key=embedder.key, dimensions=embedder.dimensions)
    searcher = Searcher(store, indexes, embedder, app.settings.search, second_stage=app.second_stage)

    def recall(message: str, before: str) -> Sequence[Hit]:
        found = searcher.search(message, user_id=user_id, before=before)
        return found.hits if found.answerable and intent_of(message) != "greeting" else ()

    return recall


def _with_adapter(base: Path, adapter: Path) -> tuple[Loaded, Any]:
    from peft import PeftModel

    loaded = load(base)
    return loaded, PeftModel.from_pretrained(loaded.model, adapter).eval()


class _Judge:
    """Scores arms on one model whose adapter can be switched off."""

    def __init__(self, loaded: Loaded, model: Any, embedder: Embedder, persona: str, own: Sequence[str]) -> None:
        self._tokenizer = loaded.tokenizer
        self._ends = stop_ids(loaded.tokenizer, loaded.model.generation_config)
        self._model = model
        self._embedder = embedder
        self._persona = persona
        self._own = own

    def rows(self, cases: Sequence[Case], note: Note) -> Iterator[ArmScores]:
        """One row an arm; the probes have notes of their own, so memory doesn't change their figure."""
        with adapter_off(self._model):
            base_probes = self._probes()
            yield self._row("base", [case.without for case in cases], cases, base_probes, note)
            yield self._row("memory", [case.with_memory for case in cases], cases, base_probes, note)
        probes = self._probes()
        yield self._row("adapter", [case.without for case in cases], cases, probes, note)
        yield self._row("both", [case.with_memory for case in cases], cases, probes, note)

    def _probes(self) -> float:
        return count_copied(self._model, self._tokenizer, persona=self._persona, ends=self._ends) / len(PROBES)

    def _row(
        self, arm: Arm, prompts: Sequence[tuple[Message, ...]], cases: Sequence[Case], probes: float, note: Note
    ) -> ArmScores:
        likelihoods = [self._likelihood(prompt, case.example) for prompt, case in zip(prompts, cases, strict=True)]
        note(f"{arm}: likelihood of {len(cases)} replies measured")
        places = spread(len(cases), SAMPLE)
        true = [cases[place].example.reply for place in places]
        written = generate(
            self._model, self._tokenizer, [prompts[place] for place in places], limit=_REPLY_TOKENS, ends=self._ends
        )
        replies = [text for text, _ in written]
        return ArmScores(
            arm=arm,
            perplexity=round(math.exp(mean_nll(likelihoods)), 2),
            nll_ci=tuple(round(value, 3) for value in nll_interval(likelihoods)),  # type: ignore[arg-type]
            style_distance=round(style_distance(replies, true, own=self._own), 3),
            chrf=round(float(np.mean([chrf(ours, theirs) for ours, theirs in zip(replies, true, strict=True)])), 3),
            similarity=round(self._similarity(replies, true), 3),
            probes=round(probes, 3),
            replies=len(cases),
            generated=len(places),
        )

    def _likelihood(self, prompt: Sequence[Message], example: Example) -> Likelihood:
        import torch

        encoded = encode_example(self._tokenizer, prompt, example.reply, max_tokens=1 << 30)
        assert encoded is not None, "an example's reply is never empty"
        with torch.inference_mode():
            nll = float(labelled_loss(self._model, encoded))
        return Likelihood((example.at or "")[:10], nll, label_count(encoded))

    def _similarity(self, replies: Sequence[str], true: Sequence[str]) -> float:
        ours, theirs = self._embedder.embed_passages(replies), self._embedder.embed_passages(true)
        return float(np.mean(np.sum(ours * theirs, axis=1)))


def spread(count: int, most: int) -> list[int]:
    """At most ``most`` places out of ``count``, evenly spread."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most))}) if count else []
