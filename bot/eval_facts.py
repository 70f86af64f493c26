"""How well facts are read, kept and used, measured on labelled statements and on whole dialogues.

Statements, superseded values and two-hop questions are told to throw-away homes by the same functions as in a chat, and
asked through the same search and assistant. What a dialogue gives is counted, and a random sample of it written down:
whether a fact is junk is for a reader to say.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from bot.assistant import Assistant, Voice
from bot.config import Settings
from bot.engines.base import AdapterFiles
from memory.embedding import Embedder
from memory.evaluation import read_rows, remember
from memory.facts.records import Fact
from memory.facts.store import facts_of
from memory.facts.vocabulary import key_of, kind_of
from memory.index import Indexes
from memory.records import NewTurn, Passage, Timings, User
from memory.search import Searcher
from memory.store import Store
from memory.turns import Said, add_turn, open_conversation
from memory.words import STOP_WORDS, split_words

LABELLED = Path(__file__).resolve().parents[1] / "examples" / "facts"
_NOISE = 12
"""Lines of other two-hop cases that each case is asked among."""

Row = Mapping[str, Any]
Key = tuple[str, str, str, str | None]


@dataclass(frozen=True)
class Extraction:
    """What was read out of labelled statements, each told twice."""

    split: str
    """dev: the rules were made with these in view; held: they were not."""
    statements: int
    facts: int
    precision: float
    recall: float
    junk: float
    """Share of facts that come from statements that state none, or that say something else than the label."""
    duplicates: float
    """Share of stored facts that repeat another (`repeats`)."""


@dataclass(frozen=True)
class Superseded:
    """Questions whose answer has changed."""

    facts: bool
    questions: int
    newer_first: float
    """Share of searches whose first passage gives the newer value."""
    answered: float
    """Share of replies with the newer value, before the older one where that is told too."""
    dated: float
    """Share of replies that do, and give the date of the newer value."""


@dataclass(frozen=True)
class TwoHop:
    """Questions over one link."""

    graph: bool
    questions: int
    answer_first: float
    """Share of searches whose first passage holds the answer."""
    both_in_three: float
    """Share of searches with both passages among the first three."""
    answered: float
    """Share of replies that hold the answer."""


@dataclass(frozen=True)
class InDialogue:
    """What one dialogue gave."""

    dialogue: str
    turns: int
    facts: int
    per_hundred_turns: float
    duplicates: float


@dataclass(frozen=True)
class Sampled:
    """A fact with the passage that it was read out of, for a reader to judge."""

    dialogue: str
    subject: str
    attribute: str
    value: str
    valid_from: str
    text: str


class _NoAdapter:
    def live(self, user_id: int) -> AdapterFiles | None:
        del user_id
        return None


def base_voice(engine: Any, settings: Settings, *, trusted: bool) -> Voice:
    """The base model without anybody's adapter."""
    return Voice(engine, _NoAdapter(), settings.model, trusted=trusted)


class Trial:
    """A throw-away home in which users are told things, as they would tell them in a chat."""

    def __init__(self, folder: Path, embedder: Embedder, settings: Settings, voice: Voice | None = None) -> None:
        self.store = Store(folder / "familiar.db")
        self._embedder = embedder
        self._settings = settings
        self._voice = voice
        key, dimensions = embedder.key, embedder.dimensions
        self._indexes = Indexes(folder / "index", self.store, embedder_key=key, dimensions=dimensions)

    def user(self, name: str) -> User:
        """A new user."""
        return self.store.add_user(name, role="member")

    def tell(self, user: User, lines: Sequence[Row]) -> None:
        """The user says these lines at their times."""
        conversation = open_conversation(self.store, user_id=user.id, channel="told")
        vectors = self._embedder.embed_passages([line["text"] for line in lines])
        for line, vector in zip(lines, vectors, strict=True):
            passage = Passage(line["text"], 0, len(line["text"]), speaker=user.name, at=line["at"])
            said = Said((passage,), vector[None], self._embedder.key)
            add_turn(self.store, _told(line, conversation), user_id=user.id, said=said)

    def facts(self, user: User) -> list[Fact]:
        """What is known of the user."""
        return facts_of(self.store, owners=[user.id])

    def found(self, question: str, user: User, *, facts: bool) -> list[str]:
        """The passages of a search, best first."""
        return [hit.chunk.text for hit in self._searcher(facts).search(question, user_id=user.id, k=8).hits]

    def reply(self, question: str, user: User, *, facts: bool) -> str:
        """What the assistant answers."""
        assert self._voice is not None
        assistant = Assistant(
            self.store, self._searcher(facts), self._embedder, self._voice, chat=self._settings.chat, passages=8
        )
        conversation = open_conversation(self.store, user_id=user.id, channel="eval")
        return assistant.turn(question, user=user, conversation_id=conversation).reply

    def _searcher(self, facts: bool) -> Searcher:
        config = replace(self._settings.search, facts=facts)
        return Searcher(self.store, self._indexes, self._embedder, config)


def _told(line: Row, conversation: int) -> NewTurn:
    return NewTurn(
        conversation_id=conversation,
        user_text=line["text"],
        reply="",
        generated="",
        prompt=(),
        citations=(),
        memories=(),
        engine="",
        model="",
        adapter=None,
        timings=Timings(),
        asked_at=line["at"],
    )


def evaluate_labelled(
    *, embedder: Embedder, settings: Settings, voice: Voice, folder: Path = LABELLED
) -> Iterator[Extraction | Superseded | TwoHop]:
    """The figures of the labelled sets, with and without facts in the search.

    :raises FamiliarError: a file is not there or has a row that is none
    """
    statements = read_statements(folder)
    superseded = list(read_rows(folder / "superseded.jsonl", ("id", "told", "question", "old", "new", "date")))
    hops = list(read_rows(folder / "twohop.jsonl", ("id", "told", "question", "answer")))
    with tempfile.TemporaryDirectory(prefix="familiar-eval-") as home:
        trial = Trial(Path(home), embedder, settings, voice)
        try:
            for split in ("dev", "held"):
                yield extraction(trial, split, [row for row in statements if row["split"] == split], tell=trial.tell)
            for facts in (True, False):
                yield _superseded(trial, superseded, facts=facts)
            for facts in (True, False):
                yield _two_hop(trial, hops, facts=facts)
        finally:
            trial.store.close()


def read_statements(folder: Path) -> list[Row]:
    """The labelled statements.

    :raises FamiliarError: the file is not there or has a row that is none
    """
    return list(read_rows(folder / "statements.jsonl", ("id", "text", "at", "split", "facts")))


def extraction(
    trial: Trial, split: str, rows: Sequence[Row], *, tell: Callable[[User, Sequence[Row]], None]
) -> Extraction:
    """What is read out of labelled statements.

    :param tell: has a user say lines, and has them read
    """
    right = found = wanted = wrong = repeated = 0
    for row in rows:
        user = trial.user(row["id"])
        tell(user, [{"text": row["text"], "at": row["at"]}, {"text": row["text"], "at": f"{row['at'][:10]}T23:00"}])
        got, gold = trial.facts(user), {_gold(fact) for fact in row["facts"]}
        matched = [fact for fact in got if _labelled(fact, gold)]
        right, found, wanted = right + len(matched), found + len(got), wanted + len(gold)
        wrong += len(got) - len(matched)
        repeated += len(repeats(got))
    return Extraction(
        split=split,
        statements=len(rows),
        facts=found,
        precision=_share(right, found),
        recall=_share(right, wanted),
        junk=_share(wrong, found),
        duplicates=_share(repeated, found),
    )


def _gold(fact: Row) -> Key:
    return (key_of(fact["subject"]), fact["attribute"], key_of(fact["value"]), fact.get("from"))


def _labelled(fact: Fact, gold: set[Key]) -> bool:
    key = (key_of(fact.subject), fact.attribute, key_of(fact.value))
    return (*key, None) in gold or (*key, fact.valid_from) in gold


def repeats(facts: Sequence[Fact]) -> list[Fact]:
    """Facts that say what another of the same user, subject and kind says: all their value's words stand in its.

    Both hold: a value that was true, ended, and became true again is no repetition.
    """
    found: list[Fact] = []
    slots = sorted(facts, key=_slot)
    for _, group in groupby(slots, key=_slot):
        kept: list[tuple[frozenset[str], Fact]] = []
        for fact in sorted(group, key=lambda item: -len(item.value)):
            words = frozenset(word for word in split_words(fact.value) if word not in STOP_WORDS)
            if any(words <= others and fact.current and other.current for others, other in kept):
                found.append(fact)
            else:
                kept.append((words, fact))
    return found


def _slot(fact: Fact) -> tuple[int, str, str, str]:
    dated = fact.valid_from if fact.attribute in ("event", "plan") else ""
    return (fact.user_id, key_of(fact.subject), kind_of(fact.attribute), dated)


def _superseded(trial: Trial, rows: Sequence[Row], *, facts: bool) -> Superseded:
    first = answered = dated = 0
    for row in rows:
        user = trial.user(f"{row['id']} {facts}")
        trial.tell(user, row["told"])
        first += row["new"] in "".join(trial.found(row["question"], user, facts=facts)[:1])
        reply = trial.reply(row["question"], user, facts=facts)
        newer, older = reply.find(row["new"]), reply.find(row["old"])
        right = newer >= 0 and (older < 0 or newer < older)
        answered += right
        dated += right and row["date"] in reply
    count = len(rows)
    return Superseded(facts, count, _share(first, count), _share(answered, count), _share(dated, count))


def _two_hop(trial: Trial, rows: Sequence[Row], *, facts: bool) -> TwoHop:
    first = both = answered = 0
    for row in rows:
        user = trial.user(f"{row['id']} {facts}")
        trial.tell(user, [*noise(row, rows), *row["told"]])
        found = trial.found(row["question"], user, facts=facts)
        first += row["answer"] in found[0]
        both += all(line["text"] in found[:3] for line in row["told"])
        answered += row["answer"] in trial.reply(row["question"], user, facts=facts)
    count = len(rows)
    return TwoHop(facts, count, _share(first, count), _share(both, count), _share(answered, count))


def noise(row: Row, rows: Sequence[Row]) -> list[Row]:
    """Second lines of other cases, which state the same kinds of things of people whom the case doesn't name."""
    own = {word for line in row["told"] for word in split_words(line["text"]) if word not in STOP_WORDS}
    others = [other["told"][-1] for other in rows if other is not row and other["answer"] != row["answer"]]
    free = [line for line in others if not own & set(split_words(line["text"])[:2])]
    return free[:_NOISE]


def evaluate_dialogues(
    paths: Sequence[Path], *, embedder: Embedder, sample: int = 0, seed: int = 0
) -> tuple[list[InDialogue], list[Sampled]]:
    """Facts read out of whole dialogues, and a random sample over all of them.

    :raises FamiliarError: a dialogue can't be imported
    """
    rows: list[InDialogue] = []
    everything: list[Sampled] = []
    for path in paths:
        with tempfile.TemporaryDirectory(prefix="familiar-eval-") as home:
            store = Store(Path(home) / "familiar.db")
            try:
                users = sorted(set(remember(path, store=store, embedder=embedder).values()))
                facts = facts_of(store, owners=users)
                rows.append(_in_dialogue(path, facts, turns=sum(1 for _ in read_rows(path, ("id", "text")))))
                everything += _with_passages(path, store, facts, users)
            finally:
                store.close()
    chosen = random.Random(seed).sample(everything, min(sample, len(everything)))
    return rows, chosen


def _in_dialogue(path: Path, facts: Sequence[Fact], *, turns: int) -> InDialogue:
    per_hundred = round(100 * len(facts) / max(turns, 1), 1)
    return InDialogue(path.stem, turns, len(facts), per_hundred, _share(len(repeats(facts)), len(facts)))


def _with_passages(path: Path, store: Store, facts: Sequence[Fact], users: Sequence[int]) -> list[Sampled]:
    texts = {chunk.id: chunk.text for chunk in store.chunks({fact.sources[0].chunk_id for fact in facts}, owners=users)}
    return [
        Sampled(path.stem, fact.subject, fact.attribute, fact.value, fact.valid_from, texts[fact.sources[0].chunk_id])
        for fact in facts
    ]


def write_sample(path: Path, sample: Sequence[Sampled]) -> None:
    """The sample as JSON lines, each with an empty "junk" for the reader's verdict."""
    lines = [json.dumps({**vars(item), "junk": None}, ensure_ascii=False) for item in sample]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _share(part: int, whole: int) -> float:
    return round(part / whole, 3) if whole else 0.0
