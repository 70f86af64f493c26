"""What llama.cpp adds to every engine's promises: the same logits as transformers, adapters, kept beginnings."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.bench.made_adapter import made_adapter
from bot.engines.base import AdapterFiles, Generated, Generation
from bot.engines.llama_cpp.base import base_gguf, open_llama_cpp
from bot.engines.llama_cpp.conversion import convert_folder
from bot.engines.llama_cpp.engine import LlamaOptions, open_gguf
from bot.engines.llama_cpp.library import find_library
from bot.engines.llama_cpp.loaded import LlamaModel
from bot.engines.local import open_local
from bot.engines.token_engine import TokenEngine
from bot.models import ReadyModel, find
from memory.errors import FamiliarError, UsageError
from memory.records import Message
from tests.bot.engines.small_models import random_adapter, random_model
from tuning.chat_format import render

SYSTEM = Message("system", "The cabin stands by the lake, and the boat is in the shed. " * 4)
QUESTION = (SYSTEM, Message("user", "Where is the boat?"))
LATER = (*QUESTION, Message("assistant", "In the shed."), Message("user", "And the cabin?"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that several tests read."""
    return random_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def gguf(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its weights for llama.cpp."""
    target = tmp_path_factory.mktemp("gguf") / "small.gguf"
    convert_folder(folder, target, precision="f32", base_sha256="small")
    return target


@pytest.fixture(scope="module")
def adapters(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[AdapterFiles]:
    """Three adapters that say different things."""
    place = tmp_path_factory.mktemp("adapters")
    return [AdapterFiles(f"a{n}", random_adapter(place / f"a{n}", folder, seed=n)) for n in range(3)]


@pytest.fixture
def engine(gguf: Path, folder: Path) -> Iterator[TokenEngine]:
    """Opened for one test."""
    made = open_gguf(gguf, folder, model="small", options=LlamaOptions(base_sha256="small", threads=1))
    yield made
    made.close()


def ask(
    engine: TokenEngine, messages: tuple[Message, ...], adapter: AdapterFiles | None = None, kept_as: str = "turn"
) -> Generated:
    """A short reply."""
    return engine.generate(Generation(messages, 12, adapter=adapter, kept_as=kept_as), on_text=lambda _: None)


def test_it_says_what_transformers_says(engine: TokenEngine, folder: Path, adapters: list[AdapterFiles]) -> None:
    """Greedy replies in float32; with adapters, whose factors have eight bits, likelihoods."""
    local = open_local(folder, model="small", dtype="float32")
    theirs = local.generate(Generation(QUESTION, 12), on_text=lambda _: None)
    ours = ask(engine, QUESTION)
    assert ours.text == theirs.text
    assert ours.mean_logprob == pytest.approx(theirs.mean_logprob, abs=0.02)
    reply = "In the shed, behind the cabin by the lake."
    for adapter in (None, *adapters):
        expected = local.log_likelihood(QUESTION, reply, adapter).per_token
        assert engine.log_likelihood(QUESTION, reply, adapter).per_token == pytest.approx(expected, rel=0.003)
    local.close()


def test_what_is_cached_changes_nothing(engine: TokenEngine, adapters: list[AdapterFiles]) -> None:
    """To the last bit: after other prompts, other adapters and other work, put aside and taken back."""
    cold = ask(engine, LATER)
    engine.close()
    ask(engine, QUESTION)
    ask(engine, QUESTION, adapters[0])
    ask(engine, (Message("user", "Something else"),), kept_as="facts")
    warm = ask(engine, LATER)
    assert cold.cached_tokens == 0
    assert warm.cached_tokens == engine.count_tokens(LATER[:1]) - 18  # the reply's opening, and the message's line end
    assert (warm.text, warm.mean_logprob) == (cold.text, cold.mean_logprob)


def test_more_adapters_than_are_held(gguf: Path, folder: Path, adapters: list[AdapterFiles]) -> None:
    """The one used longest ago makes room and is read again when it is wanted."""
    engine = open_gguf(gguf, folder, model="small", options=LlamaOptions(base_sha256="small", threads=1))
    texts = [ask(engine, QUESTION, adapter).text for adapter in adapters]
    assert isinstance(engine._loaded, LlamaModel)
    assert len(engine._loaded.adapters) < 3, "a fifth of so small a base holds none, but two users may take turns"
    assert len(set(texts)) == 3
    assert [ask(engine, QUESTION, adapter).text for adapter in adapters] == texts
    engine.close()


def test_an_adapter_of_another_base_is_refused(engine: TokenEngine, adapters: list[AdapterFiles]) -> None:
    """By the hash that it names; the engine still answers."""
    strange = AdapterFiles("other", adapters[0].folder, base_sha256="0123456789abcdef")
    with pytest.raises(FamiliarError, match=r"0123456789ab.*small"):
        ask(engine, QUESTION, strange)
    assert ask(engine, QUESTION).text


def test_an_adapter_of_other_shapes_is_refused(
    engine: TokenEngine, adapters: list[AdapterFiles], tmp_path: Path
) -> None:
    """Its file names no base, but its factors don't fit."""
    (tmp_path / "base").mkdir()
    config = '{"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,'
    (tmp_path / "base" / "config.json").write_text(config + ' "num_key_value_heads": 1}', encoding="utf-8")
    wrong = AdapterFiles("wrong", made_adapter(tmp_path / "wrong", tmp_path / "base", rank=4))
    before = ask(engine, QUESTION, adapters[0]).text
    with pytest.raises(FamiliarError, match="does not hold an adapter of this model"):
        ask(engine, QUESTION, wrong)
    assert ask(engine, QUESTION, adapters[0]).text == before


@pytest.mark.parametrize("messages", [QUESTION, LATER, (Message("user", "你好 <end> 🙂"), Message("user", "two"))])
def test_prompts_are_those_of_training(
    engine: TokenEngine, folder: Path, messages: tuple[Message, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token ids that llama.cpp is given are the ones that tuning renders."""
    from transformers import AutoTokenizer

    seen: list[list[int]] = []
    ask(engine, QUESTION)
    loaded = engine._loaded
    assert isinstance(loaded, LlamaModel)
    read = loaded.read

    def note(prompt: Sequence[int], start: int, cancel: threading.Event | None) -> Any:
        seen.append(list(prompt))
        return read(prompt, start, cancel)

    monkeypatch.setattr(loaded, "read", note)
    ask(engine, messages)
    assert seen == [render(AutoTokenizer.from_pretrained(folder), messages)]


def test_a_computation_is_ended_on_the_way(engine: TokenEngine) -> None:
    """Not only between tokens: one call for a long prompt takes seconds. What was kept still serves."""
    before = ask(engine, LATER)
    loaded, cancel = engine._loaded, threading.Event()
    assert isinstance(loaded, LlamaModel)
    cancel.set()
    with loaded._watching(cancel):
        for _ in range(1000):
            if loaded._abort[0] == b"x":
                break
            time.sleep(0.01)
        assert not loaded._feed([5] * 300)
    after = ask(engine, LATER)
    assert after.cached_tokens > 0
    assert (after.text, after.mean_logprob) == (before.text, before.mean_logprob)


def test_nothing_is_printed(engine: TokenEngine, capfd: pytest.CaptureFixture[str]) -> None:
    """llama.cpp's own log names files and settings, and may name more."""
    ask(engine, QUESTION)
    engine.close()
    assert capfd.readouterr() == ("", "")


def test_without_the_package_the_extra_is_named() -> None:
    """As it is to be installed."""
    with pytest.raises(UsageError, match=r"pip install -e '\.\[llama\]'"):
        find_library(lambda _name: None)


def test_a_file_that_is_no_model_is_named(folder: Path, tmp_path: Path) -> None:
    """With llama.cpp's reason."""
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(b"GGUF" + bytes(60))
    engine = open_gguf(wrong, folder, model="small", options=LlamaOptions(base_sha256="", threads=1))
    with pytest.raises(FamiliarError, match=r"wrong\.gguf can't be loaded by llama\.cpp: \w+"):
        ask(engine, QUESTION)


def test_a_folder_is_converted_once(folder: Path, tmp_path: Path) -> None:
    """Under the hash of what it was made from, and again when somebody's own weights were written anew in place."""
    said: list[str] = []
    own = Path(shutil.copytree(folder, tmp_path / "own"))

    def made(sha256: str) -> Path:
        ready = ReadyModel(find(str(own)), own, str(own), "0123456789ab", sha256)
        return base_gguf(ready, folder=tmp_path, precision="f16", tell=said.append)

    assert made("ba9876543210") == tmp_path / "gguf" / "own-ba9876543210-f16.gguf"
    first = made("")
    assert first.name.startswith("own-0123456789ab-")
    assert made("") == first
    os.utime(own / "model.safetensors", (1, 1))
    assert made("") != first
    assert len(said) == 3


@pytest.mark.parametrize("precision", ["f16", "q8_0"])
def test_a_converted_folder_answers(folder: Path, tmp_path: Path, precision: str) -> None:
    """In the precisions that are offered."""
    ready = ReadyModel(find(str(folder)), folder, str(folder), "0123456789ab", "")
    engine = open_llama_cpp(
        ready,
        model_folder=tmp_path,
        options=LlamaOptions(threads=1),
        precision=precision,  # type: ignore[arg-type]
    )
    assert ask(engine, QUESTION).text
    assert engine.context_tokens == 2048
    engine.close()


def test_the_users_own_gguf_is_served_as_it_is(gguf: Path, folder: Path, tmp_path: Path) -> None:
    """And refused when it is another than the one that was unpacked."""
    own = Path(shutil.copy(gguf, tmp_path / "own.gguf"))
    entry = find(str(own))
    ready = ReadyModel(entry, folder, str(own), entry.name.removeprefix("own-"), "ab")
    assert base_gguf(ready, folder=tmp_path) == own
    own.write_bytes(own.read_bytes() + b"more")
    with pytest.raises(FamiliarError, match="not the file any more"):
        base_gguf(ready, folder=tmp_path)
