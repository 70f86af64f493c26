"""How good the answers are and whether they invent anything, measured on questions with known answers.

Three arms answer the same questions, each in a conversation of its own. "base" is the model alone, without memory or
rules about notes; "memory" writes from what is recalled, as a trusted model does in a chat; "quoting" is the reply of a
chat with a model that is not trusted. Two figures matter: the share of replies that hold the expected answer
(`bot.answer_match`), and the share of sentences that nothing recalled supports (`bot.support`), which is asked of all
arms alike: of passages that the base did not see too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bot.answer_match import holds_answer
from bot.grounding import unsupported as claims_without_source
from bot.locales import LANGUAGES, say
from bot.reply_scores import Interval
from memory.evaluation import read_rows
from memory.words import split_words

Arm = Literal["base", "memory", "quoting"]


@dataclass(frozen=True)
class Question:
    """A question; ``answer`` is None where the material holds none."""

    id: str
    text: str
    answer: str | None


@dataclass(frozen=True)
class Answered:
    """What an arm replied."""

    text: str
    given: tuple[str, ...]
    """What the model was given, with who said it and when, and what is cited."""
    cited: bool
    seconds: float


def answered_of(row: Mapping[str, Any]) -> Answered:
    """A reply as it was kept in a file of results."""
    return Answered(**{**row, "given": tuple(row["given"])})


@dataclass(frozen=True)
class Verdict:
    """One reply and what it was worth."""

    arm: Arm
    id: str
    question: str
    answer: str | None
    reply: str
    correct: bool
    """It holds the answer (`bot.answer_match`); for a question without answer: it was refused."""
    refused: bool
    f1: float
    """Token F1 of reply and answer, as for SQuAD; 0 for a question without answer."""
    invented: tuple[str, ...]
    """Names and numbers in the reply that stand in nothing that the model was given."""
    statements: int
    """Sentences that state a fact."""
    unsupported: int
    """Those of them that no recalled passage supports."""
    cited: bool
    seconds: float


def read_questions(path: Path, *, limit: int | None = None, answerable: bool = True) -> list[Question]:
    """Questions of a JSON-lines file; with ``answerable`` False their answers are taken to be missing.

    :param limit: so many of them, evenly spread
    :raises FamiliarError: a line is no question
    """
    found = []
    for row in read_rows(path, ("id", "text")):
        answer = row.get("answer") if answerable else None
        found.append(Question(str(row["id"]), str(row["text"]), None if answer is None else str(answer)))
    return spread_over(found, limit)


def spread_over(questions: Sequence[Question], most: int | None) -> list[Question]:
    """At most so many questions, evenly spread from the first to the last."""
    if most is None or most >= len(questions):
        return list(questions)
    return [questions[place] for place in sorted({round(n) for n in np.linspace(0, len(questions) - 1, most)})]


def judge(question: Question, reply: Answered, arm: Arm, *, statements: int, unsupported: int) -> Verdict:
    """What one reply is worth, of whose ``statements`` so many are not supported."""
    refused = reply.text.startswith(tuple(say(language, "nothing_found") for language in LANGUAGES))
    held = question.answer is not None and holds_answer(reply.text, question.answer)
    return Verdict(
        arm=arm,
        id=question.id,
        question=question.text,
        answer=question.answer,
        reply=reply.text,
        correct=refused if question.answer is None else held,
        refused=refused,
        f1=token_f1(split_words(reply.text), split_words(question.answer or "")),
        invented=tuple(claims_without_source(_without_frame(reply.text), [*reply.given, question.text])),
        statements=statements,
        unsupported=unsupported,
        cited=reply.cited,
        seconds=reply.seconds,
    )


def _without_frame(reply: str) -> str:
    for language in LANGUAGES:
        for key in ("nothing_found", "nearest", "quote_intro"):
            reply = reply.replace(say(language, key), "")
    return "\n".join(line.removeprefix("- ").rsplit(" [", 1)[0] for line in reply.splitlines())


def token_f1(said: Sequence[str], gold: Sequence[str]) -> float:
    """Harmonic mean of precision and recall over the words (Rajpurkar et al., 2016)."""
    shared = sum((Counter(said) & Counter(gold)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(said), shared / len(gold)
    return 2 * precision * recall / (precision + recall)


@dataclass(frozen=True)
class AnswerFigures:
    """Shares over the replies of one arm."""

    arm: Arm
    questions: int
    unanswerable: int
    correct: Interval
    """Of the questions that have an answer; the interval is a bootstrap over questions, as is the next."""
    unsupported: Interval
    """Share of the sentences stating a fact that no recalled passage supports."""
    statements: int
    f1: float
    wrongly_refused: float
    refused_unanswerable: float
    replies_with_inventions: int
    cited: float
    median_s: float

    def line(self) -> str:
        """The row for a terminal."""
        return (
            f"{self.arm:8} correct {_shown(self.correct)} of {self.questions}"
            f"  unsupported {_shown(self.unsupported)} of {self.statements} sentences"
            f"  f1 {self.f1}  refused {self.wrongly_refused}, of {self.unanswerable} without answer"
            f" {self.refused_unanswerable}  replies with inventions {self.replies_with_inventions}"
            f"  cited {self.cited}  {self.median_s} s"
        )


def _shown(interval: Interval) -> str:
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def figures(arm: Arm, verdicts: Sequence[Verdict]) -> AnswerFigures:
    """The shares of one arm's replies; an empty group counts as 0."""
    own = [item for item in verdicts if item.arm == arm]
    with_answer = [item for item in own if item.answer is not None]
    without = [item for item in own if item.answer is None]
    seconds = sorted(item.seconds for item in own)
    return AnswerFigures(
        arm=arm,
        questions=len(with_answer),
        unanswerable=len(without),
        correct=share_interval([(item.correct, 1) for item in with_answer]),
        unsupported=share_interval([(item.unsupported, item.statements) for item in own]),
        statements=sum(item.statements for item in own),
        f1=round(sum(item.f1 for item in with_answer) / len(with_answer), 3) if with_answer else 0.0,
        wrongly_refused=_share([item.refused for item in with_answer]),
        refused_unanswerable=_share([item.refused for item in without]),
        replies_with_inventions=sum(bool(item.invented) for item in own),
        cited=_share([item.cited for item in own if not item.refused]),
        median_s=round(seconds[len(seconds) // 2], 3) if seconds else 0.0,
    )


def share_interval(counts: Sequence[tuple[int, int]], *, draws: int = 2000, seed: int = 0) -> Interval:
    """Sum of the first over sum of the second, with its 95 % interval by the percentile bootstrap over the pairs."""
    table = np.array(counts, dtype=float).reshape(-1, 2)
    if not table[:, 1].sum():
        return Interval(0.0, 0.0, 0.0)
    chosen = np.random.default_rng(seed).integers(0, len(table), size=(draws, len(table)))
    sums = table[chosen].sum(axis=1)
    drawn = sums[sums[:, 1] > 0]
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5])
    whole = table.sum(axis=0)
    return Interval(round(float(whole[0] / whole[1]), 4), round(float(low), 4), round(float(high), 4))


def _share(values: Sequence[bool]) -> float:
    return round(sum(values) / len(values), 3) if values else 0.0
