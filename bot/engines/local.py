"""A transformers model in this process, with LoRA adapters by peft.

The decode loop is our own because it is faster than a streamer thread and can end at any token. The same request gives
the same reply on the same machine, whatever was asked before it (see `prefix` and `adapters` for what that takes).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.engines.base import AdapterFiles, Generated, Generation, Likelihood, Stop
from bot.engines.prefix import PrefixKey, steps
from bot.engines.queue import FairQueue
from bot.engines.scoring import log_likelihood
from bot.engines.token_reply import TokenReply
from bot.engines.weights import LocalOptions, Weights, context_length, load_tokenizer, load_weights
from memory.errors import FamiliarError
from memory.records import Message
from tuning.chat_format import IGNORED, encode_example, opens_reasoning, render, render_text
from tuning.precision import DType

_log = logging.getLogger(__name__)

_IDLE_S = 30.0
_SAMPLED_FROM = 50
"""Likeliest tokens that sampling chooses from (the default of transformers): the long tail is noise."""


class LocalEngine:
    """Serves one model folder; the weights are read when the first reply is asked for.

    :param folder: a transformers model folder with safetensors and a tokenizer
    :param model: its name, as stored with a turn
    :param dtype: number format, where it is not the options'
    """

    def __init__(
        self, folder: Path, *, model: str, options: LocalOptions | None = None, dtype: DType | None = None
    ) -> None:
        self._folder = folder
        self._model = model
        self._options = options or LocalOptions()
        if dtype is not None:
            self._options = replace(self._options, dtype=dtype)
        self._idle: threading.Timer | None = None
        self._queue = FairQueue()
        self._reading = threading.Lock()
        self._tokenizer: Any = None
        self._context = 0
        self._weights: Weights | None = None

    @property
    def name(self) -> str:
        """The engine's kind."""
        return "local"

    @property
    def model(self) -> str:
        """The base model's name."""
        return self._model

    @property
    def context_tokens(self) -> int:
        """Tokens that prompt and reply may hold together."""
        with self._reading:
            self._context = self._context or context_length(self._folder)
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

        :raises FamiliarError: the prompt leaves no room for a reply, the adapter does not fit the model, or the model's
            files are missing or damaged
        """
        began = time.perf_counter()
        with self._queue.turn(cancel, asked_by=request.asked_by) as mine:
            if not mine or _set(cancel):
                waited = time.perf_counter() - began
                return Generated("", "cancelled", 0, 0, 0, waited, waited)
            return self._answer(request, on_text, cancel, began)

    def log_likelihood(
        self, messages: Sequence[Message], reply: str, adapter: AdapterFiles | None, *, asked_by: int | None = None
    ) -> Likelihood:
        """How likely the reply is; it waits for its turn as a generation does.

        :raises FamiliarError: the reply is empty, the two don't fit the context, the adapter does not fit the model, or
            the model's files are missing or damaged
        """
        import torch

        began = time.perf_counter()
        with self._queue.turn(asked_by=asked_by):
            # One token more than fits would have the oldest message cut, and another prompt would be scored.
            encoded = encode_example(self._tokens(), messages, reply, max_tokens=self.context_tokens)
            if encoded is None or self.count_tokens(messages) != encoded.labels.count(IGNORED):
                raise FamiliarError(f"prompt and reply don't fit the {self.context_tokens} tokens of {self._model}")
            with self._loaded().adapters.active(adapter), torch.inference_mode():
                id_ = adapter.id if adapter else None
                return log_likelihood(self._loaded(), encoded, adapter=id_, asked_by=asked_by, asked_at=began)

    def close(self) -> None:
        """Give back the weights' memory once the waiting generations have ended; a later one reads them again."""
        if self._idle is not None:
            self._idle.cancel()
        self._write_beginnings()
        with self._queue.turn():
            self._weights = None

    def _write_beginnings(self) -> None:
        """Keep the beginnings of prompts for the next start; a failure costs that start some seconds and no more."""
        with self._queue.turn():
            try:
                if self._weights is not None:
                    self._weights.prefixes.write()
            except FamiliarError as exc:
                _log.warning("%s", exc)

    def _when_idle(self) -> None:
        """Write them when nothing was asked for a while, since a process may end without being closed."""
        if self._options.saved is None:
            return
        if self._idle is not None:
            self._idle.cancel()
        self._idle = threading.Timer(_IDLE_S, self._write_beginnings)
        self._idle.daemon = True
        self._idle.start()

    def _answer(
        self, request: Generation, on_text: Callable[[str], None], cancel: threading.Event | None, began: float
    ) -> Generated:
        import torch

        tokenizer = self._tokens()
        prompt = render(tokenizer, request.messages)
        room = self.context_tokens - len(prompt)
        if room < 1:
            held = f"{self._model} holds {self.context_tokens}"
            raise FamiliarError(f"the prompt has {len(prompt)} tokens, but {held}: there is no room for a reply")
        weights = self._loaded()
        reasoning = opens_reasoning(render_text(tokenizer, request.messages))
        reply = TokenReply(tokenizer, reasoning=reasoning, on_text=on_text)
        with weights.adapters.active(request.adapter), torch.inference_mode():
            run = _Run(weights, prompt, request, cancel, began)
            stop = run.write(reply, min(request.max_tokens, room))
        ended = time.perf_counter()
        self._when_idle()
        text = reply.finish(stop)
        first = (run.first_token_at or ended) - began
        return Generated(text, stop, len(prompt), run.reused, reply.tokens, first, ended - began, run.mean_logprob)

    def _loaded(self) -> Weights:
        """The weights, read if they are not; call it while holding the queue."""
        self._weights = self._weights or load_weights(self._folder, self._tokens(), self._options)
        return self._weights

    def _tokens(self) -> Any:
        with self._reading:
            self._tokenizer = self._tokenizer or load_tokenizer(self._folder)
            return self._tokenizer


class _Run:
    """One generation on the model: prompt in, tokens out, the prompt's keys and values kept for the next."""

    def __init__(
        self,
        weights: Weights,
        prompt: Sequence[int],
        request: Generation,
        cancel: threading.Event | None,
        began: float,
    ) -> None:
        self._weights = weights
        self._prompt = prompt
        self._request = request
        self._cancel = cancel
        self._began = began
        self._kept_as = PrefixKey(request.adapter.id if request.adapter else None, request.kept_as, request.asked_by)
        self._choose = chooser(temperature=request.temperature, seed=request.seed)
        self.reused = 0
        self.first_token_at: float | None = None
        self._logprobs: list[Any] = []

    @property
    def mean_logprob(self) -> float | None:
        """Of the tokens written so far."""
        return sum(float(value) for value in self._logprobs) / len(self._logprobs) if self._logprobs else None

    def write(self, reply: TokenReply, limit: int) -> Stop:
        """Feed ``reply`` until the model ends, ``limit`` tokens are written, a loop shows or cancel is set."""
        cache = self._cache()
        stop = self._written(reply, limit, cache)
        # Not after an error: what failed within a model leaves some of its layers with fewer tokens than others.
        self._weights.prefixes.keep(self._kept_as, self._prompt, cache, asked_at=self._began)
        return stop

    def _written(self, reply: TokenReply, limit: int, cache: Any) -> Stop:
        logits = self._read_prompt(cache)
        for written in range(1, limit + 1):
            if logits is None or _set(self._cancel):
                return "cancelled"
            token = self._choose(logits)
            scores = logits.float()
            self._logprobs.append(scores[token] - scores.logsumexp(-1))  # read at the end: a GPU need not wait
            self.first_token_at = self.first_token_at or time.perf_counter()
            if token in self._weights.stops:
                return "end"
            reply.push(token)
            if reply.loops():
                return "loop"
            logits = self._forward([token], cache) if written < limit else None
        return "length"

    def _cache(self) -> Any:
        from transformers import DynamicCache

        kept = self._weights.prefixes.take(self._kept_as, self._prompt)
        if kept is None:
            return DynamicCache(config=self._weights.model.config)
        cache, self.reused = kept
        return cache

    def _read_prompt(self, cache: Any) -> Any:
        """Logits after the prompt, or None when cancelled on the way."""
        logits = None
        for start, end in steps(self._prompt, self.reused, self._weights.prefixes.rule):
            if _set(self._cancel):
                return None
            logits = self._forward(self._prompt[start:end], cache)
        return logits

    def _forward(self, ids: Sequence[int], cache: Any) -> Any:
        import torch

        model = self._weights.model
        inputs = torch.tensor([list(ids)], device=model.device)
        return model(input_ids=inputs, cache=cache, use_cache=True, logits_to_keep=1).logits[0, -1]


def chooser(*, temperature: float, seed: int) -> Callable[[Any], int]:
    """From logits over the vocabulary to a token id: the likeliest, or a draw that the seed repeats."""
    import torch

    if temperature <= 0:
        return lambda logits: int(logits.argmax())
    # On the CPU, whose generator gives the same numbers on every machine.
    generator = torch.Generator().manual_seed(seed)

    def draw(logits: Any) -> int:
        best = torch.topk(logits.float().cpu(), min(_SAMPLED_FROM, logits.shape[-1]))
        chances = torch.softmax(best.values / temperature, dim=-1)
        return int(best.indices[torch.multinomial(chances, 1, generator=generator)])

    return draw


def _set(cancel: threading.Event | None) -> bool:
    return cancel is not None and cancel.is_set()
