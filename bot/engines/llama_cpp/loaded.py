"""One model in memory: a sequence of tokens that grows and shrinks, adapters, and the beginnings kept of prompts.

Only one sequence is in llama.cpp's own cache, at its beginning, so that a decode looks at no other's cells and the
same tokens always lie in the same ones. The beginning of another adapter or kind of work is put aside as bytes and
copied back when it is wanted, which takes milliseconds and changes no bit.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Collection, Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.engines.llama_cpp.library import library
from bot.engines.llama_cpp.steps import LONGEST, reusable, steps, whole_steps
from memory.errors import FamiliarError

_ADAPTERS = 8
"""Held at once; one of rank 16 takes a tenth of a small model."""
_ASIDE_BYTES = 64 << 20
_ASIDE_SHARE = 4
"""What is put aside takes at most 64 MiB or this part of the model, whichever is more."""
_ABORTED = 2
_CANCEL_CHECK_S = 0.05

Floats = NDArray[np.float32]


class LoadedModel:
    """A GGUF model; not thread-safe, one generation at a time.

    :param tokens: of its context
    :param ends: tokens that end a message
    :raises FamiliarError: the file is no model for this llama.cpp, or memory does not suffice
    """

    def __init__(self, path: Path, *, tokens: int, threads: int, ends: Collection[int]) -> None:
        self._lib = library()
        self._ends = ends
        self._model = self._lib.load_model(path)
        try:
            self._context = self._lib.open_context(self._model, tokens=tokens, step=LONGEST)
        except FamiliarError:
            self._lib.call("llama_model_free", self._model)
            raise
        self._lib.call("llama_set_n_threads", self._context, threads, threads)
        self._memory = self._lib.call("llama_get_memory", self._context)
        self.vocabulary: int = self._lib.call(
            "llama_vocab_n_tokens", self._lib.call("llama_model_get_vocab", self._model)
        )
        self._adapters: dict[str, Any] = {}
        self._active: Any = None
        self._ids: list[int] = []
        self._key: Hashable = None
        self._aside: dict[Hashable, tuple[list[int], NDArray[np.uint8]]] = {}
        self._aside_limit = max(_ASIDE_BYTES, self._lib.call("llama_model_size", self._model) // _ASIDE_SHARE)
        self._abort = ctypes.create_string_buffer(2)
        stop = ctypes.cast(self._lib.byte_is_set, ctypes.c_void_p)
        self._lib.call("llama_set_abort_callback", self._context, stop, ctypes.addressof(self._abort))

    def close(self) -> None:
        """Give the memory back; nothing may be called afterwards."""
        for adapter in self._adapters.values():
            self._lib.call("llama_adapter_lora_free", adapter)
        self._lib.call("llama_free", self._context)
        self._lib.call("llama_model_free", self._model)

    # ---- adapters ----------------------------------------------------------------------------------------------------

    def holds(self, adapter_id: str) -> bool:
        """Whether the adapter is in memory."""
        return adapter_id in self._adapters

    def load_adapter(self, adapter_id: str, path: Path) -> None:
        """Read an adapter; the one used longest ago makes room.

        :raises FamiliarError: it does not fit the model
        """
        self._adapters[adapter_id] = self._lib.load_adapter(self._model, path)
        for oldest in list(self._adapters)[:-_ADAPTERS]:
            if self._active == oldest:
                self.activate(None)
            self._lib.call("llama_adapter_lora_free", self._adapters.pop(oldest))

    def activate(self, adapter_id: str | None) -> None:
        """Compute with a held adapter from now on, or without any."""
        if adapter_id is not None:
            self._adapters[adapter_id] = self._adapters.pop(adapter_id)
        if self._active == adapter_id:
            return
        held = [] if adapter_id is None else [self._adapters[adapter_id]]
        pointers = (ctypes.c_void_p * len(held))(*held)
        scales = (ctypes.c_float * len(held))(*([1.0] * len(held)))
        if self._lib.call("llama_set_adapters_lora", self._context, pointers, len(held), scales):
            raise FamiliarError(f"llama.cpp can't use the adapter {adapter_id}")
        self._active = adapter_id

    # ---- the sequence ------------------------------------------------------------------------------------------------

    def begin(self, key: Hashable, prompt: Sequence[int]) -> int:
        """Hold what was kept under ``key`` as far as ``prompt`` begins with it; returns how many tokens that is."""
        if key != self._key:
            self._put_aside()
            self._take_back(key)
        shared = reusable(self._ids, prompt, self._ends)
        return shared if self._cut(shared) else 0

    def keep(self, prompt: Sequence[int]) -> None:
        """Keep of the sequence the whole pieces of the prompt that were computed."""
        computed = min(len(self._ids), len(prompt))
        self._cut(max((end for end in whole_steps(prompt, self._ends) if end <= computed), default=0))

    def read(self, prompt: Sequence[int], start: int, cancel: threading.Event | None) -> Floats | None:
        """Compute a prompt from ``start``; logits after it, or None when cancelled on the way, within moments."""
        with self._watching(cancel):
            for begin, end in steps(prompt, self._ends, start):
                if not self._feed(prompt[begin:end]):
                    return None
        return self._logits(-1)

    def next(self, token: int) -> Floats:
        """Compute one more token; logits over the vocabulary after it, valid until the next call."""
        self._feed([token])
        return self._logits(-1)

    def all_logits(self, ids: Sequence[int]) -> Floats:
        """Compute up to 512 more tokens; logits (tokens, vocabulary) after each."""
        self._feed(ids, everywhere=True)
        return np.stack([self._logits(place) for place in range(len(ids))])

    def _feed(self, ids: Sequence[int], *, everywhere: bool = False) -> bool:
        flags = np.ones(len(ids), np.int8) if everywhere else None
        status = self._lib.decode(self._context, np.asarray(ids, np.int32), flags)
        if status == 0:
            self._ids.extend(ids)
            return True
        self._cut(len(self._ids))
        if status == _ABORTED:
            return False
        raise FamiliarError(f"llama.cpp can't compute {len(ids)} tokens after {len(self._ids)} (status {status})")

    def _logits(self, place: int) -> Floats:
        found = self._lib.call("llama_get_logits_ith", self._context, place)
        pointer = ctypes.cast(found, ctypes.POINTER(ctypes.c_float))
        return np.ctypeslib.as_array(pointer, (self.vocabulary,))

    def _cut(self, length: int) -> bool:
        """Keep the first tokens; False where the model's kind of state can't be cut, and nothing is left."""
        del self._ids[length:]
        if length and self._lib.call("llama_memory_seq_rm", self._memory, 0, length, -1):
            return True
        self._ids.clear()
        self._lib.call("llama_memory_clear", self._memory, False)
        return length == 0

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

    # ---- kept beginnings ---------------------------------------------------------------------------------------------

    def _put_aside(self) -> None:
        if not self._ids or self._key is None:
            return
        size = self._lib.call("llama_state_seq_get_size", self._context, 0)
        if size > self._aside_limit:
            return
        state = np.empty(size, np.uint8)
        self._lib.call("llama_state_seq_get_data", self._context, state.ctypes.data, size, 0)
        self._aside[self._key] = (list(self._ids), state)
        while sum(kept.nbytes for _, kept in self._aside.values()) > self._aside_limit:
            del self._aside[next(iter(self._aside))]

    def _take_back(self, key: Hashable) -> None:
        ids, state = self._aside.pop(key, ([], None))
        self._cut(0)
        self._key = key
        if state is not None and self._lib.call(
            "llama_state_seq_set_data", self._context, state.ctypes.data, state.nbytes, 0
        ):
            self._ids = ids
