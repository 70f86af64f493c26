"""One request's way of writing over the engine that all share: its stop strings, and what came of it.

What is streamed adds up to what is stored: a stop string is held back until it is known to be one or not, and a
number in brackets that names no note never appears, as `check_citations` takes it out of the whole reply.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from bot.api.errors import too_long
from bot.engines.base import Engine, Generated, Generation
from bot.prompts import notes_in
from memory.records import Message

_CITED = re.compile(r"\s*\[(\d{1,3})\]")
_MAYBE_CITED = re.compile(r"\s*\[\d{0,3}\Z|\s+\Z")


class UntilStop:
    """Hands on pieces up to the first stop string.

    :param reached: called once when one was found
    """

    def __init__(self, stops: Sequence[str], on_text: Callable[[str], None], reached: Callable[[], object]) -> None:
        self._stops = stops
        self._on_text = on_text
        self._reached = reached
        self._held = ""
        self.stopped = False

    def push(self, piece: str) -> None:
        """Take a piece."""
        if self.stopped:
            return
        self._held += piece
        end = until_stop(self._held, self._stops)
        if end is not None:
            self.stopped = True
            self._give(end)
            self._reached()
            return
        self._give(len(self._held) - _begun(self._held, self._stops))

    def finish(self) -> None:
        """What was held back was no stop string."""
        if not self.stopped:
            self._give(len(self._held))

    def _give(self, length: int) -> None:
        ready, self._held = self._held[:length], self._held[length:]
        if ready:
            self._on_text(ready)


def until_stop(text: str, stops: Sequence[str]) -> int | None:
    """Where the first stop string begins; None where there is none."""
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return min(places, default=None)


def _begun(text: str, stops: Sequence[str]) -> int:
    """Length of the longest end of a text that may become a stop string."""
    longest = max(map(len, stops), default=1) - 1
    lengths = range(min(longest, len(text)), 0, -1)
    return next((length for length in lengths if any(stop.startswith(text[-length:]) for stop in stops)), 0)


class KnownCitations:
    """Hands on pieces without numbers that name none of so many notes."""

    def __init__(self, notes: int, on_text: Callable[[str], None]) -> None:
        self._notes = notes
        self._on_text = on_text
        self._held = ""
        self._begun = False

    def push(self, piece: str) -> None:
        """Take a piece."""
        self._held += piece
        maybe = _MAYBE_CITED.search(self._held)
        self._give(maybe.start() if maybe else len(self._held))

    def finish(self) -> None:
        """What was held back was no number."""
        self._held = self._held.rstrip()
        self._give(len(self._held))

    def _give(self, length: int) -> None:
        ready, self._held = self._held[:length], self._held[length:]
        ready = _CITED.sub(lambda found: found.group() if 0 < int(found[1]) <= self._notes else "", ready)
        ready = ready if self._begun else ready.lstrip()
        if ready:
            self._begun = True
            self._on_text(ready)


class RequestEngine:
    """The engine as one request uses it; ``written`` is what the model wrote for it, if it was asked.

    :param cancel: the event that ends this request's reply; a stop string sets it too
    :param cited: the reply's numbers in brackets are citations
    """

    def __init__(self, engine: Engine, *, stop: Sequence[str], cancel: threading.Event, cited: bool) -> None:
        self._engine = engine
        self._stop = stop
        self._cancel = cancel
        self._cited = cited
        self._counted: tuple[tuple[Message, ...], int] | None = None
        self.written: Generated | None = None
        self.limit = 0
        """Most tokens that the model was let write."""

    @property
    def name(self) -> str:
        """As the engine."""
        return self._engine.name

    @property
    def model(self) -> str:
        """As the engine."""
        return self._engine.model

    @property
    def context_tokens(self) -> int:
        """As the engine."""
        return self._engine.context_tokens

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """As the engine."""
        given = tuple(messages)
        if self._counted is None or self._counted[0] != given:
            self._counted = (given, self._engine.count_tokens(given))
        return self._counted[1]

    def generate(
        self, request: Generation, *, on_text: Callable[[str], None], cancel: threading.Event | None = None
    ) -> Generated:
        """As the engine, up to a stop string.

        :raises ApiError: the messages leave no room for a reply
        :raises FamiliarError: as the engine
        """
        self.check_room(request.messages)
        cited = KnownCitations(notes_in(request.messages), on_text) if self._cited else None
        shown = UntilStop(self._stop, cited.push if cited else on_text, self._cancel.set)
        result = self._engine.generate(request, on_text=shown.push, cancel=cancel)
        shown.finish()
        if cited:
            cited.finish()
        if shown.stopped:
            end = until_stop(result.text, self._stop)
            result = replace(result, text=result.text[:end], stop="end", mean_logprob=None)
        self.written, self.limit = result, request.max_tokens
        return result

    def check_room(self, messages: Sequence[Message]) -> None:
        """Whether messages leave room for a reply.

        :raises ApiError: they don't
        """
        tokens, most = self.count_tokens(messages), self.context_tokens
        if tokens >= most:
            raise too_long(f"the messages have {tokens} tokens, but the model's context holds {most} with the reply")

    def close(self) -> None:
        """The engine is not ours."""
