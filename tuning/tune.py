"""One tune from beginning to end: examples, training process, gate, live or rejected.

Until the last transaction the old adapter answers, and what a crash leaves behind at any point is a row that says
"training" and a folder: the next tune or start marks the one as interrupted and leaves of the other the checkpoint,
from which a tune on the same examples goes on.
"""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from memory.errors import FamiliarError, first_line
from memory.store import Store
from tuning.adapters import Adapter, Outcome, Registry, StartedBy
from tuning.choices import struck_turns
from tuning.config import GateConfig, TuneConfig
from tuning.data_report import DataReport
from tuning.dataset import Example, own_turns, split_by_time
from tuning.detectors import StandardDetectors
from tuning.due import note_skipped
from tuning.filters import Detectors
from tuning.gate import Check, judge, left_out
from tuning.general import ensure_replay, general_examples
from tuning.job import BaseModel, Job, LiveAdapter, Metrics, drop_texts, sync, write_job
from tuning.lock import tune_lock
from tuning.pair_files import report_of
from tuning.pair_sources import read_preferences, still_there
from tuning.pairs import Preferences, faults_found_by, split_preferences
from tuning.preferring import sentences
from tuning.preparing import Prepared, prepare, read
from tuning.process import OnProgress, Stopped, train_in_child
from tuning.recollection import Recollect, with_recollections
from tuning.resume import CANCELLED, INTERRUPTED

FOLDER, FIGURES = "adapters", "gate-figures"
"""In the home; the second is what the gate's probes show of the base, and derived."""
_TRIES = 3


@dataclass(frozen=True)
class TuneRequest:
    """Whose adapter to train, and how."""

    user_id: int
    persona: str
    """The whole system message that serving puts first, so that training sees what serving sees."""
    config: TuneConfig
    gate: GateConfig
    started_by: StartedBy = "hand"
    detectors: Detectors = field(default_factory=StandardDetectors)
    """Judge what may be learned; nothing is learned without them."""
    recollect: Recollect | None = None
    """What memory gives for the prompts of imported dialogues; None: their prompts hold no passages."""


@dataclass(frozen=True)
class TuneResult:
    """What came of a tune."""

    adapter: str | None
    status: Literal["live", "rejected", "skipped"]
    examples: int
    gate: tuple[Check, ...] = ()
    reason: str | None = None
    notes: tuple[str, ...] = ()
    """What became of learning from preferences, a sentence each."""


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
        # Filtering takes too long for a transaction, in which the chat could store nothing.
        prepared, preferences = prepared_for(store, request), preferred_for(store, request)
        with store.transaction():  # nothing can be forgotten between reading it and naming it as a source
            dataset = unchanged(store, request, prepared)
            examples = dataset.examples
            preferences = still_there(store, preferences, user_id=request.user_id)
            if len(examples) < request.config.min_pairs:
                note_skipped(store, user_id=request.user_id)
                reason = too_few(len(examples), prepared.report, request.config)
                return TuneResult(None, "skipped", len(examples), reason=reason)
            adapter = registry.begin(
                user_id=request.user_id,
                base=base,
                examples=examples,
                started_by=request.started_by,
                beside=(*preferences.pairs, *preferences.votes, *secret_examples(dataset)),
            )
        try:
            with failing(registry, adapter):
                noted = _noted(registry, adapter, request, dataset.examples, note=on_progress)
                dataset = dataclasses.replace(dataset, examples=noted)
                learned = Learned(dataset, preferences)
                finished = _train_and_judge(registry, adapter, base, request, learned, _Watch(on_progress, cancel))
        finally:
            registry.sweep()
    return result_of(finished)


def prepared_for(store: Store, request: TuneRequest) -> Prepared:
    """What a request's user gave to learn from, filtered.

    :raises FamiliarError: a filter is missing or failed; then nothing may be learned
    """
    return prepare(
        store,
        user_id=request.user_id,
        persona=request.persona,
        config=request.config,
        detectors=request.detectors,
        now=datetime.now(UTC),
    )


def preferred_for(store: Store, request: TuneRequest) -> Preferences:
    """What a request's user preferred, filtered.

    :raises FamiliarError: as `prepared_for`
    """
    user_id, fault = request.user_id, faults_found_by(request.detectors)
    return read_preferences(store, user_id=user_id, fault=fault, struck=struck_turns(store, user_id=user_id))


def unchanged(store: Store, request: TuneRequest, prepared: Prepared) -> Prepared:
    """What was filtered and is still as it was: what was forgotten or changed meanwhile waits for the next tune."""
    config, now = request.config, datetime.now(UTC)
    found = read(store, user_id=request.user_id, persona=request.persona, config=config, now=now).examples
    texts = {(example.id, example.prompt, example.reply) for example in found}

    def stays(item: Example) -> bool:
        return (item.id, item.prompt, item.reply) in texts

    examples = tuple(item for item in prepared.examples if stays(item))
    left_out = tuple(item for item in prepared.left_out if stays(item.example))
    return dataclasses.replace(prepared, examples=examples, left_out=left_out)


@dataclass(frozen=True)
class Learned:
    """What there was to learn from."""

    dataset: Prepared
    preferences: Preferences


@dataclass(frozen=True)
class _Watch:
    on_progress: OnProgress
    cancel: threading.Event | None


def _noted(
    registry: Registry, adapter: Adapter, request: TuneRequest, examples: tuple[Example, ...], *, note: OnProgress
) -> tuple[Example, ...]:
    """The examples with what memory gives for some of them, whose sources the adapter then has too.

    Searching takes too long for a transaction. So what was found counts only where memory is the same before and
    after; where somebody keeps writing, or memory can't be searched, the tune does without.
    """
    store, share = registry.store, request.config.recalled_share
    if request.recollect is None or share <= 0:
        return examples
    for _ in range(_TRIES):
        before = _generations(store, request.user_id)
        try:
            noted = with_recollections(examples, request.recollect, share=share, seed=request.config.seed)
        except FamiliarError as exc:
            note(f"prompts hold no passages, because memory can't be searched: {exc}")
            return examples
        with store.transaction():
            if _generations(store, request.user_id) == before:
                registry.add_sources(adapter.id, noted)
                return noted
    return examples


def _generations(store: Store, user_id: int) -> list[int]:
    return [store.generation(owner) for owner in store.readable_by(user_id)]


@contextmanager
def failing(registry: Registry, adapter: Adapter) -> Iterator[None]:
    """Whatever ends a run early is written into its row."""
    try:
        yield
    except FamiliarError as exc:
        registry.finish(adapter.id, Outcome("failed", str(exc)), user_id=adapter.user_id)
        raise
    except OSError as exc:  # such as a full disk
        reason = f"the tune could not go on: {first_line(exc)}"
        registry.finish(adapter.id, Outcome("failed", reason), user_id=adapter.user_id)
        raise FamiliarError(reason) from exc
    except BaseException:
        registry.finish(adapter.id, Outcome("failed", INTERRUPTED), user_id=adapter.user_id)
        raise


def _train_and_judge(
    registry: Registry, adapter: Adapter, base: BaseModel, request: TuneRequest, learned: Learned, watch: _Watch
) -> Adapter:
    folder = registry.root / adapter.id
    train, test = split_by_time(learned.dataset.examples, share=request.gate.held_out)
    preferred, preferred_test = split_preferences(
        learned.preferences, share=request.gate.held_out, trained=own_turns(train), tested=own_turns(test)
    )
    registry.go_on(adapter)
    job = Job(
        base.name,
        str(base.folder),
        request.persona,
        request.config,
        train,
        test,
        general=general_for(base, request.config, beside=len(train), note=watch.on_progress),
        base_sha256=base.sha256,
        preferred=preferred,
        preferred_test=preferred_test,
        figures=str(registry.root.parent / FIGURES),
        live=live_to_beat(registry.live(request.user_id), base, adapter.template_sha256),
        secrets=secrets_of(learned.dataset),
    )
    write_job(folder, job)
    try:
        metrics = train_in_child(
            folder,
            on_progress=watch.on_progress,
            stop=_stop(registry, adapter, watch),
            memory_mb=request.config.memory_mb,
            accelerate=request.config.accelerate,
        )
    except Stopped:
        return registry.finish(adapter.id, Outcome("skipped", CANCELLED), user_id=adapter.user_id)
    return judged(registry, adapter, base, request, (learned, train, test), metrics)


def judged(
    registry: Registry,
    adapter: Adapter,
    base: BaseModel,
    request: TuneRequest,
    parts: tuple[Learned, Sequence[Example], Sequence[Example]],
    metrics: Metrics,
) -> Adapter:
    """Judge a trained adapter in its folder by its measures; it answers, or its row says why not.

    :param parts: what was there to learn from, what was trained on and what was held out
    :raises FamiliarError: the base's chat template is not the one that it was trained with
    """
    folder, (learned, train, test) = registry.root / adapter.id, parts
    if metrics.template_sha256 != adapter.template_sha256:
        raise FamiliarError(f"the chat template of {base.folder} changed during the tune; tune again")
    drop_texts(folder)
    preferences = learned.preferences
    registry.keep_sources(adapter.id, (*learned.dataset.examples, *preferences.pairs, *preferences.votes))
    checks = judge(metrics.measures, request.gate)
    manifest = _manifest(adapter, request, learned, (train, test), metrics, checks)
    (folder / "manifest.json").write_text(manifest, encoding="utf-8")
    sync([folder / "manifest.json", folder])
    failed = [check.sentence for check in checks if not check.passed]
    outcome = Outcome("rejected" if failed else "live", "; ".join(failed) or None, checks, manifest)
    return registry.finish(adapter.id, outcome, user_id=adapter.user_id)


def secrets_of(dataset: Prepared) -> tuple[str, ...]:
    """Replies that were left out because of what they hold, each once."""
    return tuple(dict.fromkeys(example.reply for example in secret_examples(dataset)))


def secret_examples(dataset: Prepared) -> tuple[Example, ...]:
    """What was left out because of what its reply holds."""
    return tuple(item.example for item in dataset.left_out if item.reason == "secret or personal data")


def live_to_beat(live: Adapter | None, base: BaseModel, template: str) -> LiveAdapter | None:
    """The adapter to beat; one of another base or template can't answer on this one, so there is none to beat."""
    if live is None or (live.base_sha256, live.template_sha256) != (base.sha256, template):
        return None
    return LiveAdapter(str(live.folder), tuple(json.loads(live.manifest)["trained_on"]))


def general_for(base: BaseModel, config: TuneConfig, *, beside: int, note: OnProgress) -> tuple[Example, ...]:
    """General examples to mix in, where the settings want any."""
    if config.general_share == 0:
        return ()
    note("asking the base model for its own answers")
    return general_examples(ensure_replay(base), share=config.general_share, beside=beside, seed=config.seed)


def _stop(registry: Registry, adapter: Adapter, watch: _Watch) -> Callable[[], bool]:
    """Cancelled, or withdrawn because something that it learns from was forgotten meanwhile."""

    def stop() -> bool:
        if watch.cancel is not None and watch.cancel.is_set():
            return True
        return registry.show(adapter.id, user_id=adapter.user_id).status != "training"

    return stop


def _manifest(
    adapter: Adapter,
    request: TuneRequest,
    learned: Learned,
    parts: tuple[Sequence[Example], Sequence[Example]],
    metrics: Metrics,
    checks: Sequence[Check],
) -> str:
    """Everything that is needed to know what an adapter is and to train it again; no text of the user."""
    training, dataset = metrics.training, learned.dataset
    over_budget = training.over_budget if training else 0
    unfit = (("too long", metrics.too_long), ("more than fits into budget_minutes", over_budget))
    values = {
        "adapter": adapter.id,
        "base_model": adapter.base_model,
        "base_sha256": adapter.base_sha256,
        "template_sha256": adapter.template_sha256,
        "recipe": dataclasses.asdict(request.config),
        "trained_on": list(training.learned) if training else [example.id for example in parts[0]],
        "validated_on": list(training.validated) if training else [],
        "tested_on": [example.id for example in parts[1]],
        "across_the_cut": len(dataset.examples) - len(parts[0]) - len(parts[1]),
        "data": dataset.report.record(),
        "left_out": dict(dataset.report.left_out) | {reason: count for reason, count in unfit if count},
        "preferences": {
            "pairs": [pair.id for pair in learned.preferences.pairs],
            "votes": [vote.id for vote in learned.preferences.votes],
            "left_out": dict(learned.preferences.left_out),
        },
        "curves": "curves.jsonl",
        "metrics": dataclasses.asdict(metrics),
        "gate": [dataclasses.asdict(check) for check in checks],
        "not_checked": left_out(metrics.measures, request.gate),
    }
    return json.dumps(values, ensure_ascii=False, indent=1)


def too_few(count: int, report: DataReport, config: TuneConfig) -> str:
    left_out = ", ".join(f"{number} {reason}" for reason, number in report.left_out)
    return f"too few pairs: {count}; need {config.min_pairs}" + (f" (left out: {left_out})" if left_out else "")


def result_of(adapter: Adapter) -> TuneResult:
    """Cancelled and withdrawn runs count as skipped: nothing was judged."""
    status: Literal["live", "rejected", "skipped"] = "skipped"
    if adapter.status == "live" or adapter.status == "rejected":
        status = adapter.status
    report = json.loads(adapter.manifest).get("metrics", {}).get("preference")
    notes = sentences(report_of(report)) if report else ()
    return TuneResult(adapter.id, status, adapter.examples, adapter.gate, adapter.reason, notes)
