"""A whole tune with a tiny model and the real training process: live, rejected, skipped, cancelled, killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from memory.errors import FamiliarError
from memory.store import Store
from tests.tuning.tiny import CONFIG, EASY, HARMLESS, PERSONA, Harmless, add_dialogue
from tuning.adapters import AdapterEraser, Registry
from tuning.checkpoint import NAME as CHECKPOINT
from tuning.dataset import Example
from tuning.general import _made_from, replay_file
from tuning.job import BaseModel, Job, write_job
from tuning.lock import TuneRunning, tune_lock
from tuning.recollection import Recollection
from tuning.sources import read_dataset
from tuning.tune import FOLDER, TuneRequest, run_tune

ROOT = Path(__file__).resolve().parents[2]
REQUEST = TuneRequest(user_id=1, persona=PERSONA, config=replace(CONFIG, epochs=4), gate=EASY, detectors=HARMLESS)


def statuses(store: Store) -> list[str]:
    return [row["status"] for row in store.rows("SELECT status FROM adapters ORDER BY started_at")]


def test_tune_goes_live_and_the_next_one_may_be_rejected(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """Child, gate, live; then a gate that nothing passes rejects the second, and the first answers on."""
    add_dialogue(store, user_id=1)
    registry, told = Registry(store, tmp_path / FOLDER), list[str]()
    first = run_tune(store, tmp_path, base, REQUEST, on_progress=told.append)
    assert (first.status, first.examples) == ("live", 20)
    assert "live_loss" not in [check.check for check in first.gate]
    assert all(check.passed for check in first.gate)
    assert any(line.startswith("training: step 1 of ") for line in told)
    live = registry.live(1)
    assert live is not None
    assert live.id == first.adapter
    files = sorted(path.name for path in live.folder.parent.rglob("*") if path.is_file())
    assert files == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "curves.jsonl",
        "done",
        "manifest.json",
        "metrics.json",
    ]
    manifest = json.loads(live.manifest)
    assert (len(manifest["trained_on"]), len(manifest["tested_on"])) == (16, 4)
    assert "day 3" not in live.manifest

    strict = replace(EASY, max_loss_ratio=0.0001)
    second = run_tune(store, tmp_path, base, replace(REQUEST, gate=strict))
    assert second.status == "rejected"
    assert "held-out loss" in (second.reason or "")
    assert [check.check for check in second.gate if not check.passed] == ["held_out_loss"]
    (live_loss,) = [check for check in second.gate if check.check == "live_loss"]
    assert live_loss.value == pytest.approx(1.0, abs=1e-4), (
        "the same recipe on the same data is as good as the live one"
    )
    assert statuses(store) == ["live", "rejected"]
    assert sorted(path.name for path in registry.root.iterdir()) == [".lock", str(first.adapter)]
    assert "FAILED  held-out loss" in registry.show(str(second.adapter), user_id=1).gate_text()


def test_too_few_pairs_are_said_before_anything_starts(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """ "too few pairs: N; need M", with what was left out; no row, no folder."""
    add_dialogue(store, user_id=1, count=3)
    result = run_tune(store, tmp_path, base, REQUEST)
    assert (result.adapter, result.status, result.reason) == (None, "skipped", "too few pairs: 3; need 6")
    assert statuses(store) == []


def test_nothing_is_trained_without_a_filter(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """A filter that is missing or fails ends the tune before anything starts, and the old adapter answers on."""

    class Missing(Harmless):
        def personal(self, text: str) -> tuple[str, ...]:
            raise FamiliarError(f"nothing is trained without the filter ({len(text)})")

    add_dialogue(store, user_id=1)
    with pytest.raises(FamiliarError, match="nothing is trained without the filter"):
        run_tune(store, tmp_path, base, replace(REQUEST, detectors=Missing()))
    assert statuses(store) == []
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [".lock"]


def test_what_is_left_out_stands_in_the_manifest(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """The report, without a word of the user; what was filtered is neither trained nor tested on."""

    class Numbers(Harmless):
        def personal(self, text: str) -> tuple[str, ...]:
            return ("phone",) if text.startswith("day 1") else ()

    add_dialogue(store, user_id=1)
    result = run_tune(store, tmp_path, base, replace(REQUEST, detectors=Numbers()))
    manifest = json.loads(Registry(store, tmp_path / FOLDER).show(str(result.adapter), user_id=1).manifest)
    assert result.examples == 9
    assert manifest["data"]["left_out"] == {"secret or personal data (phone)": 11}
    assert (manifest["data"]["found"], manifest["data"]["kept"], manifest["across_the_cut"]) == (20, 9, 0)
    assert len(manifest["trained_on"]) + len(manifest["tested_on"]) == 9


def test_what_is_forgotten_while_it_is_filtered_is_not_learned(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """Filtering takes seconds in which the chat goes on; what is gone by the end of it is in no example."""
    gone = add_dialogue(store, user_id=1, count=8)
    add_dialogue(store, user_id=1, count=8, first=40)

    class Slow(Harmless):
        def toxic(self, text: str) -> bool:
            del text
            if store.documents(user_id=1)[0].id == gone.id:
                store.delete_document(gone.id, user_id=1)
            return False

    result = run_tune(store, tmp_path, base, replace(REQUEST, detectors=Slow()))
    assert result.examples == 8
    rows = store.rows("SELECT DISTINCT document_id FROM adapter_sources")
    assert [row["document_id"] for row in rows] == [2]


def test_general_examples_are_mixed_in(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """With a share, the base model's own answers are trained on beside the user's; they are no source to forget."""
    add_dialogue(store, user_id=1)
    values = {"made_from": _made_from(base.folder, base.sha256), "replies": [{"prompt": "Hi", "reply": "Hello!"}] * 9}
    replay_file(base.folder).write_text(json.dumps(values), encoding="utf-8")
    config = replace(CONFIG, general_share=0.2)
    result = run_tune(store, tmp_path, base, replace(REQUEST, config=config))
    manifest = json.loads(Registry(store, tmp_path / FOLDER).show(str(result.adapter), user_id=1).manifest)
    assert (len(manifest["trained_on"]), manifest["metrics"]["trained"]) == (16, 20)


def test_fault_in_training_is_told_and_kept(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """A loss that is no number ends the child; its sentence is the error and the row's reason."""
    add_dialogue(store, user_id=1)
    hot = replace(REQUEST, config=replace(CONFIG, learning_rate=1e20, epochs=4))
    with pytest.raises(FamiliarError, match="the loss is not a number"):
        run_tune(store, tmp_path, base, hot)
    (adapter,) = Registry(store, tmp_path / FOLDER).list(user_id=1)
    assert adapter.status == "failed"
    assert "the loss is not a number" in (adapter.reason or "")
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [".lock"]


def test_cancelled_tune_ends_its_process(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """Cancelling kills the child, keeps no file, and is no failure."""
    add_dialogue(store, user_id=1)
    cancel = threading.Event()
    cancel.set()
    result = run_tune(store, tmp_path, base, REQUEST, cancel=cancel)
    assert (result.status, result.reason, statuses(store)) == ("skipped", "cancelled", ["skipped"])
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [".lock"]


def test_forgetting_a_source_stops_the_tune(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """What is forgotten while an adapter learns it ends that run, and nothing of it is kept."""
    document = add_dialogue(store, user_id=1)
    registry = Registry(store, tmp_path / FOLDER)

    def forget(_: str) -> None:
        AdapterEraser(registry).erase(user_id=1, turn_ids=[], document_ids=[document.id])

    long = replace(REQUEST, config=replace(CONFIG, epochs=2000))
    assert run_tune(store, tmp_path, base, long, on_progress=forget).status == "skipped"
    assert statuses(store) == ["withdrawn"]
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [".lock"]


def test_recalled_passages_are_sources(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """Forgetting what stood in a prompt only withdraws the adapter; what changes while it is searched is left out."""
    add_dialogue(store, user_id=1)
    other = add_dialogue(store, user_id=1, first=100, learn_from=None)
    registry = Registry(store, tmp_path / FOLDER)
    found = Recollection("<notes>\n[1] talk: Ann: day 101 ok!\n</notes>\n\n", document_ids=(other.id,))
    request = replace(REQUEST, config=replace(CONFIG, recalled_share=0.5), recollect=lambda _: found)
    first = run_tune(store, tmp_path, base, request)
    assert first.adapter is not None
    eraser = AdapterEraser(registry)
    eraser.erase(user_id=1, turn_ids=[], document_ids=[other.id])
    assert registry.show(first.adapter, user_id=1).status in ("withdrawn", "rejected")
    sources = store.rows("SELECT document_id FROM adapter_sources WHERE adapter_id = ?", (first.adapter,))
    assert other.id in {row["document_id"] for row in sources}

    def restless(_: Example) -> Recollection:
        add_dialogue(store, user_id=1, count=1, first=random.randrange(10**6), learn_from=None)
        return found

    second = run_tune(store, tmp_path, base, replace(request, recollect=restless))
    sources = store.rows("SELECT document_id FROM adapter_sources WHERE adapter_id = ?", (second.adapter,))
    assert other.id not in {row["document_id"] for row in sources}


def test_tune_does_without_passages_where_memory_cant_be_searched(
    store: Store, base: BaseModel, tmp_path: Path
) -> None:
    """An embedder that can't be had any more ends no tune; that prompts hold no passages is said."""

    def gone(_: Example) -> Recollection:
        raise FamiliarError("the embedder is gone")

    add_dialogue(store, user_id=1)
    told: list[str] = []
    request = replace(REQUEST, config=replace(CONFIG, recalled_share=0.5), recollect=gone)
    assert run_tune(store, tmp_path, base, request, on_progress=told.append).status in ("live", "rejected")
    assert told[0] == "prompts hold no passages, because memory can't be searched: the embedder is gone"


def test_two_tunes_never_run_at_once(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """The second is told that one is running, and leaves no trace."""
    add_dialogue(store, user_id=1)
    with tune_lock(tmp_path / FOLDER), pytest.raises(TuneRunning, match="running already"):
        run_tune(store, tmp_path, base, REQUEST)
    assert statuses(store) == []


def test_training_ends_when_its_parent_has_died(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """No orphan trains on: in the middle of a run the process ends when its standard input closes."""
    add_dialogue(store, user_id=1)
    found = read_dataset(store, user_id=1, persona=PERSONA).examples
    config = replace(CONFIG, epochs=2000)
    write_job(tmp_path / "job", Job("tiny", str(base.folder), PERSONA, config, found[:16], found[16:]))
    command = [sys.executable, "-m", "tuning.train", str(tmp_path / "job")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert any(b"training" in line for line in child.stdout)
        child.stdin.close()
        child.stdout.read()
        assert child.wait(60) == 3


def kill_after_checkpoint(registry: Registry, done: threading.Event) -> None:
    """kill -9 of the training process, once it has kept a state."""
    while not done.wait(0.05):
        for child in psutil.Process().children(recursive=True):
            command = child.cmdline() if child.is_running() else []
            folder = Path(command[-1]) if "tuning.train" in command else None
            if folder is not None and (folder / CHECKPOINT).is_file() and folder.parent == registry.root:
                child.kill()
                return


def interrupt(store: Store, base: BaseModel, home: Path, request: TuneRequest) -> Path:
    """A tune whose process is killed after its first checkpoint; the folder that is left."""
    registry, done = Registry(store, home / FOLDER), threading.Event()
    killer = threading.Thread(target=kill_after_checkpoint, args=(registry, done))
    killer.start()
    try:
        with pytest.raises(FamiliarError, match=r"interrupted: the training process was killed \(signal 9\)"):
            run_tune(store, home, base, request)
    finally:
        done.set()
        killer.join()
    (folder,) = [path for path in registry.root.iterdir() if path.is_dir()]
    return folder


SLOW = replace(REQUEST, config=replace(CONFIG, epochs=150, patience=0, checkpoint_minutes=0.001))
"""Enough steps to be killed among them."""


def test_killed_tune_goes_on_with_the_next(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """Numbers alone are left of it; the next tune begins where it was, and its folder is gone then."""
    add_dialogue(store, user_id=1)
    folder = interrupt(store, base, tmp_path, SLOW)
    assert {path.name for path in folder.iterdir()} <= {CHECKPOINT, "curves.jsonl"}
    told: list[str] = []
    result = run_tune(store, tmp_path, base, SLOW, on_progress=told.append)
    assert result.status in ("live", "rejected")
    assert any(line.startswith("resuming: step") for line in told)
    assert not folder.exists()
    assert statuses(store) == ["failed", result.status]


def test_forgetting_removes_what_an_interrupted_tune_left(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """Its checkpoint had learned the text: the row is withdrawn and the folder goes at once."""
    document = add_dialogue(store, user_id=1)
    folder = interrupt(store, base, tmp_path, SLOW)
    registry = Registry(store, tmp_path / FOLDER)
    AdapterEraser(registry).erase(user_id=1, turn_ids=[], document_ids=[document.id])
    registry.sweep()
    assert not folder.exists()
    assert statuses(store) == ["withdrawn"]


PARENT = """
import sys
from pathlib import Path
from memory.store import Store
from tests.tuning.test_tune import REQUEST
from tuning.general import _made_from, replay_file
from tuning.job import BaseModel
from tuning.tune import run_tune
home, folder = Path(sys.argv[1]), Path(sys.argv[2])
store = Store(home / "familiar.db")
run_tune(store, home, BaseModel("tiny", folder, "sha-0"), REQUEST, on_progress=lambda line: print(line, flush=True))
print("finished", flush=True)
"""


def kill_somewhere(base: BaseModel, home: Path, *, rng: random.Random, target: str) -> bool:
    """Run a tune in a process of its own and kill it or its child; whether it had finished before."""
    parent: subprocess.Popen[Any] = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(home), str(base.folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout is not None
    marks = rng.choice([0, 1, 3, 6, 9])
    seen = [line for _, line in zip(range(marks), parent.stdout, strict=False)]
    time.sleep(rng.random() * 0.3)
    children = psutil.Process(parent.pid).children() if parent.poll() is None else []
    if target == "child" and children:
        children[0].kill()
    else:
        os.kill(parent.pid, signal.SIGKILL)
    rest = parent.stdout.read()
    parent.stdout.close()
    parent.wait(120)
    psutil.wait_procs(children, timeout=60)
    assert not any(child.is_running() for child in children), "the child outlived its parent"
    return "finished" in "".join(seen) + rest


def check_home(store: Store, home: Path, *, before: str) -> None:
    """Nothing stored before is lost, and nothing is half there."""
    registry = Registry(store, home / FOLDER)
    registry.recover()
    assert store.rows("PRAGMA integrity_check")[0][0] == "ok"
    assert store.rows("SELECT count(*) FROM chunks")[0][0] == 40
    adapters = registry.list(user_id=1)
    assert {item.status for item in adapters} <= {"live", "retired", "failed"}
    live = registry.live(1)
    assert live is not None, "the adapter that answered before is gone"
    kept = {item.id for item in adapters if item.status in ("live", "retired")}
    assert before in kept
    folders = {path.name: path for path in registry.root.iterdir() if path.is_dir()}
    for name in folders.keys() - kept:  # what an interrupted run leaves for the next: numbers
        assert {path.name for path in folders[name].iterdir()} <= {CHECKPOINT, "curves.jsonl"}
    assert kept <= folders.keys()
    for item in adapters:
        if item.id in kept:
            assert (item.folder / "adapter_model.safetensors").is_file()
            assert json.loads((item.folder.parent / "manifest.json").read_text())["adapter"] == item.id
            assert not (item.folder.parent / "examples.jsonl").exists()


def kill_repeatedly(store: Store, base: BaseModel, home: Path, *, times: int, seed: int) -> None:
    add_dialogue(store, user_id=1)
    first = run_tune(store, home, base, REQUEST)
    assert first.adapter is not None
    rng = random.Random(seed)
    for number in range(times):
        kill_somewhere(base, home, rng=rng, target=("child", "parent")[number % 2])
        check_home(store, home, before=first.adapter)
    assert run_tune(store, home, base, REQUEST).status == "live", "a tune after the kills works"


def test_kill_at_random_moments_loses_nothing(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """kill -9 of the training process or of the program, twice: the old adapter answers, no file is left over."""
    kill_repeatedly(store, base, tmp_path, times=2, seed=1)


@pytest.mark.chaos
def test_kill_at_twenty_random_moments_loses_nothing(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """The same twenty times."""
    kill_repeatedly(store, base, tmp_path, times=20, seed=2)
