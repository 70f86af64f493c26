"""Whatever goes wrong in a tune, it ends in a clear state, the old adapter answers, and no text is left over."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from memory.errors import FamiliarError
from memory.store import Store
from tests.tuning.made import made_examples
from tests.tuning.tiny import CONFIG, EASY, HARMLESS, PERSONA, Harmless, add_dialogue
from tuning.adapters import Adapter, AdapterEraser, Outcome, Registry
from tuning.checkpoint import NAME as CHECKPOINT
from tuning.dataset import Example
from tuning.job import BaseModel
from tuning.recollection import Recollection
from tuning.resume import INTERRUPTED
from tuning.tune import FOLDER, TuneRequest, run_tune

REQUEST = TuneRequest(user_id=1, persona=PERSONA, config=CONFIG, gate=EASY, detectors=HARMLESS)


@pytest.fixture
def registry(store: Store, tmp_path: Path) -> Registry:
    return Registry(store, tmp_path / FOLDER)


def answering(registry: Registry, base: BaseModel) -> Adapter:
    """An adapter that answers, whose weights nothing here reads."""
    adapter = registry.begin(user_id=1, base=base, examples=(), started_by="hand")
    adapter.folder.mkdir(parents=True)
    return registry.finish(adapter.id, Outcome("live", manifest='{"trained_on": []}'), user_id=1)


def check(registry: Registry, old: Adapter, *, says: str) -> None:
    """The old one answers, the new row says why it failed, and its folder is gone."""
    assert registry.live(1) == old
    (row,) = [item for item in registry.list(user_id=1) if item.id != old.id]
    assert row.status == "failed"
    assert says in (row.reason or "")
    assert {path.name for path in registry.root.iterdir()} == {".lock", old.id}


def test_no_example_starts_nothing(registry: Registry, base: BaseModel, tmp_path: Path) -> None:
    """It is said, and there is no row."""
    result = run_tune(registry.store, tmp_path, base, REQUEST)
    assert (result.status, result.reason) == ("skipped", "too few pairs: 0; need 6")
    assert registry.list(user_id=1) == []


def test_one_example_can_not_be_learned_and_checked(registry: Registry, base: BaseModel, tmp_path: Path) -> None:
    """Not even where the settings allow it."""
    old = answering(registry, base)
    add_dialogue(registry.store, user_id=1, count=1)
    with pytest.raises(FamiliarError, match="of 1 examples too few"):
        run_tune(registry.store, tmp_path, base, replace(REQUEST, config=replace(CONFIG, min_pairs=1)))
    check(registry, old, says="of 1 examples too few")


@pytest.mark.parametrize(
    "name", ["adapter/adapter_config.json", pytest.param("manifest.json", marks=pytest.mark.chaos)]
)
def test_full_disk_is_said(registry: Registry, base: BaseModel, tmp_path: Path, name: str) -> None:
    """In the training process or after it."""
    old = answering(registry, base)
    add_dialogue(registry.store, user_id=1)

    def fill(_: str) -> None:
        for folder in registry.root.iterdir():
            if (folder / "job.json").is_file() and not (folder / name).is_symlink():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).symlink_to("/dev/full")

    with pytest.raises(FamiliarError, match="No space left"):
        run_tune(registry.store, tmp_path, base, REQUEST, on_progress=fill)
    check(registry, old, says="No space left")


def test_template_that_changes_meanwhile_ends_the_tune(registry: Registry, base: BaseModel, tmp_path: Path) -> None:
    """What was trained for one template never answers with another."""
    old = answering(registry, base)
    add_dialogue(registry.store, user_id=1)
    shutil.copytree(base.folder, tmp_path / "copy")
    template = tmp_path / "copy" / "chat_template.jinja"

    def change(_: Example) -> Recollection:
        template.write_text("{# new #}" + template.read_text(encoding="utf-8"), encoding="utf-8")
        return Recollection("")

    request = replace(REQUEST, config=replace(CONFIG, recalled_share=0.1), recollect=change)
    with pytest.raises(FamiliarError, match="changed during the tune"):
        run_tune(registry.store, tmp_path, replace(base, folder=tmp_path / "copy"), request)
    check(registry, old, says="changed during the tune")


def test_adapter_of_another_base_is_none_to_beat(registry: Registry, base: BaseModel, tmp_path: Path) -> None:
    """It can't answer on this one, and keeps its place until another passes."""
    old = answering(registry, replace(base, sha256="other"))
    add_dialogue(registry.store, user_id=1)
    result = run_tune(registry.store, tmp_path, base, replace(REQUEST, config=replace(CONFIG, epochs=4)))
    assert "live_loss" not in {check.check for check in result.gate}
    live = registry.live(1)
    assert live is not None
    assert (live.id == old.id) == (result.status != "live")


class Suspicious(Harmless):
    """Finds a secret in what was said of day 100."""

    def personal(self, text: str) -> tuple[str, ...]:
        """One kind."""
        return ("password",) if "100" in text else ()


@pytest.mark.parametrize("meanwhile", [True, False])
def test_filtered_secret_is_forgotten_like_what_is_learned(
    registry: Registry, base: BaseModel, tmp_path: Path, *, meanwhile: bool
) -> None:
    """While its text lies in the run's folder, forgetting it ends the run; later the adapter never learned it."""
    add_dialogue(registry.store, user_id=1)
    secret = add_dialogue(registry.store, user_id=1, first=100, count=1)

    def forget() -> None:
        AdapterEraser(registry).erase(user_id=1, turn_ids=[], document_ids=[secret.id])

    def tell(_: str) -> None:
        if meanwhile:
            forget()

    result = run_tune(registry.store, tmp_path, base, replace(REQUEST, detectors=Suspicious()), on_progress=tell)
    forget()
    (row,) = registry.list(user_id=1)
    assert (row.status == "withdrawn") == meanwhile == (result.status == "skipped")
    assert not [path for path in registry.root.rglob("*") if path.is_file() and b"day 100" in path.read_bytes()]


def test_state_that_is_taken_over_keeps_its_sources(registry: Registry, base: BaseModel) -> None:
    """The next run does not learn a document any more, but holds what was learned of it until its own state is kept."""
    first = registry.begin(user_id=1, base=base, examples=made_examples(3), started_by="hand")
    first.folder.parent.mkdir(parents=True)
    (first.folder.parent / CHECKPOINT).write_bytes(b"numbers")
    registry.finish(first.id, Outcome("failed", INTERRUPTED), user_id=1)
    second = registry.begin(user_id=1, base=base, examples=(), started_by="hand")
    registry.go_on(second)
    assert (second.folder.parent / CHECKPOINT).read_bytes() == b"numbers"
    assert not first.folder.parent.exists()
    registry.withdraw(turn_ids=[], document_ids=[1])
    assert registry.show(second.id, user_id=1).status == "withdrawn"


def test_figures_stay_readable_when_a_number_is_forgotten(registry: Registry, base: BaseModel) -> None:
    """Manifest and gate hold none of the user's words, and taking digits out of them would break every list."""
    from memory.erasure import forget_text

    old = answering(registry, base)
    with registry.store.transaction() as db:
        db.execute("UPDATE adapters SET manifest = '{\"trained_on\": [], \"rank\": 100}', reason = 'the 100 th'")
    forget_text(registry.store, None, user_id=1, text="100")
    again = registry.show(old.id, user_id=1)
    assert (again.manifest, again.reason) == ('{"trained_on": [], "rank": 100}', "the [erased] th")


@pytest.mark.parametrize("damage", ["cut", "gone", "config"])
def test_damaged_adapter_makes_room_for_the_one_before(registry: Registry, base: BaseModel, damage: str) -> None:
    """It says why, and another base or template is answered by neither."""
    import torch
    from safetensors.torch import save_file

    adapters = [answering(registry, base) for _ in range(2)]
    for adapter in adapters:
        save_file({"a": torch.ones(9)}, adapter.folder / "adapter_model.safetensors", metadata={"format": "pt"})
        (adapter.folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    old, new = adapters
    fits = {"base_sha256": new.base_sha256, "template_sha256": new.template_sha256}
    assert registry.answering(1, **fits) == new
    assert registry.answering(1, **{**fits, "template_sha256": "other"}) is None
    file = new.folder / ("adapter_config.json" if damage == "config" else "adapter_model.safetensors")
    data = file.read_bytes()
    file.unlink()
    if damage != "gone":
        file.write_bytes(data[:-1])
    again = registry.answering(1, **fits)
    assert again is not None
    assert again.id == old.id
    assert registry.show(new.id, user_id=1).reason == "its files are missing or cut short; tune again"
