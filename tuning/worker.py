"""The edges of a training process: how it speaks, yields, ends with its parent, and what memory it took."""

from __future__ import annotations

import json
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

_NICEST = "19"


def report(event: dict[str, Any]) -> None:
    """Tell the parent how far it is: one JSON line."""
    print(json.dumps(event, ensure_ascii=False), flush=True)


def lower_priority(group: Path = Path("/proc/self/autogroup")) -> None:
    """Yield to the chat.

    Where Linux schedules by session ("autogroup", on most desktops), a process that leads a session of its own has as
    much right to the processors as all others together, whatever its niceness: the session's is lowered too.

    :param group: where the session's niceness is set
    """
    import psutil

    if sys.platform == "win32":
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        os.nice(10)
        if os.getsid(0) == os.getpid():  # else it would slow down those that share the session
            with suppress(OSError):  # no such file where sessions don't count
                group.write_text(_NICEST, encoding="ascii")


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
