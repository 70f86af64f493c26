"""The bot of the load runs: `python -m tests.bot.telegram.load_bot HOME BASE_URL FILE_URL TOKEN_SECONDS`.

Its scripted engine takes a fixed time for each token, as a real one does, and answers one request at a time. What
would hide the bot's own work is off: the second between two messages to a chat, Telegram's thirty calls a second, the
half second in which more text may come, and tunes.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import cast

from bot.telegram.service import run, stopping
from memory.records import Message
from tests.bot.telegram.bench import Bench
from tests.bot.telegram.chaos_bot import Addresses
from tests.telegram_api import TelegramServer
from tuning.config import TuneConfig

REPLY = "Here is what I can say about that."
_PROMPT_TOKENS = 40
"""Tokens of a prompt that are read in the time in which one is written, about as CPUs do it."""


async def main() -> None:
    """Answer until a signal."""
    home, base_url, file_url, seconds = sys.argv[1:]
    bench = Bench(Path(home), cast("TelegramServer", Addresses(base_url, file_url)))  # the rest plays people
    bench.settings = replace(bench.settings, tuning=TuneConfig(enabled=False))
    bench.configure(edit_seconds=0.2, calls_per_second=0.0)
    a_token = float(seconds)

    def answer(messages: tuple[Message, ...]) -> str:
        bench.engine.requests.clear()  # it would keep all prompts, and memory is measured
        time.sleep(a_token * bench.engine.count_tokens(messages) / _PROMPT_TOKENS)
        return REPLY

    bench.reply = answer
    bench.on_word = lambda _word: time.sleep(a_token)
    stop = asyncio.Event()
    with stopping(stop):
        await run(bench.services, bench.settings.telegram, note=lambda line: print(line, flush=True), stop=stop)
    bench.store.close()


if __name__ == "__main__":
    asyncio.run(main())
