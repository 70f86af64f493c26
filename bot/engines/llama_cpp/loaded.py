"""One GGUF model in memory: a sequence of tokens that grows and shrinks, adapters, and the beginnings kept of prompts.

Only one sequence is in llama.cpp's own cache, at its beginning, so that a decode looks at no other's cells and the
same tokens always lie in the same ones. What is kept of a prompt is copied out as bytes and back when it is wanted,
which takes milliseconds and changes no bit.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bot.engines.adapters import SHARE_OF_BASE
from bot.engines.base import AdapterFiles, is_set
from bot.engines.llama_cpp.library import library
from bot.engines.llama_cpp.states import State
from bot.engines.prefix import PrefixCache, PrefixKey, pieces, steps, whole_steps
from bot.engines.token_model import Logits
from memory.errors import FamiliarError

LONGEST = 512
"""Tokens that are computed at once: llama.cpp's n_ubatch by default."""
_SCORED_AT_ONCE = 32
"""Tokens whose logits are read together: 32 over a vocabulary of 150,000 take 19 MB."""
_ABORTED = 2
_CANCEL_CHECK_S = 0.05


@dataclass(frozen=True)
class Reading:
    """How a file is read."""

    context_tokens: int
    threads: int
    stops: frozenset[int]
    """Token ids that end a reply."""
    prefixes: PrefixCache[State]
    adapter_file: Callable[[AdapterFiles], Path]
    """The GGUF file of an adapter of this base; raises FamiliarError for any other."""
    adapters_mb: int = 0
    """Most memory for adapters; 0: a fifth of the base's."""


class LlamaModel:
    """A `TokenModel` of llama.cpp.

    :raises FamiliarError: the file is no model for this llama.cpp, or memory does not suffice
    """

    def __init__(self, path: Path, reading: Reading) -> None:
        self._lib = library()
        self._reading = reading
        self._model = self._lib.load_model(path)
        try:
            self._context = self._lib.open_context(self._model, tokens=reading.context_tokens, step=LONGEST)
        except FamiliarError:
            self._lib.call("llama_model_free", self._model)
            raise
        self._lib.call("llama_set_n_threads", self._context, reading.threads, reading.threads)
        self._memory = self._lib.call("llama_get_memory", self._context)
        self._vocabulary = self._lib.call("llama_vocab_n_tokens", self._lib.call("llama_model_get_vocab", self._model))
        self._adapters: dict[str, _Adapter] = {}
        self._active: str | None = None
        self._most_adapters = reading.adapters_mb * 2**20 or int(
            self._lib.call("llama_model_size", self._model) * SHARE_OF_BASE
        )
        self._revocable = not any(
            self._lib.call(name, self._model)
            for name in ("llama_model_is_recurrent", "llama_model_is_hybrid", "llama_model_n_swa")
        )
        self._length = 0
        self._live: State | None = None
        self._abort = ctypes.create_string_buffer(2)
        stop = ctypes.cast(self._lib.byte_is_set, ctypes.c_void_p)
        self._lib.call("llama_set_abort_callback", self._context, stop, ctypes.addressof(self._abort))

    @property
    def stops(self) -> frozenset[int]:
        """Token ids that end a reply."""
        return self._reading.stops

    @property
    def adapters(self) -> tuple[str, ...]:
        """Ids of those in memory, the one used longest ago first."""
        return tuple(self._adapters)

    @property
    def lasting(self) -> bool:
        """Whether beginnings are kept for the next start."""
        return self._reading.prefixes.lasting

    def save(self) -> None:
        """Write the beginnings.

        :raises FamiliarError: they can't be written
        """
        if self._reading.prefixes.write():
            self._live = None
            self._cut(0)

    def close(self) -> None:
        """Give the memory back; nothing may be called afterwards."""
        for adapter in self._adapters.values():
            self._lib.call("llama_adapter_lora_free", adapter.pointer)
        self._lib.call("llama_free", self._context)
        self._lib.call("llama_model_free", self._model)

    # ---- adapters ----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def using(self, adapter: AdapterFiles | None) -> Iterator[None]:
        """Compute with ``adapter``, or as the base model.

        :raises FamiliarError: it is another base's, can't be computed by llama.cpp, or its files are damaged
        """
        if adapter is not None and adapter.id not in self._adapters:
            self._load_adapter(adapter)
        self._activate(adapter.id if adapter else None)
        yield

    def _load_adapter(self, adapter: AdapterFiles) -> None:
        """Read it; those used longest ago make room, all but one, so that two users who take turns keep theirs."""
        file = self._reading.adapter_file(adapter)
        size = file.stat().st_size
        for oldest in list(self._adapters)[:-1]:
            if sum(held.nbytes for held in self._adapters.values()) + size <= self._most_adapters:
                break
            if self._active == oldest:
                self._activate(None)
            self._lib.call("llama_adapter_lora_free", self._adapters.pop(oldest).pointer)
        self._adapters[adapter.id] = _Adapter(self._lib.load_adapter(self._model, file), size)

    def _activate(self, adapter_id: str | None) -> None:
        if adapter_id is not None:
            self._adapters[adapter_id] = self._adapters.pop(adapter_id)
        if self._active == adapter_id:
            return
        held = [] if adapter_id is None else [self._adapters[adapter_id].pointer]
        pointers = (ctypes.c_void_p * len(held))(*held)
        scales = (ctypes.c_float * len(held))(*([1.0] * len(held)))
        if self._lib.call("llama_set_adapters_lora", self._context, pointers, len(held), scales):
            raise FamiliarError(f"llama.cpp can't use the adapter {adapter_id}")
        self._active = adapter_id

    # ---- the sequence ------------------------------------------------------------------------------------------------

    def begin(self, key: PrefixKey, prompt: Sequence[int]) -> int:
        """Take up the kept beginning."""
        live, self._live = self._live, None
        state, reused = self._reading.prefixes.take(key, prompt) or (None, 0)
        if state is None or not (state is live or self._put_back(state)):
            reused = 0
        return reused if self._cut(reused) else 0

    @property
    def revocable(self) -> bool:
        """Whether the model keeps keys and values of every token."""
        return self._revocable

    def drop(self, tokens: int) -> None:
        """Take the last tokens back."""
        self._cut(self._length - tokens)

    def keep(self, key: PrefixKey, prompt: Sequence[int], *, asked_at: float) -> None:
        """Keep the whole steps that were computed."""
        prefixes = self._reading.prefixes
        computed = min(self._length, len(prompt))
        whole = max(whole_steps(prompt[:computed], prefixes.rule), default=0)
        if whole and self._cut(whole):
            self._live = self._copied_out()
            prefixes.keep(key, prompt[:whole], self._live, asked_at=asked_at)

    def read(self, prompt: Sequence[int], start: int, cancel: threading.Event | None) -> Logits | None:
        """Compute the prompt step by step; it ends within moments of ``cancel``, within a step too."""
        with self._watching(cancel):
            for begin, end in steps(prompt, start, self._reading.prefixes.rule):
                if is_set(cancel) or not self._feed(prompt[begin:end]):
                    return None
        return self._logits(-1)

    def next(self, token: int) -> Logits:
        """Compute one more token."""
        self._feed([token])
        return self._logits(-1)

    def rows(self, ids: Sequence[int]) -> Iterator[Logits]:
        """Compute more tokens, some at a time."""
        for begin, end in pieces(0, len(ids), _SCORED_AT_ONCE):
            self._feed(ids[begin:end], everywhere=True)
            yield from (self._logits(place) for place in range(end - begin))

    def _feed(self, ids: Sequence[int], *, everywhere: bool = False) -> bool:
        flags = np.ones(len(ids), np.int8) if everywhere else None
        status = self._lib.decode(self._context, np.asarray(ids, np.int32), flags)
        if status == 0:
            self._length += len(ids)
            return True
        self._cut(self._length)
        if status == _ABORTED:
            return False
        raise FamiliarError(f"llama.cpp can't compute {len(ids)} tokens after {self._length} (status {status})")

    def _logits(self, place: int) -> Logits:
        found = self._lib.call("llama_get_logits_ith", self._context, place)
        pointer = ctypes.cast(found, ctypes.POINTER(ctypes.c_float))
        return np.ctypeslib.as_array(pointer, (self._vocabulary,))

    def _cut(self, length: int) -> bool:
        """Keep the first tokens; False where the model's kind of state can't be cut, and nothing is left."""
        self._length = length
        if length and self._lib.call("llama_memory_seq_rm", self._memory, 0, length, -1):
            return True
        self._length = 0
        self._lib.call("llama_memory_clear", self._memory, False)
        return length == 0

    def _copied_out(self) -> State:
        """Keys and values of the sequence."""
        data = np.empty(self._lib.call("llama_state_seq_get_size", self._context, 0), np.uint8)
        self._lib.call("llama_state_seq_get_data", self._context, data.ctypes.data, data.nbytes, 0)
        return State(self._length, data)

    def _put_back(self, state: State) -> bool:
        """False where llama.cpp refuses it; nothing of the sequence counts then."""
        self._cut(0)
        data = state.data
        if not self._lib.call("llama_state_seq_set_data", self._context, data.ctypes.data, data.nbytes, 0):
            return False
        self._length = state.tokens
        return True

    @contextlib.contextmanager
    def _watching(self, cancel: threading.Event | None) -> Iterator[None]:
        """End a running computation when ``cancel`` is set; a long prompt takes seconds in one call."""
        if cancel is None:
            yield
            return
        lock, done = threading.Lock(), threading.Event()

        def watch() -> None:
            while not cancel.wait(_CANCEL_CHECK_S):
                if done.is_set():
                    return
            with lock:
                if not done.is_set():
                    self._abort[0] = b"x"

        threading.Thread(target=watch, name="llama.cpp cancel", daemon=True).start()
        try:
            yield
        finally:
            # Not joined: the first token would wait for the watcher's next look.
            with lock:
                done.set()
                self._abort[0] = b"\0"


@dataclass(frozen=True)
class _Adapter:
    pointer: Any
    nbytes: int
