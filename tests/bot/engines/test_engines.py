"""What every engine promises, run over each of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.config import ServerConfig
from bot.engines.base import Engine, Generation
from bot.engines.llama_cpp.conversion import convert_folder
from bot.engines.llama_cpp.engine import LlamaOptions, open_gguf
from bot.engines.local import open_local
from bot.engines.server.engine import ServerEngine
from memory.errors import FamiliarError
from memory.records import Message
from tests.bot.engines.small_models import random_model
from tests.engine import ScriptedEngine
from tests.vllm_server import VllmServer

HELLO = (Message("system", "Be brief."), Message("user", "one two three four five six seven eight nine ten"))
SHORT = Generation(HELLO, max_tokens=8)


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that several tests read."""
    return random_model(tmp_path_factory.mktemp("model"), context=400)


@pytest.fixture(scope="module")
def server() -> Iterator[VllmServer]:
    """A server that several tests ask."""
    with VllmServer(lambda _: " ".join(f"w{n}" for n in range(500)), context_tokens=400) as running:
        yield running


@pytest.fixture(scope="module")
def small_gguf(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same weights for llama.cpp."""
    target = tmp_path_factory.mktemp("gguf") / "small.gguf"
    convert_folder(small_model, target, precision="f32", base_sha256="small")
    return target


@pytest.fixture(params=["local", "llama.cpp", "scripted", "server"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Each implementation of the Protocol, with a context of 400 tokens."""
    if request.param == "scripted":
        made: Engine = ScriptedEngine(model="small", context_tokens=400)
    elif request.param == "server":
        made = ServerEngine(ServerConfig(url=request.getfixturevalue("server").url))
    elif request.param == "llama.cpp":
        gguf, folder = request.getfixturevalue("small_gguf"), request.getfixturevalue("small_model")
        made = open_gguf(gguf, folder, model="small", options=LlamaOptions(base_sha256="small", threads=1))
    else:
        made = open_local(request.getfixturevalue("small_model"), model="small", dtype="float32")
    yield made
    made.close()


def test_it_says_what_it_is(engine: Engine) -> None:
    """Kind, model and context are known before anything is generated."""
    assert engine.name in ("local", "llama.cpp", "scripted", "server")
    assert engine.model == "small"
    assert engine.context_tokens == 400
    assert 0 < engine.count_tokens(HELLO[1:]) < engine.count_tokens(HELLO)


def test_pieces_add_up_to_the_text(engine: Engine) -> None:
    """What was streamed is what is returned, and the counts are those of prompt and reply."""
    pieces: list[str] = []
    result = engine.generate(SHORT, on_text=pieces.append)
    assert result.text
    assert "".join(pieces) == result.text == result.text.strip()
    assert result.stop == "length"
    assert result.reply_tokens == 8
    assert result.prompt_tokens == engine.count_tokens(HELLO)
    assert 0 <= result.first_token_s <= result.total_s


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_the_same_request_gives_the_same_reply(engine: Engine, temperature: float) -> None:
    """Greedy, and sampled with a seed."""
    request = Generation(HELLO, max_tokens=8, temperature=temperature, seed=3)
    assert engine.generate(request, on_text=_drop).text == engine.generate(request, on_text=_drop).text


def test_cancelling_keeps_what_was_written(engine: Engine) -> None:
    """The reply ends within one token of the event."""
    cancel, pieces = threading.Event(), []

    def note(piece: str) -> None:
        pieces.append(piece)
        if len(pieces) == 3:
            cancel.set()

    result = engine.generate(Generation(HELLO, max_tokens=200), on_text=note, cancel=cancel)
    whole = engine.generate(SHORT, on_text=_drop)
    assert result.stop == "cancelled"
    assert 0 < len(result.text) <= len(whole.text)
    assert whole.text.startswith(result.text)
    assert "".join(pieces) == result.text


def test_a_cancelled_request_writes_nothing(engine: Engine) -> None:
    """It is not even begun."""
    cancel = threading.Event()
    cancel.set()
    result = engine.generate(SHORT, on_text=_drop, cancel=cancel)
    assert (result.text, result.stop, result.reply_tokens) == ("", "cancelled", 0)


def test_a_prompt_without_room_for_a_reply_is_an_error(engine: Engine) -> None:
    """The message has both numbers; afterwards the engine still answers."""
    long = Message("user", "word " * 500)
    with pytest.raises(FamiliarError, match=f"{engine.count_tokens([long])} tokens.*400"):
        engine.generate(Generation((long,), max_tokens=8), on_text=_drop)
    assert engine.generate(SHORT, on_text=_drop).text


def test_the_context_limits_the_reply(engine: Engine) -> None:
    """A reply ends where the context does, whatever was allowed."""
    words = 300
    while engine.count_tokens([Message("user", "a " * words)]) >= 395:
        words -= 1
    prompt = (Message("user", "a " * words),)
    room = 400 - engine.count_tokens(prompt)
    result = engine.generate(Generation(prompt, max_tokens=1000), on_text=_drop)
    assert (result.stop, result.reply_tokens) == ("length", room)


def test_an_error_while_streaming_leaves_it_usable(engine: Engine) -> None:
    """Whoever reads the pieces may fail; the next generation is not harmed."""
    before = engine.generate(SHORT, on_text=_drop).text
    with pytest.raises(ZeroDivisionError):
        engine.generate(SHORT, on_text=_fail)
    assert engine.generate(SHORT, on_text=_drop).text == before


def test_one_generation_at_a_time_in_order(engine: Engine) -> None:
    """The pieces of waiting requests come after the last piece of the one before, in the order of asking."""
    seen: list[int] = []
    first_writes, go_on = threading.Event(), threading.Event()

    def hold(_piece: str) -> None:
        seen.append(0)
        first_writes.set()
        assert go_on.wait(10)

    threads = [threading.Thread(target=_ask, args=(engine, hold))]
    threads[0].start()
    assert first_writes.wait(10)
    for number in (1, 2, 3):
        threads.append(threading.Thread(target=_ask, args=(engine, lambda _piece, n=number: seen.append(n))))
        threads[-1].start()
        threads[-1].join(0.05)
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert seen == sorted(seen)
    assert set(seen) == {0, 1, 2, 3}


def _ask(engine: Engine, on_text: Callable[[str], None]) -> None:
    engine.generate(SHORT, on_text=on_text)


def _drop(_piece: str) -> None:
    pass


def _fail(_piece: str) -> None:
    raise ZeroDivisionError
