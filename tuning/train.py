"""The training process: one run from the base model, and the measurements that the gate judges it by.

A process of its own at low priority keeps the chat responsive and gives all memory back at its end. It ends at once
when its parent does (standard input closes), so that no orphan trains on. Loss is on replies and their end-of-turn
only. Adapter weights are float32 whatever the base is. What is measured is what is served: where the files are another
form of what was trained, a fresh base loads them first. Run as ``python -m tuning.train FOLDER``; progress is JSON
lines on standard output.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from memory.errors import FamiliarError, UsageError
from tuning import budget, methods
from tuning.chat_format import stop_ids, template_sha256
from tuning.checkpoint import Checkpoints, Chosen, fingerprint
from tuning.config import TuneConfig
from tuning.curves import CurveWriter
from tuning.dataset import Example, in_order, split_by_time
from tuning.examine import Subject, measure
from tuning.fitting import ALONE, Fit, Fitted, Report
from tuning.gate import Measures
from tuning.job import Job, Metrics, Training, read_job, write_metrics
from tuning.measure import label_count
from tuning.methods import Attached, written_differently
from tuning.peers import Peers, join, watches_parent
from tuning.precision import dtype_here
from tuning.preferring import PreferenceReport, prefer
from tuning.recipe import Recipe, recipe_of
from tuning.windows import Window, Windowing, Windows
from tuning.worker import end_with_parent, free_bytes, lower_priority, peak_mb, report

FEWEST_VALIDATED = 5
"""Of fewer replies a validation loss says nothing, and all are learned."""


@dataclass(frozen=True)
class Loaded:
    """A base model in memory."""

    model: Any
    tokenizer: Any


@dataclass(frozen=True)
class Parts:
    """A job's examples as the sequences of each part."""

    train: Windows
    validation: Windows
    test: Windows
    left_out: int = 0
    """Training examples that would have taken the run past its budget."""
    predicted_seconds: float = 0.0
    epochs: int = 1
    """Passes that there is time for."""


@dataclass(frozen=True)
class Learned:
    """A trained adapter, written to disk, on a model as serving loads it."""

    model: Any
    tokenizer: Any
    parts: Parts
    fitted: Fitted
    training: Training
    preference: PreferenceReport | None = None


def main(arguments: Sequence[str]) -> int:
    """Run the job in a folder; a fault is one JSON line and exit status 1."""
    if watches_parent():
        end_with_parent()
    lower_priority()
    peers = join()
    try:
        if peers.first:
            run_job(Path(arguments[0]), report, peers)
        else:
            help_job(Path(arguments[0]), peers)
    except (FamiliarError, OSError) as exc:  # such as a full disk
        report({"phase": "failed", "reason": str(exc)})
        return 1
    return 0


def help_job(folder: Path, peers: Peers) -> None:
    """Take part in a job that another process runs; says, measures and writes nothing.

    :raises FamiliarError: as `run_job`
    """
    job = read_job(folder)
    loaded = load_for(job)
    train_adapter(folder, job, loaded, lambda _: None, recipe=recipe_of(job.config), peers=peers)


def run_job(folder: Path, tell: Report, peers: Peers = ALONE) -> Metrics:
    """Train, measure and write everything that a job's folder is to hold.

    :raises FamiliarError: the loss is no number, or nothing is left to train or test on
    """
    job = read_job(folder)
    tell({"phase": "loading"})
    loaded = load_for(job)
    learned = learn(folder, job, loaded, tell, recipe=recipe_of(job.config), peers=peers)
    tell({"phase": "checking"})
    ends = stop_ids(loaded.tokenizer, learned.model.generation_config)
    measures = measure(Subject(learned.model, loaded.tokenizer, job, _windowing(loaded, job.config), ends))
    train, validation, test = learned.parts.train, learned.parts.validation, learned.parts.test
    metrics = Metrics(
        measures=with_preference(measures, learned.preference),
        trained=train.replies,
        tested=test.replies,
        too_long=len(train.too_long) + len(validation.too_long) + len(test.too_long),
        tokens=train.tokens,
        steps=learned.fitted.steps,
        seconds=round(learned.fitted.seconds, 3),
        template_sha256=template_sha256(loaded.tokenizer),
        versions=_versions(),
        training=learned.training,
        preference=learned.preference,
    )
    write_metrics(folder, metrics)
    Checkpoints.remove(folder)
    tell({"phase": "done"})
    return metrics


def learn(folder: Path, job: Job, loaded: Loaded, tell: Report, *, recipe: Recipe, peers: Peers = ALONE) -> Learned:
    """Train on a job's examples and write the adapter into its folder; goes on from a checkpoint that belongs to it.

    :raises FamiliarError: the loss is no number, or nothing is left to train or test on
    """
    done = followed(folder, job, loaded, tell, recipe=recipe, peers=peers)
    peers.leave()
    # On the form that is served: the base is the true one then, and every form is LoRA, which preferences need.
    learned = written(folder, job, loaded, done)
    preference = _preferred(learned.model, loaded.tokenizer, job, folder=folder, tell=tell)
    if preference is not None and any(stage.steps for stage in preference.stages):
        trained = Attached(learned.model, methods.as_written(recipe), {})
        methods.save(trained, folder / "adapter", base_name=job.base_name)
    return replace(learned, preference=preference)


def followed(folder: Path, job: Job, loaded: Loaded, tell: Report, *, recipe: Recipe, peers: Peers = ALONE) -> Done:
    """`train_adapter` with its curves written down: an adapter in memory, which may be trained on before `written`.

    :raises FamiliarError: as `learn`
    """
    with CurveWriter(folder, job.config.track) as curves:
        return train_adapter(folder, job, loaded, curves.following(tell), recipe=recipe, peers=peers)


def written(folder: Path, job: Job, loaded: Loaded, done: Done) -> Learned:
    """The adapter in its folder, and a model that works as one that loads it.

    :raises FamiliarError: what was written is not what was trained
    """
    methods.save(done.attached, folder / "adapter", base_name=job.base_name)
    model = done.attached.model
    if written_differently(done.attached.recipe):
        model = adapted(load(Path(job.base_folder), dtype=job.config.dtype).model, folder / "adapter")
    return Learned(model.eval(), loaded.tokenizer, done.parts, done.fitted, _training(done))


def _preferred(model: Any, tokenizer: Any, job: Job, *, folder: Path, tell: Report) -> PreferenceReport | None:
    """The stage after imitation, where the user has preferred anything."""
    parts = (job.preferred, job.preferred_test)
    if not any(part.pairs or part.votes for part in parts):
        return None
    model.set_adapter("default")  # one that was read from its files is not trained otherwise
    report = prefer(model, tokenizer, parts, job.config, folder=folder, tell=tell)
    model.eval()
    return report


def with_preference(measures: Measures, report: PreferenceReport | None) -> Measures:
    """The gate's figures with those of held-out pairs: likelihood per token, base and finished adapter."""
    if report is None or not report.accuracies:
        return measures
    base, last = report.accuracies[0], report.accuracies[-1]
    if not any(stage.steps for stage in report.stages):  # imitation alone owes nothing to the pairs
        return replace(measures, preference_pairs=last.pairs)
    return replace(
        measures, preference_pairs=last.pairs, preference_base=base.likelier, preference_adapter=last.likelier
    )


@dataclass(frozen=True)
class Done:
    """A trained adapter in memory."""

    attached: Attached
    parts: Parts
    fitted: Fitted
    gradient_checkpointing: bool


def train_adapter(folder: Path, job: Job, loaded: Loaded, tell: Report, *, recipe: Recipe, peers: Peers) -> Done:
    """The part of `learn` that every process of a run takes part in; writes nothing but checkpoints.

    :raises FamiliarError: as `learn`
    """
    config, template = job.config, template_sha256(loaded.tokenizer)
    kept = Checkpoints(folder, fingerprint=fingerprint(folder, template_sha256=template), config=config)
    parts = split(job, _windowing(loaded, config), recipe)
    attached = methods.attach(loaded.model, recipe, windows=parts.train.windows)
    pace = peers.agreed(budget.seconds_per_token(attached)) / peers.count
    parts = _within_budget(parts, pace, recipe, _windowing(loaded, config), config, chosen=kept.chosen)
    kept.choose(Chosen(_ids(parts.train), parts.epochs))
    attached = replace(attached, recipe=replace(recipe, epochs=parts.epochs))
    tell(_planned(parts, wanted=recipe.epochs))
    recomputes = _save_memory(attached, parts)
    # Several processes don't go on from a checkpoint: those on other machines have no such file.
    keeper = kept if peers.count == 1 and recipe.method != "adalora" else None
    fitted = Fit(attached, parts.train.windows, parts.validation.windows, tell, keeper, peers).run()
    return Done(attached, parts, fitted, recomputes)


def adapted(base: Any, folder: Path) -> Any:
    """The base with an adapter from its files, as peft loads it."""
    from peft import PeftModel

    return PeftModel.from_pretrained(base, folder)


def split(job: Job, windowing: Windowing, recipe: Recipe) -> Parts:
    """The job's sequences; the newest training examples are for validation where there are enough.

    :raises FamiliarError: none is left to train or test on
    """
    count = round(recipe.validation * len(job.train))
    older, newest = job.train, tuple[Example, ...]()
    if count >= FEWEST_VALIDATED:
        older, newest = split_by_time(job.train, share=recipe.validation)
    parts = Parts(windowing.windows((*older, *job.general)), windowing.windows(newest), windowing.windows(job.test))
    own = any(example.source != "general" for window in parts.train.windows for example in window.examples)
    if not own or not parts.test.windows:
        count = len(job.train) + len(job.test)
        raise FamiliarError(f"of {count} examples too few fit into [tuning] max_tokens = {job.config.max_tokens}")
    return parts


def _within_budget(
    parts: Parts,
    pace: float,
    recipe: Recipe,
    windowing: Windowing,
    config: TuneConfig,
    *,
    chosen: Chosen | None,
) -> Parts:
    """The parts with as many passes, then as many training examples as there is time for; or as in the kept run.

    :param pace: seconds a token
    """
    examples = budget.by_worth(_in_order(parts.train))
    validation = parts.validation.tokens * recipe.validations / 3  # forward only
    most = config.budget_minutes * 60

    def windows(count: int) -> Windows:
        return windowing.windows(in_order(examples[:count]))

    def seconds(train: Windows) -> float:
        return pace * (train.tokens + validation)

    train, epochs = parts.train, budget.epochs_that_fit(seconds(parts.train), recipe.epochs, budget=most)
    if chosen is not None:
        epochs, ids = chosen.epochs, set(chosen.ids)
        train = windowing.windows([example for example in _in_order(parts.train) if example.id in ids])
    elif seconds(train) > most:
        train = windows(budget.most_that_fit(lambda count: seconds(windows(count)), len(examples), budget=most))
    left_out = len(examples) - train.replies
    return Parts(train, parts.validation, parts.test, left_out, epochs * seconds(train), epochs)


def _in_order(windows: Windows) -> list[Example]:
    return in_order(example for window in windows.windows for example in window.examples)


def _save_memory(attached: Attached, parts: Parts) -> bool:
    """Have the longest pass compute its activations twice where there is no room for them."""
    windows = (*parts.train.windows, *parts.validation.windows)
    shape, width = budget.shape_of(attached.model.config), attached.model.dtype.itemsize
    needed = max(
        budget.activation_bytes(shape, len(window.encoded.input_ids), label_count(window.encoded), width=width)
        for window in windows
    )
    if not budget.needs_checkpointing(needed, free=free_bytes()):
        return False
    attached.model.activation_checkpointing_enable({"use_reentrant": False})
    return True


def _planned(parts: Parts, *, wanted: int) -> dict[str, Any]:
    minutes = round(parts.predicted_seconds / 60, 1)
    planned = {"phase": "planned", "examples": parts.train.replies, "epochs": parts.epochs, "minutes": minutes}
    return planned | {"wanted": wanted, "over_budget": parts.left_out}


def _ids(windows: Windows) -> tuple[str, ...]:
    return tuple(example.id for window in windows.windows for example in window.examples)


def _training(done: Done) -> Training:
    parts, fitted = done.parts, done.fitted
    return Training(
        learned=tuple(example.id for example in _in_order(parts.train) if example.source != "general"),
        validated=_ids(parts.validation),
        epochs=parts.epochs,
        over_budget=parts.left_out,
        predicted_seconds=round(parts.predicted_seconds, 1),
        planned_steps=fitted.planned,
        best_step=fitted.best_step,
        best_loss=fitted.best_loss,
        gradient_checkpointing=done.gradient_checkpointing,
        peak_mb=peak_mb(),
    )


def _windowing(loaded: Loaded, config: TuneConfig) -> Windowing:
    return Windowing(loaded.tokenizer, max_tokens=config.max_tokens, max_prompt_tokens=config.max_prompt_tokens)


def load_for(job: Job) -> Loaded:
    """A job's base model as its settings want it.

    :raises FamiliarError: as `load`
    """
    return load(Path(job.base_folder), quantize=job.config.quantize, dtype=job.config.dtype)


def load(folder: Path, *, quantize: str = "", dtype: str = "float32") -> Loaded:
    """The base model, frozen, on the fastest device.

    :param dtype: "auto", "float32" or "bfloat16"
    :param quantize: "4bit" has bitsandbytes hold its weights as in QLoRA (arXiv 2305.14314)
    :raises FamiliarError: the folder holds no such model, or it can't be quantized here
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    cuda = torch.cuda.is_available()
    chosen = getattr(torch, dtype_here(dtype))
    quantization = _quantization(quantize, chosen, cuda=cuda)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=chosen, local_files_only=True, quantization_config=quantization
        )
    except (OSError, ValueError) as exc:
        raise FamiliarError(f"{folder} can't be loaded as a language model: {exc}") from exc
    model.requires_grad_(False)
    if quantization is not None:
        return Loaded(model.eval(), tokenizer)
    return Loaded(model.to("cuda" if cuda else "cpu").eval(), tokenizer)


def _quantization(quantize: str, dtype: Any, *, cuda: bool) -> Any:
    if not quantize:
        return None
    if quantize != "4bit":
        raise UsageError(f'[tuning] quantize is {quantize!r}; it must be "" or "4bit"')
    if not cuda:
        raise UsageError('[tuning] quantize is "4bit", which needs an NVIDIA GPU, and there is none here; set it to ""')
    from importlib.util import find_spec

    from transformers import BitsAndBytesConfig

    if find_spec("bitsandbytes") is None:
        raise UsageError("[tuning] quantize needs bitsandbytes: pip install 'familiar-assistant[qlora]'")
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )


def attach(base: Any, config: TuneConfig) -> Any:
    """The base with a new adapter, as the settings ask for it."""
    return methods.attach(base, recipe_of(config)).model


def fit(model: Any, windows: Sequence[Window], config: TuneConfig, tell: Report) -> int:
    """Train an adapter in place, without validation; returns the number of optimiser steps.

    :raises FamiliarError: the loss is not a number
    """
    return Fit(Attached(model, recipe_of(config), {}), windows, (), tell).run().steps


def _versions() -> tuple[tuple[str, str], ...]:
    import peft
    import torch
    import transformers

    return tuple((module.__name__, str(module.__version__)) for module in (peft, torch, transformers))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
