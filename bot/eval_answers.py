"""How good the answers are and whether they invent anything, measured on questions with known answers.

Every reply comes from the same assistant as in a chat, each question in a conversation of its own. Two figures
matter: the share of right answers, and the names and numbers in replies that stand in no passage given to the model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.assistant import Assistant
from bot.grounding import unsupported
from bot.locales import LANGUAGES, say
from memory.evaluation import read_rows
from memory.records import Turn, User
from memory.store import Store
from memory.turns import open_conversation
from memory.words import split_words


@dataclass(frozen=True)
class Question:
    """A question; ``answer`` is None where the material holds none."""

    id: str
    text: str
    answer: str | None


@dataclass(frozen=True)
class Verdict:
    """One reply and what it was worth."""

    id: str
    question: str
    answer: str | None
    reply: str
    correct: bool
    """60 % of the answer's words stand in the reply; for a question without answer: it was refused."""
    refused: bool
    f1: float
    """Token F1 of reply and answer, as for SQuAD; 0 for a question without answer."""
    unsupported: tuple[str, ...]
    """Names and numbers in the reply that stand in no recalled passage."""
    cited: bool
    seconds: float


def read_questions(path: Path, *, limit: int | None = None, answerable: bool = True) -> list[Question]:
    """Questions of a JSON-lines file; with ``answerable`` False their answers are taken to be missing.

    :raises FamiliarError: a line is no question
    """
    found = []
    for row in read_rows(path, ("id", "text")):
        answer = row.get("answer") if answerable else None
        found.append(Question(str(row["id"]), str(row["text"]), None if answer is None else str(answer)))
    return found[:limit]


def ask(assistant: Assistant, store: Store, questions: Sequence[Question], *, user: User) -> Iterator[Verdict]:
    """Each question answered and judged."""
    for question in questions:
        conversation = open_conversation(store, user_id=user.id, channel="eval")
        turn = assistant.turn(question.text, user=user, conversation_id=conversation)
        yield judge(question, turn)


def judge(question: Question, turn: Turn) -> Verdict:
    """What one reply is worth."""
    refused = turn.reply.startswith(tuple(say(language, "nothing_found") for language in LANGUAGES))
    said = split_words(turn.reply)
    gold = split_words(question.answer or "")
    share = sum((Counter(gold) & Counter(said)).values()) / len(gold) if gold else 0.0
    correct = refused if question.answer is None else share >= 0.6
    # The prompt holds the passages as the model saw them, with who said them and when.
    given = [message.content for message in turn.prompt[1:]]
    sources = [*given, *(citation.text for citation in turn.citations), question.text]
    invented = tuple(unsupported(_without_frame(turn.reply), sources))
    return Verdict(
        id=question.id,
        question=question.text,
        answer=question.answer,
        reply=turn.reply,
        correct=correct,
        refused=refused,
        f1=token_f1(said, gold),
        unsupported=invented,
        cited=bool(turn.citations),
        seconds=turn.timings.total_s,
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
    """Shares over a set of verdicts."""

    questions: int
    unanswerable: int
    correct: float
    f1: float
    wrongly_refused: float
    refused_unanswerable: float
    replies_with_unsupported: int
    cited: float
    median_s: float


def figures(verdicts: Sequence[Verdict]) -> AnswerFigures:
    """The shares; an empty group counts as 0."""
    with_answer = [item for item in verdicts if item.answer is not None]
    without = [item for item in verdicts if item.answer is None]
    given = [item for item in verdicts if not item.refused]
    seconds = sorted(item.seconds for item in verdicts)
    return AnswerFigures(
        questions=len(with_answer),
        unanswerable=len(without),
        correct=_share([item.correct for item in with_answer]),
        f1=round(sum(item.f1 for item in with_answer) / len(with_answer), 3) if with_answer else 0.0,
        wrongly_refused=_share([item.refused for item in with_answer]),
        refused_unanswerable=_share([item.refused for item in without]),
        replies_with_unsupported=sum(bool(item.unsupported) for item in verdicts),
        cited=_share([item.cited for item in given]),
        median_s=round(seconds[len(seconds) // 2], 3) if seconds else 0.0,
    )


def _share(values: Sequence[bool]) -> float:
    return round(sum(values) / len(values), 3) if values else 0.0
