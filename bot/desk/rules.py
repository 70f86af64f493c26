"""What holds for every reply of the desk, whatever a customer writes and whatever a model says: checked before sending.

Three kinds: something is never said; a text is given word for word wherever it is spoken of; a subject is not talked
about. A broken rule is put right by its own text where it has one, else the message goes to a person. Pure functions,
so that the same reply is judged the same way in a chat, in a suggestion to an agent and in the simulation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bot.desk.forms import Form, Reading, found, is_disguised, read

DISGUISED = "disguised text"
"""What a reply breaks that is written so that no rule finds what it says; it always goes to a person."""
Kind = Literal["never say", "word for word", "forbidden topic"]


@dataclass(frozen=True)
class Rule:
    """One rule."""

    name: str
    kind: Kind
    forms: tuple[Form, ...]
    """Of what is not to be said; of what the text is about; of the subject."""
    texts: Mapping[str, str]
    """By language: what is sent instead. Empty: the message goes to a person, but of "word for word", which has one."""

    def text(self, language: str) -> str:
        """What is sent instead, in the customer's language where there is one; empty where there is nothing."""
        return self.texts.get(language) or next(iter(self.texts.values()), "")


@dataclass(frozen=True)
class Checked:
    """A reply that holds to the rules."""

    text: str
    """Empty where no reply may be sent."""
    broken: tuple[str, ...] = ()
    """Names of the rules that the reply as it was had broken."""


def check(reply: str, *, question: str, rules: Sequence[Rule], language: str) -> Checked:
    """The reply as it may be sent: itself, a rule's own text, or nothing, when a person must answer."""
    if is_disguised(reply):
        return Checked("", (DISGUISED,))
    asked, said = read(question), read(reply, wary=True)
    for kind in ("forbidden topic", "word for word", "never say"):
        for rule in rules:
            if rule.kind == kind and _breaks(reply, rule, asked=asked, said=said):
                return Checked(rule.text(language), (rule.name,))
    return Checked(reply)


def subject(question: str, rules: Sequence[Rule]) -> Rule | None:
    """The rule that alone answers a question, without looking anything up: its subject is forbidden or has a text."""
    asked = read(question)
    kinds = ("forbidden topic", "word for word")
    return next((rule for kind in kinds for rule in rules if rule.kind == kind and found(asked, rule.forms)), None)


def _breaks(reply: str, rule: Rule, *, asked: Reading, said: Reading) -> bool:
    spoken_of = found(said, rule.forms, denied=rule.kind != "never say") is not None
    if rule.kind == "never say":
        return spoken_of
    spoken_of = spoken_of or found(asked, rule.forms) is not None
    return spoken_of and not any(_same(reply, text) for text in rule.texts.values())


def _same(reply: str, text: str) -> bool:
    """Whether a reply is the text, word for word and nothing besides."""
    return " ".join(reply.split()) == " ".join(text.split())
