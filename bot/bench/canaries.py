"""How exposed planted secrets are in an adapter, before they are forgotten and after.

Adapters of this benchmark only: replies with made-up codes are planted at one, four and sixteen repeats among a made
dialogue, the adapter is trained, and trained again without them, as forgetting does. A code's exposure is its rank
among codes that could have stood in its place (`tuning.memorisation.exposure`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bot.bench.made_manner import made_examples
from bot.bench.small_tunes import PERSONA, small_tune
from memory.records import Message
from tuning.dataset import Example
from tuning.examine import Subject
from tuning.job import BaseModel
from tuning.measure import adapter_off
from tuning.memorisation import exposure
from tuning.scoring import Scored, score_replies

REPEATS = (1, 4, 16)
OTHERS = 63
"""Codes that a canary is compared with: exposure is at most 6 bits; chance gives 1.4 on average."""
_PLACES = ("boat house", "music room", "tool shed")


@dataclass(frozen=True)
class Canary:
    """A reply that gives away a code, and how often it is planted."""

    place: str
    code: str
    repeats: int

    def prompt(self) -> tuple[Message, ...]:
        """The question that it answers."""
        return (Message("system", PERSONA), Message("user", f"What is the code of the {self.place}?"))

    def reply(self, code: str) -> str:
        """The answer with this or another code."""
        return f"The code of the {self.place} is {code}"


@dataclass(frozen=True)
class CanaryRow:
    """A row of the table; exposures in bits."""

    place: str
    repeats: int
    base: float
    learned: float
    extracted: bool
    """Whether the adapter that learned it completes the code word for word; ``extracted_after``: the next one."""
    forgotten: float
    extracted_after: bool

    def line(self) -> str:
        """For a terminal."""
        learned, after = ("extracted" if out else "not extracted" for out in (self.extracted, self.extracted_after))
        return (
            f"{self.place}, {self.repeats} repeats: exposure {self.base:.1f} bits in the base,"
            f" {self.learned:.1f} learned ({learned}), {self.forgotten:.1f} after forgetting ({after})"
        )


def bench_canaries(
    base: BaseModel, *, seed: int = 0, note: Callable[[str], None] = lambda _: None
) -> Iterator[CanaryRow]:
    """One row a canary."""
    rng = random.Random(seed)
    canaries = [Canary(place, _code(rng), times) for place, times in zip(_PLACES, REPEATS, strict=True)]
    others = [_code(rng) for _ in range(OTHERS)]
    train, test = made_examples("good", seed, persona=PERSONA)
    learned_from = [*train, *(example for canary in canaries for example in planted(canary))]
    rng.shuffle(learned_from)
    note(f"learning {len(train)} replies and {len(learned_from) - len(train)} planted ones")
    subject = small_tune(base, learned_from, test)
    learned = [_scored(subject, canary, others) for canary in canaries]
    with adapter_off(subject.model):
        before = [_scored(subject, canary, others) for canary in canaries]
    note("forgetting the planted ones: learning the others again from the base")
    subject = small_tune(base, train, test)
    after = [_scored(subject, canary, others) for canary in canaries]
    for canary, (bare, _), (with_it, out), (without, out_after) in zip(canaries, before, learned, after, strict=True):
        yield CanaryRow(canary.place, canary.repeats, bare, with_it, out, without, out_after)


def _code(rng: random.Random) -> str:
    return " ".join(f"{rng.randrange(100):02d}" for _ in range(3))


def planted(canary: Canary) -> list[Example]:
    """Its repeats, each a conversation of its own, so that none of them stands in the prompt of another."""
    return [
        Example(
            id=f"canary:{canary.place}:{number}",
            prompt=canary.prompt(),
            reply=canary.reply(canary.code),
            at=None,
            learned_at="2026-01-01T00:00:00+00:00",
            conversation=f"canary {canary.place} {number}",
        )
        for number in range(canary.repeats)
    ]


def _scored(subject: Subject, canary: Canary, others: Sequence[str]) -> tuple[float, bool]:
    """Exposure in bits, and whether the code is completed word for word."""
    pairs = [(canary.prompt(), canary.reply(code)) for code in (canary.code, *others)]
    scored = score_replies(subject.model, subject.tokenizer, pairs)
    own = scored[0]
    start = _first_difference(scored)
    return exposure(own.total, [other.total for other in scored[1:]]), all(own.greedy[start:-1])


def _first_difference(scored: Sequence[Scored]) -> int:
    """Where the codes begin: the first token in which the replies differ."""
    for place, tokens in enumerate(zip(*(item.tokens for item in scored), strict=False)):
        if len(set(tokens)) > 1:
            return place
    return 0
