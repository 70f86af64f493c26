"""Between turns the language model reads facts where the rules found none, as long as the bot runs."""

from __future__ import annotations

import asyncio
import logging

from bot.telegram.desk import Desk, where
from bot.threads import first_of, in_thread

_log = logging.getLogger(__name__)


async def read_facts(desk: Desk) -> None:
    """Read until the bot stops, which loses the passage in hand."""
    reading = desk.services.fact_reading
    work = asyncio.ensure_future(in_thread(reading.run))
    stopped = asyncio.ensure_future(desk.stopping.wait())
    try:
        await first_of(work, stopped)
        reading.end()
        if count := await work:
            _log.info("%d passages read for facts", count)
    except Exception as exc:  # noqa: BLE001 - the edge of a job: the chat goes on, and the next start tries again
        _log.error("reading facts failed: %s", where(exc))
    finally:
        reading.end()
        stopped.cancel()
