"""The bot as a process of its own, to be killed: `python -m tests.bot.telegram.chaos_bot HOME BASE_URL FILE_URL`."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from bot.telegram.service import run, stopping
from memory.records import Message
from tests.bot.telegram.bench import Bench
from tests.telegram_api import TelegramServer


@dataclass(frozen=True)
class Addresses:
    """Where the loopback server is."""

    base_url: str
    base_file_url: str


def answer(messages: tuple[Message, ...]) -> str:
    """Says back what was said, at some length."""
    return f"You said: {messages[-1].content} " + "and so on " * 20


async def main() -> None:
    """Answer until a signal."""
    home, base_url, file_url = sys.argv[1:]
    bench = Bench(Path(home), cast("TelegramServer", Addresses(base_url, file_url)))  # the rest plays people
    bench.reply = answer
    bench.configure(edit_seconds=0.2, join_seconds=0.1, timeout_seconds=1.0)
    stop = asyncio.Event()
    with stopping(stop):
        await run(bench.services, bench.settings.telegram, note=lambda line: print(line, flush=True), stop=stop)
    bench.store.close()


if __name__ == "__main__":
    asyncio.run(main())
