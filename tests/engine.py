"""A language model whose replies are a function of its messages: quick and exact, to test what surrounds an engine.

It keeps to the Protocol as the real ones do: pieces add up to the text, a cancelled reply keeps what was written, and a
prompt that leaves no room is an error. Tokens are words.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence

from bot.engines.base import AdapterFiles, Generated, Generation, Likelihood, Stop
from bot.engines.queue import FairQueue
from memory.errors import FamiliarError
from memory.records import Message

Reply = Callable[[tuple[Message, ...]], str]


class ScriptedEngine:
    """Answers ``reply(messages)``, streamed word by word; ``requests`` keeps what it was asked, in order.

    :param reply: from the messages to the whole reply; the default repeats the last message
    :param before_word: called before each word, so that a test can hold a reply at a moment of its choice
    """

    def __init__(
        self,
        reply: Reply = lambda messages: messages[-1].content,
        *,
        model: str = "scripted",
        context_tokens: int = 4096,
        before_word: Callable[[str], None] = lambda _word: None,
    ) -> None:
        self.requests: list[Generation] = []
        self.closed = False
        self._reply = reply
        self._model = model
        self._context_tokens = context_tokens
        self._before_word = before_word
        self.queue = FairQueue()

    @property
    def name(self) -> str:
        """The engine's kind."""
        return "scripted"

    @property
    def model(self) -> str:
        """The base model's name."""
        return self._model

    @property
    def context_tokens(self) -> int:
        """Words that prompt and reply may hold together."""
        return self._context_tokens

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Words of the messages, and one a message for its role."""
        return sum(1 + len(message.content.split()) for message in messages)

    def generate(
        self, request: Generation, *, on_text: Callable[[str], None], cancel: threading.Event | None = None
    ) -> Generated:
        """Answer word by word until the reply, the token limit or the context ends, or ``cancel`` is set.

        :raises FamiliarError: the prompt leaves no room for a reply
        """
        with self.queue.turn(cancel, asked_by=request.asked_by) as mine:
            self.requests.append(request)
            if not mine:
                return Generated("", "cancelled", 0, 0, 0, 0.0, 0.0)
            prompt = self.count_tokens(request.messages)
            room = min(request.max_tokens, self._context_tokens - prompt)
            if room < 1:
                raise FamiliarError(f"the prompt has {prompt} tokens, but the context holds {self._context_tokens}")
            words = re.findall(r"\s*\S+", self._reply(request.messages).strip())
            written, stop = self._write(words, room, on_text, cancel)
        return Generated("".join(written), stop, prompt, 0, len(written), 0.0, 0.0)

    def _write(
        self, words: list[str], room: int, on_text: Callable[[str], None], cancel: threading.Event | None
    ) -> tuple[list[str], Stop]:
        written: list[str] = []
        for word in words:
            if len(written) == room:
                return written, "length"
            self._before_word(word)
            if cancel is not None and cancel.is_set():
                return written, "cancelled"
            written.append(word)
            on_text(word)
        return written, "end"

    def close(self) -> None:
        """Wait for the reply that is being written."""
        with self.queue.turn():
            self.closed = True


class ScoringEngine:
    """The same, and it says how likely a reply is: words of the messages are likely, all words are with an adapter.

    :param replies: as `ScriptedEngine`
    """

    def __init__(self, replies: Reply = lambda messages: messages[-1].content) -> None:
        self._scripted = ScriptedEngine(replies)
        self.scored: list[tuple[Message, ...]] = []
        self.name, self.model, self.context_tokens = "scripted", "scripted", 4096

    @property
    def requests(self) -> list[Generation]:
        """What it was asked, in order."""
        return self._scripted.requests

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """As `ScriptedEngine`."""
        return self._scripted.count_tokens(messages)

    def generate(
        self, request: Generation, *, on_text: Callable[[str], None], cancel: threading.Event | None = None
    ) -> Generated:
        """As `ScriptedEngine`."""
        return self._scripted.generate(request, on_text=on_text, cancel=cancel)

    def log_likelihood(
        self, messages: Sequence[Message], reply: str, adapter: AdapterFiles | None, *, asked_by: int | None = None
    ) -> Likelihood:
        """-1 nat for a word that stands in the messages, -3 for another, half of it with an adapter."""
        del asked_by
        self.scored.append(tuple(messages))
        known = {word for message in messages for word in message.content.split()}
        nats = sum(-1.0 if word in known else -3.0 for word in reply.split())
        return Likelihood(nats / 2 if adapter else nats, len(reply.split()))

    def close(self) -> None:
        """Nothing is held."""
