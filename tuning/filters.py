"""What may be learned of what was found: each filter a pure function, each thing left out with its reason.

Secrets and personal data are left out as whole examples: a placeholder in their place would teach the model to write
placeholders, and what stands around a secret often tells it. That filter holds for what the user approved, too; all
others are of taste, and an approval stands above them. What the user struck out is never learned.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tuning.dataset import Dropped, Example, Source
from tuning.form import Form, fact_share, forms_of, shingles

FACT_SHARE = 0.6
"""Share of a reply that is fact, or was copied from memory, from which on it belongs to memory and not into weights:
above half, so that an answer which only mentions a date in its own words stays."""
NEAR = 0.85
"""Jaccard similarity of two exchanges' 4-character shingles from which on they count as one: a changed word in a reply
of twelve lies at .83, a changed full stop above .95."""
NEARLY_ALL = 0.8
"""Share from which on a common opening ("Dear customer,") is how this speaker talks and no flood."""
FEWEST = 5
"""Examples of one form that are never too many."""
_SURENESS: dict[Source, int] = {"corrected": 3, "approved": 2, "imported": 1, "accepted": 0}
_MANNER: tuple[Form, ...] = ("same opening", "one word")
"""Forms that may be nearly all of a history; emoji alone or one sentence for everything may not."""


class Detectors(Protocol):
    """What needs libraries to be told of a text."""

    def personal(self, text: str) -> tuple[str, ...]:
        """Kinds of secrets and personal data in it."""
        ...

    def toxic(self, text: str) -> bool:
        """Whether it insults or speaks ill of a group."""
        ...

    def language(self, text: str) -> str | None:
        """Its language where that is certain."""
        ...


@dataclass(frozen=True)
class FilterConfig:
    """What the user wants of replies to learn."""

    languages: tuple[str, ...] = ()
    """ISO 639-1; empty: any."""
    max_form_share: float = 0.3


@dataclass(frozen=True)
class Choices:
    """What the user said of single examples, by their ids."""

    approved: frozenset[str] = frozenset()
    struck: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LeftOut:
    """An example that is not learned, and why."""

    example: Example
    reason: Dropped
    detail: str = ""
    """Which kind: "phone", "emoji only"; never what was written."""


@dataclass(frozen=True)
class Screened:
    """What is left to learn, in the order given, and what is not."""

    examples: tuple[Example, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...] = ()
    """What the user should know of what is left."""


def screen(examples: Sequence[Example], *, detectors: Detectors, config: FilterConfig, choices: Choices) -> Screened:
    """All filters, the hard ones first.

    :raises FamiliarError: a detector failed
    """
    kept: list[Example] = []
    left_out: list[LeftOut] = []
    for example in examples:
        fault = _hard(example, detectors, choices)
        if fault is None and example.id not in choices.approved:
            fault = _soft(example, detectors, config)
        if fault is None:
            kept.append(example)
        else:
            left_out.append(fault)
    left_out += near_duplicates(kept, approved=choices.approved)
    gone = {item.example.id for item in left_out}
    kept = [example for example in kept if example.id not in gone]
    floods, notes = too_many(kept, share=config.max_form_share, approved=choices.approved)
    gone = {item.example.id for item in floods}
    return Screened(tuple(item for item in kept if item.id not in gone), (*left_out, *floods), notes)


def _hard(example: Example, detectors: Detectors, choices: Choices) -> LeftOut | None:
    if example.id in choices.struck:
        return LeftOut(example, "struck out")
    kinds = detectors.personal(example.reply)
    return LeftOut(example, "secret or personal data", ", ".join(kinds)) if kinds else None


def _soft(example: Example, detectors: Detectors, config: FilterConfig) -> LeftOut | None:
    if config.languages:
        language = detectors.language(example.reply)
        if language is not None and language not in config.languages:
            return LeftOut(example, "other language", language)
    if detectors.toxic(example.reply):
        return LeftOut(example, "toxic or biased")
    if example.recalled >= FACT_SHARE:
        return LeftOut(example, "fact, belongs to memory", "copied from memory")
    if fact_share(example.reply) >= FACT_SHARE:
        return LeftOut(example, "fact, belongs to memory", "names and numbers")
    return None


def near_duplicates(examples: Sequence[Example], *, approved: frozenset[str] = frozenset()) -> list[LeftOut]:
    """Exchanges that are nearly those of one that is kept: the surest source is kept, then the newest.

    Exact, without hashing: two sets that are ``NEAR`` alike share one of the rarest shingles of each (prefix
    filtering), so only examples that share such a one are compared. That is a few lines and has no chance in it;
    MinHash pays only where there are millions.
    """
    ranked = sorted(
        range(len(examples)),
        key=lambda at: (examples[at].id in approved, _SURENESS[examples[at].source], at),
        reverse=True,
    )
    sets = [_exchange(example) for example in examples]
    rarity = Counter(shingle for found in sets for shingle in found)
    holders: dict[str, list[int]] = defaultdict(list)
    doubled: list[LeftOut] = []
    for at in ranked:
        rarest = sorted(sets[at], key=lambda shingle: (rarity[shingle], shingle))
        prefix = rarest[: len(rarest) - int(NEAR * len(rarest)) + 1]
        shared = Counter(other for shingle in prefix for other in holders[shingle])
        if examples[at].id not in approved and any(_near(sets[at], sets[other]) for other, _ in shared.most_common()):
            doubled.append(LeftOut(examples[at], "near duplicate"))
            continue
        for shingle in prefix:
            holders[shingle].append(at)
    return doubled


def _exchange(example: Example) -> frozenset[str]:
    """Shingles of question and reply, told apart, so that one answer to many questions is no duplicate."""
    asked = (f"?{shingle}" for shingle in shingles(example.prompt[-1].content))
    return frozenset((*asked, *(f"!{shingle}" for shingle in shingles(example.reply))))


def _near(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether the Jaccard similarity is at least ``NEAR``; sizes alone decide most cases."""
    smaller, larger = sorted((len(one), len(other)))
    if smaller < NEAR * larger:
        return False
    common = len(one & other)
    return common >= NEAR * (smaller + larger - common)


def too_many(
    examples: Sequence[Example], *, share: float, approved: frozenset[str] = frozenset()
) -> tuple[list[LeftOut], tuple[str, ...]]:
    """What must go so that no form makes up more than ``share`` of what is left, and what to say of it.

    The oldest of the least sure source go first. Emoji alone or one sentence for everything is cut to that share
    whatever else there is, to nothing where there is nothing else; an opening or short answers that are nearly all
    there is are how the speaker talks, and stay with a note.
    """
    kept, gone, notes = list(examples), list[LeftOut](), list[str]()
    spared: set[tuple[Form, str]] = set()
    while flood := _largest_flood(kept, share, spared):
        form, key = flood
        members = [item for item in kept if forms_of(item.reply).get(form) == key]
        if form in _MANNER and len(members) >= NEARLY_ALL * len(kept):
            spared.add(flood)
            notes.append(
                f"{len(members)} of {len(kept)} replies have one form ({form}); it is taken for how they are meant"
            )
            continue
        allowed = _allowed(len(kept) - len(members), share)
        ranked = sorted(
            enumerate(members), key=lambda place: (place[1].id in approved, _SURENESS[place[1].source], place[0])
        )
        extra = [item for _, item in ranked[: len(members) - allowed] if item.id not in approved]
        if not extra:
            spared.add(flood)
            continue
        gone += [LeftOut(item, "too many of one form", form) for item in extra]
        ids = {item.id for item in extra}
        kept = [item for item in kept if item.id not in ids]
    return gone, tuple(notes)


def _allowed(others: int, share: float) -> int:
    return max(FEWEST if others else 0, int(others * share / (1 - share))) if share < 1 else 1 << 30


def _largest_flood(examples: Sequence[Example], share: float, spared: set[tuple[Form, str]]) -> tuple[Form, str] | None:
    counts = Counter(kind for example in examples for kind in forms_of(example.reply).items())
    for kind, count in counts.most_common():
        if kind not in spared and count > max(FEWEST, _allowed(len(examples) - count, share)):
            return kind
    return None
