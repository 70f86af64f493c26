"""An OpenAI-compatible server as an engine: vLLM, llama-server, Ollama, LM Studio or a hosted service.

Cancelling closes the HTTP stream at once, so that the server stops computing. A reply that broke off is an error that
says so and is never asked for again, since its first part was shown already. Counts are the server's own where it
gives them. Greedy replies repeat as far as the server's arithmetic does, which changes with what it computes at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TypeVar

from bot.config import ServerConfig
from bot.engines.base import Generated, Generation, Stop, is_set
from bot.engines.queue import FairQueue
from bot.engines.reply import ReplyText
from bot.engines.server.adapters import ServerAdapters, open_adapters
from bot.engines.server.address import address_of
from bot.engines.server.connection import Connection
from bot.engines.server.errors import ServerError
from bot.engines.server.served import Counted, Served
from bot.engines.server.wire import Dialect, Piece, Usage, is_overflow, stop_of
from memory.errors import FamiliarError
from memory.records import Message

T = TypeVar("T")


class ServerEngine:
    """Asks the server of the settings; nothing is asked before the first question.

    :raises UsageError: a setting of [server] is wrong, or the extra `server` is missing
    """

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._connection = Connection(config)
        self.served = Served(self._connection, config)
        self._adapters: ServerAdapters = open_adapters(config, self._connection, self.served)
        self._queue = FairQueue(max(1, config.parallel))
        self._switching = threading.Lock()
        self._dialect = Dialect()

    @property
    def name(self) -> str:
        """The engine's kind."""
        return "server"

    @property
    def model(self) -> str:
        """What the server calls its model.

        :raises FamiliarError: the settings don't say, and the server can't be asked
        """
        return self.served.name

    @property
    def context_tokens(self) -> int:
        """Tokens that prompt and reply may hold together.

        :raises FamiliarError: the settings don't say, and the server can't be asked
        """
        return self.served.context_tokens

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of the messages as the server counts them, else an estimate that is too high rather than too low.

        :raises FamiliarError: the server can't be asked
        """
        return self._count(messages).tokens

    def generate(
        self, request: Generation, *, on_text: Callable[[str], None], cancel: threading.Event | None = None
    ) -> Generated:
        """Answer when it is this user's turn, calling ``on_text`` with each new piece as it comes.

        The pieces add up to the text of the result, except where a loop was cut off at its end. Times count from the
        call, waiting included. ``mean_logprob`` is None.

        :raises FamiliarError: the prompt leaves no room for a reply, the server can't answer with the adapter, it can't
            be reached or refuses, or the reply broke off
        """
        began = time.perf_counter()
        with self._queue.turn(cancel, asked_by=request.asked_by) as mine:
            if not mine or is_set(cancel):
                waited = time.perf_counter() - began
                return Generated("", "cancelled", 0, 0, 0, waited, waited)
            run = _Run(on_text, cancel)
            stop = self._answered(request, run)
            ended = time.perf_counter()
            text = run.text.finish(stop)
        usage = run.usage or Usage(self._count(request.messages).tokens, 0, run.pieces)
        first = (run.first_at or ended) - began
        return Generated(text, stop, usage.prompt_tokens, usage.cached_tokens, usage.reply_tokens, first, ended - began)

    def close(self) -> None:
        """Take adapters back and close the connections once the waiting generations have ended; a later one opens them
        again.
        """
        with ExitStack() as places:
            for _ in range(max(1, self._config.parallel)):
                places.enter_context(self._queue.turn())
            self._adapters.close()
            self._connection.close()

    def _answered(self, request: Generation, run: _Run) -> Stop:
        """Have the reply written; errors are put in terms of the request."""
        try:
            return self._written(request, run)
        except ServerError as exc:
            if exc.begun:
                raise FamiliarError(
                    f"{exc}, so the reply broke off; it is not asked for again, lest something be said twice: ask anew"
                ) from exc
            if is_overflow(exc):
                raise self._no_room(self._count(request.messages)) from exc
            raise

    def _written(self, request: Generation, run: _Run) -> Stop:
        if request.adapter is None:
            return self._adapting(partial(self._once, request, self.model, run))
        for last in (False, True):
            with self._switching:
                name = self._adapters.served_as(request.adapter)
            try:
                return self._adapting(partial(self._once, request, name, run))
            except ServerError as exc:
                if last or exc.status != 404:
                    raise
                # It was restarted, or another process that uses it has unloaded the adapter.
                with self._switching:
                    self._adapters.lost(name)
        raise AssertionError("the last try returns or raises")

    def _once(self, request: Generation, model: str, run: _Run, dialect: Dialect) -> Stop:
        limit = self._limit(request, self.served.count(request.messages, dialect))
        body = dialect.body(request, model=model, max_tokens=limit, thinking=self._config.thinking)
        sent = [message.content for message in request.messages]
        with self._connection.reply(body, cancel=run.cancel, sent=sent) as pieces:
            return run.write(pieces)

    def _limit(self, request: Generation, counted: Counted) -> int:
        """Most tokens of the reply. An estimate refuses nothing: it may be too high, and the server knows better."""
        room = self.context_tokens - counted.tokens
        if not counted.exact:
            return request.max_tokens
        if room < 1:
            raise self._no_room(counted)
        return min(request.max_tokens, room)

    def _no_room(self, counted: Counted) -> FamiliarError:
        about = "" if counted.exact else "about "
        held = f"{self.model} holds {self.context_tokens}"
        return FamiliarError(f"the prompt has {about}{counted.tokens} tokens, but {held}: there is no room for a reply")

    def _count(self, messages: Sequence[Message]) -> Counted:
        return self._adapting(lambda dialect: self.served.count(messages, dialect))

    def _adapting(self, ask: Callable[[Dialect], T]) -> T:
        """Ask, leaving out for good what the server turns out not to take."""
        while True:
            dialect = self._dialect
            try:
                return ask(dialect)
            except ServerError as exc:
                other = dialect.after(exc)
                if other is None:
                    raise
                self._dialect = other


def open_server(config: ServerConfig, *, tell: Callable[[str], None]) -> ServerEngine:
    """The engine of the settings; where the server is outside, ``tell`` is given a line that says what leaves for it.

    :raises UsageError: a setting of [server] is wrong, or the extra `server` is missing
    """
    engine = ServerEngine(config)
    notice = address_of(config.url).notice
    if notice is not None:
        tell(f"familiar: {notice}")
    return engine


class _Run:
    """One reply while it comes."""

    def __init__(self, on_text: Callable[[str], None], cancel: threading.Event | None) -> None:
        self.text = ReplyText(reasoning=False, on_text=on_text)
        self.cancel = cancel
        self.pieces = 0
        self.first_at: float | None = None
        self.usage: Usage | None = None

    def write(self, pieces: Iterable[Piece]) -> Stop:
        """Take the pieces till the reply ends, a loop shows or cancel is set."""
        finish: str | None = None
        for piece in pieces:
            self.usage = piece.usage or self.usage
            finish = piece.finish or finish
            if piece.text or piece.thought:
                self.pieces += 1
                self.first_at = self.first_at or time.perf_counter()
                self.text.push(piece.text)
                if self.text.loops():
                    return "loop"
        if is_set(self.cancel):
            return "cancelled"
        stop = stop_of(finish) if finish is not None else None
        if stop is None:
            raise self._unfinished()
        return stop

    def _unfinished(self) -> ServerError:
        if self.pieces:
            return ServerError("stopped sending", begun=True)
        return ServerError("answered without a reply; is it an OpenAI-compatible server?")
