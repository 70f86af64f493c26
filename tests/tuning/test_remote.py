"""A tune on another machine: out as a file, back as a file, judged at home; nothing that was forgotten comes in."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from memory.errors import FamiliarError
from memory.store import Store
from tests.tuning.tiny import CONFIG, EASY, HARMLESS, PERSONA, add_dialogue, tiny_base
from tuning.adapters import AdapterEraser, Registry
from tuning.job import BaseModel
from tuning.remeasure import remeasure
from tuning.remote import ADAPTER, JOB, Exported, export_tune, import_adapter, train_remote
from tuning.signed import read_archive, write_archive
from tuning.tune import FOLDER, TuneRequest, TuneResult

REQUEST = TuneRequest(user_id=1, persona=PERSONA, config=CONFIG, gate=EASY, detectors=HARMLESS)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BaseModel]:
    """A home that exported a job, the job, and the adapter that another machine made of it, once for all tests."""
    folder = tmp_path_factory.mktemp("remote")
    base = tiny_base(folder / "base")
    store = Store(folder / "home" / "familiar.db")
    store.add_user("ann", role="owner")
    store.add_user("bo", role="member")
    add_dialogue(store, user_id=1)
    done = export_tune(store, base, REQUEST, folder / "job.zip")
    assert done == Exported(folder / "job.zip", done.sha256, 20)
    store.close()
    # the other machine has the same model elsewhere, and no home
    there = BaseModel("tiny", shutil.copytree(base.folder, folder / "elsewhere"), base.sha256)
    train_remote(there, folder / "job.zip", folder / "adapter.zip")
    return folder, base


@pytest.fixture
def home(trained: tuple[Path, BaseModel], tmp_path: Path) -> tuple[Path, Store]:
    """A copy of that home, open."""
    folder = shutil.copytree(trained[0] / "home", tmp_path / "home")
    return folder, Store(folder / "familiar.db")


def take_in(
    home: tuple[Path, Store],
    trained: tuple[Path, BaseModel],
    file: Path | None = None,
    *,
    request: TuneRequest = REQUEST,
) -> TuneResult:
    """Import the adapter, or another file."""
    folder, base = trained
    return import_adapter(home[1], home[0], base, request, file or folder / "adapter.zip", on_progress=lambda _: None)


def test_an_adapter_comes_back_and_answers(home: tuple[Path, Store], trained: tuple[Path, BaseModel]) -> None:
    """It is judged by what is measured here, names what it learned, and its folder holds none of it; a job is answered
    once, and forgetting what it learned withdraws it."""
    result = take_in(home, trained)
    assert (result.status, result.examples) == ("live", 20)
    assert all(check.passed for check in result.gate)
    registry = Registry(home[1], home[0] / FOLDER)
    live = registry.live(1)
    assert live is not None
    manifest = json.loads(live.manifest)
    assert (len(manifest["trained_on"]), len(manifest["tested_on"])) == (16, 4)
    files = sorted(path.name for path in live.folder.parent.rglob("*") if path.is_file())
    weights = ["adapter_config.json", "adapter_model.safetensors"]
    assert files == [*weights, "curves.jsonl", "done", "manifest.json", "metrics.json"]
    with pytest.raises(FamiliarError, match="not the answer to this user's last"):
        take_in(home, trained)
    AdapterEraser(registry).erase(user_id=1, turn_ids=[], document_ids=[1])
    assert registry.show(live.id, user_id=1).status == "withdrawn"


def test_the_gate_judges_at_home(
    home: tuple[Path, Store], trained: tuple[Path, BaseModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adapter that does not pass there never answers, whatever its own machine found."""
    # in this process, which has loaded torch; the test above has the real one
    monkeypatch.setattr("tuning.remote.run_child", lambda _command, folder, **_options: remeasure(folder))
    result = take_in(home, trained, request=replace(REQUEST, gate=replace(EASY, max_loss_ratio=0.0001)))
    assert result.status == "rejected"
    assert "held-out loss" in (result.reason or "")
    assert Registry(home[1], home[0] / FOLDER).live(1) is None


def test_what_was_forgotten_meanwhile_does_not_come_in(
    home: tuple[Path, Store], trained: tuple[Path, BaseModel]
) -> None:
    """Nothing is taken in, no row and no folder is left."""
    home[1].delete_document(1, user_id=1)
    add_dialogue(home[1], user_id=1, first=50)
    with pytest.raises(FamiliarError, match="20 of its examples were forgotten, struck out or changed"):
        take_in(home, trained)
    assert home[1].rows("SELECT 1 FROM adapters") == []
    assert [path.name for path in (home[0] / FOLDER).iterdir()] == [".lock"]


def test_only_this_users_own_job_is_answered(home: tuple[Path, Store], trained: tuple[Path, BaseModel]) -> None:
    """Neither another user's nor an older job's adapter."""
    with pytest.raises(FamiliarError, match="not the answer"):
        take_in(home, trained, request=replace(REQUEST, user_id=2))
    export_tune(home[1], trained[1], replace(REQUEST, config=replace(CONFIG, rank=2)), home[0] / "later.zip")
    with pytest.raises(FamiliarError, match="not the answer"):
        take_in(home, trained)


@pytest.mark.parametrize("member", ["adapter/adapter_model.safetensors", "examples.jsonl"])
def test_a_changed_byte_is_found(
    home: tuple[Path, Store], trained: tuple[Path, BaseModel], tmp_path: Path, member: str
) -> None:
    """In the weights by the archive's own digests; in the examples also where these were made to fit."""
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(trained[0] / "adapter.zip") as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            data = bytearray(old.read(name))
            if name == member:
                data[-3] ^= 1
            new.writestr(name, bytes(data))
    with pytest.raises(FamiliarError, match=f"was changed: {member}"):
        take_in(home, trained, changed)
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(trained[0] / "adapter.zip") as old:
        old.extractall(unpacked)
        head = json.loads(old.read("manifest.json"))["head"]
        names = [name for name in old.namelist() if name != "manifest.json"]
    (unpacked / "examples.jsonl").write_text("{}\n", encoding="utf-8")
    write_archive(tmp_path / "signed.zip", unpacked, names, format=ADAPTER, head=head)
    with pytest.raises(FamiliarError, match="not the answer"):
        take_in(home, trained, tmp_path / "signed.zip")


def test_another_base_is_refused(home: tuple[Path, Store], trained: tuple[Path, BaseModel], tmp_path: Path) -> None:
    """On the machine that trains and at home."""
    folder, base = trained
    other = replace(base, name="other", sha256="f" * 64)
    with pytest.raises(FamiliarError, match="set \\[model\\] name to the same model"):
        train_remote(other, folder / "job.zip", tmp_path / "out.zip")
    with pytest.raises(FamiliarError, match="set \\[model\\] name to the same model"):
        take_in(home, (folder, other))


def test_files_that_are_none_are_said(
    home: tuple[Path, Store], trained: tuple[Path, BaseModel], tmp_path: Path
) -> None:
    """A job where an adapter should be, no archive at all, a file that exists, members that lead elsewhere."""
    folder, base = trained
    with pytest.raises(FamiliarError, match="it must be a familiar-adapter"):
        take_in(home, trained, folder / "job.zip")
    (tmp_path / "text").write_text("no archive", encoding="utf-8")
    with pytest.raises(FamiliarError, match="is no familiar-adapter, or damaged"):
        take_in(home, trained, tmp_path / "text")
    with pytest.raises(FamiliarError, match="exists already"):
        train_remote(base, folder / "job.zip", folder / "adapter.zip")
    (tmp_path / "x").mkdir()
    (tmp_path / "evil").write_text("x", encoding="utf-8")
    write_archive(tmp_path / "evil.zip", tmp_path / "x", ["../evil"], format=JOB, head={})
    with pytest.raises(FamiliarError, match="not what a familiar-tune holds"):
        read_archive(tmp_path / "evil.zip", tmp_path / "into", format=JOB, known=("job.json",))


def test_too_few_examples_are_said(home: tuple[Path, Store], trained: tuple[Path, BaseModel], tmp_path: Path) -> None:
    """As by a tune here; no file is left."""
    with pytest.raises(FamiliarError, match="too few pairs: 0; need 6"):
        export_tune(home[1], trained[1], replace(REQUEST, user_id=2), tmp_path / "none.zip")
    assert not (tmp_path / "none.zip").exists()
