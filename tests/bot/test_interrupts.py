"""Ctrl-Z during an import: the process stops where nobody else waits for it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAUSE = """
import os, signal, sys, threading, time
from pathlib import Path
from bot.interrupts import Interrupts
from memory.store import Store

store, inside = Store(Path(sys.argv[1])), threading.Event()

def write():
    with store.transaction():
        inside.set()
        time.sleep(0.3)

thread = threading.Thread(target=write)
with Interrupts(on_pause=lambda: None, quiet=store.quiet, on_cancel="") as interrupts:
    thread.start()
    inside.wait()
    os.kill(os.getpid(), signal.SIGTSTP)
    sys.exit(0 if interrupts.go_on() else 1)
"""


def test_a_pause_waits_for_another_threads_transaction(tmp_path: Path) -> None:
    """An import stores what it embedded in a thread beside; stopped there, it would hold up a bot on the same home."""
    path = tmp_path / "familiar.db"
    command = [sys.executable, "-c", PAUSE, str(path)]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}) as child:
        try:
            assert os.WIFSTOPPED(os.waitpid(child.pid, os.WUNTRACED)[1])
            other = sqlite3.connect(path, timeout=0, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
            other.close()
            child.send_signal(signal.SIGCONT)
            assert child.wait(timeout=60) == 0
        finally:
            child.kill()
