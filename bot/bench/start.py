"""How long a person waits for the command line itself."""

from __future__ import annotations

import subprocess
import sys
import time

from bot.bench.rows import BenchRow

_RUNS = 7


def bench_help() -> tuple[BenchRow, ...]:
    """Median seconds of `familiar --help`, a process of its own each time."""
    seconds = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "bot.cli", "--help"], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - start)
    return (BenchRow("familiar --help", sorted(seconds)[_RUNS // 2], 0.5, "s", "at most"),)
