"""Which engine answers: settings first, then figures, then what the machine is."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import ModelConfig, ServerConfig, Settings
from bot.engines.choosing import EngineFigures, Folders, Machine, choose_engine, open_engine
from memory.errors import UsageError

BOTH = Machine(llama_cpp=True)
FAST_LLAMA = (EngineFigures("local", 10, 200), EngineFigures("llama.cpp", 30, 400))
FAST_LOCAL = (EngineFigures("local", 60, 4000), EngineFigures("llama.cpp", 30, 400))


@pytest.mark.parametrize(
    ("wanted", "server", "machine", "figures", "engine"),
    [
        ("auto", False, Machine(), (), "local"),
        ("auto", True, BOTH, FAST_LLAMA, "server"),
        ("auto", False, BOTH, (), "local"),
        ("auto", False, BOTH, FAST_LLAMA, "llama.cpp"),
        ("auto", False, BOTH, FAST_LOCAL, "local"),
        ("auto", False, Machine(), FAST_LLAMA, "local"),
        ("local", True, BOTH, FAST_LLAMA, "local"),
        ("llama.cpp", True, BOTH, (), "llama.cpp"),
        ("server", True, Machine(), (), "server"),
    ],
)
def test_the_choice(
    wanted: str, server: bool, machine: Machine, figures: tuple[EngineFigures, ...], engine: str
) -> None:
    """What is named is taken, a server that is configured wins, then the shorter turn, then what is known."""
    choice = choose_engine(wanted, server=server, machine=lambda: machine, figures=figures)
    assert choice.engine == engine
    assert choice.reason


def test_the_reason_has_the_figures() -> None:
    """Seconds of a turn of 1,000 new tokens and a reply of 150."""
    choice = choose_engine("auto", server=False, machine=lambda: BOTH, figures=FAST_LLAMA)
    assert choice.reason == "a turn takes 7.5 s here, 20.0 s with local"


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
    """A server or a named engine needs no look, which may load torch."""

    def look() -> Machine:
        raise AssertionError("looked")

    for wanted in ("auto", "server", "local"):
        choose_engine(wanted, server=True, machine=look)


def test_a_server_needs_no_model_here(tmp_path: Path) -> None:
    """Opening one asks for no files."""

    def base() -> None:
        raise AssertionError("a model was asked for")

    settings = Settings(model=ModelConfig(), server=ServerConfig(url="http://127.0.0.1:9/v1", model="m"))
    choice = choose_engine("auto", server=True, machine=Machine)
    folders = Folders(tmp_path, tmp_path)
    engine = open_engine(choice, settings, base=base, folders=folders, tell=print)  # type: ignore[arg-type]
    assert (engine.name, engine.model) == ("server", "m")
    engine.close()
