"""TRL's SFTTrainer on a job's training examples, at its own defaults or in float32, in a process of its own.

Its examples are the same messages that ours are made of, one row a reply in TRL's prompt-completion form, the prompt
within the same limits. LoRA has the same rank, scale and layers. Only what can't run on a CPU is changed. The time is
that of ``train()``; the last line of standard output is JSON. Run as
``python -m bot.bench.trl_run FOLDER [--float32]``.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from memory.errors import FamiliarError
from tuning.job import Job, read_job
from tuning.recipe import recipe_of
from tuning.train import load
from tuning.windows import Windowing
from tuning.worker import peak_mb

FLOAT32 = "--float32"
"""Without bf16 mixed precision, which is TRL's default, and slow on a CPU that computes it in software."""


def main(arguments: Sequence[str]) -> int:
    """Train one epoch and print the figures."""
    try:
        print(json.dumps(run(read_job(Path(arguments[0])), float32=FLOAT32 in arguments)))
    except FamiliarError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


def run(job: Job, *, float32: bool = False) -> dict[str, Any]:
    """Seconds, real tokens and replies of one epoch.

    :raises FamiliarError: TRL is not installed
    """
    try:
        from datasets import Dataset
        from trl import SFTConfig, SFTTrainer
    except ImportError as exc:
        raise FamiliarError("the comparison needs TRL: pip install 'familiar-assistant[bench]'") from exc
    loaded = load(Path(job.base_folder), dtype="float32" if float32 else job.config.dtype)
    rows = _rows(job, loaded.tokenizer)
    with tempfile.TemporaryDirectory(prefix="familiar-trl-") as folder:
        trainer = SFTTrainer(
            model=loaded.model,
            processing_class=loaded.tokenizer,
            # On a CPU transformers wants to be told that it is one; bf16=None is TRL's default, mixed precision.
            args=SFTConfig(
                output_dir=folder, num_train_epochs=1, report_to=[], use_cpu=True, bf16=False if float32 else None
            ),
            train_dataset=Dataset.from_list(rows),
            peft_config=_lora(job),
        )
        tokens = sum(len(row["input_ids"]) for row in trainer.train_dataset)
        began, cpu = time.perf_counter(), time.process_time()
        trainer.train()
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    figures = {"seconds": round(seconds, 3), "cpu_seconds": round(cpu_seconds, 3)}
    return figures | {"tokens": tokens, "replies": len(rows), "peak_mb": peak_mb()}


def _rows(job: Job, tokenizer: Any) -> list[dict[str, Any]]:
    config = job.config
    windowing = Windowing(tokenizer, max_tokens=config.max_tokens, max_prompt_tokens=config.max_prompt_tokens)
    rows = []
    for example in job.train:
        prompt = windowing.prompt(example)
        if prompt is not None:
            messages = [{"role": message.role, "content": message.content} for message in prompt]
            rows.append({"prompt": messages, "completion": [{"role": "assistant", "content": example.reply}]})
    return rows


def _lora(job: Job) -> Any:
    from peft import LoraConfig

    recipe = recipe_of(job.config, comparing=True)
    return LoraConfig(
        r=recipe.rank, lora_alpha=recipe.alpha, target_modules="all-linear", bias="none", task_type="CAUSAL_LM"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
