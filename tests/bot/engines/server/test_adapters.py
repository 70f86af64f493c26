"""Adapters on a server: loaded by name, loaded again when lost, taken back, and refused where it can't."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.config import ServerConfig
from bot.engines.base import AdapterFiles, Generation
from bot.engines.server.adapters import put_copy, sweep, sweep_copies
from bot.engines.server.engine import ServerEngine
from memory.errors import FamiliarError
from memory.records import Message
from tests.vllm_server import VllmServer

ASKED = (Message("user", "Where is the boat?"),)


@pytest.fixture
def server() -> Iterator[VllmServer]:
    """A server that can load adapters."""
    with VllmServer() as running:
        yield running


def adapter(folder: Path, id_: str) -> AdapterFiles:
    """An adapter's files as a tune leaves them."""
    made = folder / id_ / "adapter"
    made.mkdir(parents=True)
    (made / "adapter_model.safetensors").write_bytes(id_.encode())
    config = {"peft_type": "LORA", "r": 16, "base_model_name_or_path": "small-base"}
    (made / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return AdapterFiles(id_, made)


def ask(engine: ServerEngine, files: AdapterFiles | None) -> None:
    """A reply by it."""
    request = Generation(ASKED, max_tokens=20, adapter=files)
    assert engine.generate(request, on_text=lambda _: None).text == ASKED[0].content


@pytest.fixture
def engine(server: VllmServer) -> Iterator[ServerEngine]:
    """One that loads adapters by vLLM's API, two at a time."""
    made = ServerEngine(ServerConfig(url=server.url, adapters="vllm", adapters_kept=2))
    yield made
    made.close()


def test_each_adapter_has_a_name_of_its_own(engine: ServerEngine, server: VllmServer, tmp_path: Path) -> None:
    """So what the server keeps of prompts under one never meets another's weights; each is loaded once."""
    one, two = adapter(tmp_path, "20261010-one"), adapter(tmp_path, "20261010-two")
    for files in (one, two, one, None):
        ask(engine, files)
    names = ["familiar-20261010-one", "familiar-20261010-two"]
    assert [body["model"] for body in server.replies] == [*names, names[0], "small"]
    assert server.asked_for("/v1/load_lora_adapter") == [
        {"lora_name": name, "lora_path": str(files.folder)} for name, files in zip(names, (one, two), strict=True)
    ]


def test_the_one_not_used_for_longest_is_unloaded(engine: ServerEngine, server: VllmServer, tmp_path: Path) -> None:
    """As many as [server] adapters_kept stay; closing takes back the rest."""
    one, two, three = (adapter(tmp_path, id_) for id_ in ("one", "two", "three"))
    for files in (one, two, one, three):
        ask(engine, files)
    assert set(server.loaded) == {"familiar-one", "familiar-three"}
    engine.close()
    assert server.loaded == {}


def test_loaded_already_is_well(engine: ServerEngine, server: VllmServer, tmp_path: Path) -> None:
    """By another process, or before this one was started anew."""
    server.loaded["familiar-one"] = "/elsewhere"
    ask(engine, adapter(tmp_path, "one"))


def test_a_server_that_was_restarted_gets_it_again(engine: ServerEngine, server: VllmServer, tmp_path: Path) -> None:
    """Within the same turn; a second loss is an error."""
    one = adapter(tmp_path, "one")
    ask(engine, one)
    server.loaded.clear()
    ask(engine, one)
    server.forgetful = True
    server.loaded.clear()
    with pytest.raises(FamiliarError, match="The model `familiar-one` does not exist"):
        ask(engine, one)


def test_an_adapter_that_is_gone_here_goes_there(engine: ServerEngine, server: VllmServer, tmp_path: Path) -> None:
    """What was forgotten is not kept in a server's memory: before the next reply of an adapter it is unloaded."""
    one, two = adapter(tmp_path, "one"), adapter(tmp_path, "two")
    ask(engine, one)
    shutil.rmtree(one.folder.parent)
    ask(engine, two)
    assert set(server.loaded) == {"familiar-two"}


def test_a_server_without_lora_is_named(engine: ServerEngine, server: VllmServer, tmp_path: Path) -> None:
    """With what would have to be set where; the base model still answers."""
    server.lora = False
    with pytest.raises(FamiliarError, match=r"did not load adapter familiar-one .*VLLM_ALLOW_RUNTIME_LORA_UPDATING"):
        ask(engine, adapter(tmp_path, "one"))
    ask(engine, None)


def test_what_the_server_says_of_an_adapter_is_told(engine: ServerEngine, server: VllmServer, tmp_path: Path) -> None:
    """As that its rank is too large."""
    server.unloadable = "LoRA rank 64 is greater than max_lora_rank 16."
    with pytest.raises(FamiliarError, match=server.unloadable):
        ask(engine, adapter(tmp_path, "one"))


def test_off_means_that_none_can_answer(server: VllmServer, tmp_path: Path) -> None:
    """Whoever asks for one all the same, as a comparison does, is told what to set."""
    engine = ServerEngine(ServerConfig(url=server.url))
    with pytest.raises(FamiliarError, match=r'adapter one can\'t answer: .* set \[server\] adapters to "vllm"'):
        ask(engine, adapter(tmp_path, "one"))
    ask(engine, None)
    engine.close()


def test_a_folder_that_both_can_read(server: VllmServer, tmp_path: Path) -> None:
    """The adapter is copied there, and the server is given the path by which it sees the folder."""
    config = ServerConfig(url=server.url, adapters="vllm", adapter_folder=str(tmp_path / "shared"))
    engine = ServerEngine(replace(config, adapter_folder_there="/mnt/adapters"))
    ask(engine, adapter(tmp_path, "one"))
    assert server.loaded == {"familiar-one": "/mnt/adapters/familiar-one"}
    copied = tmp_path / "shared" / "familiar-one"
    assert (copied / "adapter_model.safetensors").read_bytes() == b"one"
    engine.close()


def test_where_the_filesystem_resolver_looks(server: VllmServer, tmp_path: Path) -> None:
    """The copy has the adapter's name and names the base as the server does, without which vLLM passes it over."""
    shared = tmp_path / "shared"
    engine = ServerEngine(ServerConfig(url=server.url, adapters="folder", adapter_folder=str(shared)))

    def resolves(name: str) -> bool:
        config = json.loads((shared / name / "adapter_config.json").read_text(encoding="utf-8"))
        return bool(config["peft_type"] == "LORA" and config["base_model_name_or_path"] == "/models/small")

    server.resolver = resolves
    ask(engine, adapter(tmp_path, "one"))
    assert server.replies[-1]["model"] == "familiar-one"
    assert not server.asked_for("/v1/load_lora_adapter")
    engine.close()


def test_copies_go_with_their_adapters(tmp_path: Path) -> None:
    """What was forgotten stays in no folder of a server; what others put there is left alone."""
    shared, kept, gone = tmp_path / "shared", adapter(tmp_path, "kept"), adapter(tmp_path, "gone")
    for files in (kept, gone):
        put_copy(files, shared / f"familiar-{files.id}", base=None)
    (shared / "familiar-of-somebody").mkdir()
    shutil.rmtree(gone.folder.parent)
    sweep(ServerConfig(adapters="off", adapter_folder=str(shared)))
    assert len(list(shared.iterdir())) == 3
    sweep(ServerConfig(adapters="folder", adapter_folder=str(shared)))
    sweep_copies(tmp_path / "nowhere")
    assert {path.name for path in shared.iterdir()} == {"familiar-kept", "familiar-of-somebody"}


@pytest.mark.parametrize("source", ["", "[]", "{}", '{"folder": 1}', "\xff"])
def test_a_copy_that_cant_be_told_goes(tmp_path: Path, source: str) -> None:
    """Forgetting goes on over a damaged file, and over one that another process deletes at the same time."""
    copy = tmp_path / "familiar-one"
    copy.mkdir()
    (copy / "familiar-source.json").write_bytes(source.encode("latin-1"))
    (tmp_path / "familiar-two" / "familiar-source.json").mkdir(parents=True)
    (tmp_path / ".familiar-three.1.new" / "familiar-source.json").mkdir(parents=True)
    sweep_copies(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_two_processes_may_copy_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that comes second takes the first one's copy and leaves no draft."""
    one, place = adapter(tmp_path / "home", "one"), tmp_path / "shared" / "familiar-one"
    copied = shutil.copyfile

    def after_the_other(source: Path, target: Path) -> None:
        monkeypatch.setattr(shutil, "copyfile", copied)
        monkeypatch.setattr(os, "getpid", lambda: 1)
        put_copy(one, place, base=None)
        copied(source, target)

    monkeypatch.setattr(shutil, "copyfile", after_the_other)
    put_copy(one, place, base=None)
    assert [path.name for path in place.parent.iterdir()] == ["familiar-one"]


def test_a_folder_that_cant_be_written_is_named(tmp_path: Path) -> None:
    """With the setting."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(FamiliarError, match=r"can't be put into \[server\] adapter_folder .*file: Not a directory"):
        put_copy(adapter(tmp_path, "one"), tmp_path / "file" / "familiar-one", base=None)
