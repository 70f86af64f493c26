"""The gate's measures of an adapter that another machine trained, taken here: `python -m tuning.remeasure FOLDER`.

The adapter answers on this machine, in its number format, so it is judged by what it does here. Of what was measured
elsewhere only the held-out preferences count, which are compared while they are learned.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from memory.errors import FamiliarError
from tuning.chat_format import stop_ids, template_sha256
from tuning.examine import Subject, measure
from tuning.job import Metrics, read_job, read_metrics, write_metrics
from tuning.peers import watches_parent
from tuning.train import adapted, load_for, with_preference
from tuning.windows import Windowing
from tuning.worker import end_with_parent, lower_priority, report


def main(arguments: Sequence[str]) -> int:
    """Measure the adapter in a job's folder; a fault is one JSON line and exit status 1."""
    if watches_parent():
        end_with_parent()
    lower_priority()
    try:
        remeasure(Path(arguments[0]))
    except (FamiliarError, OSError) as exc:
        report({"phase": "failed", "reason": str(exc)})
        return 1
    return 0


def remeasure(folder: Path) -> Metrics:
    """Put this machine's measures into the place of those that came with the adapter.

    :raises FamiliarError: the adapter does not fit the base, or nothing fits to test on
    """
    job, came = read_job(folder), read_metrics(folder)
    if came is None:
        raise FamiliarError(f"{folder} holds no finished training")
    (folder / "done").unlink()
    loaded = load_for(job)
    try:
        model = adapted(loaded.model, folder / "adapter").eval()
    except Exception as exc:  # peft raises anything over files that are no adapter of this model
        raise FamiliarError(f"{folder / 'adapter'} is no adapter of {job.base_name} ({type(exc).__name__})") from exc
    config = job.config
    windowing = Windowing(loaded.tokenizer, max_tokens=config.max_tokens, max_prompt_tokens=config.max_prompt_tokens)
    report({"phase": "checking"})
    ends = stop_ids(loaded.tokenizer, model.generation_config)
    measures = measure(Subject(model, loaded.tokenizer, job, windowing, ends))
    metrics = replace(
        came,
        measures=with_preference(measures, came.preference),
        template_sha256=template_sha256(loaded.tokenizer),
    )
    write_metrics(folder, metrics)
    report({"phase": "done"})
    return metrics


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
