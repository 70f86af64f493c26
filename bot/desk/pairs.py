"""Past conversations become questions with an agent's reply: personal data out first, then duplicates merged.

Names, numbers and dates become slots. A sentence that still holds personal data by `tuning.personal_data` goes, and a
pair of which one side has nothing left is left out; without that filter nothing is imported at all. Near duplicates are
merged by the filter that tunes use, and how often a pair came is kept: what agents say most is the best known answer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from bot.desk.reading import Conversation
from bot.desk.slots import make_template, unsigned, without_greeting, without_values
from bot.grounding import sentences
from memory.records import Message
from memory.words import HAN
from tuning.dataset import Example
from tuning.filters import Detectors, near_duplicates

_FEWEST = 2
"""Characters that a question or reply must have."""
_BLANK = re.compile(r"\[(?:name|number|date)\]|\{(?:name|order|date)\}|\W")


@dataclass(frozen=True)
class Pair:
    """A question and what an agent replied, without personal data."""

    question: str
    reply: str
    """With [name], [number] and [date] in the place of what was one case's: what is learned and searched."""
    template: str
    """The reply with slots; empty where it states facts of one case."""
    intent: str
    language: str
    count: int = 1
    """How many conversations said about the same."""


@dataclass(frozen=True)
class Cleaned:
    """What is left of an import."""

    pairs: tuple[Pair, ...]
    left_out: Counter[str]
    merged: int


def clean_pairs(conversations: Iterable[Conversation], *, detectors: Detectors) -> Cleaned:
    """The pairs of conversations, in order.

    :raises FamiliarError: the filter of personal data is missing or fails, so that nothing may be kept
    """
    left_out: Counter[str] = Counter()
    pairs = []
    for conversation in conversations:
        for place, (question, reply) in enumerate(exchanges(conversation)):
            intent = conversation.intent if place == 0 else ""
            pair = clean_pair(question, reply, names=conversation.names, intent=intent, detectors=detectors)
            if isinstance(pair, str):
                left_out[pair] += 1
            else:
                pairs.append(pair)
    merged = merge(pairs)
    return Cleaned(merged, left_out, len(pairs) - len(merged))


def exchanges(conversation: Conversation) -> list[tuple[str, str]]:
    """What a customer wrote in a row, and what an agent replied in a row."""
    runs: list[tuple[str, list[str]]] = []
    for line in conversation.lines:
        if runs and runs[-1][0] == line.side:
            runs[-1][1].append(line.text.strip())
        else:
            runs.append((line.side, [line.text.strip()]))
    texts = [(side, "\n".join(lines)) for side, lines in runs]
    return [(one[1], other[1]) for one, other in pairwise(texts) if (one[0], other[0]) == ("customer", "agent")]


def clean_pair(question: str, reply: str, *, names: Sequence[str], intent: str, detectors: Detectors) -> Pair | str:
    """A pair without personal data, or why there is none.

    :raises FamiliarError: the filter fails
    """
    template = make_template(reply, question, names=names) or ""
    asked = _without_personal(without_values(question, names=names), detectors)
    said = _without_personal(without_values(unsigned(without_greeting(reply.strip())), names=names), detectors)
    if not _says(asked) or not _says(said):
        return "nothing is left without personal data"
    if detectors.toxic(said):
        return "the reply is toxic"
    if _without_personal(template, detectors) != template:
        template = ""
    return Pair(asked, said, template, intent.strip().casefold(), language_of_text(question))


def language_of_text(text: str) -> str:
    """The language of a message among those that the desk speaks, by its script."""
    return "zh" if HAN.search(text) else "en"


def merge(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Each pair once; of those that are nearly the same one stays, with their number."""
    counts: Counter[tuple[str, str]] = Counter(_key(pair) for pair in pairs)
    first: dict[tuple[str, str], Pair] = {}
    for pair in pairs:
        kept = first.setdefault(_key(pair), pair)
        if not kept.intent and pair.intent:
            first[_key(pair)] = pair
    unique = [replace(pair, count=counts[key]) for key, pair in first.items()]
    doubled = {item.example.id for item in near_duplicates([_example(n, pair) for n, pair in enumerate(unique)])}
    return tuple(pair for n, pair in enumerate(unique) if str(n) not in doubled)


def _example(number: int, pair: Pair) -> Example:
    """As tunes compare them."""
    prompt = (Message("user", pair.question),)
    return Example(str(number), prompt, pair.reply, at=None, learned_at="", conversation=str(number))


def _key(pair: Pair) -> tuple[str, str]:
    return " ".join(pair.question.casefold().split()), " ".join(pair.reply.casefold().split())


def _without_personal(text: str, detectors: Detectors) -> str:
    if not detectors.personal(text):
        return text
    return " ".join(part for part in sentences(text) if not detectors.personal(part)).strip()


def _says(text: str) -> bool:
    return len(_BLANK.sub("", text)) >= _FEWEST
