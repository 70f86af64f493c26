"""Fit the weights of search and write ``ranking.json``: ``python -m memory.fit TURNS QUESTIONS [TURNS QUESTIONS ...]``.

The score's weights maximise the listwise softmax likelihood of the evidence among a question's candidates, each
conversation counting alike. The confidence is a logistic regression that tells a conversation's own questions from
those of other conversations with the names swapped for its speakers. Both are also fitted with each conversation left
out in turn, and the report says how the left-out one fared: those are the figures to expect on new data. A set of many
users is left out by halves, since it may be the only one in its language.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memory import ranking
from memory.config import SearchConfig
from memory.embedding import Embedder, SentenceEmbedder
from memory.evaluation import Line, Question, read_lines, read_questions, remember
from memory.index import Indexes
from memory.query import sub_questions, understand
from memory.ranking import Weights
from memory.regression import Doubles, RankedList, fit_listwise, fit_logistic
from memory.search import Candidates, Limits, Searcher, evidence, interleave
from memory.store import Store

_RIDGE = 0.003
"""Weight of the squared norm, which keeps weights of rare signals small; chosen with conversations left out."""
_TRUE_FINDS = 0.95
"""Share of the answerable questions that the threshold lets through."""
_MANY = 10
"""A set of so many users is two conversations: every other user's."""
_SMALL = 50
"""Memories of fewer passages in the mean are measured by recall@5."""


@dataclass(frozen=True)
class Asked:
    """A question asked of a memory: its candidates, and which of them are evidence (none where it is foreign)."""

    found: Candidates
    scaled: NDArray[np.float32]
    gold: NDArray[np.bool_]
    """(m,) which candidates are evidence."""
    turns: int
    """Evidence in all, whether or not among the candidates."""
    parts: tuple[Asked, ...] = ()
    """The questions in it, each searched alone; empty where it is one."""

    @property
    def searched(self) -> tuple[Asked, ...]:
        """What a search ranks: each question in it, or itself."""
        return self.parts or (self,)


@dataclass(frozen=True)
class Conversation:
    """A development set: its own questions, and the other sets' questions asked of its memory."""

    name: str
    own: list[Asked]
    foreign: list[Asked]
    k: int
    """Depth at which its recall is reported."""
    share: float = 1.0
    """How much it counts: half a set counts half."""


class Memory:
    """One development set in a throw-away home."""

    def __init__(self, turns: Path, questions: Path, *, embedder: Embedder, home: Path) -> None:
        self.name = turns.name.split(".")[0]
        self.lines: list[Line] = read_lines(turns)
        self.questions: list[Question] = read_questions(questions)
        self.store = Store(home / "familiar.db")
        self.users = remember(turns, store=self.store, embedder=embedder)
        indexes = Indexes(home / "index", self.store, embedder_key=embedder.key, dimensions=embedder.dimensions)
        nothing = Weights(dict.fromkeys(ranking.SIGNALS, 0.0), dict.fromkeys(ranking.EVIDENCE, 0.0), 0.0)
        self._searcher = Searcher(self.store, indexes, embedder, SearchConfig(), weights=nothing)
        self._by_chunk = {
            row["id"]: set(json.loads(row["external_ids"]))
            for row in self.store.rows("SELECT id, external_ids FROM chunks")
        }

    def ask(self, text: str, *, user: str, evidence_ids: Sequence[str] = ()) -> Asked:
        """The candidates for a question and for each question in it, marked by the evidence of the whole."""
        whole = self._ask(text, user=user, evidence_ids=evidence_ids)
        parts = sub_questions(text)
        if parts == (text,):
            return whole
        return replace(whole, parts=tuple(self._ask(part, user=user, evidence_ids=evidence_ids) for part in parts))

    def _ask(self, text: str, *, user: str, evidence_ids: Sequence[str]) -> Asked:
        found = self._searcher.candidates(understand(text), user_id=self.users[user], limits=Limits())
        wanted = set(evidence_ids)
        ids = [int(id_) for id_ in found.corpus.ids[found.rows]]
        gold = np.array([bool(self._by_chunk[id_] & wanted) for id_ in ids], np.bool_)
        return Asked(found, found.scaled(), gold, len(wanted))

    def speakers(self, user: str) -> list[str]:
        """Who speaks in a user's lines."""
        return list(dict.fromkeys(line.speaker for line in self.lines if line.user == user))


def swap_names(text: str, old: Sequence[str], new: Sequence[str]) -> str:
    """A question about one conversation's speakers, asked about another's.

    >>> swap_names("Does Ann like Ben?", ["Ann", "Ben"], ["Cy", "Di"])
    'Does Cy like Di?'
    """
    names = {name.casefold(): new[place % len(new)] for place, name in enumerate(old)}
    if not names:
        return text
    pattern = re.compile("|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)), re.IGNORECASE)
    return pattern.sub(lambda match: names[match.group().casefold()], text)


def ask_all(memories: Sequence[Memory]) -> list[Conversation]:
    """Ask each memory its own questions, and as many of the next one's with the names swapped."""
    conversations = []
    for place, memory in enumerate(memories):
        names = list(dict.fromkeys(line.user for line in memory.lines))
        size = len(memory.lines) / len(names)
        foreign = list(_foreign(memories, place, names))
        groups = [names[::2], names[1::2]] if len(names) >= _MANY else [names]
        for number, group in enumerate(groups, 1):
            own = [q for q in memory.questions if q.evidence and q.user in group]
            conversations.append(
                Conversation(
                    f"{memory.name}, half {number}" if len(groups) > 1 else memory.name,
                    [memory.ask(q.text, user=q.user, evidence_ids=q.evidence) for q in own],
                    [memory.ask(text, user=user) for text, user in foreign if user in group],
                    5 if size < _SMALL else 10,
                    1.0 / len(groups),
                )
            )
    return conversations


def _foreign(memories: Sequence[Memory], place: int, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Questions that a memory can't answer, and the user of it who is to be asked."""
    memory = memories[place]
    for other in _others(memories, place):
        for number, question in enumerate(other.questions):
            user = _user_for(question, names, number)
            if user != question.user or other is not memory:
                yield swap_names(question.text, other.speakers(question.user), memory.speakers(user)), user


def _others(memories: Sequence[Memory], place: int) -> list[Memory]:
    """The next two sets in the same script (in another a question would be too easy to tell), else the set itself,
    whose users' questions are then asked of each other."""
    around = [*memories[place + 1 :], *memories[:place]]
    return [other for other in around if _chinese(other) == _chinese(memories[place])][:2] or [memories[place]]


def _user_for(question: Question, names: Sequence[str], number: int) -> str:
    if question.user in names:
        return names[(names.index(question.user) + 1) % len(names)]
    return names[number % len(names)]


def _chinese(memory: Memory) -> bool:
    return bool(re.search(r"[\u4e00-\u9fff]", memory.questions[0].text))


def fit_score(conversations: Sequence[Conversation]) -> Doubles:
    """Weights of the score (signals,), each set and each of its questions counting alike."""
    total = sum(conversation.share for conversation in conversations)
    lists = [
        RankedList(item.scaled.astype(np.float64), item.gold, conversation.share / len(conversation.own) / total)
        for conversation in conversations
        for item in conversation.own
        if item.gold.any()
    ]
    return fit_listwise(lists, ridge=_RIDGE)


def recall(conversation: Conversation, weights: Doubles, *, k: int) -> float:
    """Mean share of the evidence among the first k candidates."""
    shares = []
    for item in conversation.own:
        ranked = []
        for part in item.searched:
            order = np.argsort(-(part.scaled @ weights), kind="stable")
            ranked.append(_ids(part)[order].tolist())
        gold = set(np.concatenate([_ids(part)[part.gold] for part in item.searched]).tolist())
        right = sum(id_ in gold for id_, _ in islice(interleave(ranked), k))
        shares.append(min(1.0, right / item.turns))  # a long turn may be two passages
    return float(np.mean(shares))


def _ids(item: Asked) -> NDArray[np.int64]:
    return item.found.corpus.ids[item.found.rows]


def fit_confidence(conversations: Sequence[Conversation], weights: Doubles) -> Doubles:
    """Coefficients (evidence + 1,), the intercept last; each set counts alike, own and foreign alike."""
    rows, labels, shares = [], [], []
    total = sum(conversation.share for conversation in conversations)
    for conversation in conversations:
        for label, asked in ((1.0, conversation.own), (0.0, conversation.foreign)):
            single = [part for item in asked for part in item.searched]
            rows += [_evidence(item, weights) for item in single]
            labels += [label] * len(single)
            shares += [0.5 * conversation.share / len(single) / total] * len(single)
    return fit_logistic(np.array(rows), np.array(labels), np.array(shares))


def confidences(asked: Sequence[Asked], weights: Doubles, logistic: Doubles) -> Doubles:
    """Confidence (n,) of each question."""
    best = [max(float(np.dot(_evidence(part, weights), logistic[:-1])) for part in item.searched) for item in asked]
    return np.asarray(1.0 / (1.0 + np.exp(-(np.array(best) + logistic[-1]))))


def _evidence(item: Asked, weights: Doubles) -> tuple[float, ...]:
    return evidence(item.found, np.argsort(-(item.scaled @ weights), kind="stable"))


def best_threshold(true: Sequence[Doubles], false: Sequence[Doubles]) -> float:
    """Where the share of true finds exceeds that of false finds most (Youden's index), in the mean of conversations."""
    grid = np.linspace(0.05, 0.95, 91)
    gains = [
        np.mean([(own >= at).mean() - (foreign >= at).mean() for own, foreign in zip(true, false, strict=True)])
        for at in grid
    ]
    return float(grid[int(np.argmax(gains))])


@dataclass(frozen=True)
class Row:
    """The report's line for one conversation."""

    name: str
    k: int
    recall: float
    """With the weights that ship, at k."""
    recall_left_out: float
    """With weights fitted on the other conversations."""
    true_finds: float
    """Share of its own questions that reach the threshold; fitted on the other conversations, as the next two."""
    false_finds: float
    """Share of foreign questions that reach the threshold."""
    false_finds_at_95: float
    """The same at the lower threshold that 95 % of all own questions reach."""


def report(conversations: Sequence[Conversation], weights: Doubles) -> tuple[float, list[Row]]:
    """The threshold, and how each conversation fares when it is left out of the fits."""
    left_out, own, foreign = [], [], []
    for place, conversation in enumerate(conversations):
        others = [*conversations[:place], *conversations[place + 1 :]]
        scored = fit_score(others)
        logistic = fit_confidence(others, scored)
        left_out.append(recall(conversation, scored, k=conversation.k))
        own.append(confidences(conversation.own, scored, logistic))
        foreign.append(confidences(conversation.foreign, scored, logistic))
    threshold = best_threshold(own, foreign)
    low = float(np.quantile(np.concatenate(own), 1.0 - _TRUE_FINDS))
    rows = [
        Row(
            name=conversation.name,
            k=conversation.k,
            recall=recall(conversation, weights, k=conversation.k),
            recall_left_out=left_out[place],
            true_finds=float((own[place] >= threshold).mean()),
            false_finds=float((foreign[place] >= threshold).mean()),
            false_finds_at_95=float((foreign[place] >= low).mean()),
        )
        for place, conversation in enumerate(conversations)
    ]
    return threshold, rows


def as_json(weights: Doubles, logistic: Doubles, threshold: float, rows: Sequence[Row]) -> str:
    """The content of ranking.json."""
    data = {
        "score": dict(zip(ranking.SIGNALS, (round(float(value), 4) for value in weights), strict=True)),
        "confidence": dict(zip(ranking.EVIDENCE, (round(float(value), 4) for value in logistic[:-1]), strict=True)),
        "intercept": round(float(logistic[-1]), 4),
        "threshold": round(threshold, 4),
        "report": [{key: _rounded(value) for key, value in asdict(row).items()} for row in rows],
    }
    return json.dumps(data, indent=2) + "\n"


def _rounded(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the sets, fit, and write the weights with their report."""
    parser = argparse.ArgumentParser(prog="python -m memory.fit", description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path, metavar="TURNS QUESTIONS", help="pairs of JSONL files")
    parser.add_argument("--embedder", required=True, type=Path, help="a sentence-transformers folder")
    parser.add_argument("--query-prefix", default="query: ")
    parser.add_argument("--passage-prefix", default="passage: ")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("ranking.json"))
    given = parser.parse_args(arguments)
    if len(given.paths) % 2:
        parser.error("the files come in pairs: TURNS QUESTIONS")
    pairs = list(zip(given.paths[::2], given.paths[1::2], strict=True))
    embedder = SentenceEmbedder(
        given.embedder, key=given.embedder.name, query_prefix=given.query_prefix, passage_prefix=given.passage_prefix
    )
    with tempfile.TemporaryDirectory() as folder:
        memories = [
            Memory(turns, questions, embedder=embedder, home=Path(folder) / str(number))
            for number, (turns, questions) in enumerate(pairs)
        ]
        conversations = ask_all(memories)
    weights = fit_score(conversations)
    logistic = fit_confidence(conversations, weights)
    threshold, rows = report(conversations, weights)
    given.out.write_text(as_json(weights, logistic, threshold, rows), encoding="utf-8")
    sys.stdout.write(given.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
