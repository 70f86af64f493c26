"""How well the language model reads facts, beside the rules: on labelled statements, and where the rules found nothing.

What is believed of the model's claims goes through the same functions as in a home. Whether a fact from a dialogue is
junk is for a reader to say; a sample of them is written down.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bot.config import Settings
from bot.eval_facts import LABELLED, Extraction, Sampled, Trial, extraction, read_statements
from memory.embedding import Embedder
from memory.evaluation import remember
from memory.facts.by_model import Backlog, Choose, Unread, read_passage
from memory.facts.missed import missed, telling
from memory.facts.reading import Reader, Reading
from memory.records import User
from memory.store import Store

By = Literal["rules", "model", "both"]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Labelled:
    """Labelled statements read by the rules, the model, or the model where the rules found nothing."""

    by: By
    extraction: Extraction
    asked: int
    """Statements that the model was asked about."""
    dropped: int
    """Of its claims, those that were not believed."""
    seconds: float
    """For each of them."""


@dataclass(frozen=True)
class ByModel:
    """A sample of a dialogue's passages in which the rules found nothing, read by the model."""

    dialogue: str
    passages: int
    """In which a fact is likely all the same."""
    asked: int
    facts: int
    dropped: int
    seconds: float
    """For each passage that was asked about."""


class Timed:
    """A reader that asks about the same sentences once, and counts what it asked and how long it took."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[tuple[str, ...], Reading | None] = {}
        self._times: dict[tuple[str, ...], float] = {}

    @property
    def name(self) -> str:
        """The reader's."""
        return self._reader.name

    def read(self, sentences: Sequence[str]) -> Reading | None:
        """What the reader makes of the sentences.

        :raises FamiliarError: the model can't be run
        """
        key = tuple(sentences)
        if key not in self._known:
            began = time.perf_counter()
            self._known[key] = self._reader.read(sentences)
            self._times[key] = time.perf_counter() - began
        return self._known[key]

    @property
    def seconds(self) -> float:
        """The mean of all that was asked but the first, which loads the model."""
        times = list(self._times.values())[1:]
        return round(sum(times) / len(times), 2) if times else 0.0


class _Arm:
    """One way of reading what a user was told to have said."""

    def __init__(self, trial: Trial, by: By, reader: Reader) -> None:
        self._trial = trial
        self._by = by
        self._reader = reader
        self.asked = self.dropped = 0

    def tell(self, user: User, lines: Sequence[Row]) -> None:
        """The user says these lines, and they are read."""
        self._trial.tell(user, lines)
        store = self._trial.store
        if self._by == "rules":
            return
        if self._by == "model":
            with store.transaction() as db:
                db.execute("DELETE FROM facts WHERE user_id = ?", (user.id,))
        choose: Choose = telling if self._by == "model" else missed
        read = [read_passage(store, self._reader, item, user_id=user.id) for item in _unread(store, user, choose)]
        self.asked += bool(read)
        self.dropped += read[0].dropped if read and read[0] else 0


def evaluate_reading(
    reader: Reader, *, embedder: Embedder, settings: Settings, folder: Path = LABELLED
) -> Iterator[Labelled]:
    """The labelled statements by rules, by model, and by both, the halves apart.

    :raises FamiliarError: the file is not there, or the model can't be run
    """
    statements = read_statements(folder)
    timed = Timed(reader)
    arms: tuple[By, ...] = ("rules", "both", "model")
    for by in arms:
        for split in ("dev", "held"):
            rows = [row for row in statements if row["split"] == split]
            with tempfile.TemporaryDirectory(prefix="familiar-eval-") as home:
                trial = Trial(Path(home), embedder, settings)
                arm = _Arm(trial, by, timed)
                found = extraction(trial, split, rows, tell=arm.tell)
                trial.store.close()
            seconds = timed.seconds if by != "rules" else 0.0
            yield Labelled(by, found, arm.asked, arm.dropped, seconds)


def _unread(store: Store, user: User, choose: Choose) -> Iterator[Unread]:
    backlog = Backlog(store, user_id=user.id, choose=choose)
    while (passage := backlog.next()) is not None:
        backlog.done(passage)
        yield passage


def read_sample(
    path: Path, reader: Reader, *, embedder: Embedder, count: int, seed: int
) -> tuple[ByModel, list[Sampled]]:
    """Have some of a dialogue's passages read in which the rules found nothing, and give all that is believed.

    :raises FamiliarError: the dialogue can't be imported, or the model can't be run
    """
    timed = Timed(reader)
    with tempfile.TemporaryDirectory(prefix="familiar-eval-") as home:
        store = Store(Path(home) / "familiar.db")
        try:
            users = sorted(set(remember(path, store=store, embedder=embedder).values()))
            waiting = [(id_, item) for id_ in users for item in _unread(store, store.user_by_id(id_), missed)]
            chosen = random.Random(seed).sample(waiting, min(count, len(waiting)))
            sample: list[Sampled] = []
            dropped = 0
            for id_, passage in chosen:
                found = read_passage(store, timed, passage, user_id=id_)
                if found is not None:
                    dropped += found.dropped
                    sample += [
                        Sampled(path.stem, c.subject, c.attribute, c.value, c.valid_from or "", passage.told.text)
                        for c in found.claims
                    ]
        finally:
            store.close()
    return ByModel(path.stem, len(waiting), len(chosen), len(sample), dropped, timed.seconds), sample
