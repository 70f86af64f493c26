"""A tune on another machine: its job goes out as one file, the adapter comes back as one, and the gate judges it here.

The file that goes out holds what the user wrote, and nothing here can take it back: what is forgotten meanwhile stays
in it. So an adapter is only taken in where everything that it was given is still allowed to be learned, word for word,
and where it is the answer to a job that this home wrote (its digest is kept).
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from memory.errors import FamiliarError
from memory.store import Store
from tuning.adapters import Adapter, Registry, is_whole
from tuning.dataset import own_turns, split_by_time
from tuning.job import BaseModel, Job, Metrics, read_job, read_metrics, template_of, write_job
from tuning.lock import tune_lock
from tuning.pair_files import PREFERENCES
from tuning.pair_sources import still_there
from tuning.pairs import Preferences, split_preferences
from tuning.process import OnProgress, run_child, train_in_child
from tuning.signed import Archive, read_archive, write_archive
from tuning.tune import (
    FIGURES,
    FOLDER,
    Learned,
    TuneRequest,
    TuneResult,
    failing,
    general_for,
    judged,
    live_to_beat,
    preferred_for,
    prepared_for,
    result_of,
    secret_examples,
    secrets_of,
    too_few,
    unchanged,
)

JOB, ADAPTER = "familiar-tune", "familiar-adapter"
_EXPORTED = "exported_tune:"
"""Begins the state under which a job's digest is kept; its user's number follows."""
_JOB_FILES = ("job.json", "examples.jsonl", PREFERENCES)
_TRAINED = ("adapter/adapter_config.json", "adapter/adapter_model.safetensors", "metrics.json", "done", "curves.jsonl")


@dataclass(frozen=True)
class Exported:
    """A job that was written."""

    file: Path
    sha256: str
    """Digest of what it says about itself, by which its adapter is known."""
    examples: int


def export_tune(
    store: Store, base: BaseModel, request: TuneRequest, file: Path, *, note: OnProgress = lambda _: None
) -> Exported:
    """Write what a tune of this user would learn from now, with its recipe, for another machine.

    :raises FamiliarError: there are too few examples, a filter is missing, or the file can't be written
    """
    prepared, preferences = prepared_for(store, request), preferred_for(store, request)
    if len(prepared.examples) < request.config.min_pairs:
        raise FamiliarError(too_few(len(prepared.examples), prepared.report, request.config))
    train, test = split_by_time(prepared.examples, share=request.gate.held_out)
    preferred, preferred_test = split_preferences(
        preferences, share=request.gate.held_out, trained=own_turns(train), tested=own_turns(test)
    )
    general = general_for(base, request.config, beside=len(train), note=note)
    job = Job(base.name, "", request.persona, dataclasses.replace(request.config, accelerate=""), train, test, general)
    job = dataclasses.replace(job, base_sha256=base.sha256, preferred=preferred, preferred_test=preferred_test)
    head = {"base_model": base.name, "base_sha256": base.sha256, "template_sha256": template_of(base.folder)}
    with tempfile.TemporaryDirectory(prefix="familiar-tune-") as name:
        write_job(Path(name), job)
        archive = write_archive(file, Path(name), _JOB_FILES, format=JOB, head=head)
    store.set_state(f"{_EXPORTED}{request.user_id}", archive.digest)
    return Exported(file, archive.digest, len(train) + len(test))


def train_remote(
    base: BaseModel, file: Path, out: Path, *, on_progress: OnProgress = lambda _: None, accelerate: str = ""
) -> None:
    """Train the adapter of a job that another machine wrote.

    :param accelerate: as `train_in_child`
    :raises FamiliarError: the file is damaged, the base or its template is another, or training failed
    """
    if out.exists():
        raise FamiliarError(f"{out} exists already; name a new file")
    with tempfile.TemporaryDirectory(prefix="familiar-tune-") as name:
        came, run = Path(name) / "came", Path(name) / "run"
        archive = read_archive(file, came, format=JOB, known=_JOB_FILES)
        _check_base(archive, base, file)
        job = read_job(came)
        write_job(run, dataclasses.replace(job, base_folder=str(base.folder), figures=str(Path(name) / FIGURES)))
        train_in_child(run, on_progress=on_progress, memory_mb=job.config.memory_mb, accelerate=accelerate)
        for member in _JOB_FILES:  # as they came, so that their digest is the one that was kept
            shutil.copyfile(came / member, run / member)
        head = dict(archive.head) | {"job": archive.digest}
        names = [*_JOB_FILES, *(member for member in _TRAINED if (run / member).is_file())]
        write_archive(out, run, names, format=ADAPTER, head=head)


def _check_base(archive: Archive, base: BaseModel, file: Path) -> None:
    for key, here in (("base_sha256", base.sha256), ("template_sha256", template_of(base.folder))):
        if archive.head[key] != here:
            raise FamiliarError(
                f"{file} is of {archive.head['base_model']} ({key} {archive.head[key][:12]}), but {base.name}"
                f" ({here[:12]}) is here; set [model] name to the same model on both machines"
            )


def import_adapter(
    store: Store, home: Path, base: BaseModel, request: TuneRequest, file: Path, *, on_progress: OnProgress
) -> TuneResult:
    """Take in an adapter that another machine trained, measure it here, and let it answer if it passes the gate.

    :raises FamiliarError: the file was changed, is of another base or of no job of this home's user, something that
        it was given was forgotten or changed meanwhile, or a tune is running
    """
    registry = Registry(store, home / FOLDER)
    with tempfile.TemporaryDirectory(prefix="familiar-tune-") as name, tune_lock(registry.root):
        came = Path(name)
        archive = read_archive(file, came, format=ADAPTER, known=(*_JOB_FILES, *_TRAINED))
        _check_base(archive, base, file)
        _check_ours(store, archive, user_id=request.user_id, file=file)
        if read_metrics(came) is None or not is_whole(came / "adapter"):
            raise FamiliarError(f"{file} holds no whole adapter; train it again from the file of `familiar tune`")
        registry.recover_locked()
        job = read_job(came)
        request = dataclasses.replace(request, config=job.config)
        prepared, preferences = prepared_for(store, request), preferred_for(store, request)
        with store.transaction():  # nothing can be forgotten between comparing it and naming it as a source
            learned = Learned(
                unchanged(store, request, prepared), still_there(store, preferences, user_id=request.user_id)
            )
            _check_allowed(job, learned, request, file)
            adapter = _begin(registry, base, request, job, learned)
        store.set_state(f"{_EXPORTED}{request.user_id}", None)  # each job is answered once
        try:
            with failing(registry, adapter):
                job = _job_here(registry, adapter, base, job, learned)
                metrics = _measured(registry.root / adapter.id, job, came, on_progress)
                examples = (*job.train, *job.test)
                given = Learned(dataclasses.replace(learned.dataset, examples=examples), _given(job))
                finished = judged(registry, adapter, base, request, (given, job.train, job.test), metrics)
        finally:
            registry.sweep()
    return result_of(finished)


def _check_ours(store: Store, archive: Archive, *, user_id: int, file: Path) -> None:
    """The adapter answers a job of this user, and brings its files unchanged."""
    job_members = {name: archive.members.get(name, "") for name in _JOB_FILES}
    head = {key: value for key, value in archive.head.items() if key != "job"}
    digest = Archive(JOB, head, job_members).digest
    if not digest == archive.head.get("job") == store.state(f"{_EXPORTED}{user_id}"):
        raise FamiliarError(
            f"{file} is not the answer to this user's last `familiar tune --export`; export and train again"
        )


def _check_allowed(job: Job, learned: Learned, request: TuneRequest, file: Path) -> None:
    """All that the adapter was given may be learned now, in the same words."""
    allowed = {(item.id, item.prompt, item.reply) for item in learned.dataset.examples}
    given = {(item.id, item.prompt, item.reply) for item in (*job.train, *job.test)}
    judged_now = {*learned.preferences.pairs, *learned.preferences.votes}
    judged_then = {item for part in (job.preferred, job.preferred_test) for item in (*part.pairs, *part.votes)}
    gone = len(given - allowed) + len(judged_then - judged_now)
    if gone or job.persona != request.persona:
        what = f"{gone} of its examples were forgotten, struck out or changed" if gone else "the persona was changed"
        raise FamiliarError(f"{file} is out of date: {what} since it was exported; nothing was taken in. Export again")


def _begin(registry: Registry, base: BaseModel, request: TuneRequest, job: Job, learned: Learned) -> Adapter:
    return registry.begin(
        user_id=request.user_id,
        base=base,
        examples=(*job.train, *job.test),
        started_by=request.started_by,
        beside=(*_given(job).pairs, *_given(job).votes, *secret_examples(learned.dataset)),
    )


def _given(job: Job) -> Preferences:
    parts = (job.preferred, job.preferred_test)
    return Preferences(
        tuple(pair for part in parts for pair in part.pairs), tuple(vote for part in parts for vote in part.votes)
    )


def _job_here(registry: Registry, adapter: Adapter, base: BaseModel, job: Job, learned: Learned) -> Job:
    """The job with what the gate needs of this home."""
    return dataclasses.replace(
        job,
        base_folder=str(base.folder),
        figures=str(registry.root.parent / FIGURES),
        live=live_to_beat(registry.live(adapter.user_id), base, adapter.template_sha256),
        secrets=secrets_of(learned.dataset),
    )


def _measured(folder: Path, job: Job, came: Path, on_progress: OnProgress) -> Metrics:
    """What the gate judges by, measured here on the adapter in its new folder."""
    for name in _TRAINED:
        if (came / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.copyfile(came / name, folder / name)
    write_job(folder, job)
    command = ["-m", "tuning.remeasure", str(folder)]
    run_child(command, folder, on_progress=on_progress, memory_mb=job.config.memory_mb)
    metrics = read_metrics(folder)
    if metrics is None:
        raise FamiliarError("the measuring process ended without a result")
    return metrics
