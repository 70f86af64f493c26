"""The training process: one LoRA run from the base model, and the measurements that the gate judges it by.

A process of its own at low priority keeps the chat responsive and gives all memory back at its end. It ends at once
when its parent does (standard input closes), so that no orphan trains on. Loss is on replies and their end-of-turn
only; nothing is padded: each pass is one sequence, and gradients of several are added up to a step. Adapter weights
are float32 whatever the base is. Run as ``python -m tuning.train FOLDER``; progress is JSON lines on standard output.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory.errors import FamiliarError
from tuning.chat_format import stop_ids, template_sha256
from tuning.config import TuneConfig
from tuning.examine import Subject, measure
from tuning.job import Metrics, read_job, write_metrics
from tuning.measure import label_count, labelled_loss
from tuning.windows import Window, Windowing, batches

WARM_UP = 0.1
"""Share of the steps over which the learning rate rises from zero; after that it falls linearly to zero."""
MAX_NORM = 1.0
"""Gradients are scaled down to this norm, so that one odd reply can't throw the adapter off."""

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Loaded:
    """A base model in memory."""

    model: Any
    tokenizer: Any


def main(arguments: Sequence[str]) -> int:
    """Run the job in a folder; a fault is one JSON line and exit status 1."""
    end_with_parent()
    lower_priority()
    try:
        run_job(Path(arguments[0]), report)
    except FamiliarError as exc:
        report({"phase": "failed", "reason": str(exc)})
        return 1
    return 0


def run_job(folder: Path, tell: Report) -> Metrics:
    """Train, measure and write everything that a job's folder is to hold.

    :raises FamiliarError: the loss is no number, or nothing is left to train or test on
    """
    job = read_job(folder)
    tell({"phase": "loading"})
    loaded = load(Path(job.base_folder))
    config = job.config
    windowing = Windowing(loaded.tokenizer, max_tokens=config.max_tokens, max_prompt_tokens=config.max_prompt_tokens)
    train, test = windowing.windows(job.train), windowing.windows(job.test)
    if not train.windows or not test.windows:
        count = len(job.train) + len(job.test)
        raise FamiliarError(f"of {count} examples too few fit into [tuning] max_tokens = {config.max_tokens}")
    model = attach(loaded.model, config)
    started = time.perf_counter()
    steps = fit(model, train.windows, config, tell)
    seconds = time.perf_counter() - started
    tell({"phase": "checking"})
    model.eval()
    ends = stop_ids(loaded.tokenizer, loaded.model.generation_config)
    save(model, folder / "adapter", base_name=job.base_name)
    measures = measure(Subject(model, loaded.tokenizer, job, windowing, ends))
    metrics = Metrics(
        measures=measures,
        trained=train.replies,
        tested=test.replies,
        too_long=len(train.too_long) + len(test.too_long),
        tokens=train.tokens,
        steps=steps,
        seconds=round(seconds, 3),
        template_sha256=template_sha256(loaded.tokenizer),
        versions=_versions(),
    )
    write_metrics(folder, metrics)
    tell({"phase": "done"})
    return metrics


def load(folder: Path) -> Loaded:
    """The base model, frozen, on the fastest device: float32 on a CPU, bfloat16 where an accelerator has it.

    :raises FamiliarError: the folder holds no such model
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    cuda = torch.cuda.is_available()
    dtype = torch.bfloat16 if cuda and torch.cuda.is_bf16_supported() else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, local_files_only=True)
    except (OSError, ValueError) as exc:
        raise FamiliarError(f"{folder} can't be loaded as a language model: {exc}") from exc
    model.requires_grad_(False)
    return Loaded(model.to("cuda" if cuda else "cpu").eval(), tokenizer)


def attach(base: Any, config: TuneConfig) -> Any:
    """A new LoRA adapter on all linear layers of the base (not on its output layer); alpha is twice the rank."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(config.seed)
    lora = LoraConfig(
        r=config.rank,
        lora_alpha=2 * config.rank,
        lora_dropout=0.0,
        target_modules="all-linear",
        bias="none",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(base, lora, autocast_adapter_dtype=True)


def fit(model: Any, windows: Sequence[Window], config: TuneConfig, tell: Report) -> int:
    """Train the adapter in place; returns the number of optimiser steps.

    The loss of a step is the mean over its labelled tokens, so that a long reply weighs as its tokens do.

    :raises FamiliarError: the loss is not a number
    """
    import torch

    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=config.learning_rate, weight_decay=0.0)
    plan = _plan(windows, config)
    for step, batch in enumerate(plan, 1):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * rate(step, len(plan))
        tokens = sum(label_count(window.encoded) for window in batch)
        loss = 0.0
        for window in batch:
            part = labelled_loss(model, window.encoded) / tokens
            part.backward()
            loss += float(part.detach())
        norm = torch.nn.utils.clip_grad_norm_(weights, MAX_NORM)
        if not (torch.isfinite(norm) and loss == loss and abs(loss) != float("inf")):
            raise FamiliarError(
                f"training stopped at step {step} of {len(plan)}: the loss is not a number;"
                f" [tuning] learning_rate is {config.learning_rate}, a lower one may help"
            )
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        tell({"phase": "training", "step": step, "steps": len(plan), "loss": round(loss, 4)})
    return len(plan)


def _plan(windows: Sequence[Window], config: TuneConfig) -> list[tuple[Window, ...]]:
    """The batches of all epochs, each epoch in its own order."""
    shuffler = random.Random(config.seed)
    plan: list[tuple[Window, ...]] = []
    for _ in range(config.epochs):
        order = list(windows)
        shuffler.shuffle(order)
        plan += batches(order, size=config.batch_size)
    return plan


def rate(step: int, steps: int) -> float:
    """Share of the peak learning rate at a step (from 1): it rises linearly, then falls linearly to just above 0."""
    rise = max(1, round(WARM_UP * steps))
    return step / rise if step <= rise else (steps - step + 1) / (steps - rise + 1)


def save(model: Any, folder: Path, *, base_name: str) -> None:
    """Write the adapter as safetensors, and read it again to be sure that it is whole.

    :raises FamiliarError: what was written is not what was trained
    """
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import load_file

    model.peft_config["default"].base_model_name_or_path = base_name
    model.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)
    written = load_file(folder / "adapter_model.safetensors")
    trained = get_peft_model_state_dict(model, save_embedding_layers=False)
    if written.keys() != trained.keys():
        raise FamiliarError(f"{folder} holds {len(written)} tensors of the {len(trained)} that were trained")
    for name, tensor in trained.items():
        if not torch.equal(written[name].nan_to_num(), tensor.cpu().nan_to_num()):
            raise FamiliarError(f"{folder}: {name} differs from what was trained; is the disk in order?")
    (folder / "README.md").unlink(missing_ok=True)


def report(event: dict[str, Any]) -> None:
    """Tell the parent how far it is."""
    print(json.dumps(event, ensure_ascii=False), flush=True)


def lower_priority() -> None:
    """Yield to the chat."""
    import psutil

    if sys.platform == "win32":
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        os.nice(10)


def end_with_parent() -> None:
    """End this process as soon as standard input does, which is when the parent has died or gone on."""

    def wait() -> None:
        # Not sys.stdin: a thread that waits in it holds a lock that Python wants at its own end.
        while os.read(0, 1):
            pass
        os._exit(3)

    threading.Thread(target=wait, daemon=True).start()


def _versions() -> tuple[tuple[str, str], ...]:
    import peft
    import torch
    import transformers

    return tuple((module.__name__, str(module.__version__)) for module in (peft, torch, transformers))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
