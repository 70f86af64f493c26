"""Beginnings on disk: what comes back, what is refused, and that forgetting leaves nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.engines.base import Generation
from bot.engines.dynamic_caches import DynamicCaches
from bot.engines.llama_cpp.conversion import convert_folder
from bot.engines.llama_cpp.engine import LlamaOptions, open_gguf
from bot.engines.llama_cpp.states import State, States
from bot.engines.local import open_local
from bot.engines.prefix import CacheKind, Prefix, PrefixCache, PrefixKey, StepRule
from bot.engines.prefix_files import PrefixEraser, SavedPrefixes, saved_prefixes
from bot.engines.token_engine import TokenEngine
from bot.engines.weights import LocalOptions
from memory.errors import FamiliarError
from memory.records import Message
from tests.bot.engines.small_models import random_model
from tests.bot.engines.test_prefix import filled

MINE = PrefixKey(None, "turn", 1)
BEGINNING = Message("system", "Remember this. " * 25)


def saved(folder: Path, *, valid_for: str = "model", most_mb: int = 10) -> SavedPrefixes:
    """The files of a folder."""
    return SavedPrefixes(folder, valid_for=valid_for, most_mb=most_mb)


def names(folder: Path) -> list[str]:
    """Files of beginnings."""
    return [file.name for file in folder.iterdir() if "safetensors" in file.name]


@dataclass(frozen=True)
class Kind:
    """What handles the caches of an engine, and one of a given number of tokens."""

    handles: CacheKind[Any]
    made: Callable[[int], Any]
    numbers: Callable[[Any], list[float]]
    """All that it holds."""


def state(tokens: int) -> State:
    """llama.cpp's bytes, here eight a token."""
    return State(tokens, np.arange(tokens * 8, dtype=np.uint8))


@pytest.fixture(params=["local", "llama.cpp"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each implementation of CacheKind."""
    if request.param == "local":
        return Kind(DynamicCaches(), filled, lambda cache: cache.layers[0].keys.flatten().tolist())
    return Kind(States(), state, lambda cache: cache.data.tolist())


def test_a_beginning_comes_back_bit_for_bit(kind: Kind) -> None:
    """Tokens, keys and values, in another process."""
    content = kind.handles.dump(Prefix((1, 2, 3), kind.made(3)))
    assert content is not None
    found = kind.handles.load(content)
    assert found.ids == (1, 2, 3)
    assert kind.handles.tokens(found.cache) == 3
    assert kind.numbers(found.cache) == kind.numbers(kind.made(3))


@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_a_damaged_file_is_told(kind: Kind, damage: str) -> None:
    """By an exception that the cache of beginnings takes for no file."""
    content = kind.handles.dump(Prefix((1, 2, 3), kind.made(3)))
    assert content is not None
    with pytest.raises(ValueError, match="damaged"):
        kind.handles.load({"cut": content[:-4], "empty": b"", "text": b"not a tensor at all"}[damage])


def test_bytes_that_changed_are_told() -> None:
    """llama.cpp would compute with them."""
    content = States().dump(Prefix((1, 2, 3), state(3)))
    assert content is not None
    place = content.index(bytes(range(1, 24)))
    with pytest.raises(ValueError, match="damaged"):
        States().load(content[:place] + b"x" + content[place + 1 :])


def test_tensors_of_another_shape_are_told() -> None:
    """In a file that is whole."""
    from safetensors.numpy import save

    empty = np.zeros(0, np.int64)
    content = save({"ids": empty, "tokens": empty, "state": np.zeros(4, np.uint8), "crc32": empty})
    with pytest.raises(ValueError, match="damaged"):
        States().load(content)


def test_a_file_is_its_owners(tmp_path: Path) -> None:
    """Nobody else can read what people wrote; another adapter has none."""
    saved(tmp_path / "kept").write(MINE, b"content")
    assert saved(tmp_path / "kept").read(MINE) == b"content"
    assert saved(tmp_path / "kept").read(PrefixKey("adapter", "turn", 1)) is None
    if os.name == "posix":
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "kept").iterdir()}
        assert (modes, stat.S_IMODE((tmp_path / "kept").stat().st_mode)) == ({0o600}, 0o700)


def test_a_damaged_file_is_computed_again(tmp_path: Path) -> None:
    """It costs some seconds and stops nothing."""
    saved(tmp_path).write(MINE, b"not a tensor at all")
    cache = PrefixCache(StepRule(2, 2), DynamicCaches(), files=saved(tmp_path))
    assert cache.take(MINE, [1, 2, 3]) is None


def test_no_room_leaves_nothing(tmp_path: Path) -> None:
    """What was written while there was some is deleted at the next start."""
    saved(tmp_path).write(MINE, b"content")
    assert saved_prefixes(tmp_path, valid_for="model", most_mb=0) is None
    assert names(tmp_path) == []
    assert saved_prefixes(None, valid_for="model", most_mb=10) is None


def test_a_damaged_mark_is_made_anew(tmp_path: Path) -> None:
    """It neither stops a start nor lets a process write that can't tell whether something was erased."""
    files = saved(tmp_path)
    (tmp_path / "mark").write_bytes(b"\xff\x00")
    assert files.forgotten()
    files.write(MINE, b"content")
    assert names(tmp_path) == []
    again = saved(tmp_path)
    again.write(MINE, b"content")
    assert len(names(tmp_path)) == 1
    assert files.forgotten()


def test_files_of_another_model_are_deleted(tmp_path: Path) -> None:
    """Also those of another format or version, which are named in the same text."""
    saved(tmp_path).write(MINE, b"content")
    assert saved(tmp_path, valid_for="other").read(MINE) is None
    assert names(tmp_path) == []


def test_room_is_limited(tmp_path: Path) -> None:
    """The file used longest ago makes room, and one that is too large is not written."""
    files = saved(tmp_path, most_mb=1)
    for user, time in ((1, 100), (2, 200)):
        key = PrefixKey(None, "turn", user)
        files.write(key, bytes(800_000))
        os.utime(tmp_path / names(tmp_path)[-1], (time, time))
    assert files.read(PrefixKey(None, "turn", 1)) is None
    assert files.read(PrefixKey(None, "turn", 2)) is not None
    files.write(MINE, bytes(2_000_000))
    assert len(names(tmp_path)) == 1


def test_forgetting_deletes_all_and_reaches_what_is_in_memory(tmp_path: Path) -> None:
    """A process that still holds a beginning does not write it again."""
    cache = PrefixCache(StepRule(2, 2), DynamicCaches(), files=saved(tmp_path))
    cache.keep(MINE, [1, 2, 3], filled(3))
    cache.write()
    PrefixEraser(tmp_path).erase(user_id=1, turn_ids=[], document_ids=[])
    assert names(tmp_path) == []
    cache.keep(MINE, [1, 2, 3, 4, 5], filled(5))
    cache.write()
    assert names(tmp_path) == []
    cache.keep(MINE, [1, 2, 3], filled(3))
    cache.write()
    assert len(names(tmp_path)) == 1


def test_an_erasure_between_look_and_write_is_respected(tmp_path: Path) -> None:
    """The mark is compared under the lock under which erasures change it."""
    files = saved(tmp_path)
    PrefixEraser(tmp_path).erase(user_id=1, turn_ids=[], document_ids=[])
    files.write(MINE, b"content")
    assert names(tmp_path) == []


def test_a_home_without_beginnings_has_nothing_to_erase(tmp_path: Path) -> None:
    """No folder is made."""
    PrefixEraser(tmp_path / "kept").erase(user_id=1, turn_ids=[], document_ids=[])
    assert not (tmp_path / "kept").exists()


def test_a_folder_that_cant_be_written_is_named(tmp_path: Path) -> None:
    """As the erasure must not seem to have been done."""
    (tmp_path / "file").write_text("")
    with pytest.raises(FamiliarError, match="can't be written"):
        saved(tmp_path / "file" / "kept")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with its weights for llama.cpp."""
    folder = random_model(tmp_path_factory.mktemp("model"))
    convert_folder(folder, folder / "small.gguf", precision="f32", base_sha256="small")
    return folder


def opened(name: str, model: Path, *, kept: Path | None, base: str = "small") -> TokenEngine:
    """An engine that keeps beginnings in a folder."""
    if name == "local":
        return open_local(model, model="small", options=LocalOptions(dtype="float32", saved=kept, base=base))
    options = LlamaOptions(base_sha256=base, threads=1, saved=kept)
    return open_gguf(model / "small.gguf", model, model="small", options=options)


def asked(engine: TokenEngine, text: str) -> tuple[int, str, float | None]:
    """Tokens reused, text and likelihood of a reply, after which the engine is closed."""
    request = Generation((BEGINNING, Message("user", text)), max_tokens=20, asked_by=7)
    said = engine.generate(request, on_text=lambda _: None)
    engine.close()
    return said.cached_tokens, said.text, said.mean_logprob


@pytest.mark.parametrize(("name", "reused"), [("local", 256), ("llama.cpp", 384)])
def test_a_restarted_engine_says_the_same_with_its_beginning(
    tmp_path: Path, model: Path, name: str, reused: int
) -> None:
    """It reuses what the closed one kept, answers to the last bit, and another base's engine reuses nothing."""
    computed = asked(opened(name, model, kept=None), "And four?")
    assert computed[0] == 0
    assert asked(opened(name, model, kept=tmp_path), "Three?")[0] == 0
    assert asked(opened(name, model, kept=tmp_path), "And four?") == (reused, *computed[1:])
    assert asked(opened(name, model, kept=tmp_path, base="other"), "And four?")[0] == 0


@pytest.mark.parametrize("name", ["local", "llama.cpp"])
def test_a_running_engine_writes_nothing_of_before_an_erasure(tmp_path: Path, model: Path, name: str) -> None:
    """It drops what it holds, and answers as before."""
    first = asked(opened(name, model, kept=None), "Three?")
    engine = opened(name, model, kept=tmp_path)
    engine.generate(Generation((BEGINNING, Message("user", "Three?")), max_tokens=20), on_text=lambda _: None)
    PrefixEraser(tmp_path).sweep()
    engine._save()
    assert names(tmp_path) == []
    assert asked(engine, "Three?") == first
    assert len(names(tmp_path)) == 1


@pytest.mark.parametrize("name", ["local", "llama.cpp"])
def test_what_waited_for_the_model_is_not_written(tmp_path: Path, model: Path, name: str) -> None:
    """A prompt that was there before the model was read may hold what was erased meanwhile."""
    engine = opened(name, model, kept=tmp_path)
    PrefixEraser(tmp_path).sweep()
    assert asked(engine, "Three?")[0] == 0
    assert names(tmp_path) == []


def test_weights_that_were_trained_further_in_place_reuse_nothing(tmp_path: Path) -> None:
    """Their folder may have the same name, sizes and stamp."""
    model = random_model(tmp_path / "model")
    for reused in (0, 256):
        assert asked_again(model, tmp_path / "kept")[0] == reused
    random_model(model, seed=1)
    assert asked_again(model, tmp_path / "kept") == (0, asked_again(model, tmp_path / "none")[1])


def asked_again(model: Path, kept: Path) -> tuple[int, str]:
    """Tokens reused and text of a new engine's reply."""
    engine = opened("local", model, kept=kept)
    said = engine.generate(Generation((BEGINNING, Message("user", "Four?")), max_tokens=20), on_text=lambda _: None)
    engine.close()
    return said.cached_tokens, said.text
