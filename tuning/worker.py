"""The edges of a training process: how it speaks, yields, ends with its parent, and what memory it took."""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any


def report(event: dict[str, Any]) -> None:
    """Tell the parent how far it is: one JSON line."""
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


def peak_mb() -> int:
    """Most memory that this process has held so far."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset) >> 20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> 20 if sys.platform == "darwin" else peak >> 10


def free_bytes() -> int:
    """Memory that can be had now without pushing anything out."""
    import psutil

    return int(psutil.virtual_memory().available)
