"""One tune from beginning to end: examples, training process, gate, live or rejected.

Until the last transaction the old adapter answers, and what a crash leaves behind at any point is a row that says
"training" and a folder: the next tune or start marks the one as interrupted and removes the other.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from memory.errors import FamiliarError
from memory.store import Store
from tuning.adapters import Adapter, Outcome, Registry, StartedBy
from tuning.config import GateConfig, TuneConfig
from tuning.dataset import Dataset, Example, learned_after, split_by_time
from tuning.gate import Check, judge, left_out
from tuning.job import BaseModel, Job, LiveAdapter, Metrics, drop_texts, read_metrics, sync, write_job
from tuning.lock import tune_lock
from tuning.schedule import Due, due
from tuning.sources import read_dataset

OnProgress = Callable[[str], None]
FOLDER, FIGURES = "adapters", "gate-figures"
"""In the home; the second is what the gate's probes show of the base, and derived."""
_ROOT = Path(__file__).resolve().parents[1]
_PRIVATE = ("FAMILIAR_", "TELEGRAM_")
"""Beginnings of environment variables that may hold secrets, which training has no use for."""


@dataclass(frozen=True)
class TuneRequest:
    """Whose adapter to train, and how."""

    user_id: int
    persona: str
    """The whole system message that serving puts first, so that training sees what serving sees."""
    config: TuneConfig
    gate: GateConfig
    started_by: StartedBy = "hand"


@dataclass(frozen=True)
class TuneResult:
    """What came of a tune."""

    adapter: str | None
    status: Literal["live", "rejected", "skipped"]
    examples: int
    gate: tuple[Check, ...] = ()
    reason: str | None = None


def run_tune(
    store: Store,
    home: Path,
    base: BaseModel,
    request: TuneRequest,
    *,
    on_progress: OnProgress = lambda _: None,
    cancel: threading.Event | None = None,
) -> TuneResult:
    """Train an adapter for one user and let it answer if it passes the gate.

    :raises FamiliarError: another tune is running, or training failed (the row says why; the old adapter answers on)
    """
    registry = Registry(store, home / FOLDER)
    with tune_lock(registry.root):
        registry.recover_locked()
        with store.transaction():  # nothing can be forgotten between reading it and naming it as a source
            dataset = read_dataset(store, user_id=request.user_id, persona=request.persona)
            count = len(dataset.examples)
            if count < request.config.min_pairs:
                return TuneResult(None, "skipped", count, reason=_too_few(dataset, request.config))
            adapter = registry.begin(
                user_id=request.user_id, base=base, examples=dataset.examples, started_by=request.started_by
            )
        try:
            with _failing(registry, adapter):
                finished = _train_and_judge(registry, adapter, base, request, dataset, _Watch(on_progress, cancel))
        finally:
            registry.sweep()
    return _result(finished)


def tune_due(store: Store, *, user_id: int, persona: str, config: TuneConfig, now: datetime) -> Due:
    """Whether a tune for this user should start by itself now."""
    rows = store.rows("SELECT status, started_at FROM adapters WHERE user_id = ? ORDER BY started_at", (user_id,))
    last = datetime.fromisoformat(rows[-1]["started_at"]) if rows else None
    # What an interrupted or withdrawn adapter had learned is not learned.
    learned = [row["started_at"] for row in rows if row["status"] in ("live", "retired", "rejected")]
    examples = read_dataset(store, user_id=user_id, persona=persona).examples
    return due(now, last, learned_after(examples, learned[-1] if learned else None), config)


@dataclass(frozen=True)
class _Watch:
    on_progress: OnProgress
    cancel: threading.Event | None


class _Stopped(Exception):
    """The run is to end before it is done: cancelled, or withdrawn by an erasure."""


@contextmanager
def _failing(registry: Registry, adapter: Adapter) -> Iterator[None]:
    """Whatever ends a run early is written into its row."""
    try:
        yield
    except FamiliarError as exc:
        registry.finish(adapter.id, Outcome("failed", str(exc)), user_id=adapter.user_id)
        raise
    except BaseException:
        registry.finish(adapter.id, Outcome("failed", "interrupted"), user_id=adapter.user_id)
        raise


def _train_and_judge(
    registry: Registry, adapter: Adapter, base: BaseModel, request: TuneRequest, dataset: Dataset, watch: _Watch
) -> Adapter:
    folder = registry.root / adapter.id
    train, test = split_by_time(dataset.examples, share=request.gate.held_out)
    job = Job(
        base.name,
        str(base.folder),
        request.persona,
        request.config,
        train,
        test,
        base_sha256=base.sha256,
        figures=str(registry.root.parent / FIGURES),
        live=_live(registry.live(request.user_id), base, adapter.template_sha256),
    )
    write_job(folder, job)
    try:
        metrics = train_in_child(folder, on_progress=watch.on_progress, stop=_stop(registry, adapter, watch))
    except _Stopped:
        return registry.finish(adapter.id, Outcome("skipped", "cancelled"), user_id=adapter.user_id)
    if metrics.template_sha256 != adapter.template_sha256:
        raise FamiliarError(f"the chat template of {base.folder} changed during the tune; tune again")
    drop_texts(folder)
    checks = judge(metrics.measures, request.gate)
    manifest = _manifest(adapter, request, dataset, (train, test), metrics, checks)
    (folder / "manifest.json").write_text(manifest, encoding="utf-8")
    sync([folder / "manifest.json", folder])
    failed = [check.sentence for check in checks if not check.passed]
    outcome = Outcome("rejected" if failed else "live", "; ".join(failed) or None, checks, manifest)
    return registry.finish(adapter.id, outcome, user_id=adapter.user_id)


def _live(live: Adapter | None, base: BaseModel, template: str) -> LiveAdapter | None:
    """The adapter to beat; one of another base or template can't answer on this one, so there is none to beat."""
    if live is None or (live.base_sha256, live.template_sha256) != (base.sha256, template):
        return None
    return LiveAdapter(str(live.folder), tuple(json.loads(live.manifest)["trained_on"]))


def train_in_child(
    folder: Path, *, on_progress: OnProgress = lambda _: None, stop: Callable[[], bool] = lambda: False
) -> Metrics:
    """Run the job in a folder in a process of its own and wait for it.

    :param stop: asked at each step of the training; True ends it
    :raises FamiliarError: the process failed; the message says why
    """
    reason: str | None = None
    log = folder / "log.txt"
    with log.open("wb") as errors, _child(folder, errors) as child:
        assert child.stdout is not None
        with _killed_when(child, stop):
            for line in child.stdout:
                event = _event(line)
                reason = event.get("reason", reason)
                if event:
                    on_progress(_sentence(event))
        code = child.wait()
    if stop():
        raise _Stopped
    metrics = read_metrics(folder)
    if code != 0 or metrics is None:
        raise FamiliarError(reason or f"the training process ended with exit status {code}: {_last_line(log)}")
    log.unlink()
    return metrics


@contextmanager
def _child(folder: Path, errors: Any) -> Iterator[subprocess.Popen[bytes]]:
    """The training process; it is gone when this ends, however it ends."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(_PRIVATE)}
    paths = (str(_ROOT), os.environ.get("PYTHONPATH", ""))
    environment |= {"PYTHONPATH": os.pathsep.join(path for path in paths if path), "PYTHONUTF8": "1"}
    environment |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait would starve the chat
    # -P: without it a folder called tuning where the user happens to stand would be run instead of this package.
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "tuning.train", str(folder)],
        stdin=subprocess.PIPE,  # held open: the child ends when it closes, so also when this process dies
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment,
        start_new_session=True,  # Ctrl-C is for the parent, which ends the child in order
        creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def _killed_when(child: subprocess.Popen[bytes], stop: Callable[[], bool]) -> Iterator[None]:
    """Ask ``stop`` once a second and end the child when it says so."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(1.0):
            if stop():
                child.kill()
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _stop(registry: Registry, adapter: Adapter, watch: _Watch) -> Callable[[], bool]:
    """Cancelled, or withdrawn because something that it learns from was forgotten meanwhile."""

    def stop() -> bool:
        if watch.cancel is not None and watch.cancel.is_set():
            return True
        return registry.show(adapter.id, user_id=adapter.user_id).status != "training"

    return stop


def _event(line: bytes) -> dict[str, Any]:
    """A progress line; whatever else a library prints is none."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) and "phase" in event else {}


def _sentence(event: dict[str, Any]) -> str:
    if event["phase"] == "training":
        return f"training: step {event['step']} of {event['steps']}, loss {event['loss']:.2f}"
    return str(event["phase"])


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "it said nothing"


def _manifest(
    adapter: Adapter,
    request: TuneRequest,
    dataset: Dataset,
    parts: tuple[Sequence[Example], Sequence[Example]],
    metrics: Metrics,
    checks: Sequence[Check],
) -> str:
    """Everything that is needed to know what an adapter is and to train it again; no text of the user."""
    values = {
        "adapter": adapter.id,
        "base_model": adapter.base_model,
        "base_sha256": adapter.base_sha256,
        "template_sha256": adapter.template_sha256,
        "recipe": dataclasses.asdict(request.config),
        "trained_on": [example.id for example in parts[0]],
        "tested_on": [example.id for example in parts[1]],
        "left_out": dict(dataset.dropped) | ({"too long": metrics.too_long} if metrics.too_long else {}),
        "metrics": dataclasses.asdict(metrics),
        "gate": [dataclasses.asdict(check) for check in checks],
        "not_checked": left_out(metrics.measures, request.gate),
    }
    return json.dumps(values, ensure_ascii=False, indent=1)


def _too_few(dataset: Dataset, config: TuneConfig) -> str:
    left_out = ", ".join(f"{count} {reason}" for reason, count in dataset.dropped)
    return f"too few pairs: {len(dataset.examples)}; need {config.min_pairs}" + (
        f" (left out: {left_out})" if left_out else ""
    )


def _result(adapter: Adapter) -> TuneResult:
    """Cancelled and withdrawn runs count as skipped: nothing was judged."""
    status: Literal["live", "rejected", "skipped"] = "skipped"
    if adapter.status == "live" or adapter.status == "rejected":
        status = adapter.status
    return TuneResult(adapter.id, status, adapter.examples, adapter.gate, adapter.reason)
