"""The converting process: reads hostile files so that the rest of the program needn't, under limits it sets itself.

It converts one file after another, as starting Python for each costs more than most conversions. Requests and
replies are frames on standard input and output: a header line of JSON, then as many bytes as it says. Before each page
whose text is recognised it says so, and gets as long for it as for a file; before each file within a file it says
which. Run as
``python -m memory.importers.child MEMORY_MB SECONDS OCR_PAGES OCR_SECONDS``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import IO, Any

from memory.importers.ocr import Recogniser
from memory.importers.records import Allowance

MAX_REPLY = 300_000_000
"""Bytes of all that one file holds: two million messages; no document has so much text."""


def read_frame(stream: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """A header and its payload; None where the stream has ended, even in the middle."""
    line = stream.readline(65_536)
    if not line.endswith(b"\n"):
        return None
    header: dict[str, Any] = json.loads(line)
    if not 0 <= header["size"] <= 2 * MAX_REPLY + 1_000_000_000:
        return None
    payload = stream.read(header["size"])
    return (header, payload) if len(payload) == header["size"] else None


def write_frame(stream: IO[bytes], header: dict[str, Any], payload: bytes) -> None:
    """Send a header with its payload."""
    stream.write(json.dumps({**header, "size": len(payload)}).encode() + b"\n")
    stream.write(payload)
    stream.flush()


def main(arguments: list[str]) -> int:
    """Convert until standard input ends."""
    memory_mb, seconds, ocr_pages, ocr_seconds = (int(argument) for argument in arguments)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the frames
    _limit_process(memory_mb)

    def page_begins() -> None:
        write_frame(replies, {"status": "recognising"}, b"")
        _limit_cpu(seconds)

    def member_begins(sha256: str) -> None:
        write_frame(replies, {"status": "member", "sha256": sha256}, b"")

    while (frame := read_frame(sys.stdin.buffer)) is not None:
        header, data = frame
        _limit_cpu(seconds)
        recogniser = _recogniser(ocr_pages, ocr_seconds, seconds, page_begins)
        allowance = Allowance(refused=frozenset(header["refused"]), begins=member_begins)
        reply, payload = _answer(data, header, memory_mb, (recogniser, allowance))
        write_frame(replies, reply, payload)
        if reply["status"] == "memory":
            return 1  # what is left of the heap is not to be trusted; the parent starts a fresh child
    return 0


def _recogniser(pages: int, seconds: int, page_seconds: int, page_begins: Callable[[], None]) -> Recogniser:
    """With a part of each page's time left for drawing it and for writing down what was read."""
    return Recogniser(pages=pages, seconds=seconds, page_seconds=0.6 * page_seconds, page_begins=page_begins)


def _answer(
    data: bytes, request: dict[str, Any], memory_mb: int, limits: tuple[Recogniser, Allowance]
) -> tuple[dict[str, Any], bytes]:
    from memory.importers.convert import convert
    from memory.importers.records import ConversionError, Hints, NoText, UnsupportedFormat
    from memory.importers.wire import pack

    name = request["name"]
    hints = Hints(request["encoding"], tuple((field, column) for field, column in request["columns"]))
    try:
        converted = convert(data, name, hints, recogniser=limits[0], allowance=limits[1])
        payload = pack(converted)
        if len(payload) > MAX_REPLY:
            return _failed(f"{name} holds {len(payload) / 1e6:.0f} MB of text; at most {MAX_REPLY / 1e6:.0f} are read")
    except UnsupportedFormat as exc:
        return {"status": "unsupported", "reason": str(exc)}, b""
    except NoText as exc:
        return {"status": "no text", "reason": str(exc)}, b""
    except ConversionError as exc:
        return _failed(str(exc))
    except MemoryError:
        return {**_failed(f"{name} needs more than {memory_mb} MB to convert")[0], "status": "memory"}, b""
    except Exception as exc:  # noqa: BLE001 - the edge of a job: a parser may raise anything on a damaged file
        return _failed(f"{name} could not be read ({type(exc).__name__}: {exc})")
    return {"status": "converted"}, payload


def _failed(reason: str) -> tuple[dict[str, Any], bytes]:
    return {"status": "failed", "reason": reason[:500]}, b""


def _limit_process(memory_mb: int) -> None:
    """Low priority, bounded memory, no files written and no core dump, as far as the system can limit it."""
    if sys.platform == "win32":
        return  # the parent sets the priority there; the wall clock is the only limit
    import resource

    os.nice(10)
    limits = ((resource.RLIMIT_AS, memory_mb << 20), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0))
    for what, value in limits:
        try:
            resource.setrlimit(what, (value, value))
        except (ValueError, OSError):
            continue  # macOS refuses RLIMIT_AS; the wall clock still holds


def _limit_cpu(seconds: int) -> None:
    """From now on at most so many seconds of processor time; the limit counts the whole life of a process."""
    if sys.platform == "win32":
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
