"""An engine over a model that is loaded into this process: turns, prompts, tokens to text, cancelling.

The decode loop is our own because it can end at any token and writes each piece as it comes. Prompts are rendered and
tokenised by the model folder's tokenizer, as in training, whatever computes them. The same request gives the same reply
on the same machine, whatever was asked before it (`token_model`, `prefix`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bot.engines.base import TURNS, AdapterFiles, Generated, Generation, Likelihood, Stop, is_set
from bot.engines.lookup import Lookup
from bot.engines.prefix import PrefixKey
from bot.engines.queue import FairQueue
from bot.engines.token_model import Logits, TokenModel
from bot.engines.token_reply import TokenReply
from bot.engines.weights import context_length, load_tokenizer
from memory.errors import FamiliarError
from memory.records import Message
from tuning.chat_format import IGNORED, encode_example, opens_reasoning, render, render_text

T = TypeVar("T")
_log = logging.getLogger(__name__)

_IDLE_S = 30.0
_SAMPLED_FROM = 50
"""Likeliest tokens that sampling chooses from (the default of transformers): the long tail is noise."""


class TokenEngine:
    """Serves one model, which is read when the first reply is asked for.

    :param folder: a transformers model folder, whose tokenizer and chat template are used
    :param name: the engine's kind
    :param model: its name, as stored with a turn
    :param load: reads the model, given the tokenizer and the tokens of a context
    :param longest_context: most tokens of prompt and reply together; 0: what the model was made for
    :param lookup_tokens: most tokens that are guessed at once from what the prompt says; 0: none
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        model: str,
        load: Callable[[Any, int], TokenModel],
        longest_context: int = 0,
        lookup_tokens: int = 0,
    ) -> None:
        self._folder = folder
        self._name = name
        self._model = model
        self._load = load
        self._longest = longest_context
        self._lookup_tokens = lookup_tokens
        self._idle: threading.Timer | None = None
        self._queue = FairQueue()
        self._reading = threading.Lock()
        self._tokenizer: Any = None
        self._context = 0
        self._loaded: TokenModel | None = None

    @property
    def name(self) -> str:
        """The engine's kind."""
        return self._name

    @property
    def model(self) -> str:
        """The base model's name."""
        return self._model

    @property
    def context_tokens(self) -> int:
        """Tokens that prompt and reply may hold together."""
        with self._reading:
            if not self._context:
                made_for = context_length(self._folder)
                self._context = min(made_for, self._longest or made_for)
            return self._context

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of the messages once rendered with the model's chat template, generation prompt included."""
        return len(render(self._tokens(), messages))

    def generate(
        self, request: Generation, *, on_text: Callable[[str], None], cancel: threading.Event | None = None
    ) -> Generated:
        """Answer when it is this user's turn, calling ``on_text`` with each new piece as it is written.

        The pieces add up to the text of the result, except where a loop was cut off at its end. Times count from the
        call, waiting and loading included.

        :raises UsageError: a package that the engine needs is not installed
        :raises FamiliarError: the prompt leaves no room for a reply, the adapter does not fit the model, or the model's
            files are missing or damaged
        """
        began = time.perf_counter()
        with self._queue.turn(cancel, asked_by=request.asked_by) as mine:
            if not mine or is_set(cancel):
                waited = time.perf_counter() - began
                return Generated("", "cancelled", 0, 0, 0, waited, waited)
            return self._answer(request, on_text, cancel, began)

    def log_likelihood(
        self, messages: Sequence[Message], reply: str, adapter: AdapterFiles | None, *, asked_by: int | None = None
    ) -> Likelihood:
        """How likely the reply is; it waits for its turn as a generation does.

        The tokens and labels are those of training, so that both mean the same number. The prompt goes through the
        kept beginnings of a generation: nine prompts that differ in one note cost little more than one.

        :raises FamiliarError: the reply is empty, the two don't fit the context, or as `generate`
        """
        values = self._at_each_place(messages, reply, adapter, log_softmax, asked_by=asked_by)
        return Likelihood(sum(values), len(values))

    def greedy_tokens(self, messages: Sequence[Message], reply: str, adapter: AdapterFiles | None) -> tuple[int, ...]:
        """The likeliest token at each place of a given reply, its end included: what two engines are compared by.

        :raises FamiliarError: as `log_likelihood`
        """
        return tuple(self._at_each_place(messages, reply, adapter, lambda logits, _token: int(logits.argmax())))

    def close(self) -> None:
        """Give back the weights' memory once the waiting generations have ended; a later one reads them again."""
        if self._idle is not None:
            self._idle.cancel()
        self._save()
        with self._queue.turn():
            if self._loaded is not None:
                self._loaded.close()
            self._loaded = None

    def _save(self) -> None:
        """Keep the beginnings of prompts for the next start; a failure costs that start some seconds and no more."""
        with self._queue.turn():
            try:
                if self._loaded is not None:
                    self._loaded.save()
            except FamiliarError as exc:
                _log.warning("%s", exc)

    def _when_idle(self) -> None:
        """Save them when nothing was asked for a while, since a process may end without being closed."""
        if self._loaded is None or not self._loaded.lasting:
            return
        if self._idle is not None:
            self._idle.cancel()
        self._idle = threading.Timer(_IDLE_S, self._save)
        self._idle.daemon = True
        self._idle.start()

    def _answer(
        self, request: Generation, on_text: Callable[[str], None], cancel: threading.Event | None, began: float
    ) -> Generated:
        tokenizer = self._tokens()
        prompt = render(tokenizer, request.messages)
        room = self.context_tokens - len(prompt)
        if room < 1:
            held = f"{self._model} holds {self.context_tokens}"
            raise FamiliarError(f"the prompt has {len(prompt)} tokens, but {held}: there is no room for a reply")
        loaded = self._ready()
        reasoning = opens_reasoning(render_text(tokenizer, request.messages))
        reply = TokenReply(tokenizer, reasoning=reasoning, on_text=on_text)
        with loaded.using(request.adapter):
            run = _Run(loaded, prompt, request, cancel, began, self._lookup_tokens)
            stop = run.write(reply, min(request.max_tokens, room))
        ended = time.perf_counter()
        self._when_idle()
        text = reply.finish(stop)
        first = (run.first_token_at or ended) - began
        return Generated(text, stop, len(prompt), run.reused, reply.tokens, first, ended - began, run.mean_logprob)

    def _encoded(self, messages: Sequence[Message], reply: str) -> tuple[list[int], list[int]]:
        """Tokens of the prompt and of the reply."""
        encoded = encode_example(self._tokens(), messages, reply, max_tokens=self.context_tokens)
        # One token more than fits would have the oldest message cut, and another prompt would be scored.
        if encoded is None or self.count_tokens(messages) != encoded.labels.count(IGNORED):
            raise FamiliarError(f"prompt and reply don't fit the {self.context_tokens} tokens of {self._model}")
        length = encoded.labels.count(IGNORED)
        return list(encoded.input_ids[:length]), list(encoded.input_ids[length:])

    def _at_each_place(
        self,
        messages: Sequence[Message],
        reply: str,
        adapter: AdapterFiles | None,
        measure: Callable[[Logits, int], T],
        *,
        asked_by: int | None = None,
    ) -> list[T]:
        """What ``measure`` makes of the logits and the reply's token at each of its places."""
        asked_at = time.perf_counter()
        with self._queue.turn(asked_by=asked_by):
            prompt, answer = self._encoded(messages, reply)
            key, loaded = PrefixKey(adapter.id if adapter else None, TURNS, asked_by), self._ready()
            with loaded.using(adapter):
                first = loaded.read(prompt, loaded.begin(key, prompt), None)
                assert first is not None, "nothing cancels it"
                found = [measure(first, answer[0])]
                found += [measure(*place) for place in zip(loaded.rows(answer[:-1]), answer[1:], strict=True)]
                loaded.keep(key, prompt, asked_at=asked_at)
        return found

    def _ready(self) -> TokenModel:
        """The model, read if it is not; call it while holding the queue."""
        if self._loaded is None:
            self._loaded = self._load(self._tokens(), self.context_tokens)
        return self._loaded

    def _tokens(self) -> Any:
        with self._reading:
            self._tokenizer = self._tokenizer or load_tokenizer(self._folder)
            return self._tokenizer


class _Run:
    """One generation on the model: prompt in, tokens out, the prompt kept for the next."""

    def __init__(
        self,
        loaded: TokenModel,
        prompt: Sequence[int],
        request: Generation,
        cancel: threading.Event | None,
        began: float,
        lookup_tokens: int,
    ) -> None:
        self._loaded = loaded
        self._prompt = prompt
        self._cancel = cancel
        self._began = began
        self._kept_as = PrefixKey(request.adapter.id if request.adapter else None, request.kept_as, request.asked_by)
        self._choose = chooser(temperature=request.temperature, seed=request.seed)
        self.reused = 0
        self.first_token_at: float | None = None
        self._logprobs: list[float] = []
        self._lookup = Lookup(prompt, longest=lookup_tokens)
        self._ahead: list[tuple[int, Logits]] = []
        self._guessed = self._right = 0

    @property
    def mean_logprob(self) -> float | None:
        """Of the tokens written so far."""
        return sum(self._logprobs) / len(self._logprobs) if self._logprobs else None

    def write(self, reply: TokenReply, limit: int) -> Stop:
        """Feed ``reply`` until the model ends, ``limit`` tokens are written, a loop shows or cancel is set."""
        stop = self._written(reply, limit)
        # Not after an error: what failed within a model leaves some of its layers with fewer tokens than others.
        self._loaded.keep(self._kept_as, self._prompt, asked_at=self._began)
        return stop

    def _written(self, reply: TokenReply, limit: int) -> Stop:
        self.reused = self._loaded.begin(self._kept_as, self._prompt)
        logits = self._loaded.read(self._prompt, self.reused, self._cancel)
        while logits is not None and not is_set(self._cancel):
            token = self._chosen(logits)
            if token in self._loaded.stops:
                return "end"
            reply.push(token)
            if reply.loops():
                return "loop"
            if reply.tokens >= limit:
                return "length"
            logits = self._after(token, most=limit - reply.tokens - 1)
        return "cancelled"

    def _after(self, token: int, *, most: int) -> Logits:
        """Logits after one more token of the reply, computed with what is guessed to follow, at most so many tokens."""
        self._lookup.wrote(token)
        if self._ahead and self._ahead[0][0] == token:
            self._right += 1
            return self._ahead.pop(0)[1]
        self._give_up_guess()
        guess = self._lookup.guess(most) if self._loaded.revocable else []
        if not guess:
            return self._loaded.next(token)
        first, *rest = self._loaded.rows([token, *guess])
        self._guessed, self._ahead = len(guess), list(zip(guess, rest, strict=True))
        return first

    def _give_up_guess(self) -> None:
        """Of the last guess, what the model did not choose."""
        if self._ahead:
            self._loaded.drop(len(self._ahead))
        if self._guessed:
            self._lookup.was_right(self._guessed, self._right)
        self._ahead, self._guessed, self._right = [], 0, 0

    def _chosen(self, logits: Logits) -> int:
        token = self._choose(logits)
        self._logprobs.append(log_softmax(logits, token))
        self.first_token_at = self.first_token_at or time.perf_counter()
        return token


def chooser(*, temperature: float, seed: int) -> Callable[[Logits], int]:
    """From logits to a token id: the likeliest, or a draw that the seed repeats."""
    if temperature <= 0:
        return lambda logits: int(logits.argmax())
    generator = np.random.default_rng(seed)

    def draw(logits: Logits) -> int:
        best: NDArray[np.intp] = np.argsort(-logits, kind="stable")[:_SAMPLED_FROM]
        scores = logits[best].astype(np.float64) / temperature
        chances = np.exp(scores - scores.max())
        return int(generator.choice(best, p=chances / chances.sum()))

    return draw


def log_softmax(logits: Logits, token: int) -> float:
    """The token's log-likelihood in nats."""
    top = logits.max()
    return float(logits[token] - top) - float(np.log(np.exp(logits - top).sum()))
