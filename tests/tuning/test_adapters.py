"""The registry: one live adapter, refusals that say why, nothing left behind, and erasure that reaches weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from memory.errors import FamiliarError
from memory.records import Message
from memory.store import Store
from tuning.adapters import Adapter, AdapterEraser, Outcome, Registry
from tuning.dataset import Example
from tuning.job import BaseModel
from tuning.lock import tune_lock

EXAMPLE = Example(
    id="turn:5",
    prompt=(Message("user", "hi"),),
    reply="hey",
    at=None,
    learned_at="2026-01-01T00:00:00+00:00",
    conversation="conversation:1",
    turn_ids=(5,),
    document_ids=(9,),
)


@pytest.fixture
def registry(store: Store, tmp_path: Path) -> Registry:
    return Registry(store, tmp_path / "adapters")


@pytest.fixture
def base(tmp_path: Path) -> BaseModel:
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    return BaseModel("tiny", folder, "sha-base")


def begin(registry: Registry, base: BaseModel, *, user_id: int = 1, example: Example = EXAMPLE) -> Adapter:
    adapter = registry.begin(user_id=user_id, base=base, examples=[example], started_by="hand")
    adapter.folder.mkdir(parents=True)
    (adapter.folder / "adapter_model.safetensors").write_bytes(b"weights")
    return adapter


def make_live(registry: Registry, base: BaseModel, *, user_id: int = 1, example: Example = EXAMPLE) -> str:
    adapter = begin(registry, base, user_id=user_id, example=example)
    return registry.finish(adapter.id, Outcome("live"), user_id=user_id).id


def live_id(registry: Registry, user_id: int = 1) -> str | None:
    live = registry.live(user_id)
    return live.id if live else None


def test_new_live_adapter_retires_the_old_one(registry: Registry, base: BaseModel) -> None:
    """There is one live adapter, and the one before it can come back."""
    first, second = make_live(registry, base), make_live(registry, base)
    assert live_id(registry) == second
    assert registry.show(first, user_id=1).status == "retired"
    assert [item.id for item in registry.list(user_id=1)] == [second, first]


def test_adapters_of_another_user_are_out_of_reach(registry: Registry, base: BaseModel) -> None:
    """Nothing of one user's adapter is shown, promoted or served to another."""
    theirs = make_live(registry, base, user_id=2)
    assert live_id(registry) is None
    assert registry.list(user_id=1) == []
    with pytest.raises(FamiliarError, match="there is no adapter"):
        registry.show(theirs, user_id=1)
    with pytest.raises(FamiliarError, match="there is no adapter"):
        registry.promote(theirs, user_id=1, base=base)
    assert registry.rollback(user_id=1) is None
    assert live_id(registry, 2) == theirs


def test_rollback_walks_back_to_the_base(registry: Registry, base: BaseModel) -> None:
    """Each rollback goes one further back, at last to the base model."""
    first, _, third = (make_live(registry, base) for _ in range(3))
    assert live_id(registry) == third
    registry.rollback(user_id=1)
    back = registry.rollback(user_id=1)
    assert back is not None
    assert (back.id, live_id(registry)) == (first, first)
    assert registry.rollback(user_id=1) is None
    assert live_id(registry) is None
    assert registry.rollback(user_id=1) is None


def test_promote_brings_a_retired_adapter_back(registry: Registry, base: BaseModel) -> None:
    """By hand an older adapter answers again, and a rollback from there returns to the one it displaced."""
    first, second = make_live(registry, base), make_live(registry, base)
    assert registry.promote(first, user_id=1, base=base).status == "live"
    assert registry.promote(first, user_id=1, base=base).status == "live"
    back = registry.rollback(user_id=1)
    assert back is not None
    assert back.id == second


def test_promote_refuses_another_model_and_another_template(registry: Registry, base: BaseModel) -> None:
    """An adapter answers only on the base and under the template it was trained with."""
    first = make_live(registry, base)
    make_live(registry, base)
    with pytest.raises(FamiliarError, match="was trained on tiny"):
        registry.promote(first, user_id=1, base=replace(base, sha256="other"))
    (base.folder / "chat_template.jinja").write_text("{{ other }}", encoding="utf-8")
    with pytest.raises(FamiliarError, match="another chat template"):
        registry.promote(first, user_id=1, base=base)


def test_promote_refuses_what_never_passed_and_what_lost_its_weights(registry: Registry, base: BaseModel) -> None:
    """A rejected adapter can't be forced live; one without files says so."""
    rejected = begin(registry, base).id
    registry.finish(rejected, Outcome("rejected", "held-out loss rose"), user_id=1)
    with pytest.raises(FamiliarError, match="is rejected: held-out loss rose"):
        registry.promote(rejected, user_id=1, base=base)
    first = make_live(registry, base)
    second = make_live(registry, base)
    (registry.show(first, user_id=1).folder / "adapter_model.safetensors").unlink()
    with pytest.raises(FamiliarError, match="has lost its weights"):
        registry.promote(first, user_id=1, base=base)
    assert live_id(registry) == second


def test_rejected_adapter_leaves_the_live_one(registry: Registry, base: BaseModel) -> None:
    """A rejection changes nothing for who answers."""
    first = make_live(registry, base)
    registry.finish(begin(registry, base).id, Outcome("rejected", "worse"), user_id=1)
    assert live_id(registry) == first


def test_interrupted_run_is_marked_and_its_files_removed(registry: Registry, base: BaseModel) -> None:
    """At the next start a run without a process has failed; what it left is deleted, the live one stays."""
    live, lost = make_live(registry, base), begin(registry, base)
    stray = registry.root / "stray"
    stray.mkdir()
    assert registry.recover() == (lost.id,)
    assert (registry.show(lost.id, user_id=1).status, registry.show(lost.id, user_id=1).reason) == (
        "failed",
        "interrupted",
    )
    assert sorted(item.name for item in registry.root.iterdir() if item.is_dir()) == [live]
    assert registry.recover() == ()


def test_recovery_leaves_a_running_tune_alone(registry: Registry, base: BaseModel) -> None:
    """While another process holds the lock its row is not touched."""
    running = begin(registry, base)
    with tune_lock(registry.root):
        assert registry.recover() == ()
    assert registry.show(running.id, user_id=1).status == "training"


@pytest.mark.parametrize(("turns", "documents"), [([5], []), ([], [9])])
def test_forgetting_a_source_withdraws_what_learned_from_it(
    registry: Registry, base: BaseModel, turns: list[int], documents: list[int]
) -> None:
    """Live, retired and training ones alike; others stay, and files go after the transaction."""
    retired, live = make_live(registry, base), make_live(registry, base)
    training = begin(registry, base)
    other = make_live(registry, base, user_id=2, example=replace(EXAMPLE, turn_ids=(6,), document_ids=()))
    AdapterEraser(registry).erase(user_id=1, turn_ids=turns, document_ids=documents)
    assert {registry.show(item, user_id=1).status for item in (retired, live, training.id)} == {"withdrawn"}
    assert live_id(registry) is None
    assert live_id(registry, 2) == other
    registry.sweep()
    assert [item.name for item in registry.root.iterdir() if item.is_dir()] == [other]
    with pytest.raises(FamiliarError, match="withdrawn"):
        registry.promote(retired, user_id=1, base=base)


def test_withdrawn_run_never_goes_live(registry: Registry, base: BaseModel) -> None:
    """A run that finishes after its source was forgotten stays withdrawn, and the live adapter is left alone."""
    live = make_live(registry, base, example=replace(EXAMPLE, turn_ids=(6,), document_ids=()))
    running = begin(registry, base)
    AdapterEraser(registry).erase(user_id=1, turn_ids=[5], document_ids=[])
    assert registry.finish(running.id, Outcome("live"), user_id=1).status == "withdrawn"
    assert live_id(registry) == live


def test_erasure_that_is_rolled_back_withdraws_nothing(registry: Registry, store: Store, base: BaseModel) -> None:
    """Withdrawal belongs to the transaction that erases: when that fails, the adapter and its files are still there."""
    live = make_live(registry, base)

    def erase_and_fail() -> None:
        with store.transaction():
            AdapterEraser(registry).erase(user_id=1, turn_ids=[5], document_ids=[])
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        erase_and_fail()
    registry.sweep()
    assert live_id(registry) == live
    assert (registry.show(live, user_id=1).folder / "adapter_model.safetensors").is_file()


def test_the_one_before_stands_in_for_a_withdrawn_one(registry: Registry, base: BaseModel) -> None:
    """The latest that saw nothing of what was forgotten; what saw it, or was rolled back as worse, does not answer."""
    clean = replace(EXAMPLE, turn_ids=(6,), document_ids=())
    oldest = make_live(registry, base, example=clean)
    make_live(registry, base, example=clean)
    registry.rollback(user_id=1, reason="worse")
    seen = make_live(registry, base)
    live = make_live(registry, base)
    theirs = make_live(registry, base, user_id=2, example=clean)
    registry.withdraw(turn_ids=[5], document_ids=[])
    assert live_id(registry) == oldest
    assert live_id(registry, 2) == theirs
    assert {item.id: item.withdrawn_from for item in registry.withdrawn_since("2000")} == {
        seen: "retired",
        live: "live",
    }
    registry.sweep()
    assert (registry.show(oldest, user_id=1).folder / "adapter_model.safetensors").is_file()


def test_a_crash_before_the_files_go_leaves_nothing_in_service(registry: Registry, base: BaseModel) -> None:
    """The row is what counts; the next start removes the folder and brings nothing back."""
    live = make_live(registry, base)
    registry.withdraw(turn_ids=[5], document_ids=[])
    again = Registry(registry.store, registry.root)
    assert live_id(again) is None
    assert (registry.root / live).is_dir()
    again.recover()
    assert not (registry.root / live).exists()
    assert again.show(live, user_id=1).status == "withdrawn"


def test_what_was_rolled_back_comes_back_only_by_hand(registry: Registry, base: BaseModel) -> None:
    """A rollback passes over it, promote brings it back, and then it is as any other."""
    first, second = make_live(registry, base), make_live(registry, base)
    registry.rollback(user_id=1, reason="worse")
    assert (registry.show(second, user_id=1).reason, live_id(registry)) == ("worse", first)
    third = make_live(registry, base)
    before = registry.before(registry.show(third, user_id=1))
    assert before is not None
    assert before.id == first
    promoted = registry.promote(second, user_id=1, base=base)
    assert (promoted.rolled_back_at, promoted.reason) == (None, None)
