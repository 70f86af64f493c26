"""How much longer a chat turn takes while a tune runs beside it.

The turns are those of a chat: a new question after the same system message, answered by the engine of this machine
with the same number of tokens. The tune is the real training process with the settings of the home; it is ended when
enough turns have been timed. Turns before, during and after it are timed in one run, so that a machine that slows
down on its own does not count against the tune.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from bot.bench.made_turns import SYSTEM, made_turns
from bot.bench.rows import BenchRow
from bot.engines.base import Engine, Generation
from memory.errors import FamiliarError
from memory.records import Message
from tuning.config import TuneConfig
from tuning.job import BaseModel, Job, Metrics, write_job
from tuning.process import train_in_child

_REPLIES = 400
"""More than the tune can learn while the turns are timed."""
_TESTED = 8
_TOKENS = 32
"""Longest reply of a timed turn."""


def bench_beside(base: BaseModel, engine: Engine, config: TuneConfig, *, turns: int = 30) -> tuple[BenchRow, ...]:
    """p95 of a turn's seconds during a tune over that of idle turns, of which half come before and half after it.

    :raises FamiliarError: the model can't be loaded, or the tune ended before the turns did
    """
    _seconds(engine, 4)
    idle = _seconds(engine, turns // 2)
    with _tune(base, config) as tune:
        during = _seconds(engine, turns)
        if tune.done():
            tune.result()
            raise FamiliarError("the tune ended before the turns had been timed, so nothing was measured beside it")
    idle += _seconds(engine, turns - turns // 2)
    alone, beside = (float(np.percentile(values, 95)) for values in (idle, during))
    return (
        BenchRow("beside: p95 of a turn during a tune over idle", beside / alone, 2.0, "x", "at most"),
        BenchRow("beside: p95 of a turn, idle", alone, None, "s"),
        BenchRow("beside: p95 of a turn, during a tune", beside, None, "s"),
    )


@contextmanager
def _tune(base: BaseModel, config: TuneConfig) -> Iterator[Future[Metrics]]:
    """A tune that has begun to train; it is stopped at the end."""
    begun, enough = threading.Event(), threading.Event()
    examples = made_turns(_REPLIES)
    job = Job(base.name, str(base.folder), SYSTEM.content, config, examples[:-_TESTED], examples[-_TESTED:])
    with tempfile.TemporaryDirectory(prefix="familiar-bench-") as name, ThreadPoolExecutor(1) as pool:
        folder = Path(name) / "job"
        write_job(folder, job)
        tune = pool.submit(train_in_child, folder, on_progress=lambda line: _mark(line, begun), stop=enough.is_set)
        tune.add_done_callback(lambda _: begun.set())
        try:
            begun.wait()
            yield tune
        finally:
            enough.set()
            wait([tune])


def _mark(line: str, begun: threading.Event) -> None:
    if line.startswith("training"):
        begun.set()


def _seconds(engine: Engine, turns: int) -> list[float]:
    """How long each of so many turns took, from question to last token."""
    taken = []
    for number in range(turns):
        question = Message("user", f"Tell me all about room {number} of the mill.")
        began = time.perf_counter()
        engine.generate(Generation((SYSTEM, question), max_tokens=_TOKENS), on_text=lambda _: None)
        taken.append(time.perf_counter() - began)
    return taken
