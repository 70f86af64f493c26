"""Limits of one person, counted from the updates that were handled, so that no restart makes anybody new.

Who is over a limit is told once, with when it opens again; what comes until then is not answered and counts as handled.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from telegram import Update
from telegram.error import Forbidden

from bot.limits import DAY, MINUTE, Limits, Over, Used, Work, decide, limits_of
from bot.locales import say
from bot.reminders.zones import zone_of
from bot.telegram.desk import Desk
from bot.telegram.render import plain_parts
from bot.telegram.sending import Place
from bot.threads import in_thread
from bot.used import history_of
from memory.records import Turn, User
from memory.store import Store

_log = logging.getLogger(__name__)


def note_work(store: Store, update_ids: Sequence[int], work: Work, *, person: User, tokens: int = 0) -> None:
    """Note what these updates of a person were, and on the first of them what they took."""
    with store.transaction() as db:
        db.executemany(
            "UPDATE telegram_inbox SET work = ?, tokens = tokens + ?, author_id = coalesce(author_id, ?)"
            " WHERE update_id = ?",
            [(work, 0 if number else tokens, person.id, id_) for number, id_ in enumerate(update_ids)],
        )


def note_turn(store: Store, update_ids: Sequence[int], turn: Turn, *, person: User) -> None:
    """Note that these updates were answered by a turn; called in the transaction that stores it."""
    tokens = turn.timings.prompt_tokens + turn.timings.reply_tokens
    note_work(store, update_ids[:1], "reply", person=person, tokens=tokens)


async def within_minute(desk: Desk, person: User, place: Place, updates: Sequence[Update]) -> list[Update]:
    """Those of these updates that the person's messages in a minute leave room for."""
    store, limits = desk.services.store, limits_of(person.role, desk.services.settings.people)
    if not limits.messages_per_minute:
        return list(updates)
    fitting, over = await in_thread(lambda: _take(store, person, [update.update_id for update in updates], limits))
    if over is not None:
        await _tell_once(desk, person, place, over)
    return [update for update in updates if update.update_id in fitting]


def _take(store: Store, person: User, ids: Sequence[int], limits: Limits) -> tuple[list[int], Over | None]:
    """Note as messages those that fit; these, and the limit where some do not."""
    now, fitting = datetime.now(UTC), list[int]()
    with store.transaction():
        history = history_of(store, person.id, since=now - MINUTE, without=ids)
        for id_ in ids:
            over = decide(history, now, limits, wanted="message")
            if over is not None:
                break
            history = (*history, Used(now, "message"))
            fitting.append(id_)
        note_work(store, fitting, "message", person=person)
    return fitting, over if len(fitting) < len(ids) else None


async def is_over(desk: Desk, person: User, place: Place, *, work: Work, without: Sequence[int]) -> bool:
    """Whether a reply or a file is one too many for somebody, who is told so once.

    :param without: the updates that ask for it
    """
    store, limits, now = desk.services.store, limits_of(person.role, desk.services.settings.people), datetime.now(UTC)
    if not (limits.imports_per_day if work == "import" else limits.replies_per_day or limits.tokens_per_day):
        return False
    history = await in_thread(lambda: history_of(store, person.id, since=now - DAY, without=without))
    over = decide(history, now, limits, wanted=work)
    if over is not None:
        await _tell_once(desk, person, place, over)
    return over is not None


async def _tell_once(desk: Desk, person: User, place: Place, over: Over) -> None:
    store, start = desk.services.store, f"limit:{person.id}:{over.what}:"
    if await in_thread(lambda: _was_told(store, start)):
        return
    language = person.profile.language
    opens = over.opens.astimezone(zone_of(person.profile))
    text = say(language, f"tg_over_{over.what}", limit=over.limit, when=f"{opens:%Y-%m-%d %H:%M:%S}")
    try:
        await desk.outbox.send_all(place, plain_parts(text), key=f"{start}{over.opens.isoformat()}", user=person)
    except Forbidden:
        _log.info("user %d has blocked the bot", person.id)


def _was_told(store: Store, start: str) -> bool:
    """Whether a limit that is still closed was told of; the key of that message says when it opens."""
    rows = store.rows(
        'SELECT max(substr("key", ?)) FROM telegram_replies WHERE "key" LIKE ?', (len(start) + 1, f"{start}%")
    )
    opens = rows[0][0]
    return opens is not None and datetime.fromisoformat(opens) > datetime.now(UTC)
