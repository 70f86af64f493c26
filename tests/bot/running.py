"""A bot of `tests.bot.bare_run` as tests use it: started, spoken to over the loopback server, stopped by a signal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.telegram_api import TOKEN, TelegramServer

ROOT = Path(__file__).parents[2]


@dataclass
class Running:
    """A process that has said "ready"."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    """Its lines on standard error: all of them, once it has ended."""

    def read_until(self, word: str) -> None:
        """Wait for a line."""
        assert self.process.stderr is not None
        while not self.said or word not in self.said[-1]:
            line = self.process.stderr.readline()
            assert line, f"the bot ended: {self.said}"
            self.said.append(line.rstrip("\n"))

    def stop(self) -> int:
        """End it as a supervisor does, and give its exit status."""
        assert self.process.stderr is not None
        self.process.terminate()
        self.said += self.process.stderr.read().splitlines()
        return self.process.wait(30)


@contextmanager
def running(
    home: Path, server: TelegramServer, *, slow: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """A bot on a home; killed at the end where it was not stopped.

    :param settings: for its environment; without a token among them, TELEGRAM_BOT_TOKEN is set
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FAMILIAR_", "TELEGRAM_"))}
    given = {"FAMILIAR_TELEGRAM_API_URL": server.base_url, "FAMILIAR_TELEGRAM_FILE_URL": server.base_file_url}
    given |= settings or {}
    if not any("TOKEN" in name for name in given):
        given["TELEGRAM_BOT_TOKEN"] = TOKEN
    command = [sys.executable, "-m", "tests.bot.bare_run", "slow" if slow else "quick", "--home", str(home), "run"]
    with subprocess.Popen(command, cwd=ROOT, env=kept | given, stderr=subprocess.PIPE, text=True) as process:
        bot = Running(process)
        try:
            bot.read_until("ready")
            yield bot
        finally:
            process.kill()
