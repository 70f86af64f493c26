"""The bot of the leak test: `python -m tests.bot.telegram.leak_bot HOME BASE_URL FILE_URL [leaky]`.

The worst engine there can be: it says all that it is given, so that whatever comes into a prompt is seen. Everything is
logged. "leaky": every user may read everybody's memory, to show that the test would find that.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

from bot.config import ModelConfig
from bot.telegram.service import run, stopping
from memory.records import Message
from tests.bot.telegram.bench import Bench
from tests.bot.telegram.chaos_bot import Addresses
from tests.bot.telegram.leaks import CANARY
from tests.engine import ScriptedEngine
from tests.telegram_api import TelegramServer
from tuning.config import TuneConfig


def echo(messages: tuple[Message, ...]) -> str:
    """All that the model is given; of earlier replies, which were such echoes, only the secrets in them."""
    given = [message.content for message in messages if message.role != "assistant"]
    secrets = {word for message in messages for word in CANARY.findall(message.content)}
    return "\n\n".join([*given, " ".join(sorted(secrets))])


async def main() -> None:
    """Answer until a signal."""
    home, base_url, file_url, *leaky = sys.argv[1:]
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    bench = Bench(Path(home), cast("TelegramServer", Addresses(base_url, file_url)))  # the rest plays people
    bench.engine = ScriptedEngine(echo, context_tokens=200_000)
    bench.model = ModelConfig(max_reply_tokens=100_000)
    bench.settings = replace(bench.settings, tuning=TuneConfig(enabled=False))
    bench.configure(timeout_seconds=1.0, calls_per_second=0.0)
    if leaky:
        everybody = tuple(user.id for user in bench.store.users())
        bench.store.readable_by = lambda user_id: everybody  # type: ignore[method-assign]  # noqa: ARG005
    stop = asyncio.Event()
    with stopping(stop):
        await run(bench.services, bench.settings.telegram, note=lambda line: print(line, flush=True), stop=stop)
    bench.store.close()


if __name__ == "__main__":
    asyncio.run(main())
