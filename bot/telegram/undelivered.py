"""What a failing network leaves: replies that go out after the next start, and those of which nobody knows.

Whoever may have missed a message is told so, with a button that brings it; nothing is sent twice without that.
"""

from __future__ import annotations

import functools
import logging
from datetime import UTC, datetime, timedelta

from telegram.error import Forbidden

from bot.telegram.blocked import is_blocked
from bot.telegram.desk import Desk, where
from bot.telegram.inbox import drop_old
from bot.telegram.outbox import Reply
from bot.threads import in_thread, pause
from memory.errors import FamiliarError
from memory.store import Store

KEPT = timedelta(days=30)
"""So long it is known which reply answered a message, and what may not have arrived can be sent again."""
LEFT_SECONDS = 30.0
"""A reply that was written down so long ago and that nothing delivers is taken up again."""
_LOOK_SECONDS = 1.0
_DAY_SECONDS = 86400.0
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


async def deliver_left(desk: Desk) -> None:
    """Deliver what nothing delivers any more, as after a full disk, until the bot stops."""
    while not await pause(desk.stopping, LEFT_SECONDS):
        try:
            before = datetime.now(UTC) - timedelta(seconds=LEFT_SECONDS)
            for reply in await in_thread(functools.partial(desk.outbox.left, before=before)):
                desk.start(deliver_quietly(desk, reply))
        except FamiliarError as exc:  # it is still there at the next look
            _log.error("what is left could not be delivered: %s", where(exc))


async def drop_delivered(desk: Desk) -> None:
    """Forget what was handled and delivered long ago, at the start and once a day, until the bot stops."""
    stopped = False
    while not stopped:
        try:
            await in_thread(lambda: drop_old(desk.services.store, before=datetime.now(UTC) - KEPT))
        except FamiliarError as exc:  # such as a full disk
            _log.error("what was delivered long ago could not be dropped: %s", where(exc))
        stopped = await pause(desk.stopping, _DAY_SECONDS)


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
