"""What a failing network leaves: replies that go out after the next start, and those of which nobody knows.

Whoever may have missed a message is told so, with a button that brings it; nothing is sent twice without that.
"""

from __future__ import annotations

import logging

from telegram.error import Forbidden

from bot.telegram.blocked import is_blocked
from bot.telegram.desk import Desk, where
from bot.telegram.outbox import Reply
from bot.telegram.threads import in_thread, pause
from memory.errors import FamiliarError
from memory.store import Store

_LOOK_SECONDS = 1.0
_log = logging.getLogger(__name__)


async def deliver_quietly(desk: Desk, reply: Reply) -> None:
    """Deliver a reply that an earlier run wrote down."""
    await is_taken(desk, reply)


async def is_taken(desk: Desk, reply: Reply) -> bool:
    """Deliver a reply for which nobody waits; False where its chat takes no messages."""
    try:
        await desk.outbox.deliver(reply)
    except Forbidden:
        _log.info("chat %d has blocked the bot", reply.place.chat_id)
        return False
    except FamiliarError as exc:  # such as a full disk: what is not noted as sent is looked at after the next start
        _log.error("reply %d could not be delivered: %s", reply.id, where(exc))
    return True


async def announce_unknown(desk: Desk) -> None:
    """Tell readers of what may not have arrived, until the bot stops; a chat out of reach holds up no other."""
    while not await pause(desk.stopping, _LOOK_SECONDS):
        try:
            for announcement in await in_thread(lambda: _announcements(desk)):
                desk.start(deliver_quietly(desk, announcement))
        except FamiliarError as exc:  # they are still to be announced at the next look
            _log.error("what may not have arrived could not be announced: %s", where(exc))


def _announcements(desk: Desk) -> list[Reply]:
    return [
        desk.outbox.announcement(reply, language=_language(desk.services.store, reply))
        for reply in desk.outbox.unannounced()
        if not is_blocked(desk.services.store, reply.place.chat_id)
    ]


def _language(store: Store, reply: Reply) -> str:
    return store.user_by_id(reply.user_id).profile.language if reply.user_id is not None else "en"
