"""A model of a user's taste from beginning to end: choices, a training process, the gate, live or rejected.

It is an adapter of its own kind in the registry of reply adapters, so that it is rolled back, backed up and withdrawn
by the same rules; forgetting an item withdraws what learned from it. One training runs in a home at a time, of either
kind. The process is run as ``python -m tuning.preference_job FOLDER``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from memory.errors import FamiliarError
from memory.store import Store
from memory.taste import events_of, item_vectors, items_of, popularity
from tuning.adapters import Adapter, Outcome, Registry, StartedBy
from tuning.config import TasteConfig
from tuning.gate import Check
from tuning.job import BaseModel, sync
from tuning.preference import (
    Baselines,
    Choice,
    accuracy,
    auc,
    baselines,
    choices_of,
    judge_preference,
    ndcg,
    split_by_time,
)
from tuning.process import OnProgress, Stopped, run_child
from tuning.resume import CANCELLED
from tuning.tune import FOLDER, failing
from tuning.worker import end_with_parent, lower_priority, peak_mb, report

_INPUT, _OUTPUT, _DONE = "choices.json", "metrics.json", "done"
TEMPLATE = hashlib.sha256(b"an item, then the titles selected last; 1").hexdigest()
"""What names the form of a model's inputs: one that learned another form is not used."""


@dataclass(frozen=True)
class PreferenceRequest:
    """Whose taste to learn, and how."""

    user_id: int
    config: TasteConfig
    embedder: str
    """Key of the vectors that plain embeddings are judged by."""
    started_by: StartedBy = "hand"


@dataclass(frozen=True)
class PreferenceResult:
    """What came of it."""

    adapter: str | None
    status: Literal["live", "rejected", "skipped"]
    choices: int
    gate: tuple[Check, ...] = ()
    reason: str | None = None


@dataclass(frozen=True)
class _Learned:
    """What the process gives back."""

    scores: tuple[float, ...]
    """Of the held-out choices."""
    probabilities: tuple[float, ...]
    ratings: tuple[float, ...]
    steps: int
    best_step: int
    peak_mb: int


def taste_registry(store: Store, home: Path) -> Registry:
    """The adapters that rank, in the folder of all adapters."""
    return Registry(store, home / FOLDER, kind="taste", template=lambda _folder: TEMPLATE)


def train_preference(
    store: Store,
    home: Path,
    base: BaseModel,
    request: PreferenceRequest,
    *,
    on_progress: OnProgress = lambda _: None,
    cancel: threading.Event | None = None,
) -> PreferenceResult:
    """Learn a user's taste; the model ranks if it orders their newest choices better than what needs no training.

    :param base: the encoder
    :raises FamiliarError: a training is running already, or it failed (the row says why; the ranking stays as it was)
    """
    from tuning.lock import tune_lock

    registry = taste_registry(store, home)
    with tune_lock(registry.root):
        registry.recover_locked()
        with store.transaction():  # nothing can be forgotten between reading it and naming it as a source
            choices = _choices(store, request)
            told = sum(choice.selected is not None for choice in choices)
            if told < request.config.min_choices:
                reason = f"too few choices: {told}; [taste] min_choices is {request.config.min_choices}"
                return PreferenceResult(None, "skipped", told, reason=reason)
            adapter = registry.begin(
                user_id=request.user_id, base=base, examples=choices, started_by=request.started_by
            )
        try:
            with failing(registry, adapter):
                done = _train_and_judge(registry, adapter, base, request, choices, on_progress, cancel)
        finally:
            registry.sweep()
    status: Literal["live", "rejected", "skipped"] = "skipped"
    if done.status in ("live", "rejected"):
        status = "live" if done.status == "live" else "rejected"
    return PreferenceResult(done.id, status, told, done.gate, done.reason)


def _choices(store: Store, request: PreferenceRequest) -> tuple[Choice, ...]:
    items, events = items_of(store, user_id=request.user_id), events_of(store, user_id=request.user_id)
    return choices_of(items, events, recent=request.config.recent)


def _train_and_judge(
    registry: Registry,
    adapter: Adapter,
    base: BaseModel,
    request: PreferenceRequest,
    choices: Sequence[Choice],
    on_progress: OnProgress,
    cancel: threading.Event | None,
) -> Adapter:
    folder, config = registry.root / adapter.id, request.config
    train, test = split_by_time(choices, share=config.held_out)
    _write_input(folder, base, config, (train, test))
    try:
        run_child(
            ["-m", "tuning.preference_job", str(folder)],
            folder,
            on_progress=on_progress,
            stop=_stop(registry, adapter, cancel),
        )
    except Stopped:
        return registry.finish(adapter.id, Outcome("skipped", CANCELLED), user_id=adapter.user_id)
    (folder / _INPUT).unlink()  # it stands in the database, and nothing reads it here again
    learned = _read_output(folder)
    base_figures = _baselines(registry.store, request, train, test)
    checks = judge_preference(test, np.array(learned.scores), base_figures, config)
    manifest = _manifest(adapter, config, (train, test), learned, base_figures, checks)
    (folder / "manifest.json").write_text(manifest, encoding="utf-8")
    sync([folder / "manifest.json", folder])
    failed = [check.sentence for check in checks if not check.passed]
    outcome = Outcome("rejected" if failed else "live", "; ".join(failed) or None, checks, manifest)
    return registry.finish(adapter.id, outcome, user_id=adapter.user_id)


def _stop(registry: Registry, adapter: Adapter, cancel: threading.Event | None) -> Callable[[], bool]:
    """Cancelled, or withdrawn because something that it learns from was forgotten meanwhile."""

    def stop() -> bool:
        if cancel is not None and cancel.is_set():
            return True
        return registry.show(adapter.id, user_id=adapter.user_id).status != "training"

    return stop


def _baselines(store: Store, request: PreferenceRequest, train: Sequence[Choice], test: Sequence[Choice]) -> Baselines:
    popular = popularity(store, [choice.item for choice in test], without=request.user_id)
    return baselines(
        train, test, lambda ids: item_vectors(store, ids, embedder=request.embedder), popular.astype(np.float64)
    )


def _manifest(
    adapter: Adapter,
    config: TasteConfig,
    parts: tuple[Sequence[Choice], Sequence[Choice]],
    learned: _Learned,
    base: Baselines,
    checks: Sequence[Check],
) -> str:
    """What is needed to know what a model is and to rank by it; no text of the user."""
    train, test = parts
    values = {
        "adapter": adapter.id,
        "kind": adapter.kind,
        "base_model": adapter.base_model,
        "base_sha256": adapter.base_sha256,
        "recipe": dataclasses.asdict(config),
        "trained_on": [f"document:{choice.item}" for choice in train],
        "tested_on": [f"document:{choice.item}" for choice in test],
        "learned_until": train[-1].at,
        "rated": sum(choice.rating is not None for choice in train),
        "metrics": figures_of(test, learned, base) | {"steps": learned.steps, "best_step": learned.best_step},
        "peak_mb": learned.peak_mb,
        "gate": [dataclasses.asdict(check) for check in checks],
    }
    return json.dumps(values, ensure_ascii=False, indent=1)


def figures_of(test: Sequence[Choice], learned: _Learned, base: Baselines) -> dict[str, float | None]:
    """Figures of held-out choices, the model's beside those of the baselines."""
    judged = np.array([choice.selected is not None for choice in test], np.bool_)
    labels = np.array([bool(choice.selected) for choice in test], np.float64)[judged]
    found: dict[str, float | None] = {"accuracy": accuracy(labels, np.array(learned.probabilities)[judged])}
    named = (("model", np.array(learned.scores)), ("popularity", base.popularity), ("embeddings", base.nearness))
    for name, scores in named:
        found |= {f"auc_{name}": auc(labels, scores[judged]), f"ndcg_{name}": ndcg(labels, scores[judged])}
    errors = [
        (guess - choice.rating) ** 2
        for guess, choice in zip(learned.ratings, test, strict=True)
        if choice.rating is not None
    ]
    return found | {"rating_rmse": float(np.sqrt(np.mean(errors))) if errors else None}


# -- what crosses to the process and back


def _write_input(
    folder: Path, base: BaseModel, config: TasteConfig, parts: tuple[Sequence[Choice], Sequence[Choice]]
) -> None:
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    train, test = ([dataclasses.asdict(choice) for choice in part] for part in parts)
    head = {"base_name": base.name, "base_folder": str(base.folder), "config": dataclasses.asdict(config)}
    text = json.dumps(head | {"train": train, "test": test}, ensure_ascii=False)
    (folder / _INPUT).write_text(text, encoding="utf-8")


def _read_output(folder: Path) -> _Learned:
    if not (folder / _DONE).is_file():
        raise FamiliarError("the training process ended without a result")
    values = json.loads((folder / _OUTPUT).read_text(encoding="utf-8"))
    scores, probabilities, ratings = (tuple(values[key]) for key in ("scores", "probabilities", "ratings"))
    return _Learned(scores, probabilities, ratings, values["steps"], values["best_step"], values["peak_mb"])


def _choice(row: dict[str, Any]) -> Choice:
    return Choice(**row | {"recent": tuple(row["recent"])})


def run_job(folder: Path) -> None:
    """Train, score the held-out choices, and write what the folder is to hold.

    :raises FamiliarError: the encoder can't be loaded, or the loss is not a number
    """
    from tuning.preference_model import fit, open_learner, save, score

    values = json.loads((folder / _INPUT).read_text(encoding="utf-8"))
    train, test = (tuple(map(_choice, values[name])) for name in ("train", "test"))
    config = TasteConfig(**values["config"])
    report({"phase": "loading"})
    learner = open_learner(Path(values["base_folder"]), config)
    fitted = fit(learner, train, config, report)
    report({"phase": "checking"})
    found = score(learner, test, rated=sum(choice.rating is not None for choice in train))
    save(learner, folder / "adapter", base_name=values["base_name"])
    learned = _Learned(found.scores, found.probabilities, found.ratings, fitted.steps, fitted.best_step, peak_mb())
    (folder / _OUTPUT).write_text(json.dumps(dataclasses.asdict(learned)), encoding="utf-8")
    sync([*sorted((folder / "adapter").iterdir()), folder / "adapter", folder / _OUTPUT])
    (folder / _DONE).write_text("", encoding="utf-8")
    sync([folder / _DONE, folder])


def main(arguments: Sequence[str]) -> int:
    """Run the job in a folder; a fault is one JSON line and exit status 1."""
    end_with_parent()
    lower_priority()
    try:
        run_job(Path(arguments[0]))
    except (FamiliarError, OSError) as exc:  # such as a full disk
        report({"phase": "failed", "reason": str(exc)})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
