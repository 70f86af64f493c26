"""After a change of embedder, memory is embedded again beside the chat, which meanwhile goes on with the old one."""

from __future__ import annotations

import logging

from bot.telegram.desk import Desk, where
from bot.threads import in_thread
from memory.reembedding import lower_priority

_log = logging.getLogger(__name__)


async def embed_again(desk: Desk) -> None:
    """Embed what the configured embedder has not embedded; a stop loses one batch, and the next start goes on."""

    def work() -> int:
        lower_priority()  # of this thread, which is the job's own
        return desk.services.reembed(desk.cancel)

    try:
        if count := await in_thread(work):
            _log.info("%d passages embedded again", count)
    except Exception as exc:  # noqa: BLE001 - the edge of a job: the chat goes on, and the next start tries again
        _log.error("embedding again failed: %s", where(exc))
