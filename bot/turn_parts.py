"""What the assistant hands from step to step of one turn: what was asked, what a reply is written from, the reply."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from bot.answers import cite
from bot.context import Context, Given
from bot.engines.base import AdapterFiles, Generated
from bot.locales import say
from memory.facts.records import Fact
from memory.records import GIVEN_ID, Citation, Hit, Kept, Message, RecalledMemory, Timings, Turn, User
from memory.store import utc_now

OnText = Callable[[str], None]
Plan = Literal["nothing", "near", "quote", "generate"]


class Turns(Protocol):
    """Answers messages."""

    def turn(
        self,
        text: str,
        *,
        user: User,
        conversation_id: int,
        on_text: Callable[[str], None] = ...,
        cancel: threading.Event | None = None,
        stored: Callable[[Turn], None] = ...,
        context: Context = ...,
    ) -> Turn:
        """Answer one message and store the turn; ``on_text`` gets the reply piece by piece.

        ``stored`` is called in the transaction that stores the turn, which what it raises undoes. ``context`` is what
        the message refers to, the turn whose place this one takes, and what stays of it: one of which nothing does has
        the number 0.
        """
        ...


@dataclass(frozen=True)
class Asked:
    """A message to be answered."""

    text: str
    user: User
    conversation_id: int
    context: Context
    keep: Kept
    cancel: threading.Event | None


@dataclass(frozen=True)
class Reply:
    """What came of it."""

    text: str
    generated: str
    citations: tuple[Citation, ...]
    result: Generated | None


@dataclass(frozen=True)
class Run:
    """What the model is given."""

    messages: tuple[Message, ...]
    hits: tuple[Hit, ...]
    about: tuple[Hit, ...]
    """Those that name what is asked."""
    facts: tuple[Fact, ...]
    """Those that are what is asked."""
    adapter: AdapterFiles | None
    emit: OnText
    cancel: threading.Event | None
    asked_by: int
    guest: bool = False
    quotes_only: bool = False

    def nothing(self, language: str) -> str:
        """That memory, or what a guest may ask about, holds nothing."""
        return say(language, "nothing_shared" if self.guest else "nothing_found")


@dataclass(frozen=True)
class Ready:
    """What a reply is written from."""

    user: User
    plan: Plan
    question: str
    """The message, with what it follows on."""
    run: Run
    asks: bool
    """The message is a question."""

    @property
    def memories(self) -> tuple[RecalledMemory, ...]:
        """The passages of memory among it."""
        return tuple(recalled(hit) for hit in self.run.hits if hit.chunk.id != GIVEN_ID)


class Clock:
    """Notes when a turn began, had recalled and showed its first text."""

    def __init__(self, on_text: OnText) -> None:
        self.asked_at = utc_now()
        self._on_text = on_text
        self._started = time.perf_counter()
        self._retrieved = self._first = 0.0

    def retrieved(self) -> None:
        """The passages are there."""
        self._retrieved = time.perf_counter() - self._started

    def emit(self, piece: str) -> None:
        """Show a piece of the reply."""
        self._first = self._first or time.perf_counter() - self._started
        self._on_text(piece)

    def timings(self, result: Generated | None) -> Timings:
        """How long the turn has taken so far, and the tokens of what the model wrote."""
        total = time.perf_counter() - self._started
        return Timings(
            retrieve_s=round(self._retrieved, 4),
            first_token_s=round(self._first or total, 4),
            total_s=round(total, 4),
            prompt_tokens=result.prompt_tokens if result else 0,
            reply_tokens=result.reply_tokens if result else 0,
        )


def sureness(reply: Reply) -> float | None:
    """How sure the model was of a whole reply of its own."""
    whole = reply.result is not None and reply.result.stop == "end"
    return reply.result.mean_logprob if whole and reply.result is not None else None


def said_outright(text: str, citations: tuple[Citation, ...], run: Run) -> Reply:
    """A reply for which the model is not asked."""
    run.emit(text)
    return Reply(text, "", citations, None)


def with_given(
    citations: tuple[Citation, ...], given: Sequence[Given], hits: Sequence[Hit], language: str
) -> tuple[Citation, ...]:
    """The sources of a reply, and of what the message came with those that are to be named in any case."""
    cited = list(citations)
    for item in given:
        first = next((n for n, hit in enumerate(hits, 1) if hit.chunk.title == item.title), None)
        if item.cited and first is not None and all(citation.title != item.title for citation in cited):
            number = max([first, *(citation.n + 1 for citation in cited)])
            cited.append(cite(number, hits[first - 1].chunk, language=language))
    return tuple(cited)


def recalled(hit: Hit) -> RecalledMemory:
    """A hit as it is kept with its turn."""
    return RecalledMemory(hit.chunk.id, round(hit.score, 4), hit.chunk.title, hit.chunk.text)
