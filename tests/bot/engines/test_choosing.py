"""Which engine answers: settings first, then figures, then what the machine is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.config import ModelConfig, ServerConfig, Settings
from bot.engines.choosing import (
    Contest,
    EngineFigures,
    Failure,
    Folders,
    Machine,
    Measured,
    choose_engine,
    open_engine,
)
from memory.errors import UsageError

BOTH = Machine(llama_cpp=True)
FAST_LLAMA = Measured((EngineFigures("local", 12, 1170), EngineFigures("llama.cpp", 62, 155)))
FAST_LOCAL = Measured((EngineFigures("local", 60, 4000), EngineFigures("llama.cpp", 30, 400)))
NO_LLAMA = Measured((EngineFigures("local", 12, 1170),), (Failure("llama.cpp", "it is damaged"),))
NO_LOCAL = Measured((EngineFigures("llama.cpp", 12, 1170),), (Failure("local", "no memory"),))


@pytest.mark.parametrize(
    ("wanted", "server", "machine", "contest", "engine"),
    [
        ("auto", False, Machine(), Contest(), "local"),
        ("auto", True, BOTH, Contest(measured=FAST_LLAMA), "server"),
        ("auto", False, BOTH, Contest(), "local"),
        ("auto", False, BOTH, Contest(measured=FAST_LLAMA), "llama.cpp"),
        ("auto", False, BOTH, Contest(measured=FAST_LOCAL), "local"),
        ("auto", False, BOTH, Contest(measured=NO_LLAMA), "local"),
        ("auto", False, BOTH, Contest(measured=NO_LOCAL), "llama.cpp"),
        ("auto", False, BOTH, Contest("a family", FAST_LLAMA), "local"),
        ("auto", False, Machine(llama_cpp=True, gpu=True), Contest(measured=FAST_LLAMA), "local"),
        ("auto", False, Machine(), Contest(measured=FAST_LLAMA), "local"),
        ("local", True, BOTH, Contest(measured=FAST_LLAMA), "local"),
        ("llama.cpp", True, BOTH, Contest("a family"), "llama.cpp"),
        ("server", True, Machine(), Contest(), "server"),
    ],
)
def test_the_choice(wanted: str, server: bool, machine: Machine, contest: Contest, engine: str) -> None:
    """What is named is taken, a server that is configured wins, then what can answer, then the shorter turn."""
    choice = choose_engine(wanted, server=server, machine=lambda: machine, contest=lambda: contest)
    assert choice.engine == engine
    assert choice.reason
    assert choice.undecided is (wanted == "auto" and not server and machine == BOTH and contest == Contest())


@pytest.mark.parametrize(
    ("machine", "contest", "reason"),
    [
        (
            BOTH,
            Contest(measured=FAST_LLAMA),
            "a turn takes 4.2 s here, 8.7 s with local (prompt 155, reply 62 tokens/s; local 1170, 12)",
        ),
        (BOTH, Contest(measured=NO_LLAMA), "llama.cpp could not be measured here: it is damaged"),
        (BOTH, Contest(measured=NO_LOCAL), "local could not be measured here: no memory"),
        (BOTH, Contest(), "the first reply measures which of llama.cpp and local is faster here"),
        (BOTH, Contest("no such family"), "llama.cpp can't be used: no such family"),
        (Machine(llama_cpp=True, gpu=True), Contest(), "it computes on the GPU"),
        (Machine(), Contest(), "llama.cpp is not installed"),
    ],
)
def test_the_reason(machine: Machine, contest: Contest, reason: str) -> None:
    """With the figures where there are some, of a turn of 400 new tokens and a reply of 100."""
    assert choose_engine("auto", server=False, machine=lambda: machine, contest=lambda: contest).reason == reason


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("vllm", r"\[model\] engine is 'vllm'; it must be one of auto, local, llama.cpp, server"),
        ("server", r"\[server\] url is empty"),
        ("llama.cpp", r"needs the extra `llama`: pip install -e '.\[llama\]'"),
    ],
)
def test_what_cant_be_used_is_said(wanted: str, message: str) -> None:
    """With the setting, and the extra where one is missing."""
    with pytest.raises(UsageError, match=message):
        choose_engine(wanted, server=False, machine=Machine)


def test_the_machine_is_only_looked_at_where_it_matters() -> None:
    """A server or a named engine needs no look, which may load torch; nor the model where only one can answer."""

    def look() -> Any:
        raise AssertionError("looked")

    for wanted in ("auto", "server", "local"):
        choose_engine(wanted, server=True, machine=look)
    for machine in (Machine(), Machine(llama_cpp=True, gpu=True)):
        choose_engine("auto", server=False, machine=lambda here=machine: here, contest=look)  # type: ignore[misc]


def test_a_server_needs_no_model_here(tmp_path: Path) -> None:
    """Opening one asks for no files."""

    def base() -> None:
        raise AssertionError("a model was asked for")

    settings = Settings(model=ModelConfig(), server=ServerConfig(url="http://127.0.0.1:9/v1", model="m"))
    folders = Folders(tmp_path, tmp_path)
    engine = open_engine("server", settings, base=base, folders=folders, tell=print)  # type: ignore[arg-type]
    assert (engine.name, engine.model) == ("server", "m")
    engine.close()
