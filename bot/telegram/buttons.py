"""Pressed buttons: answered first, so that no spinner waits for a model, then acted on.

They do not queue behind the chat's messages.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from telegram.error import TelegramError

from bot.telegram import (
    choosing,
    customers,
    examples,
    forgetting,
    forwarding,
    inviting,
    knowing,
    learning,
    logging_health,
    media,
    noting,
    people,
    preferences,
    recommending,
    reminding,
    searching,
)
from bot.telegram.desk import Visit
from bot.telegram.expiry import refusal
from bot.telegram.inbox import done
from bot.telegram.learning import judge
from bot.telegram.outbox import Reply
from bot.telegram.render import Part
from bot.telegram.wording import Command, pressed
from bot.threads import in_thread

Press = Callable[[Visit, Sequence[str]], Awaitable[None]]


async def press(visit: Visit) -> None:
    """Answer the query, then do what the button says; one that leads nowhere any more is told so."""
    assert visit.query is not None
    name, values = pressed(visit.query.data or "")
    refused = await in_thread(lambda: refusal(visit, name, values))
    note = refused or _NOTES.get(name)
    with contextlib.suppress(TelegramError):  # it may be too old to be answered, but not to be acted on
        await visit.query.answer(visit.phrase(note) if note else None, show_alert=refused is not None)
    if refused is None:
        await PRESSES[name](visit, values)


async def vote_up(visit: Visit, values: Sequence[str]) -> None:
    """The reply was good."""
    await judge(visit, int(values[0]), vote="up")


async def vote_down(visit: Visit, values: Sequence[str]) -> None:
    """The reply was bad; a reply to it says what would have been right."""
    await judge(visit, int(values[0]), vote="down")


async def explain(visit: Visit, values: Sequence[str]) -> None:
    """What the reply was made from."""
    from bot.telegram.handlers import why

    await why(replace(visit, command=Command("why", values[0])))


async def stop(visit: Visit, values: Sequence[str]) -> None:
    """End the reply that is being written in this chat."""
    del values
    visit.desk.stop_writing(visit.place.chat_id)


async def again(visit: Visit, values: Sequence[str]) -> None:
    """Send what may not have arrived, since its reader says so; once, also where the bot is killed while it does."""
    outbox, store = visit.desk.outbox, visit.services.store

    def pressed_once() -> Reply | None:
        with store.transaction():
            done(store, visit.update_ids)
            return outbox.again(int(values[0]), chat_id=visit.place.chat_id)

    reply = await in_thread(pressed_once)
    text = visit.phrase("tg_sent_again" if reply else "tg_nothing_to_send_again")
    await visit.desk.sender.edit(visit.place, visit.message.message_id, Part(text))
    if reply is not None:
        await outbox.deliver(reply)


PRESSES: Mapping[str, Press] = {
    "rate": customers.rated,
    "case": customers.pressed,
    "up": vote_up,
    "down": vote_down,
    "why": explain,
    "choose": forgetting.chosen,
    "forget": forgetting.confirmed,
    "keep": forgetting.kept,
    "forwarded": forwarding.pressed,
    "note": noting.kept,
    "fact": knowing.deleted,
    "rollback": learning.rolled_back,
    "example": examples.decided,
    "tune": learning.asked,
    "pick": choosing.picked,
    "taste": recommending.voted,
    "set": preferences.changed,
    "allow": people.allowed,
    "guest": people.made_guest,
    "refuse": people.refused,
    "people": people.listed,
    "person": people.shown,
    "make": people.made,
    "remove": people.asked_to_remove,
    "removed": people.removed,
    "uninvite": inviting.revoked,
    "stop": stop,
    "again": again,
    "unremind": reminding.cancelled,
    "snooze": reminding.snooze,
    "unlog": logging_health.undone,
    "keeplog": logging_health.kept,
    "read": media.noted,
    "noremind": reminding.given_up,
    "page": searching.turned,
}
_NOTES: Mapping[str, str] = {
    "up": "tg_thanks",
    "rate": "tg_thanks",
    "down": "tg_how_to_correct",
    "pick": "tg_thanks",
    "taste": "tg_thanks",
}
"""What the button says when it is pressed."""
