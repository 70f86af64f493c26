"""Which engine answers, and why: said in `familiar doctor`, decided before anything is loaded or fetched.

A server that somebody configured wins, then an engine that somebody named. Else the faster one answers by what was
measured of both on this machine (`bot.engines.probe`), wherever llama.cpp computes all that transformers would: the
model, the adapters that answer and those that tunes make. A GPU needs no measuring: here llama.cpp computes on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bot.engines.measured import turn_s
from memory.errors import UsageError

if TYPE_CHECKING:
    from bot.config import Settings
    from bot.engines.base import Engine
    from bot.models import ReadyModel

EngineName = Literal["local", "llama.cpp", "server"]
ENGINES = ("auto", "local", "llama.cpp", "server")
LLAMA_MISSING = "pip install -e '.[llama]'"
"""What brings the packages of llama.cpp."""
_NAMED = "[model] engine names it"


@dataclass(frozen=True)
class EngineFigures:
    """What was measured of an engine on this machine with the model that is to answer."""

    name: EngineName
    decode_tokens_s: float
    prefill_tokens_s: float

    @property
    def turn_s(self) -> float:
        """Seconds that a usual turn takes."""
        return turn_s(prompt_tokens_s=self.prefill_tokens_s, reply_tokens_s=self.decode_tokens_s)


@dataclass(frozen=True)
class Failure:
    """An engine that could not be measured."""

    name: EngineName
    reason: str


@dataclass(frozen=True)
class Measured:
    """What came of measuring both engines."""

    figures: tuple[EngineFigures, ...]
    failures: tuple[Failure, ...] = ()
    busy: bool = False
    """Other programs computed meanwhile, which slows one engine more than another."""


@dataclass(frozen=True)
class Contest:
    """What is known of both engines with the model that is to answer."""

    refusal: str = ""
    """Why llama.cpp can't compute what transformers would; empty: it can."""
    measured: Measured | None = None
    """None: not yet."""


@dataclass(frozen=True)
class Machine:
    """What the choice depends on besides settings and model."""

    llama_cpp: bool = False
    """Its packages are installed."""
    gpu: bool = False
    """An NVIDIA GPU computes what transformers asks for."""


@dataclass(frozen=True)
class Folders:
    """Where engines keep what they can make again."""

    home: Path
    models: Path


@dataclass(frozen=True)
class Choice:
    """The engine that answers."""

    engine: EngineName
    reason: str
    undecided: bool = False
    """Whether the first reply measures, and may choose another."""


def named_engine(wanted: str, *, server: bool) -> EngineName | None:
    """The engine that the settings come to; None: the one that is faster here.

    :param wanted: [model] engine
    :param server: whether [server] url is set
    :raises UsageError: there is no such engine, or a server is named that has no address
    """
    if wanted not in ENGINES:
        raise UsageError(f"[model] engine is {wanted!r}; it must be one of {', '.join(ENGINES)}")
    if wanted == "server" and not server:
        raise UsageError('[model] engine is "server", but [server] url is empty; set it to the server\'s address')
    if wanted == "auto":
        return "server" if server else None
    return wanted  # type: ignore[return-value]


def choose_engine(
    wanted: str,
    *,
    server: bool,
    machine: Callable[[], Machine],
    contest: Callable[[], Contest] = Contest,
) -> Choice:
    """The engine of [model] engine.

    :param server: whether [server] url is set
    :param machine: looks at this machine; only asked where the answer depends on it
    :param contest: the same of the model
    :raises UsageError: there is no such engine, or the named one can't be used
    """
    named = named_engine(wanted, server=server)
    if named == "server":
        return Choice("server", _NAMED if wanted == "server" else "[server] url is set")
    if named == "local":
        return Choice("local", _NAMED)
    here = machine()
    if named == "llama.cpp":
        if not here.llama_cpp:
            raise _no_llama_cpp()
        return Choice("llama.cpp", _NAMED)
    if not here.llama_cpp:
        return Choice("local", "llama.cpp is not installed")
    if here.gpu:
        return Choice("local", "it computes on the GPU")
    return _faster(contest())


def _faster(contest: Contest) -> Choice:
    if contest.refusal:
        return Choice("local", f"llama.cpp can't be used: {contest.refusal}")
    if contest.measured is None:
        return Choice("local", "the first reply measures which of llama.cpp and local is faster here", undecided=True)
    return fastest(contest.measured)


def fastest(measured: Measured) -> Choice:
    """The engine with the shorter turn, or the only one that could be measured; local where neither could."""
    ranked = sorted(measured.figures, key=lambda one: one.turn_s)
    if len(ranked) > 1:
        best, other = ranked[0], ranked[1]
        turns = f"a turn takes {best.turn_s:.1f} s here, {other.turn_s:.1f} s with {other.name}"
        speeds = f"prompt {best.prefill_tokens_s:.0f}, reply {best.decode_tokens_s:.0f} tokens/s"
        others = f"{other.name} {other.prefill_tokens_s:.0f}, {other.decode_tokens_s:.0f}"
        busy = "; the machine was busy, so they are measured again after a day" if measured.busy else ""
        return Choice(best.name, f"{turns} ({speeds}; {others}){busy}")
    failed = "; ".join(f"{one.name} could not be measured here: {one.reason}" for one in measured.failures)
    return Choice(ranked[0].name if ranked else "local", failed)


def look_at_engines() -> Machine:
    """This machine; torch is imported only where an NVIDIA driver is."""
    from memory.gpu import has_gpu

    installed = all(find_spec(package) is not None for package in ("xllamacpp", "gguf"))
    return Machine(llama_cpp=installed, gpu=installed and has_gpu())


def open_engine(
    name: EngineName,
    settings: Settings,
    *,
    base: Callable[[], ReadyModel],
    folders: Folders,
    tell: Callable[[str], None],
) -> Engine:
    """The engine, ready to answer; a server needs no model here.

    :param base: the language model's files, fetched where they are not there
    :param tell: takes what a person has to know of it
    :raises FamiliarError: the model can't be had, or a setting is wrong
    """
    if name == "server":
        from bot.engines.server.engine import open_server

        return open_server(settings.server, tell=tell)
    ready, model = base(), settings.model
    sha256 = ready.sha256 or ready.revision
    if name == "llama.cpp":
        from bot.engines.llama_cpp.base import open_llama_cpp
        from bot.engines.llama_cpp.engine import llama_options

        options = llama_options(model, base=sha256, home=folders.home)
        return open_llama_cpp(ready, model_folder=folders.models, options=options, offline=model.offline)
    from bot.engines.local import open_local
    from bot.engines.weights import local_options

    return open_local(
        ready.path,
        model=ready.name,
        options=local_options(model, base=sha256, home=folders.home, models=folders.models),
    )


def _no_llama_cpp() -> UsageError:
    return UsageError(f'[model] engine is "llama.cpp", which needs the extra `llama`: {LLAMA_MISSING}')
