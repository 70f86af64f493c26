"""The part of llama.cpp's C API that the engine needs, called in the shared library of `xllamacpp`.

The Server class of xllamacpp takes its adapters when it is made, so that a new adapter would cost a second copy of the
base; it drops what it kept of a prompt when the adapter changes. The C API below it loads an adapter in milliseconds
and hands out keys and values as bytes. Only what has been stable for years is used: two structs are passed as they
come from llama.cpp, and the fields that are set (context, batches) are checked against their known defaults first, so
that a build with another layout is refused instead of being fed wrong numbers.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import os
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

from memory.errors import FamiliarError, UsageError, first_line

_CONTEXT_DEFAULTS = (512, 2048, 512)
"""n_ctx, n_batch and n_ubatch, the first fields of llama_context_params."""
_WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
_SPINS = "1000"
_ERROR = 4
"""GGML_LOG_LEVEL_ERROR."""

Pointer = ctypes.c_void_p


class _Params(ctypes.Structure):
    """Room for llama_model_params or llama_context_params by value: larger than either is, read only where it is."""

    _fields_ = (("words", ctypes.c_uint32 * 128),)


class _Batch(ctypes.Structure):
    """llama_batch: null pointers leave positions and sequence to llama.cpp, which then continues sequence 0."""

    _fields_ = (
        ("n_tokens", ctypes.c_int32),
        ("token", Pointer),
        ("embd", Pointer),
        ("pos", Pointer),
        ("n_seq_id", Pointer),
        ("seq_id", Pointer),
        ("logits", Pointer),
    )


_Log = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, Pointer)
_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "llama_log_set": (None, (_Log, Pointer)),
    "llama_backend_init": (None, ()),
    "llama_model_default_params": (_Params, ()),
    "llama_context_default_params": (_Params, ()),
    "llama_model_load_from_file": (Pointer, (ctypes.c_char_p, _Params)),
    "llama_model_free": (None, (Pointer,)),
    "llama_model_get_vocab": (Pointer, (Pointer,)),
    "llama_model_size": (ctypes.c_uint64, (Pointer,)),
    "llama_model_is_recurrent": (ctypes.c_bool, (Pointer,)),
    "llama_model_is_hybrid": (ctypes.c_bool, (Pointer,)),
    "llama_model_n_swa": (ctypes.c_int32, (Pointer,)),
    "llama_vocab_n_tokens": (ctypes.c_int32, (Pointer,)),
    "llama_init_from_model": (Pointer, (Pointer, _Params)),
    "llama_free": (None, (Pointer,)),
    "llama_n_ctx": (ctypes.c_uint32, (Pointer,)),
    "llama_n_ubatch": (ctypes.c_uint32, (Pointer,)),
    "llama_set_n_threads": (None, (Pointer, ctypes.c_int32, ctypes.c_int32)),
    "llama_set_abort_callback": (None, (Pointer, Pointer, Pointer)),
    "llama_decode": (ctypes.c_int32, (Pointer, _Batch)),
    "llama_get_logits_ith": (Pointer, (Pointer, ctypes.c_int32)),
    "llama_get_memory": (Pointer, (Pointer,)),
    "llama_memory_clear": (None, (Pointer, ctypes.c_bool)),
    "llama_memory_seq_rm": (ctypes.c_bool, (Pointer, ctypes.c_int32, ctypes.c_int32, ctypes.c_int32)),
    "llama_state_seq_get_size": (ctypes.c_size_t, (Pointer, ctypes.c_int32)),
    "llama_state_seq_get_data": (ctypes.c_size_t, (Pointer, Pointer, ctypes.c_size_t, ctypes.c_int32)),
    "llama_state_seq_set_data": (ctypes.c_size_t, (Pointer, Pointer, ctypes.c_size_t, ctypes.c_int32)),
    "llama_adapter_lora_init": (Pointer, (Pointer, ctypes.c_char_p)),
    "llama_adapter_lora_free": (None, (Pointer,)),
    "llama_set_adapters_lora": (ctypes.c_int32, (Pointer, Pointer, ctypes.c_size_t, Pointer)),
}


class Library:
    """The loaded functions; what llama.cpp would print is kept as the reason of the next error and shown nowhere."""

    def __init__(self, path: Path) -> None:
        try:
            with waiting_briefly(os.environ):
                self._dll = ctypes.CDLL(str(path))
            for name, (result, arguments) in _SIGNATURES.items():
                function = getattr(self._dll, name)
                function.restype, function.argtypes = result, arguments
        except (OSError, AttributeError) as exc:
            raise FamiliarError(
                f"{path} offers no llama.cpp that can be called ({first_line(exc)}); install the version of xllamacpp "
                "in constraints.txt, or use the engine local"
            ) from exc
        self._reason = ""
        self._log = _Log(self._note)
        self._dll.llama_log_set(self._log, None)
        self._check_layout(path)
        self._dll.llama_backend_init()
        self.byte_is_set = ctypes.CDLL(None).strlen
        """Says whether the byte at an address is set; asked at every node of a graph, so not in Python."""

    def call(self, name: str, *arguments: Any) -> Any:
        """The result of a function of llama.h."""
        return getattr(self._dll, name)(*arguments)

    def load_model(self, path: Path) -> Any:
        """A pointer to the model of a GGUF file.

        :raises FamiliarError: missing, damaged, or of a kind that this llama.cpp does not know
        """
        self._reason = ""
        model = self.call("llama_model_load_from_file", str(path).encode(), self.call("llama_model_default_params"))
        return self._made(model, f"{path} can't be loaded by llama.cpp")

    def open_context(self, model: Any, *, tokens: int, step: int) -> Any:
        """A pointer to a context for one sequence of so many tokens, computed ``step`` at a time.

        :raises FamiliarError: memory does not suffice
        """
        self._reason = ""
        params = self.call("llama_context_default_params")
        params.words[0], params.words[1], params.words[2] = max(tokens, step), step, step
        context = self._made(
            self.call("llama_init_from_model", model, params), f"llama.cpp can't hold a context of {tokens} tokens"
        )
        if self.call("llama_n_ctx", context) < tokens or self.call("llama_n_ubatch", context) != step:
            self.call("llama_free", context)
            raise FamiliarError(
                "this llama.cpp reads its settings from other places; see constraints.txt for one that fits"
            )
        return context

    def load_adapter(self, model: Any, path: Path) -> Any:
        """A pointer to the adapter of a GGUF file.

        :raises FamiliarError: it is damaged or does not fit the model
        """
        self._reason = ""
        found = self.call("llama_adapter_lora_init", model, str(path).encode())
        return self._made(found, f"{path} does not hold an adapter of this model")

    def decode(self, context: Any, ids: Any, flags: Any = None) -> int:
        """Compute int32 token ids after what sequence 0 holds; 0 done, 2 ended by the abort callback.

        :param flags: an int8 for each token, whether its logits are wanted; None: the last one's only
        """
        wanted = None if flags is None else flags.ctypes.data
        batch = _Batch(len(ids), ids.ctypes.data, None, None, None, None, wanted)
        return int(self.call("llama_decode", context, batch))

    def _made(self, pointer: Any, what: str) -> Any:
        if not pointer:
            raise FamiliarError(f"{what}: {self._reason or 'no reason given'}")
        return pointer

    def _note(self, level: int, text: bytes, _data: Any) -> None:
        if level >= _ERROR and (line := text.decode(errors="replace").strip()):
            self._reason = self._reason or line

    def _check_layout(self, path: Path) -> None:
        found = tuple(self.call("llama_context_default_params").words[:3])
        if found != _CONTEXT_DEFAULTS:
            raise FamiliarError(
                f"{path} holds a llama.cpp whose settings begin with {found} instead of {_CONTEXT_DEFAULTS}; "
                "install the version of xllamacpp in constraints.txt"
            )


@contextlib.contextmanager
def waiting_briefly(environ: MutableMapping[str, str]) -> Iterator[None]:
    """Have GNU's OpenMP, if it is loaded meanwhile, let a thread that waits for the others sleep after some 50 us.

    By default it spins for milliseconds. Where another program takes one of the processors, the threads of a small
    model then wait for each other a thousand times a token: on two cores with a load of eight a token took 0.6 to 2.3 s
    instead of 0.1, against a twelfth of the speed where nothing else runs. What somebody has set is kept.

    :param environ: as it was afterwards, since programs started from here are not meant
    """
    if any(name in environ for name in _WAITING):
        yield
        return
    environ[_WAITING[0]] = _SPINS
    try:
        yield
    finally:
        del environ[_WAITING[0]]


@functools.cache
def library() -> Library:
    """The library, loaded once a process, since its log callback must outlive every model.

    :raises UsageError: xllamacpp is not installed
    :raises FamiliarError: it holds another llama.cpp than this was written for
    """
    return Library(find_library())


def find_library(find: Callable[[str], Any] = importlib.util.find_spec) -> Path:
    """Where xllamacpp's shared library lies.

    :raises UsageError: it is not installed
    """
    spec = find("xllamacpp")
    places = spec.submodule_search_locations if spec else ()
    found = [
        path for place in places for path in sorted(Path(place).glob("xllamacpp*")) if path.suffix in (".so", ".pyd")
    ]
    if not found:
        raise UsageError("the engine llama.cpp needs the package xllamacpp: pip install -e '.[llama]'")
    return found[0]
