"""Dialogue and feedback become training examples: what the model was given, and what it should have answered.

An example's prompt is what serving gives (the stored prompt of a turn, or persona and preceding messages of a
dialogue), never text that was recalled for it here, and nothing of another user: the records handed in are one
user's. A reply that was voted down and not corrected teaches nothing. The newest examples are the test, because that
is how an adapter is used: on what comes later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from memory.records import Feedback, Message, Turn
from memory.redaction import ERASED

HISTORY_MESSAGES = 64
"""Most messages of a dialogue that precede a reply in its example; the trainer cuts further, by tokens."""
_MIN_CHARACTERS = 2
"""A shorter reply is a slip of the finger."""

_ERASED_PASSAGE = "█"
"""Stands in a document for each character that was erased from it."""

Dropped = Literal["empty or too short", "duplicate", "nothing before it", "part of it was erased"]


@dataclass(frozen=True)
class Example:
    """A prompt and the reply to learn."""

    id: str
    """``turn:ID`` or ``document:ID:POSITION``."""
    prompt: tuple[Message, ...]
    reply: str
    at: str | None
    """When the reply was written, as the source said (ISO 8601)."""
    learned_at: str
    """When the user approved, corrected or imported it (UTC)."""
    conversation: str
    """Examples of one conversation may share a beginning, and are not independent in statistics."""
    position: int = 0
    """Messages of the conversation before the first one of the prompt, the system message not counted."""
    turn_ids: tuple[int, ...] = ()
    """Turns whose text it holds: forgetting one of them withdraws the adapter."""
    document_ids: tuple[int, ...] = ()
    """Documents whose text it holds, likewise."""
    notes: str = ""
    """Passages as serving puts them before the newest message (`tuning.recollection`); never what is learned."""


@dataclass(frozen=True)
class Line:
    """One row of a dialogue."""

    speaker: str
    text: str
    at: str | None = None


@dataclass(frozen=True)
class Dialogue:
    """An imported dialogue whose ``speaker`` is to be learned from."""

    document_id: int
    speaker: str
    lines: tuple[Line, ...]
    imported_at: str


@dataclass(frozen=True)
class JudgedTurn:
    """A turn with its feedback and everything whose text stands in its prompt."""

    turn: Turn
    feedback: Feedback
    turn_ids: tuple[int, ...]
    document_ids: tuple[int, ...]


@dataclass(frozen=True)
class Dataset:
    """Examples, oldest first, and how many were left out for which reason."""

    examples: tuple[Example, ...]
    dropped: tuple[tuple[Dropped, int], ...]


def build_dataset(judged: Iterable[JudgedTurn], dialogues: Iterable[Dialogue], *, persona: str) -> Dataset:
    """Examples of one user, filtered and in order of time.

    :param persona: the whole system message that serving puts first
    """
    dropped: Counter[Dropped] = Counter()
    found = [item for turn in judged for item in turn_examples(turn, persona=persona)]
    for dialogue in dialogues:
        found += dialogue_examples(dialogue, persona=persona, dropped=dropped)
    kept: list[Example] = []
    seen: set[tuple[str, str]] = set()
    reason: Dropped | None
    for example in sorted(found, key=_moment):
        key = (_plain(example.prompt[-1].content), _plain(example.reply))
        reason = "duplicate" if key in seen else _fault(example)
        if reason:
            dropped[reason] += 1
        else:
            seen.add(key)
            kept.append(example)
    return Dataset(tuple(kept), tuple(sorted(dropped.items())))


def _fault(example: Example) -> Dropped | None:
    """Why the example can't be learned from, if it can't."""
    if len(example.reply) < _MIN_CHARACTERS:
        return "empty or too short"
    texts = [example.reply, *(message.content for message in example.prompt)]
    if any(mark in text for text in texts for mark in (ERASED, _ERASED_PASSAGE)):
        return "part of it was erased"
    return None


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def turn_examples(judged: JudgedTurn, *, persona: str) -> list[Example]:
    """The example of a corrected or approved reply; none for any other."""
    turn, feedback = judged.turn, judged.feedback
    if feedback.correction is None and feedback.vote != "up":
        return []
    prompt = turn.prompt or (Message("system", persona), Message("user", turn.user_text))
    return [
        Example(
            id=f"turn:{turn.id}",
            prompt=prompt,
            reply=(turn.reply if feedback.correction is None else feedback.correction).strip(),
            at=turn.asked_at,
            learned_at=feedback.at,
            conversation=f"conversation:{turn.conversation_id}",
            turn_ids=judged.turn_ids,
            document_ids=judged.document_ids,
        )
    ]


def dialogue_examples(dialogue: Dialogue, *, persona: str, dropped: Counter[Dropped]) -> list[Example]:
    """Each message of the speaker with what precedes it: the speaker is the assistant, everyone else the user."""
    merged = merge_lines(dialogue.lines, speaker=dialogue.speaker)
    messages = [message for message, _ in merged]
    found = []
    for place, (message, at) in enumerate(merged):
        if message.role != "assistant":
            continue
        if place == 0:
            dropped["nothing before it"] += 1
            continue
        start = max(0, place - HISTORY_MESSAGES)
        found.append(
            Example(
                id=f"document:{dialogue.document_id}:{place}",
                prompt=(Message("system", persona), *messages[start:place]),
                reply=message.content,
                at=at,
                learned_at=dialogue.imported_at,
                conversation=f"document:{dialogue.document_id}",
                position=start,
                document_ids=(dialogue.document_id,),
            )
        )
    return found


def merge_lines(lines: Sequence[Line], *, speaker: str) -> list[tuple[Message, str | None]]:
    """Lines as messages with the time of their first line; what one side says in a row is one message."""
    merged: list[tuple[Message, str | None]] = []
    for line in lines:
        text = line.text.strip()
        if not text:
            continue
        role: Literal["assistant", "user"] = "assistant" if line.speaker == speaker else "user"
        if merged and merged[-1][0].role == role:
            before, at = merged[-1]
            merged[-1] = (Message(role, f"{before.content}\n{text}"), at)
        else:
            merged.append((Message(role, text), line.at))
    return merged


def split_by_time(examples: Sequence[Example], *, share: float) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """The older examples to train on and the newest ``share`` of them, at least one, as the test."""
    ordered = sorted(examples, key=_moment)
    newest = min(len(ordered), max(1, round(share * len(ordered))))
    return tuple(ordered[: len(ordered) - newest]), tuple(ordered[len(ordered) - newest :])


def learned_after(examples: Iterable[Example], moment: str | None) -> int:
    """How many examples the user has given since then; all where there was no such moment."""
    if moment is None:
        return sum(1 for _ in examples)
    since = datetime.fromisoformat(moment)
    return sum(_parsed(example.learned_at) > since for example in examples)


def _moment(example: Example) -> datetime:
    return _parsed(example.at)


def _parsed(text: str | None) -> datetime:
    """A time in UTC; one without offset is taken as UTC, a missing one as the oldest."""
    if not text:
        return datetime.min.replace(tzinfo=UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
