"""Beginnings on disk: what comes back, what is refused, and that forgetting leaves nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bot.engines.base import Generation
from bot.engines.local import LocalEngine
from bot.engines.prefix import Prefix, PrefixCache, PrefixKey, StepRule
from bot.engines.prefix_files import PrefixEraser, SavedPrefixes
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


def test_a_beginning_comes_back_bit_for_bit(tmp_path: Path) -> None:
    """Tokens, keys and values, in another process; nobody else can read it."""
    import torch

    saved(tmp_path / "kept").write(MINE, Prefix((1, 2, 3), filled(3)))
    found = saved(tmp_path / "kept").read(MINE)
    assert found is not None
    assert found.ids == (1, 2, 3)
    assert torch.equal(found.cache.layers[0].keys, filled(3).layers[0].keys)
    assert saved(tmp_path / "kept").read(PrefixKey("adapter", "turn", 1)) is None
    if os.name == "posix":
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "kept").iterdir()}
        assert (modes, stat.S_IMODE((tmp_path / "kept").stat().st_mode)) == ({0o600}, 0o700)


@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_a_damaged_file_is_none(tmp_path: Path, damage: str) -> None:
    """The turn computes what it would have read."""
    files = saved(tmp_path)
    files.write(MINE, Prefix((1, 2, 3), filled(3)))
    file = tmp_path / names(tmp_path)[0]
    file.write_bytes({"cut": file.read_bytes()[:-4], "empty": b"", "text": b"not a tensor at all"}[damage])
    assert files.read(MINE) is None


def test_a_damaged_mark_is_made_anew(tmp_path: Path) -> None:
    """It neither stops a start nor lets a process write that can't tell whether something was erased."""
    files = saved(tmp_path)
    (tmp_path / "mark").write_bytes(b"\xff\x00")
    assert files.forgotten()
    files.write(MINE, Prefix((1, 2, 3), filled(3)))
    assert names(tmp_path) == []
    again = saved(tmp_path)
    again.write(MINE, Prefix((1, 2, 3), filled(3)))
    assert len(names(tmp_path)) == 1
    assert files.forgotten()


def test_files_of_another_model_are_deleted(tmp_path: Path) -> None:
    """Also those of another format or version, which are named in the same text."""
    saved(tmp_path).write(MINE, Prefix((1, 2, 3), filled(3)))
    assert saved(tmp_path, valid_for="other").read(MINE) is None
    assert names(tmp_path) == []


def test_room_is_limited(tmp_path: Path) -> None:
    """The file used longest ago makes room, and one that is too large is not written."""
    files = saved(tmp_path, most_mb=1)
    tokens = 50_000  # 800 kB with the tokens
    for user, time in ((1, 100), (2, 200)):
        key = PrefixKey(None, "turn", user)
        files.write(key, Prefix(tuple(range(tokens)), filled(tokens)))
        os.utime(tmp_path / names(tmp_path)[-1], (time, time))
    assert files.read(PrefixKey(None, "turn", 1)) is None
    assert files.read(PrefixKey(None, "turn", 2)) is not None
    files.write(MINE, Prefix(tuple(range(200_000)), filled(200_000)))
    assert len(names(tmp_path)) == 1


def test_forgetting_deletes_all_and_reaches_what_is_in_memory(tmp_path: Path) -> None:
    """A process that still holds a beginning does not write it again."""
    cache = PrefixCache(StepRule(2, 2), files=saved(tmp_path))
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
    files.write(MINE, Prefix((1, 2, 3), filled(3)))
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


def test_a_restarted_engine_says_the_same_with_its_beginning(tmp_path: Path) -> None:
    """It reuses what the closed one kept, answers to the letter, and another model's engine reuses nothing."""
    model = random_model(tmp_path / "model")
    options = LocalOptions(dtype="float32", saved=tmp_path / "kept", base="small")

    def asked(text: str, options: LocalOptions) -> tuple[int, str]:
        engine = LocalEngine(model, model="small", options=options)
        request = Generation((BEGINNING, Message("user", text)), max_tokens=20, asked_by=7)
        said = engine.generate(request, on_text=lambda _: None)
        engine.close()
        return said.cached_tokens, said.text

    computed = asked("And four?", LocalOptions(dtype="float32"))
    assert computed[0] == 0
    assert asked("Three?", options)[0] == 0
    assert asked("And four?", options) == (256, computed[1])
    assert asked("And four?", LocalOptions(dtype="float32", saved=tmp_path / "kept", base="other"))[0] == 0


def test_weights_that_were_trained_further_in_place_reuse_nothing(tmp_path: Path) -> None:
    """Their folder may have the same name, sizes and stamp."""
    model = random_model(tmp_path / "model")
    for reused in (0, 256):
        assert asked_again(model, tmp_path / "kept")[0] == reused
    random_model(model, seed=1)
    assert asked_again(model, tmp_path / "kept") == (0, asked_again(model, tmp_path / "none")[1])


def asked_again(model: Path, kept: Path) -> tuple[int, str]:
    """Tokens reused and text of a new engine's reply."""
    engine = LocalEngine(model, model="small", options=LocalOptions(dtype="float32", saved=kept, base="small"))
    said = engine.generate(Generation((BEGINNING, Message("user", "Four?")), max_tokens=20), on_text=lambda _: None)
    engine.close()
    return said.cached_tokens, said.text
