"""What people wait for, measured at the loopback server: from a message to the first sign of an answer, and to its end.

A sign is anything that the chat shows: "typing…", a draft, a message. The end is the message that names its turn.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.bot.telegram.chaos import ROOT
from tests.telegram_api import GroupDriver, Message, TelegramServer, UserDriver
from tests.telegram_api.records import Call

BUCKETS = ((0, 0), (1, 2), (3, 5), (6, 10), (11, 20), (21, 10**9))
"""Queue lengths that are reported together, first and last."""
_TURN = re.compile(r"\(turn \d+\)")


@dataclass
class Wait:
    """One message and how long its writer waited, in seconds of the monotonic clock."""

    chat: int
    ahead: int
    """Messages that were not answered yet when it was sent."""
    sent: float
    first: float | None = None
    done: float | None = None

    @property
    def first_s(self) -> float:
        """Seconds to the first sign."""
        return (self.first or self.done or np.inf) - self.sent

    @property
    def done_s(self) -> float:
        """Seconds to the whole reply."""
        return (self.done or np.inf) - self.sent


@dataclass
class Watch:
    """Follows what the bot sends, and knows who still waits; one message of a chat at a time."""

    server: TelegramServer
    waits: list[Wait] = field(default_factory=list)
    open: dict[int, Wait] = field(default_factory=dict)
    seen: int = 0

    def send(self, person: UserDriver, text: str, *, chat: GroupDriver | None = None) -> Message:
        """Have a person write, and wait for the answer."""
        with self.server.world.lock:
            self.look()
            wait = Wait(chat.id if chat else person.id, len(self.open), time.monotonic())
            self.waits.append(wait)
            self.open[wait.chat] = wait
            return person.send(text, chat=chat)

    def look(self) -> list[Wait]:
        """Read the calls that came since; gives the waits that they ended."""
        with self.server.world.lock:
            calls = self.server.world.calls[self.seen :]
            self.seen += len(calls)
            return [ended for call in calls if (ended := self._note(call)) is not None]

    def _note(self, call: Call) -> Wait | None:
        wait = self.open.get(int(call.parameters.get("chat_id") or 0))
        if wait is None or call.status != 200 or call.at < wait.sent:
            return None
        wait.first = wait.first or call.at
        if call.method not in ("sendMessage", "editMessageText") or not _TURN.search(call.parameters.get("text", "")):
            return None
        wait.done = call.at
        return self.open.pop(wait.chat)

    def until(self, most: int, *, seconds: float) -> None:
        """Wait until no more than so many messages are unanswered.

        :raises TimeoutError: it took longer
        """
        deadline = time.monotonic() + seconds
        with self.server.world.lock:
            while self.look() or len(self.open) > most:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{len(self.open)} messages were not answered within {seconds} s")
                self.server.world.changed.wait(0.1)


def figures(waits: Sequence[Wait]) -> list[str]:
    """A row for each queue length: how many, and the median and 95th percentile of both waits, in milliseconds."""
    rows = ["| ahead | messages | first sign p50 | p95 | whole reply p50 | p95 |", "|---|---|---|---|---|---|"]
    for low, high in BUCKETS:
        some = [wait for wait in waits if low <= wait.ahead <= high]
        if some:
            name = f"{low}" if low == high else f"{low}-{high}" if high < 10**9 else f">{low - 1}"
            first, done = [wait.first_s for wait in some], [wait.done_s for wait in some]
            numbers = [1000 * percentile(values, share) for values in (first, done) for share in (50, 95)]
            rows.append(f"| {name} | {len(some)} | " + " | ".join(f"{number:,.0f} ms" for number in numbers) + " |")
    return rows


@contextmanager
def ready_process(
    command: Sequence[str], output: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A bot from when it says that it is ready until it has ended; all that it prints goes to a file."""
    with (
        open(output, "w", encoding="utf-8") as stream,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=stream, stderr=subprocess.STDOUT) as process,
    ):
        try:
            while "ready" not in output.read_text(encoding="utf-8").splitlines():
                assert process.poll() is None, output.read_text(encoding="utf-8")
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()
            process.wait(60)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of them (per cent) lies."""
    return float(np.percentile(values, share))


def slope(points: Sequence[tuple[int, float]]) -> float:
    """Least squares: what the second number grows by for each thousand of the first."""
    x, y = np.array([point[0] for point in points], dtype=float), np.array([point[1] for point in points])
    return float(np.polyfit(x, y, 1)[0] * 1000)
