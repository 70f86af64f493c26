"""Which engine answers, and why: said in `familiar doctor`, decided before anything is loaded or fetched.

A server that somebody configured wins. Else the measured figures of this machine decide; without figures transformers
answers, which is always installed and computes what tunes and their gate compute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from memory.errors import UsageError

if TYPE_CHECKING:
    from bot.config import Settings
    from bot.engines.base import Engine
    from bot.models import ReadyModel

EngineName = Literal["local", "llama.cpp", "server"]
ENGINES = ("auto", "local", "llama.cpp", "server")
LLAMA_MISSING = "pip install -e '.[llama]'"
"""What brings the packages of llama.cpp."""
_PROMPT_TOKENS, _REPLY_TOKENS = 1000, 150
"""A turn as it is answered with eight passages; what figures are weighed by."""


@dataclass(frozen=True)
class EngineFigures:
    """What was measured of an engine on this machine with the model that is to answer."""

    name: EngineName
    decode_tokens_s: float
    prefill_tokens_s: float

    @property
    def turn_s(self) -> float:
        """Seconds that a turn takes whose prompt is all new."""
        return _PROMPT_TOKENS / self.prefill_tokens_s + _REPLY_TOKENS / self.decode_tokens_s


@dataclass(frozen=True)
class Machine:
    """What the choice depends on besides the settings."""

    llama_cpp: bool = False
    """Its packages are installed."""


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


def choose_engine(
    wanted: str, *, server: bool, machine: Callable[[], Machine], figures: Sequence[EngineFigures] = ()
) -> Choice:
    """The engine of [model] engine.

    :param server: whether [server] url is set
    :param machine: looks at this machine; only asked where the answer depends on it
    :param figures: of the engines that were measured here
    :raises UsageError: there is no such engine, or the named one can't be used
    """
    if wanted not in ENGINES:
        raise UsageError(f"[model] engine is {wanted!r}; it must be one of {', '.join(ENGINES)}")
    if wanted == "server" and not server:
        raise UsageError('[model] engine is "server", but [server] url is empty; set it to the server\'s address')
    if wanted == "server" or (wanted == "auto" and server):
        return Choice("server", "[server] url is set" if wanted == "auto" else "[model] engine names it")
    if wanted == "local":
        return Choice("local", "[model] engine names it")
    here = machine()
    if wanted == "llama.cpp":
        if not here.llama_cpp:
            raise _no_llama_cpp()
        return Choice("llama.cpp", "[model] engine names it")
    return _fastest(here, figures)


def _fastest(here: Machine, figures: Sequence[EngineFigures]) -> Choice:
    if not here.llama_cpp:
        return Choice("local", "llama.cpp is not installed")
    measured = sorted((one for one in figures if one.name != "server"), key=lambda one: one.turn_s)
    if len(measured) > 1:
        best, other = measured[0], measured[1]
        return Choice(best.name, f"a turn takes {best.turn_s:.1f} s here, {other.turn_s:.1f} s with {other.name}")
    return Choice("local", "llama.cpp was not measured here")


def look_at_engines() -> Machine:
    """This machine, without loading anything."""
    return Machine(llama_cpp=all(find_spec(package) is not None for package in ("xllamacpp", "gguf")))


def chosen(settings: Settings) -> Choice:
    """The engine of these settings on this machine.

    :raises UsageError: as `choose_engine`
    """
    return choose_engine(settings.model.engine, server=bool(settings.server.url), machine=look_at_engines)


def open_engine(
    choice: Choice, settings: Settings, *, base: Callable[[], ReadyModel], folders: Folders, tell: Callable[[str], None]
) -> Engine:
    """The engine, ready to answer; a server needs no model here.

    :param base: the language model's files, fetched where they are not there
    :param tell: takes what a person has to know of it
    :raises FamiliarError: the model can't be had, or a setting is wrong
    """
    if choice.engine == "server":
        from bot.engines.server.engine import open_server

        return open_server(settings.server, tell=tell)
    ready, model = base(), settings.model
    sha256 = ready.sha256 or ready.revision
    if choice.engine == "llama.cpp":
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
