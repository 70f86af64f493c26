"""What crosses from the program to the training process: files in one folder, complete before the process starts.

``job.json`` and ``examples.jsonl`` go in; ``adapter/``, ``metrics.json`` and, last of all, ``done`` come out. A folder
without ``done`` is half a job and is thrown away.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from memory.errors import FamiliarError
from memory.records import Message
from tuning.chat_format import template_sha256
from tuning.config import TuneConfig
from tuning.dataset import Example
from tuning.gate import Measures, measures_from
from tuning.pair_files import PREFERENCES, read_preferences, report_of, write_preferences
from tuning.pairs import Preferences
from tuning.preferring import PreferenceReport

JUDGING = ("figures", "live", "secrets")
"""Of ``job.json``: what the gate alone reads, so that a run goes on whatever changed of it meanwhile."""


@dataclass(frozen=True)
class BaseModel:
    """The model that adapters are trained on and answer with."""

    name: str
    folder: Path
    """Weights (safetensors), tokenizer and chat template, as transformers reads them."""
    sha256: str


@dataclass(frozen=True)
class LiveAdapter:
    """The adapter that answers now, which a new one has to beat."""

    folder: str
    """Where peft reads it."""
    trained_on: tuple[str, ...]
    """Ids of the examples that it learned."""


@dataclass(frozen=True)
class Job:
    """One training run."""

    base_name: str
    base_folder: str
    persona: str
    config: TuneConfig
    train: tuple[Example, ...]
    test: tuple[Example, ...]
    general: tuple[Example, ...] = ()
    """The base model's own answers to general prompts, trained on beside ``train`` against forgetting."""
    base_sha256: str = ""
    """Of the base's weights: a run is only taken up again on them, and what the probes show of them is kept by
    it; empty: it is not."""
    figures: str = ""
    """Folder where that is kept. Never the model's own, whose identity comes from the files in it."""
    live: LiveAdapter | None = None
    secrets: tuple[str, ...] = ()
    """Texts that were filtered out of the examples, and must not come out of the adapter."""
    preferred: Preferences = field(default_factory=Preferences)
    """Pairs and single votes to learn from after the examples."""
    preferred_test: Preferences = field(default_factory=Preferences)
    """Held-out ones."""


@dataclass(frozen=True)
class Training:
    """How a run went, whatever is measured of its result."""

    learned: tuple[str, ...]
    """Ids of the user's examples that were trained on."""
    validated: tuple[str, ...]
    """Ids of those that early stopping watched."""
    over_budget: int
    """Examples that were left out so that the run ends within ``budget_minutes``."""
    predicted_seconds: float
    """What the run was predicted to take before it began."""
    planned_steps: int
    best_step: int
    """Step whose weights were kept."""
    best_loss: float | None
    """Validation loss per token there, in nats; None where nothing was validated."""
    gradient_checkpointing: bool
    peak_mb: int
    """Most memory that the process held."""
    epochs: int = 1
    """Most passes that there was time for; fewer than the recipe's where ``budget_minutes`` were short."""


@dataclass(frozen=True)
class Metrics:
    """What came of it."""

    measures: Measures
    trained: int
    """Replies that were learned."""
    tested: int
    """Replies whose loss was measured."""
    too_long: int
    """Replies that fit no sequence and were left out."""
    tokens: int
    """Tokens of all training sequences, once."""
    steps: int
    seconds: float
    """Of the optimiser's work alone."""
    template_sha256: str
    versions: tuple[tuple[str, str], ...]
    training: Training | None = None
    preference: PreferenceReport | None = None
    """What learning from preferences did; None where there were none."""


def write_job(folder: Path, job: Job) -> None:
    """Write a job's input; beside it there may be the checkpoint of a run that was interrupted."""
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    head = {
        "base_name": job.base_name,
        "base_folder": job.base_folder,
        "persona": job.persona,
        "config": dataclasses.asdict(job.config),
        "base_sha256": job.base_sha256,
        "figures": job.figures,
        "live": dataclasses.asdict(job.live) if job.live else None,
        "secrets": job.secrets,
    }
    (folder / "job.json").write_text(json.dumps(head, ensure_ascii=False), encoding="utf-8")
    with (folder / "examples.jsonl").open("w", encoding="utf-8") as file:
        for part, examples in (("train", job.train), ("test", job.test), ("general", job.general)):
            for example in examples:
                file.write(json.dumps({"part": part} | dataclasses.asdict(example), ensure_ascii=False) + "\n")
    write_preferences(folder / PREFERENCES, job.preferred, job.preferred_test)


def read_job(folder: Path) -> Job:
    """Read a job's input."""
    head = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    parts: dict[str, list[Example]] = {"train": [], "test": [], "general": []}
    with (folder / "examples.jsonl").open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            part = parts[row.pop("part")]
            row["prompt"] = tuple(Message(**message) for message in row["prompt"])
            part.append(Example(**row | {key: tuple(row[key]) for key in ("turn_ids", "document_ids")}))
    head["config"] = TuneConfig(**head["config"])
    head["secrets"] = tuple(head["secrets"])
    if head["live"]:
        head["live"] = LiveAdapter(head["live"]["folder"], tuple(head["live"]["trained_on"]))
    preferred, preferred_test = read_preferences(folder / PREFERENCES)
    return Job(
        **head,
        train=tuple(parts["train"]),
        test=tuple(parts["test"]),
        general=tuple(parts["general"]),
        preferred=preferred,
        preferred_test=preferred_test,
    )


def drop_texts(folder: Path) -> None:
    """Remove what the user wrote from a job's folder: it stands in the database, and nothing reads it here again."""
    for name in ("job.json", "examples.jsonl", PREFERENCES):
        (folder / name).unlink(missing_ok=True)


def write_metrics(folder: Path, metrics: Metrics) -> None:
    """Write the result, then ``done``, each on disk before the next."""
    (folder / "metrics.json").write_text(json.dumps(dataclasses.asdict(metrics)), encoding="utf-8")
    sync([*sorted((folder / "adapter").iterdir()), folder / "adapter", folder / "metrics.json"])
    (folder / "done").write_text("", encoding="utf-8")
    sync([folder / "done", folder, folder.parent])


def read_metrics(folder: Path) -> Metrics | None:
    """The result of a finished job; None where it is not finished."""
    if not (folder / "done").is_file():
        return None
    values = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    values["measures"] = measures_from(values["measures"])
    values["versions"] = tuple((name, version) for name, version in values["versions"])
    if values["training"] is not None:
        parts = {name: tuple(values["training"][name]) for name in ("learned", "validated")}
        values["training"] = Training(**values["training"] | parts)
    if values.get("preference") is not None:
        values["preference"] = report_of(values["preference"])
    return Metrics(**values)


def sync(paths: Sequence[Path]) -> None:
    """Have files and folders on disk, not only in the system's cache."""
    for path in paths:
        if path.is_dir() and os.name == "nt":
            continue  # Windows can't open a folder; its file system journals names by itself
        descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def template_of(folder: Path) -> str:
    """`chat_format.template_sha256` of the model in a folder, without loading its tokenizer where that can be avoided.

    :raises FamiliarError: the folder holds no tokenizer
    """
    beside, config = folder / "chat_template.jinja", folder / "tokenizer_config.json"
    template = None
    if beside.is_file():
        template = beside.read_text(encoding="utf-8")
    elif config.is_file():
        template = json.loads(config.read_text(encoding="utf-8")).get("chat_template")
    if isinstance(template, str):
        return hashlib.sha256(template.encode()).hexdigest()
    from transformers import AutoTokenizer

    try:
        return template_sha256(AutoTokenizer.from_pretrained(folder, local_files_only=True))
    except (OSError, ValueError) as exc:
        raise FamiliarError(f"{folder} holds no tokenizer with a chat template") from exc
