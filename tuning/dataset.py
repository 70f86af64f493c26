"""Dialogue and feedback become training examples: what the model was given, and what it should have answered.

An example's prompt is what serving gives (the stored prompt of a turn, or persona and preceding messages of a
dialogue), never text that was recalled for it here, and nothing of another user: the records handed in are one
user's. A reply that was voted down and not corrected teaches nothing. The newest sessions are the test, because that
is how an adapter is used: on what comes later, and not on the second half of a talk whose first half it has learned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from memory.records import Feedback, Message, Turn
from memory.redaction import ERASED
from tuning.form import copied_share

HISTORY_MESSAGES = 64
"""Most messages of a dialogue that precede a reply in its example; the trainer cuts further, by tokens."""
_MIN_CHARACTERS = 2
"""A shorter reply is a slip of the finger."""

_ERASED_PASSAGE = "█"
"""Stands in a document for each character that was erased from it."""

Source = Literal["corrected", "approved", "imported", "accepted", "general"]
"""How a reply came to be one to learn: in this order, what the user made sure of most comes first; "general" ones are
the base model's own, mixed in against forgetting (`tuning.general`)."""
Dropped = Literal[
    "empty or too short",
    "duplicate",
    "nothing before it",
    "part of it was erased",
    "struck out",
    "secret or personal data",
    "near duplicate",
    "other language",
    "toxic or biased",
    "fact, belongs to memory",
    "too many of one form",
]
"""Why something is not learned from."""
SESSION_GAP = timedelta(hours=6)
"""Silence after which a conversation counts as a new one: longer than any meal, shorter than a night. Only the split
reads it, so that one imported file, which is one conversation, still has a last part that is the future."""


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
    source: Source = "approved"
    weight: float = 1.0
    """What its loss is multiplied by in training; a test reply counts whole."""
    chunk_id: int | None = None
    """The passage that a dialogue's reply begins in, by which the user's choice about it is kept."""
    recalled: float = 0.0
    """Share of the reply's words that were copied from passages recalled for it (`tuning.form.copied_share`)."""
    notes: str = ""
    """Passages as serving puts them before the newest message (`tuning.recollection`); never what is learned."""


@dataclass(frozen=True)
class Line:
    """One row of a dialogue."""

    speaker: str
    text: str
    at: str | None = None
    chunk_id: int | None = None


@dataclass(frozen=True)
class Dialogue:
    """An imported dialogue whose ``speaker`` is to be learned from."""

    document_id: int
    speaker: str
    lines: tuple[Line, ...]
    imported_at: str
    apart: bool = False
    """Each reply answers the one message before it, and no other: exchanges of many customers."""


@dataclass(frozen=True)
class JudgedTurn:
    """A turn with its feedback and everything whose text stands in its prompt."""

    turn: Turn
    feedback: Feedback | None
    """None: the user said nothing of it, and went on (`tuning.accepted`)."""
    turn_ids: tuple[int, ...]
    document_ids: tuple[int, ...]


@dataclass(frozen=True)
class Dataset:
    """Examples, oldest first, and how many were left out for which reason."""

    examples: tuple[Example, ...]
    dropped: tuple[tuple[Dropped, int], ...]


def build_dataset(
    judged: Iterable[JudgedTurn], dialogues: Iterable[Dialogue], *, persona: str, accepted_weight: float = 0.0
) -> Dataset:
    """Examples of one user, filtered and in order of time.

    :param persona: the whole system message that serving puts first
    :param accepted_weight: of replies without a judgement; 0 leaves them out
    """
    dropped: Counter[Dropped] = Counter()
    found = [item for turn in judged for item in turn_examples(turn, persona=persona, accepted_weight=accepted_weight)]
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


def turn_examples(judged: JudgedTurn, *, persona: str, accepted_weight: float = 0.0) -> list[Example]:
    """The example of a corrected or approved reply, and of one that nobody judged where these have a weight."""
    turn, feedback = judged.turn, judged.feedback
    source: Source
    if feedback is None:
        source = "accepted"
    elif feedback.correction is not None:
        source = "corrected"
    elif feedback.vote == "up":
        source = "approved"
    else:
        return []
    if source == "accepted" and accepted_weight <= 0:
        return []
    reply = turn.reply if feedback is None or feedback.correction is None else feedback.correction
    return [
        Example(
            id=f"turn:{turn.id}",
            prompt=turn.prompt or (Message("system", persona), Message("user", turn.user_text)),
            reply=reply.strip(),
            at=turn.asked_at,
            learned_at=feedback.at if feedback else turn.asked_at,
            conversation=f"conversation:{turn.conversation_id}",
            turn_ids=judged.turn_ids,
            document_ids=judged.document_ids,
            source=source,
            weight=accepted_weight if source == "accepted" else 1.0,
            recalled=copied_share(reply, [memory.text for memory in turn.memories]),
        )
    ]


def dialogue_examples(dialogue: Dialogue, *, persona: str, dropped: Counter[Dropped]) -> list[Example]:
    """Each message of the speaker with what precedes it: the speaker is the assistant, everyone else the user."""
    merged = merge_lines(dialogue.lines, speaker=dialogue.speaker)
    messages = [message for message, _ in merged]
    found = []
    for place, (message, first) in enumerate(merged):
        if message.role != "assistant":
            continue
        if place == 0:
            dropped["nothing before it"] += 1
            continue
        start = max(0, place - (1 if dialogue.apart else HISTORY_MESSAGES))
        found.append(
            Example(
                id=f"document:{dialogue.document_id}:{place}",
                prompt=(Message("system", persona), *messages[start:place]),
                reply=message.content,
                at=first.at,
                learned_at=dialogue.imported_at,
                conversation=f"document:{dialogue.document_id}",
                position=start,
                document_ids=(dialogue.document_id,),
                source="imported",
                chunk_id=first.chunk_id,
            )
        )
    return found


def merge_lines(lines: Sequence[Line], *, speaker: str) -> list[tuple[Message, Line]]:
    """Lines as messages, each with its first line; what one side says in a row is one message."""
    merged: list[tuple[Message, Line]] = []
    for line in lines:
        text = line.text.strip()
        if not text:
            continue
        role: Literal["assistant", "user"] = "assistant" if line.speaker == speaker else "user"
        if merged and merged[-1][0].role == role:
            before, first = merged[-1]
            merged[-1] = (Message(role, f"{before.content}\n{text}"), first)
        else:
            merged.append((Message(role, text), line))
    return merged


def in_order(examples: Iterable[Example]) -> list[Example]:
    """Oldest first; what has no date, or the same, in the order of its conversation."""
    return sorted(examples, key=lambda example: (_moment(example), example.position + len(example.prompt)))


def split_by_time(examples: Sequence[Example], *, share: float) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """The older sessions to train on, and the newest, of about ``share`` of the examples, as the test.

    A session is a conversation up to a silence of `SESSION_GAP`. The cut is the beginning of one: every test reply is
    later than every one that is trained on, and no session stands on both sides. One that goes on across the cut is
    in neither part; the cut is where the fewest are lost and the share is nearest. Where there is no cut that leaves
    half as many as wanted on each side, as where all is one session, the newest replies are the test.
    """
    ordered = sorted(examples, key=_moment)
    wanted = min(len(ordered), max(1, round(share * len(ordered))))
    spans = [(_moment(session[0]), _moment(session[-1]), session) for session in _sessions(ordered)]
    best: tuple[int, datetime] | None = None
    for cut in sorted({first for first, _, _ in spans}):
        trained = sum(len(session) for _, last, session in spans if last < cut)
        tested = sum(len(session) for first, _, session in spans if first >= cut)
        cost = len(ordered) - trained - tested + abs(tested - wanted)
        enough = 2 * trained >= len(ordered) - wanted and 2 * tested >= wanted
        if trained and tested and enough and (best is None or cost < best[0]):
            best = (cost, cut)
    if best is None:
        return tuple(ordered[: len(ordered) - wanted]), tuple(ordered[len(ordered) - wanted :])
    train = [item for _, last, session in spans if last < best[1] for item in session]
    test = [item for first, _, session in spans if first >= best[1] for item in session]
    return tuple(sorted(train, key=_moment)), tuple(sorted(test, key=_moment))


def _sessions(ordered: Iterable[Example]) -> list[list[Example]]:
    """Examples in order of time as sessions; what has no date is one session of its conversation."""
    open_: dict[str, list[Example]] = {}
    done: list[list[Example]] = []
    for example in ordered:
        current = open_.get(example.conversation)
        if current is not None and _moment(example) - _moment(current[-1]) <= SESSION_GAP:
            current.append(example)
        else:
            open_[example.conversation] = [example]
            done.append(open_[example.conversation])
    return done


def learned_after(examples: Iterable[Example], moment: str | None) -> int:
    """How many examples the user has given since then, unjudged ones not counted; all where there was none."""
    given = [example for example in examples if example.source != "accepted"]
    if moment is None:
        return len(given)
    since = datetime.fromisoformat(moment)
    return sum(_parsed(example.learned_at) > since for example in given)


def own_turns(examples: Iterable[Example]) -> frozenset[int]:
    """Turns whose replies are examples."""
    return frozenset(int(example.id.removeprefix("turn:")) for example in examples if example.id.startswith("turn:"))


def _moment(example: Example) -> datetime:
    return _parsed(example.at)


def _parsed(text: str | None) -> datetime:
    """A time in UTC; one without offset is taken as UTC, a missing one as the oldest."""
    if not text:
        return datetime.min.replace(tzinfo=UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
