"""Tells the owner of what is amiss, durably and once: what was told is noted in the transaction that writes it down.

Nobody is told who has blocked the bot; what is still amiss when they write again is told then.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from telegram.error import Forbidden, TelegramError

from bot.alerts import Change, active, changes, figures
from bot.locales import say
from bot.metrics.readings import read, worst_votes
from bot.telegram.blocked import is_blocked
from bot.telegram.desk import Desk, where
from bot.telegram.outbox import Reply
from bot.telegram.render import plain_parts
from bot.telegram.sending import Place
from bot.threads import in_thread, pause
from memory.errors import FamiliarError
from memory.records import User
from memory.store import Store

_TOLD = "alerts_told"
_log = logging.getLogger(__name__)


async def watch_limits(desk: Desk) -> None:
    """Look at the figures now and then, until the bot stops."""
    seconds = desk.services.settings.alerts.check_seconds
    while seconds > 0 and not await pause(desk.stopping, seconds):
        try:
            await look(desk)
        except FamiliarError as exc:  # such as a full disk, on which nothing can be written down
            _log.error("limits could not be looked at: %s", where(exc))


async def look(desk: Desk) -> None:
    """Look once, and tell the owner what has changed."""
    store = desk.services.store
    before = told(store)
    reply = await in_thread(lambda: write_changes(desk))
    if reply is None:
        return
    try:
        await desk.outbox.deliver(reply)
    except Forbidden:
        _log.info("the owner has blocked the bot and is told of nothing")
        await in_thread(lambda: _note(store, before))
    except TelegramError as exc:
        _log.error("reply %d could not be delivered: %s", reply.id, where(exc))


def told(store: Store) -> tuple[str, ...]:
    """The kinds of trouble that the owner knows of."""
    return tuple((store.state(_TOLD) or "").split())


def _note(store: Store, kinds: tuple[str, ...]) -> None:
    store.set_state(_TOLD, " ".join(kinds) or None)


def write_changes(desk: Desk) -> Reply | None:
    """Write the message about what has changed down; None where nothing has, or nobody can be told."""
    store, config = desk.services.store, desk.services.settings.alerts
    owner = store.owner()
    if owner is None or owner.telegram_id is None or is_blocked(store, owner.telegram_id):
        return None
    now = figures(read(store, now=datetime.now(UTC)), worst_votes(store, last=config.votes), config)
    with store.transaction():
        before = told(store)
        changed = changes(before, now)
        if not changed:
            return None
        _note(store, active(before, changed))
        reply = desk.outbox.open(Place(owner.telegram_id, private=True), user=owner)
        desk.outbox.put(reply, plain_parts("\n".join(_line(change, owner) for change in changed)))
    return reply


def _line(change: Change, owner: User) -> str:
    key = f"alert_{change.kind}_over" if change.over else f"alert_{change.kind}"
    percent = 100 if change.kind == "votes" else 1
    value, limit = f"{change.value * percent:.0f}", f"{change.limit * percent:.0f}"
    return say(owner.profile.language, key, value=value, limit=limit)
