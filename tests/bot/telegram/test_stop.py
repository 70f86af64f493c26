"""A signal ends a busy bot within ten seconds, and what was under way is done after the next start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from bot.locales import say
from tests.bot.running import Running, running
from tests.bot.telegram.bench import OWNER, STORY, Bench
from tests.bot.telegram.test_service import free_port
from tests.telegram_api import NoAnswer, TelegramServer

MOST_SECONDS = 10.0


def begin_everything(bot: Running, server: TelegramServer) -> None:
    """A tune, a file and a reply under way, asked for by the owner."""
    code = next(line.removeprefix("pairing code: ") for line in bot.said if line.startswith("pairing code: "))
    ada = server.user(OWNER, "Ada")
    ada.send(f"/start {code}")
    ada.send("/tune")
    ada.send_document("note.txt", b"The cabin has a blue door.")
    ada.send(STORY)
    said = [say("en", "tg_reading", name="note.txt"), "epoch 1 of 1"]
    server.wait_for(lambda: all(any(part in text for text in texts(server)) for part in said))
    server.wait_for(lambda: any("and so on" in draft.text for draft in server.drafts(OWNER)))


def texts(server: TelegramServer) -> list[str]:
    """What the owner sees."""
    return [message.text for message in server.replies(OWNER)]


def test_a_busy_process_ends_in_time_and_takes_everything_up_again(tmp_path: Path, server: TelegramServer) -> None:
    """With a reply, an import, a tune and the metrics server running; its status is 0."""
    port = free_port()
    settings = {"FAMILIAR_METRICS_PORT": str(port), "FAMILIAR_TELEGRAM_CHAT_SECONDS": "0.0"}
    with running(tmp_path, server, slow=True, settings=settings) as bot:
        begin_everything(bot, server)
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        began = time.monotonic()
        assert bot.stop() == 0
        seconds = time.monotonic() - began
    print(f"ended after {seconds:.1f} s")
    assert seconds <= MOST_SECONDS
    with running(tmp_path, server, settings=settings):
        done: list[Callable[[], bool]] = [
            lambda: any("Once upon a time." in text for text in texts(server)),
            lambda: any(say("en", "tg_indexed", name="note.txt", chunks=1) in text for text in texts(server)),
            lambda: say("en", "tg_tuned", adapter="ada-1") in texts(server),
        ]
        server.wait_for(lambda: all(look() for look in done))


async def test_a_network_that_does_not_answer_holds_up_no_stop(bench: Bench) -> None:
    """Neither while the bot connects nor while it polls."""
    for method in ("getMe", "getUpdates"):
        bench.server.fault(method, NoAnswer(delivered=False, seconds=30.0), times=2)
        starting = asyncio.create_task(bench.start())
        await bench.server.until(lambda: bench.server.world.faults.pending() == 1)
        began = time.monotonic()
        await bench.stop()
        assert time.monotonic() - began <= MOST_SECONDS
        bench.server.clear_faults()
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
