"""Tunes, asked for or by schedule: they run beside the chat, one at a time, and the user hears what came of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from telegram.error import TelegramError

from bot.learned import answering, rolled_back_text
from bot.locales import say
from bot.telegram.blocked import is_blocked
from bot.telegram.desk import Desk, Visit, where
from bot.telegram.ports import Tuned
from bot.telegram.render import Part, plain_parts
from bot.telegram.sending import Place
from bot.telegram.streaming import EditPreview, Stream
from bot.threads import in_thread, pause
from memory.records import User
from tuning.votes import RolledBack

_log = logging.getLogger(__name__)


async def tune(visit: Visit) -> None:
    """Start a tune, with one message that follows it."""
    visit.beside(_tune_and_tell(visit))


async def _tune_and_tell(visit: Visit) -> None:
    desk, place = visit.desk, visit.place
    if desk.tuning.locked():  # looked at here, with nothing awaited before it is taken: two presses start one tune
        await visit.tell(visit.phrase("tg_tune_busy"))
        return
    seconds = visit.services.settings.telegram.edit_seconds
    async with desk.tuning:
        reply = await in_thread(lambda: desk.outbox.open(place, key=visit.key(), user=visit.user))
        preview = EditPreview(desk.outbox, reply)
        await preview.show(visit.phrase("tg_tuning"))
        async with Stream(preview, desk.sender, place, seconds=seconds) as stream:
            result = await in_thread(
                lambda: visit.services.tune(
                    visit.user,
                    started_by="hand",
                    on_progress=lambda line: stream.put(f"{visit.phrase('tg_tuning')}\n{line}"),
                    cancel=desk.cancel,
                )
            )
    parts = plain_parts(tuned_text(result, language=visit.language))
    await in_thread(lambda: desk.outbox.put(reply, parts))
    await desk.outbox.deliver(reply)


def tuned_text(result: Tuned, *, language: str) -> str:
    """What came of a tune: live, or which check failed, or why there was none."""
    if result.status == "live":
        return say(language, "tg_tuned", adapter=result.adapter)
    failed = "\n".join(f"- {check.sentence}" for check in result.gate if not check.passed)
    if failed:
        return f"{say(language, 'tg_tune_rejected', adapter=result.adapter)}\n{failed}"
    return say(language, "tg_tune_skipped", reason=result.reason or result.status)


async def tune_by_schedule(desk: Desk) -> None:
    """Look now and then whether somebody's tune is due, and run it, until the bot stops."""
    while not await pause(desk.stopping, desk.services.settings.tuning.check_minutes * 60):
        await tune_all_due(desk)


async def asked(visit: Visit, values: Sequence[str]) -> None:
    """The answer to whether a tune that is due may start; in a group nobody is asked."""
    if not visit.place.private:
        return
    if values[0] == "now":
        await tune(visit)
        return
    await visit.desk.sender.edit(visit.place, visit.message.message_id, Part(visit.phrase("tg_tune_put_off")))


async def tune_all_due(desk: Desk) -> None:
    """Run every tune that is due."""
    for user in desk.services.store.users():
        if user.role in ("owner", "member"):
            await tune_if_due(desk, user)


async def tune_if_due(desk: Desk, user: User) -> None:
    """Run a user's tune if it is due, and still is when no other runs: that may have been the one."""
    try:
        if not await in_thread(lambda: desk.services.tune_due(user)):
            return
        if desk.services.settings.tuning.ask_before:
            await _ask(desk, user)
            return
        async with desk.tuning:
            if not await in_thread(lambda: desk.services.tune_due(user)):
                return
            result = await in_thread(
                lambda: desk.services.tune(
                    user, started_by="schedule", on_progress=lambda _line: None, cancel=desk.cancel
                )
            )
        _log.info("tune of user %d by schedule: %s", user.id, result.status)
        await _announce(desk, user, result)
    except TelegramError as exc:
        _log.info("user %d could not be told of a tune: %s", user.id, type(exc).__name__)
    except Exception as exc:  # noqa: BLE001 - the edge of a job: one user's trouble must not stop the others' tunes
        _log.error("tune of user %d by schedule failed: %s", user.id, where(exc))


async def _ask(desk: Desk, user: User) -> None:
    """Show what would be learned and ask, once in the time that lies between two tunes, and not while one runs."""
    store, hours = desk.services.store, desk.services.settings.tuning.min_hours
    key, now = f"tune_asked:{user.id}", datetime.now(UTC)
    before = store.state(key)
    if desk.tuning.locked() or user.telegram_id is None or is_blocked(store, user.telegram_id):
        return
    if before and now - datetime.fromisoformat(before) < timedelta(hours=hours):
        return
    store.set_state(key, now.isoformat())  # before anything is awaited: a look after forgetting may come meanwhile
    report = (await in_thread(lambda: desk.services.examples(user))).report
    language = user.profile.language
    text = "\n".join([say(language, "tg_tune_ask"), *report.lines()])
    buttons = [[(say(language, "tg_tune_now"), "tune:now"), (say(language, "tg_tune_later"), "tune:later")]]
    await desk.outbox.send_all(Place(user.telegram_id, private=True), plain_parts(text), user=user, buttons=buttons)


async def _announce(desk: Desk, user: User, result: Tuned) -> None:
    if result.status in ("live", "rejected"):
        await _write_to(desk, user, tuned_text(result, language=user.profile.language))


async def _write_to(desk: Desk, user: User, text: str) -> None:
    if user.telegram_id is not None and not is_blocked(desk.services.store, user.telegram_id):
        await desk.outbox.send_all(Place(user.telegram_id, private=True), plain_parts(text), user=user)


async def judge(
    visit: Visit, turn_id: int, *, vote: Literal["up", "down"] | None = None, correction: str | None = None
) -> None:
    """Keep what the user thinks of a reply, and say so where it takes an adapter out of service."""
    judged = visit.services.learned.judge(turn_id, user=visit.user, vote=vote, correction=correction)
    if judged.rolled_back is not None:
        _log_rollback(judged.rolled_back)
        await visit.tell(rolled_back_text(judged.rolled_back, language=visit.language))


async def check_votes(desk: Desk) -> None:
    """At the start: votes may have come in by the terminal, or the limits may have been changed."""
    users = {user.id: user for user in desk.services.store.users()}
    for item in await in_thread(desk.services.learned.check):
        _log_rollback(item)
        user = users[item.user_id]
        try:
            await _write_to(desk, user, rolled_back_text(item, language=user.profile.language))
        except TelegramError as exc:
            _log.info("user %d could not be told of a rollback: %s", user.id, type(exc).__name__)


def _log_rollback(item: RolledBack) -> None:
    _log.info("votes rolled back adapter %s of user %d; now %s", item.adapter, item.user_id, item.now or "the base")


_LISTED = 5
"""Adapters shown, the newest."""


async def adapters(visit: Visit) -> None:
    """What was learned and what was thought of it; the one that answers can be taken back."""
    shown = visit.services.learned.adapters(visit.user)[:_LISTED]
    if not shown:
        await visit.tell(visit.phrase("tg_adapters_none"))
        return
    lines = [visit.phrase("tg_adapters"), *(item.line(language=visit.language) for item in shown)]
    live = [item.adapter.id for item in shown if item.adapter.status == "live"]
    rows = [[(visit.phrase("tg_rollback_button"), f"rollback:{name}")] for name in live]
    await visit.tell("\n".join(lines), buttons=rows)


async def rolled_back(visit: Visit, values: Sequence[str]) -> None:
    """The button under the list: only the presser's own adapter, and only if it still answers."""
    if not visit.place.private:
        return
    now = await in_thread(lambda: visit.services.learned.rollback(values[0], visit.user))
    name = answering(now.id if now else None, language=visit.language)
    await visit.tell(visit.phrase("tg_answers_now", now=name))
