"""Reminders in a chat: made from a sentence, listed, cancelled, snoozed, and delivered once and on time.

That a reminder is delivered is noted in the transaction that writes its message down, so that a restart neither loses
nor repeats one. It goes only to a chat of the user whose it is, whatever its row says.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.locales import say
from bot.reminders.answering import GivenUp, answer_to_when
from bot.reminders.delivering import delivery_of
from bot.reminders.parsing import Missing, Wish, parse_reminder
from bot.reminders.rules import snoozed
from bot.reminders.telling import kept_words, reminder_from, when_words
from bot.reminders.zones import named_zone, zone_of
from bot.telegram.access import group_name
from bot.telegram.blocked import is_blocked
from bot.telegram.desk import Desk, Visit, where
from bot.telegram.outbox import Reply
from bot.telegram.render import Part, plain_parts
from bot.telegram.sending import Buttons, Place
from bot.telegram.settling import Said, settle
from bot.telegram.undelivered import is_taken
from bot.telegram.wording import without_mention
from bot.threads import in_thread, pause
from memory.errors import FamiliarError, is_of_database
from memory.records import User
from memory.reminders import (
    Destination,
    Reminder,
    add_reminder,
    cancel_reminder,
    due_reminders,
    mark_delivered,
    reminders_of,
    snooze_reminder,
)
from memory.store import Store
from memory.timeless import Asked, ask, ask_no_more, asked_about

_LOOK_SECONDS = 1.0
_SNOOZES = (10, 60, 24 * 60)
"""Minutes."""
_SHOWN = 20
_log = logging.getLogger(__name__)


def wished(visit: Visit) -> Wish | Missing | GivenUp | None:
    """The reminder that a message wants (`wish_of`); a message that is no answer to an open question ends it."""
    wish = wish_of(visit)
    if wish is None and visit.command is None and _said(visit) and _question(visit) is not None:
        ask_no_more(visit.services.store, _asked(visit))
    return wish


def wish_of(visit: Visit) -> Wish | Missing | GivenUp | None:
    """The reminder that a message asks for, or whose time it names after it was asked for; None where it does neither.

    It is only read: an open question stays open.
    """
    command = visit.command
    written, zone = visit.message.date, zone_of(visit.user.profile)  # not now: "in ten minutes" counts from then
    if command is not None:
        asks = command.name == "remind"
        return parse_reminder(command.argument, now=written, zone=zone, asked=True) if asks else None
    text = _said(visit)
    if not text:
        return None
    anew = parse_reminder(text, now=written, zone=zone) if visit.message.reply_to_message is None else None
    about = _question(visit)
    if about is None or anew is not None:
        return anew
    return answer_to_when(Missing("when", about), text, now=written, zone=zone)


def _said(visit: Visit) -> str:
    return without_mention(" ".join(visit.texts), bot=visit.desk.bot.username).strip()


def _question(visit: Visit) -> str | None:
    """The text of the reminder whose time the writer was asked for."""
    return asked_about(visit.services.store, _asked(visit), now=visit.message.date)


async def remind(visit: Visit) -> None:
    """Keep a reminder, ask for its time, or leave it."""
    wish, store = visit.wish, visit.services.store

    def act() -> Said:
        if isinstance(wish, Wish):
            ask_no_more(store, _asked(visit))
            return Said(_kept(visit, wish))
        if isinstance(wish, GivenUp) or wish is None:
            ask_no_more(store, _asked(visit))
            return Said(visit.phrase("tg_remind_given_up"))
        ask(store, _asked(visit), wish.text, at=visit.message.date)
        question = visit.phrase("reminder_over" if wish.what == "future" else "reminder_when")
        give_up = [[(visit.phrase("tg_remind_give_up"), "noremind")]]
        return Said(f"{question}\n{visit.phrase('tg_remind_how')}", give_up)

    await settle(visit, act)


def _asked(visit: Visit) -> Asked:
    return Asked(visit.user.id, visit.place.chat_id, visit.person.telegram_id or 0)


def _kept(visit: Visit, wish: Wish) -> str:
    to = Destination("telegram", visit.place.chat_id, visit.place.thread_id)
    new = reminder_from(wish, key=f"telegram:{visit.update_ids[0]}", zone=zone_of(visit.user.profile), to=to)
    kept = add_reminder(visit.services.store, new, user_id=visit.user.id)
    return kept_words(kept, now=datetime.now(UTC), language=visit.language)


async def given_up(visit: Visit, values: Sequence[str]) -> None:
    """The button under the question was pressed by the person who was asked."""
    del values
    if await in_thread(lambda: ask_no_more(visit.services.store, _asked(visit))):
        part = Part(visit.phrase("tg_remind_given_up"))
        await visit.desk.sender.edit(visit.place, visit.message.message_id, part)


async def reminders(visit: Visit) -> None:
    """What is still to come, each with a button that cancels it."""
    text, buttons = await in_thread(lambda: _listed(visit))
    await visit.tell(text, buttons=buttons)


async def cancelled(visit: Visit, values: Sequence[str]) -> None:
    """A button was pressed: cancel it and show what is left; one that is over already is fine."""
    try:
        await in_thread(lambda: cancel_reminder(visit.services.store, int(values[0]), user_id=visit.user.id))
    except FamiliarError as exc:
        _log.info("reminder %s of user %d: %s", values[0], visit.user.id, where(exc))
    text, buttons = await in_thread(lambda: _listed(visit))
    await visit.desk.sender.edit(visit.place, visit.message.message_id, Part(text), buttons=buttons)


async def snooze(visit: Visit, values: Sequence[str]) -> None:
    """A button under a delivered reminder was pressed: it comes again."""
    until = snoozed(datetime.now(UTC), minutes=int(values[1]))
    try:
        item = await in_thread(
            lambda: snooze_reminder(visit.services.store, int(values[0]), user_id=visit.user.id, until=until)
        )
    except FamiliarError:  # it was forgotten meanwhile
        return
    text = kept_words(item, now=datetime.now(UTC), language=visit.language)
    await visit.desk.sender.edit(visit.place, visit.message.message_id, Part(text))


async def timezone(visit: Visit) -> None:
    """Show or set the zone on whose clock times are meant."""
    assert visit.command is not None
    name = visit.command.argument
    if name:
        try:
            zone = named_zone(name)
        except FamiliarError:
            await visit.tell(visit.phrase("tg_zone_unknown", name=name))
            return
        await in_thread(lambda: _in_zone(visit.services.store, visit.user.id, zone.key))
        await visit.tell(visit.phrase("tg_zone_set", name=zone.key))
    else:
        await visit.tell(visit.phrase("tg_zone", name=zone_of(visit.user.profile).key))


def _in_zone(store: Store, user_id: int, zone: str) -> None:
    with store.transaction():
        store.update_profile(user_id, replace(store.user_by_id(user_id).profile, zone=zone))


def _listed(visit: Visit) -> tuple[str, Buttons]:
    found = reminders_of(visit.services.store, user_id=visit.user.id)[:_SHOWN]
    if not found:
        return visit.phrase("tg_reminders_none"), []
    now, language = datetime.now(UTC), visit.language
    lines = [f"{item.id}. {when_words(item, now=now, language=language)}: {item.text}" for item in found]
    buttons = [[(visit.phrase("tg_reminder_cancel", id=item.id), f"unremind:{item.id}")] for item in found]
    return "\n".join([visit.phrase("tg_reminders"), *lines]), buttons


async def deliver_reminders(desk: Desk) -> None:
    """Deliver what is due, until the bot stops; what was due meanwhile comes first."""
    while True:
        try:
            for item, reply in await in_thread(lambda: write_due(desk)):
                desk.start(_deliver(desk, item, reply))
        except FamiliarError as exc:  # such as a full disk: they are still due at the next look
            _log.error("reminders could not be delivered: %s", where(exc))
        if await pause(desk.stopping, _LOOK_SECONDS):
            return


async def _deliver(desk: Desk, item: Reminder, reply: Reply) -> None:
    """Deliver a reminder's message; where the chat takes none, the reminder is due again until it does."""
    if not await is_taken(desk, reply):
        # Not the same second again: its message would be taken for the one that was refused.
        until, store = max(datetime.now(UTC), item.due + timedelta(seconds=1)), desk.services.store
        with contextlib.suppress(FamiliarError):  # it was forgotten meanwhile
            await in_thread(lambda: snooze_reminder(store, item.id, user_id=item.user_id, until=until))


def write_due(desk: Desk, *, now: datetime | None = None) -> list[tuple[Reminder, Reply]]:
    """Write down the messages of reminders that are due."""
    store, moment = desk.services.store, now or datetime.now(UTC)
    written: list[tuple[Reminder, Reply]] = []
    for item in due_reminders(store, until=moment):
        try:
            reply = _write(desk, item, store.user_by_id(item.user_id), moment)
            written += [(item, reply)] if reply is not None else []
        except Exception as exc:  # noqa: BLE001 - the edge of a job: one reminder must not hold up all others
            if is_of_database(exc):
                _log.error("reminder %d of user %d is still due: %s", item.id, item.user_id, where(exc))
                break
            _log.error("reminder %d of user %d is ended: %s", item.id, item.user_id, where(exc))
            cancel_reminder(store, item.id, user_id=item.user_id)
    return written


def _write(desk: Desk, item: Reminder, user: User, now: datetime) -> Reply | None:
    place = place_of(item, user)
    if place is None or is_blocked(desk.services.store, place.chat_id):
        return None  # it stays due
    language = user.profile.language
    delivery = delivery_of(item, now=now, language=language)
    labels = ("tg_snooze_minutes", "tg_snooze_hour", "tg_snooze_day")
    buttons = [
        [(say(language, key), f"snooze:{item.id}:{minutes}") for key, minutes in zip(labels, _SNOOZES, strict=True)]
    ]
    with desk.services.store.transaction():
        new = mark_delivered(desk.services.store, item, user_id=user.id, following=delivery.following)
        if not new:
            return None
        reply = desk.outbox.open(place, key=f"reminder:{item.id}:{item.due.isoformat()}", user=user)
        desk.outbox.put(reply, plain_parts(delivery.text), buttons=buttons)
    return reply


def place_of(item: Reminder, user: User) -> Place | None:
    """Where a user's reminder goes: to the group whose it is, else to the user's private chat, if there is one.

    Nobody who was sent away is written to.
    """
    if item.to.chat_id is not None and user.name == group_name(item.to.chat_id):
        return Place(item.to.chat_id, private=False, thread_id=item.to.thread_id)
    if user.telegram_id is None or user.role not in ("owner", "member"):
        return None
    thread = item.to.thread_id if item.to.chat_id == user.telegram_id else None
    return Place(user.telegram_id, private=True, thread_id=thread)
