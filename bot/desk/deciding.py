"""What becomes of a customer's message: a template, an answer with sources, a rule's own text, or a person. Pure.

A person comes first wherever one is asked for or called for; a rule's text stands above what could be looked up; and
what is not known surely enough goes to a person rather than being guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["template", "retrieval", "rule", "greeting", "hand over"]
Reason = Literal[
    "case open",
    "asked for a person",
    "angry",
    "listed topic",
    "a rule",
    "sure of the intent",
    "found in the knowledge base",
    "a greeting",
    "nothing found",
    "no source",
    "not supported by its sources",
]
REASONS: tuple[Reason, ...] = get_args(Reason)


@dataclass(frozen=True)
class Prediction:
    """What a message is about."""

    intent: str
    confidence: float
    """Calibrated: of many messages at .9, about nine in ten are of that intent, and one of another or of none."""


@dataclass(frozen=True)
class Signals:
    """All that the decision depends on."""

    case_open: bool = False
    wants_person: bool = False
    angry: bool = False
    topic: str = ""
    """The listed topic that the message is about."""
    rule: bool = False
    """A rule alone answers it."""
    greeting: bool = False
    intent: Prediction | None = None
    template: bool = False
    """One of that intent is there, and all its slots can be filled."""
    answerable: bool = False
    """The knowledge base holds an answer."""


@dataclass(frozen=True)
class Decision:
    """What to do, and why."""

    kind: Kind
    reason: Reason


def decide(signals: Signals, *, confidence: float) -> Decision:
    """What to do with a message.

    :param confidence: the least for a template ([desk] confidence)
    """
    handed: tuple[tuple[bool, Reason], ...] = (
        (signals.case_open, "case open"),
        (signals.wants_person, "asked for a person"),
        (signals.angry, "angry"),
        (bool(signals.topic), "listed topic"),
    )
    for holds, reason in handed:
        if holds:
            return Decision("hand over", reason)
    if signals.rule:
        return Decision("rule", "a rule")
    if signals.greeting:
        return Decision("greeting", "a greeting")
    sure = signals.intent is not None and signals.intent.confidence >= confidence
    if sure and signals.template:
        return Decision("template", "sure of the intent")
    if signals.answerable:
        return Decision("retrieval", "found in the knowledge base")
    return Decision("hand over", "nothing found")
