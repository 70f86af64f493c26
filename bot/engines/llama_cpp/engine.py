"""A GGUF model in this process, with LoRA adapters converted from peft's files.

The decode loop is our own, over llama.cpp's C API (`library`), so that a reply ends at any token and the same request
gives the same reply, whatever was asked before it (`steps`, `loaded`). Prompts are rendered and tokenised by the model
folder's tokenizer, as in training; llama.cpp sees token ids only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.engines.base import TURNS, AdapterFiles, Generated, Generation, Likelihood, Stop
from bot.engines.llama_cpp.adapters import BaseShape, adapter_gguf, base_shape
from bot.engines.llama_cpp.loaded import Floats, LoadedModel
from bot.engines.queue import FairQueue
from bot.engines.token_reply import TokenReply
from bot.engines.weights import context_length, load_tokenizer
from memory.errors import FamiliarError
from memory.records import Message
from tuning.chat_format import IGNORED, encode_example, end_of_turn, opens_reasoning, render, render_text, stop_ids

_LONGEST_CONTEXT = 8192
"""Keys and values of the 40,960 tokens that a model of 4B was made for take 6 GB."""
_SAMPLED_FROM = 50
"""Likeliest tokens that sampling chooses from, as in the local engine."""
_SCORED_AT_ONCE = 32
"""Tokens whose logits are read together: 32 over a vocabulary of 150,000 take 19 MB."""


class LlamaCppEngine:
    """Serves one GGUF file; it is read when the first reply is asked for.

    :param gguf: the weights
    :param folder: the transformers folder of the same model, whose tokenizer and chat template are used
    :param model: its name, as stored with a turn
    :param base_sha256: of the base that its adapters were trained on; adapters that name another are refused
    :param threads: 0: one for each core
    :param context_tokens: prompt and reply together; 0: what the model was made for, at most 8,192
    """

    def __init__(
        self,
        gguf: Path,
        folder: Path,
        *,
        model: str,
        base_sha256: str,
        threads: int = 0,
        context_tokens: int = 0,
    ) -> None:
        self._gguf = gguf
        self._folder = folder
        self._model = model
        self._base_sha256 = base_sha256
        self._threads = threads
        self._wanted_context = context_tokens
        self._queue = FairQueue()
        self._reading = threading.Lock()
        self._tokenizer: Any = None
        self._stops: frozenset[int] = frozenset()
        self._context = 0
        self._shape: BaseShape | None = None
        self._loaded: LoadedModel | None = None

    @property
    def name(self) -> str:
        """The engine's kind."""
        return "llama.cpp"

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
                self._context = min(made_for, self._wanted_context or _LONGEST_CONTEXT)
            return self._context

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of the messages once rendered with the model's chat template, generation prompt included."""
        return len(render(self._tokens(), messages))

    def generate(
        self, request: Generation, *, on_text: Callable[[str], None], cancel: threading.Event | None = None
    ) -> Generated:
        """Answer when it is this user's turn, calling ``on_text`` with each new piece as it is written.

        Pieces and times as those of the local engine.

        :raises UsageError: xllamacpp is not installed
        :raises FamiliarError: the prompt leaves no room for a reply, the adapter does not fit the model or can't be
            computed by llama.cpp, or the model's files are missing or damaged
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

        :raises FamiliarError: the reply is empty, the two don't fit the context, or as `generate`
        """
        with self._queue.turn(asked_by=asked_by):
            encoded = encode_example(self._tokens(), messages, reply, max_tokens=self.context_tokens)
            if encoded is None or self.count_tokens(messages) != encoded.labels.count(IGNORED):
                raise FamiliarError(f"prompt and reply don't fit the {self.context_tokens} tokens of {self._model}")
            length = encoded.labels.count(IGNORED)
            prompt, answer = encoded.input_ids[:length], encoded.input_ids[length:]
            logits = self._logits_after(prompt, answer[:-1], adapter)
            return Likelihood(
                sum(_log_softmax(row, token) for row, token in zip(logits, answer, strict=True)), len(answer)
            )

    def greedy_tokens(self, messages: Sequence[Message], reply: str, adapter: AdapterFiles | None) -> tuple[int, ...]:
        """The likeliest token at each place of a given reply, its end included: what two engines are compared by.

        :raises FamiliarError: as `log_likelihood`
        """
        with self._queue.turn():
            encoded = encode_example(self._tokens(), messages, reply, max_tokens=self.context_tokens)
            if encoded is None:
                raise FamiliarError(f"prompt and reply don't fit the {self.context_tokens} tokens of {self._model}")
            length = encoded.labels.count(IGNORED)
            rows = self._logits_after(encoded.input_ids[:length], encoded.input_ids[length:-1], adapter)
            return tuple(int(row.argmax()) for row in rows)

    def close(self) -> None:
        """Give back the weights' memory once the waiting generations have ended; a later one reads them again."""
        with self._queue.turn():
            if self._loaded is not None:
                self._loaded.close()
            self._loaded = None

    def _answer(
        self, request: Generation, on_text: Callable[[str], None], cancel: threading.Event | None, began: float
    ) -> Generated:
        tokenizer = self._tokens()
        prompt = render(tokenizer, request.messages)
        room = self.context_tokens - len(prompt)
        if room < 1:
            held = f"{self._model} holds {self.context_tokens}"
            raise FamiliarError(f"the prompt has {len(prompt)} tokens, but {held}: there is no room for a reply")
        loaded = self._ready(request.adapter)
        reasoning = opens_reasoning(render_text(tokenizer, request.messages))
        reply = TokenReply(tokenizer, reasoning=reasoning, on_text=on_text)
        run = _Run(loaded, prompt, request, cancel, self._stops)
        stop = run.write(reply, min(request.max_tokens, room))
        ended = time.perf_counter()
        text = reply.finish(stop)
        first = (run.first_token_at or ended) - began
        return Generated(text, stop, len(prompt), run.reused, reply.tokens, first, ended - began, run.mean_logprob)

    def _logits_after(
        self, prompt: Sequence[int], written: Sequence[int], adapter: AdapterFiles | None
    ) -> list[Floats]:
        """Logits after the prompt and after each written token."""
        loaded = self._ready(adapter)
        reused = loaded.begin((adapter.id if adapter else None, TURNS), prompt)
        try:
            first = loaded.read(prompt, reused, None)
            assert first is not None, "nothing cancels it"
            rows = [first.copy()]
            for start in range(0, len(written), _SCORED_AT_ONCE):
                rows.extend(loaded.all_logits(written[start : start + _SCORED_AT_ONCE]))
            return rows
        finally:
            loaded.keep(prompt)

    def _ready(self, adapter: AdapterFiles | None) -> LoadedModel:
        """The model with the adapter active; call it while holding the queue."""
        if adapter is not None and adapter.base_sha256 not in ("", self._base_sha256):
            raise FamiliarError(
                f"adapter {adapter.id} was trained on a base of sha256 {adapter.base_sha256[:12]}, but {self._model} "
                f"({self._base_sha256[:12]}) is running; tune again, or name that base in [model] name"
            )
        loaded = self._loaded = self._loaded or self._load()
        if adapter is not None and not loaded.holds(adapter.id):
            self._shape = self._shape or base_shape(self._folder)
            loaded.load_adapter(adapter.id, adapter_gguf(adapter.folder, self._shape))
        loaded.activate(adapter.id if adapter else None)
        return loaded

    def _load(self) -> LoadedModel:
        tokenizer = self._tokens()
        self._stops = stop_ids(tokenizer, _generation_config(self._folder))
        threads = self._threads or cores()
        ends = frozenset({end_of_turn(tokenizer)})
        return LoadedModel(self._gguf, tokens=self.context_tokens, threads=threads, ends=ends)

    def _tokens(self) -> Any:
        with self._reading:
            self._tokenizer = self._tokenizer or load_tokenizer(self._folder)
            return self._tokenizer


class _Run:
    """One generation on the model: prompt in, tokens out, the prompt's keys and values kept for the next."""

    def __init__(
        self,
        loaded: LoadedModel,
        prompt: Sequence[int],
        request: Generation,
        cancel: threading.Event | None,
        stops: frozenset[int],
    ) -> None:
        self._loaded = loaded
        self._prompt = prompt
        self._cancel = cancel
        self._stops = stops
        self._kept_as = (request.adapter.id if request.adapter else None, request.kept_as)
        self._choose = chooser(temperature=request.temperature, seed=request.seed)
        self.reused = 0
        self.first_token_at: float | None = None
        self._logprobs: list[float] = []

    @property
    def mean_logprob(self) -> float | None:
        """Of the tokens written so far."""
        return sum(self._logprobs) / len(self._logprobs) if self._logprobs else None

    def write(self, reply: TokenReply, limit: int) -> Stop:
        """Feed ``reply`` until the model ends, ``limit`` tokens are written, a loop shows or cancel is set."""
        self.reused = self._loaded.begin(self._kept_as, self._prompt)
        try:
            logits = self._loaded.read(self._prompt, self.reused, self._cancel)
            for written in range(1, limit + 1):
                if logits is None or _set(self._cancel):
                    return "cancelled"
                token = self._choose(logits)
                self._logprobs.append(_log_softmax(logits, token))
                self.first_token_at = self.first_token_at or time.perf_counter()
                if token in self._stops:
                    return "end"
                reply.push(token)
                if reply.loops():
                    return "loop"
                logits = self._loaded.next(token) if written < limit else None
            return "length"
        finally:
            self._loaded.keep(self._prompt)


def chooser(*, temperature: float, seed: int) -> Callable[[Floats], int]:
    """From logits over the vocabulary to a token id: the likeliest, or a draw that the seed repeats."""
    if temperature <= 0:
        return lambda logits: int(logits.argmax())
    generator = np.random.default_rng(seed)

    def draw(logits: Floats) -> int:
        best: NDArray[np.intp] = np.argsort(-logits, kind="stable")[:_SAMPLED_FROM]
        scores = logits[best].astype(np.float64) / temperature
        chances = np.exp(scores - scores.max())
        return int(generator.choice(best, p=chances / chances.sum()))

    return draw


def _log_softmax(logits: Floats, token: int) -> float:
    """The token's log-likelihood in nats."""
    top = logits.max()
    return float(logits[token] - top) - float(np.log(np.exp(logits - top).sum()))


def _generation_config(folder: Path) -> Any:
    """What the model's files name as its ends, if anything."""
    from transformers import GenerationConfig

    try:
        return GenerationConfig.from_pretrained(str(folder), local_files_only=True)
    except OSError:
        return None


def cores() -> int:
    """Physical cores: two threads on one get no more done, and llama.cpp's wait for each other."""
    import psutil

    return int(psutil.cpu_count(logical=False) or psutil.cpu_count() or 1)


def _set(cancel: threading.Event | None) -> bool:
    return cancel is not None and cancel.is_set()
